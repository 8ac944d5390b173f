"""Auto Scaling: groups that keep their desired capacity in service, with lifecycle hooks and warm pools.

moto holds the groups and their members and shows them in its API; this module decides what happens to them. Nothing
happens by itself: `advance` does what is due by the lab's clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling, cloud, ec2
from lab.moto.autoscaling import ScalingError
from lab.scaling.activities import Activities, Activity
from lab.scaling.balance import OUT_OF_SERVICE, Launch, Replace, Send, Turn, next_step
from lab.scaling.changes import INSTANCE_ARN
from lab.scaling.hooks import Hooks
from lab.scaling.journeys import Journeys, Life, Pace
from lab.scaling.machines import Machines
from lab.scaling.refresh import Refreshes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from lab.moto.bus import Bus
    from lab.scaling.balance import Journey
    from lab.scaling.refresh import Refresh

_STEPS_AT_MOST: Final = 100_000
_REFRESHED: Final = {"InProgress": "Started", "Successful": "Succeeded", "Cancelled": "Cancelled"}


@dataclass(slots=True)
class AutoScaling:
    """Every group of the account; all methods may be called from any thread.

    After EC2 instances have changed, `changed` is called with their ids and without the lock. A group whose processes
    are suspended (SuspendProcesses) changes nothing about its instances.
    """

    bus: Bus
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    changed: Callable[[Collection[str]], None]
    pace: Pace = field(default_factory=Pace)
    hooks: Hooks = field(init=False)
    activities: Activities = field(init=False)
    machines: Machines = field(init=False)
    refreshes: Refreshes = field(init=False)
    retaining: set[str] = field(default_factory=set)
    """The groups that keep an instance whose terminate hook was abandoned (InstanceLifecyclePolicy)."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _journeys: Journeys = field(init=False)
    _lives: dict[str, Life] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _touched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.hooks = Hooks(self.now, self.new_id)
        self.activities = Activities(self.now, self.new_id)
        self.refreshes = Refreshes(self.now, self.new_id)
        self.machines = Machines(self._touched.add)
        self._journeys = Journeys(
            now=self.now,
            pace=self.pace,
            machines=self.machines,
            hooks=self.hooks,
            activities=self.activities,
            tell=self._tell,
            pool_state=lambda group: autoscaling.warm_pool_state(autoscaling.group(group)),
            retains=lambda group: group in self.retaining,
        )

    # -- time

    def advance(self) -> None:
        """Do everything that is due now, in the same order in every run, and send its events."""
        for _ in range(_STEPS_AT_MOST):
            with self.lock:
                moved = self._step()
                touched = frozenset(self._touched)
                self._touched.clear()
                events, self._events = self._events, []
            # Without the lock, because the target of an event may call Auto Scaling.
            if touched:
                self.changed(touched)
            for event in events:
                self.bus.deliver(event)
            if not moved:
                return
        raise RuntimeError("Auto Scaling does not stop changing its groups")

    def _step(self) -> bool:
        """Do one thing that is due; return whether there was one."""
        for life in list(self._lives.values()):
            if life.script is not None and life.ready():
                self._go_on(life)
                return True
        return any(self._balance(name) for name in autoscaling.group_names())

    def _go_on(self, life: Life) -> None:
        script = life.script
        if script is None:
            return
        try:
            life.ready = next(script)
        except StopIteration:
            life.script = None
        if life.left:
            autoscaling.leave_group(life.instance_id)
            if life.state == "Detached":
                ec2.remove_tag(life.instance_id, autoscaling.GROUP_TAG)
                self._touched.add(life.instance_id)
            del self._lives[life.instance_id]

    # -- what a group does by itself

    def _balance(self, name: str) -> bool:
        """Take the next step of a group, if there is one; return whether there was one."""
        group = autoscaling.group(name)
        suspended = autoscaling.suspended_processes(group)
        lives = self.lives(name)
        if "HealthCheck" not in suspended:
            self._check_health(lives)
        match next_step(group, lives, suspended, self.refreshes.active(name), self.now()):
            case Launch(journey, cause):
                self._launch(group, journey, cause)
            case Send(life, journey, cause):
                self._send(life, journey, cause)
            case Replace(life, refresh):
                self._replace(life, refresh)
            case Turn(refresh, status):
                self._turn(refresh, status)
            case None:
                return False
        return True

    def _check_health(self, lives: Iterable[Life]) -> None:
        """Mark an instance as unhealthy after EC2 has not run it for a while.

        Source: EC2 Auto Scaling User Guide, "Health checks for instances in an Auto Scaling group".
        """
        for life in lives:
            if life.state != "InService" or self.machines.state(life.instance_id) == "running":
                life.lost = None
            elif life.lost is None:
                life.lost = self.now()
            elif self.now() >= life.lost + timedelta(seconds=self.pace.notice):
                life.member.health_status = "Unhealthy"

    def _replace(self, life: Life, refresh: Refresh) -> None:
        cause = f"{OUT_OF_SERVICE} an instance refresh"
        if refresh.strategy == "Rolling":
            self._send(life, Journeys.terminate, cause)
        else:
            refresh.old.discard(life.instance_id)
            self._send(life, Journeys.replace_root_volume, cause)

    def _turn(self, refresh: Refresh, status: str) -> None:
        refresh.status = status
        if status == "InProgress":
            refresh.begin(self.lives(refresh.group))
        else:
            refresh.end = self.now()
        detail = {"InstanceRefreshId": refresh.id, "AutoScalingGroupName": refresh.group}
        self._tell(f"EC2 Auto Scaling Instance Refresh {_REFRESHED[status]}", refresh.group, detail, None)

    # -- what an operator asks for

    def lives(self, group: str) -> list[Life]:
        """Return a group's instances, oldest first."""
        return [life for life in self._lives.values() if life.group == group]

    def life(self, instance_id: str, group: str | None = None) -> Life:
        """Return an instance of a group; an instance that is not in it is refused."""
        life = self._lives.get(instance_id)
        if life is None or (group is not None and life.group != group):
            if group is not None:
                raise ScalingError(f"The instance {instance_id} is not part of Auto Scaling group {group}.")
            raise ScalingError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
        return life

    def drives(self, instance_id: str) -> bool:
        """Return whether an instance is in a group that would replace it."""
        life = self._lives.get(instance_id)
        return life is not None and "Launch" not in autoscaling.suspended_processes(autoscaling.group(life.group))

    def pose(self, instance_id: str) -> None:
        """Stop an instance's journey, so that a test can set its states."""
        with self.lock:
            if (life := self._lives.get(instance_id)) is not None:
                life.script = None
                self.hooks.release(instance_id)

    def drop(self, instance_id: str) -> None:
        """Remove an instance from its group."""
        with self.lock:
            self._lives.pop(instance_id, None)
            self.hooks.release(instance_id)
            autoscaling.leave_group(instance_id)

    def attach(self, group: str, instance_ids: Sequence[str], *, tags: bool = True) -> None:
        """Attach running instances to a group, and raise its desired capacity by their number.

        With `tags`, they get the tags that the group propagates (user guide, Tagging lifecycle).
        """
        with self.lock:
            for instance_id in instance_ids:
                member = autoscaling.join_group(instance_id, group, tags=tags)
                self._touched.add(instance_id)
                life = Life(instance_id, group, member, self.now())
                self._lives[instance_id] = life
                self._send(life, Journeys.attach, "an instance was attached in response to a user request")
            autoscaling.group(group).desired_capacity += sum(self._lives[each].weight for each in instance_ids)

    def leave(self, group: str, journey: Journey, instance_ids: Sequence[str], *, decrement: bool) -> list[Activity]:
        """Move instances in service to standby, or detach them; with `decrement` the desired capacity falls, too."""
        allowed = ("InService", "Standby") if journey is Journeys.detach else ("InService",)
        with self.lock:
            lives = [self.life(each, group) for each in instance_ids]
            for life in lives:
                if life.state not in allowed:
                    raise ScalingError(f"The instance {life.instance_id} is not in {' or '.join(allowed)}.")
            cause = "an instance was taken out of service in response to a user request"
            counted = sum(life.weight for life in lives if life.counts)
            for life in lives:
                self._send(life, journey, cause)
            if decrement:
                autoscaling.group(group).desired_capacity -= counted
            return [life.doing for life in lives]

    def exit_standby(self, group: str, instance_ids: Sequence[str]) -> list[Activity]:
        """Bring instances back from standby, and raise the desired capacity by their number."""
        with self.lock:
            lives = [self.life(each, group) for each in instance_ids]
            for life in lives:
                if life.state != "Standby":
                    raise ScalingError(f"The instance {life.instance_id} is not in Standby.")
            for life in lives:
                cause = "an instance was moved out of standby in response to a user request"
                self._send(life, Journeys.exit_standby, cause)
            autoscaling.group(group).desired_capacity += sum(life.weight for life in lives)
            return [life.doing for life in lives]

    def terminate(self, instance_id: str, *, decrement: bool) -> Activity:
        """Terminate an instance through its hooks; the hooks of a retained instance are completed already."""
        with self.lock:
            life = self.life(instance_id)
            if decrement and life.counts:
                autoscaling.group(life.group).desired_capacity -= life.weight
            if life.state.endswith(":Retained"):
                life.at = self.now()
                life.script = self._journeys.end(life)
                self._go_on(life)
            elif "Terminat" not in life.state:
                self._send(life, Journeys.terminate, f"{OUT_OF_SERVICE} a user request")
            return life.doing

    def set_health(self, instance_id: str, status: str, *, respect_grace: bool) -> None:
        """Set an instance's health status; within the grace period, `respect_grace` ignores it."""
        with self.lock:
            life = self.life(instance_id)
            grace = timedelta(seconds=autoscaling.group(life.group).health_check_grace_period)
            if respect_grace and (life.in_service is None or self.now() < life.in_service + grace):
                return
            life.member.health_status = status

    def start_refresh(self, group: str, strategy: str, preferences: dict[str, Any]) -> str:
        """Start an instance refresh and return its id; a group has one at a time."""
        with self.lock:
            warmup = autoscaling.group(group).health_check_grace_period
            return self.refreshes.start(group, strategy, {"InstanceWarmup": warmup} | preferences).id

    def cancel_refresh(self, group: str) -> str:
        """Cancel a group's instance refresh and return its id; replacements that have begun continue."""
        with self.lock:
            refresh = self.refreshes.active(group)
            if refresh is None:
                text = f"No in progress or pending Instance Refresh found for Auto Scaling group {group}"
                raise ScalingError(text, "ActiveInstanceRefreshNotFound")
            self._turn(refresh, "Cancelled")
            return refresh.id

    def forget_group(self, name: str, *, force: bool) -> None:
        """Forget a deleted group; with `force` its instances are terminated without their hooks."""
        with self.lock:
            lives = self.lives(name)
            if (lives or autoscaling.group(name).instance_states) and not force:
                text = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                raise ScalingError(f"{text}request(s) still in the group.", "ResourceInUse")
            for life in lives:
                self.machines.begin_termination(life.instance_id)
                self.machines.end_termination(life.instance_id)
                del self._lives[life.instance_id]
            self.hooks.forget_group(name)
            self.refreshes.forget_group(name)
            self.retaining.discard(name)

    def tell_call(self, name: str, parameters: dict[str, Any]) -> None:
        """Send the event of an API call, as CloudTrail does for management events."""
        detail = {
            "eventSource": "autoscaling.amazonaws.com",
            "eventName": name,
            "awsRegion": cloud.REGION,
            "requestParameters": {key[0].lower() + key[1:]: value for key, value in parameters.items()},
            "responseElements": None,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": cloud.ACCOUNT,
            "eventCategory": "Management",
        }
        with self.lock:
            self._events.append(self.bus.event("aws.autoscaling", "AWS API Call via CloudTrail", detail))

    # -- the pieces

    def _launch(self, group: Any, journey: Journey, cause: str) -> None:
        instance_id, member = autoscaling.launch_into(group)
        self._touched.add(instance_id)
        life = Life(instance_id, group.name, member, self.now())
        self._lives[instance_id] = life
        self._send(life, journey, cause)

    def _send(self, life: Life, journey: Journey, cause: str) -> None:
        """Start a journey of an instance; a journey that it is on ends."""
        self.hooks.release(life.instance_id)
        if life.script is not None:
            self.activities.end(life.doing, "Cancelled")
        life.script = journey(self._journeys, life, cause)
        self._go_on(life)

    def _tell(self, detail_type: str, group: str, detail: dict[str, Any], instance_id: str | None) -> None:
        resources = [str(autoscaling.group(group).arn)]
        if instance_id is not None:
            resources.append(INSTANCE_ARN + instance_id)
        self._events.append(self.bus.event("aws.autoscaling", detail_type, detail, tuple(resources)))


def known_group(name: str) -> Any:
    """Return moto's group; an unknown one is refused as Auto Scaling does."""
    if name not in autoscaling.group_names():
        raise ScalingError("AutoScalingGroup name not found - null")  # the "null" is AWS's own
    return autoscaling.group(name)
