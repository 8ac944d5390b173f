"""Spot: how EC2 interrupts an instance, with a warning two minutes before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto import ec2
from lab.scaling.changes import send

if TYPE_CHECKING:
    from lab.moto.bus import Bus

WARNING: Final = timedelta(minutes=2)
"""How long before an interruption EC2 warns of it (EC2 User Guide, "Spot Instance interruption notices")."""

_STATUS: Final = {
    # The status code and the state of the Spot request, at the warning and at the interruption (EC2 User Guide,
    # "Spot request status").
    "terminate": (("instance-terminated-no-capacity", "closed"), ("instance-terminated-no-capacity", "closed")),
    "stop": (("marked-for-stop", "active"), (ec2.INTERRUPTED_BY_STOP, "open")),
    "hibernate": (("marked-for-stop", "active"), (ec2.INTERRUPTED_BY_STOP, "open")),
}


@dataclass(slots=True)
class Interruptions:
    """The Spot instances that EC2 will interrupt, and when; `client` is a boto3 client of EC2.

    The status of a Spot request changes `lag` after the warning, because EC2 is eventually consistent (EC2 API
    Reference).
    """

    bus: Bus
    client: Any
    lag: timedelta = timedelta()
    _late: dict[str, tuple[datetime, tuple[str, str]]] = field(default_factory=dict)
    _due: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def set_status(self, instance_id: str, code: str, state: str = "active") -> None:
        """Set what DescribeSpotInstanceRequests says of an instance's request."""
        ec2.put_spot_status(instance_id, code, state)

    def warn(self, instance_id: str, action: str = "terminate") -> None:
        """Send EC2's warning that it interrupts an instance in two minutes; hibernation begins at once.

        The status of the Spot request changes, too, if it is still `fulfilled`.
        """
        if ec2.spot_status_of(instance_id) == "fulfilled":
            self._late[instance_id] = self.bus.now() + self.lag, _STATUS[action][0]
            self._change_statuses()
        self._due[instance_id] = (self.bus.now() + (timedelta() if action == "hibernate" else WARNING), action)
        detail = {"instance-id": instance_id, "instance-action": action}
        send(self.bus, "aws.ec2", "EC2 Spot Instance Interruption Warning", detail, instance_id)

    def interrupt_due(self) -> bool:
        """Interrupt the instances whose time has come; return whether there were any."""
        self._change_statuses()
        due = {each: action for each, (at, action) in self._due.items() if self.bus.now() >= at}
        self._due = {each: later for each, later in self._due.items() if each not in due}
        running = [each for each in due if ec2.state_of(each) == "running"]
        for instance_id in running:
            action = due[instance_id]
            self.set_status(instance_id, *_STATUS[action][1])
            if action == "terminate":
                self.client.terminate_instances(InstanceIds=[instance_id])
            else:
                self.client.stop_instances(InstanceIds=[instance_id])
        return bool(running)

    def _change_statuses(self) -> None:
        for instance_id, (at, status) in list(self._late.items()):
            if self.bus.now() >= at:
                del self._late[instance_id]
                self.set_status(instance_id, *status)
