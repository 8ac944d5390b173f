"""The lifecycle of an instance in an Auto Scaling group: a script for each way in, out, and between states."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.scaling.hooks import ABANDON, CONTINUE, LAUNCHING, TERMINATING

if TYPE_CHECKING:
    from lab.scaling.activities import Activities, Activity
    from lab.scaling.hooks import Action, Hooks
    from lab.scaling.machines import Machines

type Script = Generator[Callable[[], bool]]
"""Yields conditions; the script continues when the last one is true."""

EC2: Final = "EC2"
GROUP: Final = "AutoScalingGroup"
POOL: Final = "WarmPool"

_ACTIONS: Final = {
    LAUNCHING: ("EC2 Instance-launch Lifecycle Action", "MidLifecycleAction"),
    TERMINATING: ("EC2 Instance-terminate Lifecycle Action", "MidTerminatingLifecycleAction"),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds of the lab's clock each stage takes; AWS documents no numbers."""

    moment: float = 1
    """In a state that an instance only passes through."""
    pending: float = 5
    stopping: float = 5
    shutting_down: float = 5
    root_volume: float = 20
    notice: float = 15
    """Until a group notices that EC2 no longer runs an instance."""


@dataclass(slots=True, eq=False)
class Life:
    """One instance in a group: `member` is what Auto Scaling's API shows, `script` is the journey that it is on."""

    instance_id: str
    group: str
    member: Any
    at: datetime
    script: Script | None = None
    ready: Callable[[], bool] = lambda: True
    activity: Activity | None = None
    in_service: datetime | None = None
    lost: datetime | None = None
    left: bool = False

    @property
    def state(self) -> str:
        """The lifecycle state."""
        return str(self.member.lifecycle_state)

    @state.setter
    def state(self, value: str) -> None:
        self.member.lifecycle_state = value

    @property
    def doing(self) -> Activity:
        """Its last scaling activity; every journey begins one."""
        if self.activity is None:
            raise LookupError(f"{self.instance_id} has no activity yet")
        return self.activity

    @property
    def weight(self) -> int:
        """The units that it contributes to its group's capacity (Auto Scaling API Reference, WeightedCapacity)."""
        return int(self.member.weighted_capacity or 1)

    @property
    def warm(self) -> bool:
        """Whether it is in the warm pool."""
        return self.state.startswith("Warmed:")

    @property
    def counts(self) -> bool:
        """Whether it counts towards its group's desired capacity."""
        passing = ("Pending", "ReplacingRootVolume", "RootVolumeReplaced")
        return self.state == "InService" or self.state.startswith(passing)


