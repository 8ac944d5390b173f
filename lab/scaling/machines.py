"""The EC2 instances of Auto Scaling groups, which pass through EC2's states one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, ec2

if TYPE_CHECKING:
    from collections.abc import Callable

_GONE: Final = ("shutting-down", "terminated", None)


@dataclass(slots=True)
class Machines:
    """The instances of Auto Scaling groups; `changed` is called after every change, with the id."""

    changed: Callable[[str], None]
    rebooting: set[str] = field(default_factory=set)
    lose_tags: bool = False
    """Whether an instance loses all its tags when its group begins to terminate it. Former versions of the EC2 Auto
    Scaling User Guide say so of a scale-in (Tagging lifecycle); today's does not say when the tags go."""
    _ec2: Any = field(init=False)

    def __post_init__(self) -> None:
        self._ec2 = cloud.client("ec2")

    def state(self, instance_id: str) -> str | None:
        """Return an instance's EC2 state; None if EC2 does not know it."""
        return ec2.state_of(instance_id)

    def come_up(self, instance_id: str) -> None:
        """Put a pending instance into the running state."""
        if self.state(instance_id) == "pending":
            self._put(instance_id, "running")

    def begin_start(self, instance_id: str) -> None:
        """Begin to start a stopped instance: it is pending, with a new launch time and address."""
        self._ec2.start_instances(InstanceIds=[instance_id])
        self._put(instance_id, "pending")

    def begin_stop(self, instance_id: str) -> None:
        """Begin to stop an instance."""
        if self.state(instance_id) == "running":
            self._put(instance_id, "stopping")

    def end_stop(self, instance_id: str) -> None:
        """Stop an instance that is stopping; its address is released."""
        if self.state(instance_id) == "stopping":
            self._ec2.stop_instances(InstanceIds=[instance_id])
            self.changed(instance_id)

    def begin_termination(self, instance_id: str) -> None:
        """Begin to shut an instance down, if it is not shutting down yet."""
        if self.state(instance_id) not in _GONE:
            self._put(instance_id, "shutting-down")

    def leave_group(self, instance_id: str) -> None:
        """Remove the tags of an instance that its group terminates, if it loses them so early."""
        if self.lose_tags:
            for key in ec2.tags_of(ec2.instance(instance_id)):
                ec2.remove_tag(instance_id, key)
            self.changed(instance_id)

    def end_termination(self, instance_id: str) -> None:
        """Terminate an instance."""
        if self.state(instance_id) not in ("terminated", None):
            self._ec2.terminate_instances(InstanceIds=[instance_id])
            self.changed(instance_id)

    def begin_reboot(self, instance_id: str) -> None:
        """Begin to reboot an instance, which EC2's states do not show."""
        self.rebooting.add(instance_id)

    def end_reboot(self, instance_id: str) -> None:
        """End the reboot of an instance."""
        self.rebooting.discard(instance_id)

    def _put(self, instance_id: str, state: str) -> None:
        ec2.put_state(instance_id, state)
        self.changed(instance_id)
