"""Auto Scaling: groups that keep as many instances in service as they want to have, through hooks and warm pools.

moto holds the groups and their members, which its API shows; what happens to them happens here. Nothing happens by
itself: `advance` does what is due by the lab's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling, cloud, ec2
from lab.moto.autoscaling import ScalingError
from lab.scaling.activities import Activities, Activity
from lab.scaling.hooks import Hooks
from lab.scaling.journeys import Journeys, Life, Pace
from lab.scaling.machines import Machines
from lab.scaling.refresh import Refresh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.scaling.journeys import Script
    from lab.stack.events import Bus

type Journey = Callable[[Life, str], Script]

INSTANCE_ARN: Final = f"arn:aws:ec2:{cloud.REGION}:{cloud.ACCOUNT}:instance/"
_STEPS_AT_MOST: Final = 100_000
_OUT_OF_SERVICE: Final = "an instance was taken out of service in response to"
_REFRESHED: Final = {"InProgress": "Started", "Successful": "Succeeded", "Cancelled": "Cancelled"}


@dataclass(slots=True)
class AutoScaling:
    """Every group of the account; may be called from any thread.

    `changed` is called with their ids, and without a lock held, after EC2 instances have changed. A group whose
    processes are suspended (SuspendProcesses) keeps the instances that it has, in the states that they are put into.
    """

    bus: Bus
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    changed: Callable[[Collection[str]], None]
    pace: Pace = field(default_factory=Pace)
    hooks: Hooks = field(init=False)
    activities: Activities = field(init=False)
    machines: Machines = field(init=False)
    refreshes: list[Refresh] = field(default_factory=list)
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
        """Do everything that is due now, in the same order in every run, and tell of it."""
        for _ in range(_STEPS_AT_MOST):
            with self.lock:
                moved = self._step()
                touched = frozenset(self._touched)
                self._touched.clear()
                events, self._events = self._events, []
            # Outside the lock: a target of an event may call Auto Scaling.
            if touched:
                self.changed(touched)
            for event in events:
                self.bus.deliver(event)
            if not moved:
                return
        raise RuntimeError("Auto Scaling does not come to rest")

    def _step(self) -> bool:
        """Do one thing that is due; tell whether there was one."""
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
        """Take one step towards what a group wants to be; tell whether there was one to take."""
        group = autoscaling.group(name)
        suspended = autoscaling.suspended_processes(group)
        lives = self.lives(name)
        if "HealthCheck" not in suspended:
            self._look_after(lives)
        if "ReplaceUnhealthy" not in suspended:
            for life in lives:
                if life.counts and life.state != "Pending" and life.member.health_status != "Healthy":
                    self._send(life, self._journeys.terminate, f"{_OUT_OF_SERVICE} an EC2 health check")
                    return True
        surge = 0
        for refresh in self.refreshes:
            if refresh.group == name and refresh.active:
                if self._refresh(refresh, group, lives):
                    return True
                surge = refresh.surge(group.desired_capacity, lives)
        return self._size(group, lives, group.desired_capacity + surge, suspended) or self._size_pool(
            group, lives, suspended
        )

    def _look_after(self, lives: Iterable[Life]) -> None:
        """Mark as unhealthy what EC2 has not run for a while (user guide, ec2-auto-scaling-health-checks)."""
        for life in lives:
            if life.state != "InService" or self.machines.state(life.instance_id) == "running":
                life.lost = None
            elif life.lost is None:
                life.lost = self.now()
            elif self.now() >= life.lost + timedelta(seconds=self.pace.notice):
                life.member.health_status = "Unhealthy"

    def _size(self, group: Any, lives: Sequence[Life], wanted: int, suspended: set[str]) -> bool:
        counted = [life for life in lives if life.counts]
        if len(counted) < wanted and "Launch" not in suspended:
            cause = "an instance was started in response to a difference between desired and actual capacity"
            warm = [life for life in lives if self._rests(life)]
            if warm:
                self._send(warm[0], self._journeys.leave_pool, cause)
            else:
                self._launch(group, self._journeys.launch, cause)
            return True
        if len(counted) > wanted and "Terminate" not in suspended:
            cause = f"{_OUT_OF_SERVICE} a difference between desired and actual capacity"
            free = [each for each in counted if each.state == "InService" and not each.member.protected_from_scale_in]
            if free:
                reused = group.warm_pool is not None and autoscaling.reuses(group.warm_pool)
                journey = self._journeys.return_to_pool if reused else self._journeys.terminate
                self._send(free[0], journey, cause)
                return True
        return False

    def _size_pool(self, group: Any, lives: Sequence[Life], suspended: set[str]) -> bool:
        warm = [life for life in lives if life.warm and "Terminat" not in life.state]
        wanted = 0 if group.warm_pool is None else autoscaling.warm_pool_size(group)
        if len(warm) < wanted and "Launch" not in suspended:
            self._launch(group, self._journeys.warm_up, "an instance was started to fill the warm pool")
            return True
        resting = [life for life in warm if self._rests(life)]
        if len(warm) > wanted and resting and "Terminate" not in suspended:
            self._send(resting[0], self._journeys.terminate, f"{_OUT_OF_SERVICE} a warm pool that is too large")
            return True
        return False

    def _refresh(self, refresh: Refresh, group: Any, lives: Sequence[Life]) -> bool:
        now, desired = self.now(), group.desired_capacity
        if refresh.status == "Pending":
            refresh.old = {life.instance_id for life in lives if life.counts}
            refresh.total = len(refresh.old)
            self._turn(refresh, "InProgress")
            return True
        for life in refresh.next(desired, lives, now):
            cause = f"{_OUT_OF_SERVICE} an instance refresh"
            if refresh.strategy == "Rolling":
                self._send(life, self._journeys.terminate, cause)
            else:
                refresh.old.discard(life.instance_id)
                self._send(life, self._journeys.replace_root_volume, cause)
            return True
        if refresh.done(desired, lives, now):
            refresh.end = now
            self._turn(refresh, "Successful")
            return True
        return False

    def _turn(self, refresh: Refresh, status: str) -> None:
        refresh.status = status
        detail = {"InstanceRefreshId": refresh.id, "AutoScalingGroupName": refresh.group}
        self._tell(f"EC2 Auto Scaling Instance Refresh {_REFRESHED[status]}", refresh.group, detail, None)

    # -- what an operator asks for

    def lives(self, group: str) -> list[Life]:
        """Return a group's instances, oldest first."""
        return [life for life in self._lives.values() if life.group == group]

    def life(self, instance_id: str, group: str | None = None) -> Life:
        """Return an instance of a group; one that the group does not have is refused."""
        life = self._lives.get(instance_id)
        if life is None or (group is not None and life.group != group):
            if group is not None:
                raise ScalingError(f"The instance {instance_id} is not part of Auto Scaling group {group}.")
            raise ScalingError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
        return life

    def drives(self, instance_id: str) -> bool:
        """Tell whether an instance is in a group that would replace it."""
        life = self._lives.get(instance_id)
        return life is not None and "Launch" not in autoscaling.suspended_processes(autoscaling.group(life.group))

    def pose(self, instance_id: str) -> None:
        """Let nothing more become of an instance: a test puts it into states by hand."""
        with self.lock:
            if (life := self._lives.get(instance_id)) is not None:
                life.script = None
                self.hooks.release(instance_id)

    def drop(self, instance_id: str) -> None:
        """Let an instance be in no group any more."""
        with self.lock:
            self._lives.pop(instance_id, None)
            self.hooks.release(instance_id)
            autoscaling.leave_group(instance_id)

    def attach(self, group: str, instance_ids: Sequence[str]) -> None:
        """Take instances that run into a group, which then wants to have as many more."""
        with self.lock:
            for instance_id in instance_ids:
                member = autoscaling.join_group(instance_id, group)
                life = Life(instance_id, group, member, self.now())
                self._lives[instance_id] = life
                self._send(life, self._journeys.attach, "an instance was attached in response to a user request")
            autoscaling.group(group).desired_capacity += len(instance_ids)

    def leave(self, group: str, journey: str, instance_ids: Sequence[str], *, decrement: bool) -> list[Activity]:
        """Send instances in service `enter_standby` or `detach`; without `decrement` others are launched instead."""
        allowed = ("InService", "Standby") if journey == "detach" else ("InService",)
        with self.lock:
            lives = [self.life(each, group) for each in instance_ids]
            for life in lives:
                if life.state not in allowed:
                    raise ScalingError(f"The instance {life.instance_id} is not in {' or '.join(allowed)}.")
            cause = "an instance was taken out of service in response to a user request"
            counted = sum(life.counts for life in lives)
            for life in lives:
                self._send(life, getattr(self._journeys, journey), cause)
            if decrement:
                autoscaling.group(group).desired_capacity -= counted
            return [life.doing for life in lives]

    def exit_standby(self, group: str, instance_ids: Sequence[str]) -> list[Activity]:
        """Bring instances back from standby; the group wants to have as many more."""
        with self.lock:
            lives = [self.life(each, group) for each in instance_ids]
            for life in lives:
                if life.state != "Standby":
                    raise ScalingError(f"The instance {life.instance_id} is not in Standby.")
            for life in lives:
                cause = "an instance was moved out of standby in response to a user request"
                self._send(life, self._journeys.exit_standby, cause)
            autoscaling.group(group).desired_capacity += len(lives)
            return [life.doing for life in lives]

    def terminate(self, instance_id: str, *, decrement: bool) -> Activity:
        """Terminate an instance; one that is retained has had its hooks already."""
        with self.lock:
            life = self.life(instance_id)
            if decrement and life.counts:
                autoscaling.group(life.group).desired_capacity -= 1
            if life.state.endswith(":Retained"):
                life.at = self.now()
                life.script = self._journeys.end(life)
                self._go_on(life)
            elif "Terminat" not in life.state:
                self._send(life, self._journeys.terminate, f"{_OUT_OF_SERVICE} a user request")
            return life.doing

    def set_health(self, instance_id: str, status: str, *, respect_grace: bool) -> None:
        """Say of an instance that it is Healthy or Unhealthy; within the grace period that has no effect."""
        with self.lock:
            life = self.life(instance_id)
            grace = timedelta(seconds=autoscaling.group(life.group).health_check_grace_period)
            if respect_grace and (life.in_service is None or self.now() < life.in_service + grace):
                return
            life.member.health_status = status

    def start_refresh(self, group: str, strategy: str, preferences: dict[str, Any]) -> str:
        """Start an instance refresh and return its id; a group has one at a time."""
        with self.lock:
            held = autoscaling.group(group)
            if any(each.group == group and each.active for each in self.refreshes):
                text = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
                raise ScalingError(text, "InstanceRefreshInProgress")
            refresh = Refresh(
                id=self.new_id(),
                group=group,
                strategy=strategy,
                min_healthy=int(preferences.get("MinHealthyPercentage", 90)),
                max_healthy=int(preferences.get("MaxHealthyPercentage", 100)),
                warmup=float(preferences.get("InstanceWarmup", held.health_check_grace_period)),
                start=self.now(),
            )
            self.refreshes.append(refresh)
            return refresh.id

    def cancel_refresh(self, group: str) -> str:
        """Cancel a group's instance refresh and return its id; what it has begun goes on."""
        with self.lock:
            for refresh in self.refreshes:
                if refresh.group == group and refresh.active:
                    refresh.end = self.now()
                    self._turn(refresh, "Cancelled")
                    return refresh.id
        text = f"No in progress or pending Instance Refresh found for Auto Scaling group {group}"
        raise ScalingError(text, "ActiveInstanceRefreshNotFound")

    def forget_group(self, name: str, *, force: bool) -> None:
        """Let a group be deleted; with `force` its instances are terminated without their hooks."""
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
            self.refreshes = [each for each in self.refreshes if each.group != name]
            self.retaining.discard(name)

    def tell_call(self, name: str, parameters: dict[str, Any]) -> None:
        """Tell of an API call as a trail does that logs management events."""
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

    def _rests(self, life: Life) -> bool:
        return life.state in ("Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated") and life.script is None

    def _launch(self, group: Any, journey: Journey, cause: str) -> None:
        instance_id, member = autoscaling.launch_into(group)
        self._touched.add(instance_id)
        life = Life(instance_id, group.name, member, self.now())
        self._lives[instance_id] = life
        self._send(life, journey, cause)

    def _send(self, life: Life, journey: Journey, cause: str) -> None:
        """Send an instance on a journey, whatever it was on before."""
        self.hooks.release(life.instance_id)
        if life.script is not None:
            self.activities.end(life.doing, "Cancelled")
        life.script = journey(life, cause)
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