@dataclass(slots=True)
class Journeys:
    """The scripts; every one is a generator that `AutoScaling` runs by the lab's clock."""

    now: Callable[[], datetime]
    pace: Pace
    machines: Machines
    hooks: Hooks
    activities: Activities
    tell: Callable[[str, str, dict[str, Any], str | None], None]
    pool_state: Callable[[str], str]
    retains: Callable[[str], bool]

    def launch(self, life: Life, cause: str) -> Script:
        """Bring a new instance into service."""
        life.state = "Pending"
        self._begin(life, "Launching a new EC2 instance", cause, EC2, GROUP)
        yield self._pause(life, self.pace.pending)
        self.machines.come_up(life.instance_id)
        yield from self._enter_service(life, EC2)

    def warm_up(self, life: Life, cause: str) -> Script:
        """Bring a new instance into the warm pool."""
        life.state = "Warmed:Pending"
        self._begin(life, "Launching a new EC2 instance into warm pool", cause, EC2, POOL)
        yield self._pause(life, self.pace.pending)
        self.machines.come_up(life.instance_id)
        if (yield from self._held(life, LAUNCHING, "Warmed:Pending", EC2, POOL)) == ABANDON:
            yield from self._abandon(life)
            return
        yield from self._rest(life)
        self._succeed(life, "EC2 Instance Launch Successful")

    def leave_pool(self, life: Life, cause: str) -> Script:
        """Bring an instance of the warm pool into service: a stopped one is started, with a new launch time."""
        life.state = "Pending"
        self._begin(life, "Launching a new EC2 instance from warm pool", cause, POOL, GROUP)
        if self.machines.state(life.instance_id) == "stopped":
            self.machines.begin_start(life.instance_id)
            yield self._pause(life, self.pace.pending)
            self.machines.come_up(life.instance_id)
        else:
            yield self._pause(life, self.pace.moment)
        yield from self._enter_service(life, POOL)

    def return_to_pool(self, life: Life, cause: str) -> Script:
        """Take an instance out of service and into the warm pool (InstanceReusePolicy)."""
        life.state = "Warmed:Pending"
        life.in_service = None
        self._begin(life, "Returning EC2 instance to warm pool", cause, GROUP, POOL)
        yield self._pause(life, self.pace.moment)
        yield from self._held(life, TERMINATING, "Warmed:Pending", GROUP, POOL)
        yield from self._rest(life)
        self._succeed(life, "EC2 Instance Terminate Successful")

    def terminate(self, life: Life, cause: str) -> Script:
        """Take an instance out of service, or out of the warm pool, and terminate it."""
        prefix, origin = ("Warmed:", POOL) if life.warm else ("", GROUP)
        life.state = f"{prefix}Terminating"
        self._begin(life, "Terminating EC2 instance", cause, origin, EC2)
        self.machines.leave_group(life.instance_id)
        yield self._pause(life, self.pace.moment)
        outcome = yield from self._held(life, TERMINATING, life.state, origin, EC2)
        if outcome == ABANDON and self.retains(life.group):
            life.state = f"{prefix}Terminating:Retained"
            return
        yield from self.end(life)

    def end(self, life: Life) -> Script:
        """Terminate an instance whose hooks are completed; it then leaves the group."""
        self.machines.begin_termination(life.instance_id)
        yield self._pause(life, self.pace.shutting_down)
        self.machines.end_termination(life.instance_id)
        self._succeed(life, "EC2 Instance Terminate Successful")
        life.state = "Warmed:Terminated" if life.warm else "Terminated"
        yield self._pause(life, self.pace.moment)
        life.left = True

    def replace_root_volume(self, life: Life, cause: str) -> Script:
        """Reboot an instance from a new root volume; it keeps its address (user guide, replace-root-volume)."""
        life.state = "ReplacingRootVolume"
        life.in_service = None
        self._begin(life, "Replacing root volume of EC2 instance", cause, GROUP, GROUP)
        yield self._pause(life, self.pace.moment)
        yield from self._held(life, TERMINATING, life.state, GROUP, GROUP)
        self.machines.begin_reboot(life.instance_id)
        yield self._pause(life, self.pace.root_volume)
        self.machines.end_reboot(life.instance_id)
        life.state = "RootVolumeReplaced"
        yield self._pause(life, self.pace.moment)
        yield from self._enter_service(life, GROUP)

    def attach(self, life: Life, cause: str) -> Script:
        """Bring a running instance into service; no hook holds it."""
        return self._join(life, "Attaching an existing EC2 instance", cause, EC2)

    def enter_standby(self, life: Life, cause: str) -> Script:
        """Take an instance out of service for a while; no hook holds it."""
        life.state = "EnteringStandby"
        life.in_service = None
        self._begin(life, "Moving EC2 instance to Standby", cause, GROUP, GROUP)
        yield self._pause(life, self.pace.moment)
        life.state = "Standby"
        self._succeed(life)

    def exit_standby(self, life: Life, cause: str) -> Script:
        """Bring an instance back from standby; no hook holds it."""
        return self._join(life, "Moving EC2 instance out of Standby", cause, GROUP)

    def detach(self, life: Life, cause: str) -> Script:
        """Take an instance out of its group without terminating it; no hook holds it."""
        life.state = "Detaching"
        self._begin(life, "Detaching EC2 instance", cause, GROUP, EC2)
        yield self._pause(life, self.pace.moment)
        life.state = "Detached"
        self._succeed(life)
        yield self._pause(life, self.pace.moment)
        life.left = True

    # -- the pieces

    def _join(self, life: Life, description: str, cause: str, origin: str) -> Script:
        """Bring a running instance into service; no hook holds it."""
        life.state = "Pending"
        self._begin(life, description, cause, origin, GROUP)
        yield self._pause(life, self.pace.moment)
        self._in_service(life)

    def _enter_service(self, life: Life, origin: str) -> Script:
        if (yield from self._held(life, LAUNCHING, "Pending", origin, GROUP)) == ABANDON:
            yield from self._abandon(life)
            return
        self._in_service(life)
        self._tell_end(life, "EC2 Instance Launch Successful")

    def _in_service(self, life: Life) -> None:
        life.state = "InService"
        life.in_service = self.now()
        self._succeed(life)

    def _rest(self, life: Life) -> Script:
        """Put an instance into the state in which its warm pool keeps instances."""
        wanted = self.pool_state(life.group)
        if wanted != "Running":
            self.machines.begin_stop(life.instance_id)
            yield self._pause(life, self.pace.stopping)
            self.machines.end_stop(life.instance_id)
        life.state = f"Warmed:{wanted}"

    def _abandon(self, life: Life) -> Script:
        message = "Instance failed to complete user's Lifecycle Action: ABANDON Lifecycle Action Result"
        self.activities.end(life.doing, "Failed", message)
        self._tell_end(life, "EC2 Instance Launch Unsuccessful")
        yield from self.terminate(life, "an instance was taken out of service in response to an abandoned launch")

    def _held(self, life: Life, transition: str, state: str, origin: str, destination: str) -> Script | Any:
        """Wait for all hooks of a transition; return ABANDON or CONTINUE, and CONTINUE at once without hooks."""
        actions = self.hooks.hold(life.group, transition, life.instance_id)
        if not actions:
            return CONTINUE
        detail_type, status = _ACTIONS[transition]
        life.state = f"{state}:Wait"
        life.doing.status = status
        for action in actions:
            self.tell(detail_type, life.group, self._detail(action, origin, destination), None)
        yield lambda: self.hooks.outcome(actions) is not None
        outcome = self.hooks.outcome(actions)
        self.hooks.release(life.instance_id)
        life.at = self.now()
        if outcome == ABANDON and transition == LAUNCHING:
            return outcome
        life.state = f"{state}:Proceed"
        life.doing.status = "InProgress"
        yield self._pause(life, self.pace.moment)
        return outcome

    def _detail(self, action: Action, origin: str, destination: str) -> dict[str, Any]:
        detail = {
            "LifecycleActionToken": action.token,
            "AutoScalingGroupName": action.group,
            "LifecycleHookName": action.hook.name,
            "EC2InstanceId": action.instance_id,
            "LifecycleTransition": action.hook.transition,
        }
        if action.hook.metadata is not None:
            detail["NotificationMetadata"] = action.hook.metadata
        detail |= {"Origin": origin, "Destination": destination}
        if origin == destination == GROUP:
            detail["Action"] = "ReplaceRootVolume"
        return detail

    def _pause(self, life: Life, seconds: float) -> Callable[[], bool]:
        """Return a condition that is true that many seconds after the previous stage of the instance ended."""
        life.at += timedelta(seconds=seconds)
        due = life.at
        return lambda: self.now() >= due

    def _begin(self, life: Life, description: str, cause: str, origin: str, destination: str) -> None:
        life.at = self.now()
        life.activity = self.activities.begin(
            life.group, life.instance_id, description, cause, origin=origin, destination=destination
        )

    def _succeed(self, life: Life, detail_type: str | None = None) -> None:
        self.activities.end(life.doing)
        if detail_type is not None:
            self._tell_end(life, detail_type)

    def _tell_end(self, life: Life, detail_type: str) -> None:
        self.tell(detail_type, life.group, life.doing.detail(), life.instance_id)
