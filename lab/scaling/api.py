"""Auto Scaling's API: reads requests, calls the lab's groups, and returns answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling
from lab.moto.autoscaling import ScalingError
from lab.scaling.groups import known_group
from lab.scaling.hooks import ABANDON, Hook
from lab.scaling.journeys import Journeys

if TYPE_CHECKING:
    from lab.scaling.balance import Journey
    from lab.scaling.groups import AutoScaling

type Parameters = dict[str, Any]
type Operation = Callable[[Parameters], Parameters | None]

IDS_PER_CALL: Final = 50
"""How many instances one DescribeAutoScalingInstances asks for at most."""

_GROUP: Final = "AutoScalingGroupName"


class ScalingApi:
    """The operations that the lab answers, and those that moto answers and the lab follows."""

    def __init__(self, scaling: AutoScaling) -> None:
        self._scaling = scaling
        answered: list[Operation] = [
            self.put_lifecycle_hook,
            self.delete_lifecycle_hook,
            self.describe_lifecycle_hooks,
            self.complete_lifecycle_action,
            self.record_lifecycle_action_heartbeat,
            self.describe_auto_scaling_instances,
            self.describe_scaling_activities,
            self.describe_warm_pool,
            self.set_instance_health,
            self.attach_instances,
            self.detach_instances,
            self.enter_standby,
            self.exit_standby,
            self.terminate_instance_in_auto_scaling_group,
            self.start_instance_refresh,
            self.cancel_instance_refresh,
            self.describe_instance_refreshes,
        ]
        looked_at: list[Operation] = [self.set_desired_capacity, self.delete_auto_scaling_group]
        learned: list[Operation] = [self.create_auto_scaling_group, self.update_auto_scaling_group]
        self.operations: Sequence[str] = [_name(each) for each in answered]
        self.before: Sequence[str] = [_name(each) for each in looked_at]
        self.after: Sequence[str] = [_name(each) for each in learned]
        self._by_name = {_name(each): each for each in (*answered, *looked_at, *learned)}

    def answer(self, operation: str, parameters: Parameters) -> Parameters:
        """Answer a request, or refuse it with a ScalingError."""
        with self._scaling.lock:
            return self._by_name[operation](parameters) or {}

    # -- groups

    def create_auto_scaling_group(self, request: Parameters) -> None:
        """Note the hooks, grace period and lifecycle policy of a new group."""
        group = known_group(request[_GROUP])
        group.health_check_grace_period = int(request.get("HealthCheckGracePeriod", 0))
        for each in request.get("LifecycleHookSpecificationList", []):
            self._scaling.hooks.put(request[_GROUP], _hook(each))
        self._learn_policy(request)

    def update_auto_scaling_group(self, request: Parameters) -> None:
        """Note a group's changed lifecycle policy."""
        self._learn_policy(request)

    def delete_auto_scaling_group(self, request: Parameters) -> None:
        """Refuse to delete a group that has instances, unless by force."""
        known_group(request[_GROUP])
        self._scaling.forget_group(request[_GROUP], force=_is_true(request.get("ForceDelete")))

    def set_desired_capacity(self, request: Parameters) -> None:
        """Refuse a capacity that is not between the group's sizes."""
        group, wanted = known_group(request[_GROUP]), int(request["DesiredCapacity"])
        if wanted > group.max_size:
            text = (
                f"New SetDesiredCapacity value {wanted} is above max value {group.max_size} for the AutoScalingGroup."
            )
            raise ScalingError(text)
        if wanted < group.min_size:
            text = (
                f"New SetDesiredCapacity value {wanted} is below min value {group.min_size} for the AutoScalingGroup."
            )
            raise ScalingError(text)

    def describe_warm_pool(self, request: Parameters) -> Parameters:
        """Return a warm pool's settings and instances."""
        group = known_group(request[_GROUP])
        described: Parameters = {
            "Instances": [_member(each) for each in group.instance_states if each.lifecycle_state.startswith("Warmed:")]
        }
        if group.warm_pool is not None:
            described["WarmPoolConfiguration"] = {
                "MaxGroupPreparedCapacity": autoscaling.most_prepared(group.warm_pool),
                "MinSize": group.warm_pool.min_size,
                "PoolState": group.warm_pool.pool_state,
                "InstanceReusePolicy": {"ReuseOnScaleIn": autoscaling.reuses(group.warm_pool)},
            }
        return described

    # -- hooks

    def put_lifecycle_hook(self, request: Parameters) -> None:
        """Create or change a hook."""
        known_group(request[_GROUP])
        old = {hook.name: hook for hook in self._scaling.hooks.of(request[_GROUP])}.get(request["LifecycleHookName"])
        kept = {} if old is None else _hook_as_described(request[_GROUP], old)
        self._scaling.hooks.put(request[_GROUP], _hook(kept | request))

    def delete_lifecycle_hook(self, request: Parameters) -> None:
        """Delete a hook."""
        known_group(request[_GROUP])
        self._scaling.hooks.delete(request[_GROUP], request["LifecycleHookName"])

    def describe_lifecycle_hooks(self, request: Parameters) -> Parameters:
        """Return a group's hooks, all or those named."""
        known_group(request[_GROUP])
        hooks = self._scaling.hooks.of(request[_GROUP])
        names = request.get("LifecycleHookNames") or [hook.name for hook in hooks]
        return {"LifecycleHooks": [_hook_as_described(request[_GROUP], each) for each in hooks if each.name in names]}

    def complete_lifecycle_action(self, request: Parameters) -> None:
        """Complete an action, identified by its token or by its instance."""
        known_group(request[_GROUP])
        self._scaling.hooks.complete(
            request[_GROUP],
            request["LifecycleHookName"],
            request["LifecycleActionResult"],
            request.get("LifecycleActionToken"),
            request.get("InstanceId"),
        )

    def record_lifecycle_action_heartbeat(self, request: Parameters) -> None:
        """Restart the timeout of an action."""
        known_group(request[_GROUP])
        self._scaling.hooks.heartbeat(
            request[_GROUP],
            request["LifecycleHookName"],
            request.get("LifecycleActionToken"),
            request.get("InstanceId"),
        )

    # -- instances

    def describe_auto_scaling_instances(self, request: Parameters) -> Parameters:
        """Return the group members among the given instances; instances in no group are left out."""
        wanted = request.get("InstanceIds") or []
        if len(wanted) > IDS_PER_CALL:
            raise ScalingError(f"The number of instance ids may not exceed {IDS_PER_CALL}, {len(wanted)} were given")
        members = [each for each in autoscaling.members() if not wanted or each.instance_id in wanted]
        # A page has up to 50 entries; the token of the next one is the number of entries before it.
        start = int(request.get("NextToken") or 0)
        end = start + int(request.get("MaxRecords") or IDS_PER_CALL)
        page: Parameters = {
            "AutoScalingInstances": [
                _member(each) | {_GROUP: each.auto_scaling_group_name, "HealthStatus": each.health_status.upper()}
                for each in members[start:end]
            ]
        }
        return page | ({"NextToken": str(end)} if end < len(members) else {})

    def describe_scaling_activities(self, request: Parameters) -> Parameters:
        """Return scaling activities, newest first."""
        if request.get(_GROUP):
            known_group(request[_GROUP])
        wanted = request.get("ActivityIds")
        found = [each for each in self._scaling.activities.of(request.get(_GROUP)) if not wanted or each.id in wanted]
        start = int(request.get("NextToken") or 0)
        end = start + int(request.get("MaxRecords") or 100)
        page: Parameters = {"Activities": [each.described() for each in found[start:end]]}
        return page | ({"NextToken": str(end)} if end < len(found) else {})

    def set_instance_health(self, request: Parameters) -> None:
        """Set an instance's health status."""
        if request["HealthStatus"] not in ("Healthy", "Unhealthy"):
            raise ScalingError("Valid instance health states are: [Healthy, Unhealthy].")
        self._scaling.set_health(
            request["InstanceId"],
            request["HealthStatus"],
            respect_grace=_is_true(request.get("ShouldRespectGracePeriod", True)),
        )

    def attach_instances(self, request: Parameters) -> None:
        """Attach instances to a group."""
        known_group(request[_GROUP])
        self._scaling.attach(request[_GROUP], request["InstanceIds"])

    def detach_instances(self, request: Parameters) -> Parameters:
        """Detach instances from their group without terminating them."""
        return self._leave(request, Journeys.detach, "DetachInstances")

    def enter_standby(self, request: Parameters) -> Parameters:
        """Move instances to standby."""
        return self._leave(request, Journeys.enter_standby, "EnterStandby")

    def exit_standby(self, request: Parameters) -> Parameters:
        """Bring instances back from standby."""
        known_group(request[_GROUP])
        activities = self._scaling.exit_standby(request[_GROUP], request["InstanceIds"])
        self._tell("ExitStandby", request)
        return {"Activities": [each.described() for each in activities]}

    def terminate_instance_in_auto_scaling_group(self, request: Parameters) -> Parameters:
        """Terminate an instance through its group's hooks."""
        decrement = _is_true(request.get("ShouldDecrementDesiredCapacity"))
        return {"Activity": self._scaling.terminate(request["InstanceId"], decrement=decrement).described()}

    # -- instance refresh

    def start_instance_refresh(self, request: Parameters) -> Parameters:
        """Start an instance refresh."""
        known_group(request[_GROUP])
        if any(life.weight > 1 for life in self._scaling.lives(request[_GROUP])):
            raise ScalingError("The lab does not refresh groups whose instances have weights.")
        preferences = {
            key: value for key, value in (request.get("Preferences") or {}).items() if value not in (None, "")
        }
        strategy = request.get("Strategy") or "Rolling"
        return {"InstanceRefreshId": self._scaling.start_refresh(request[_GROUP], strategy, preferences)}

    def cancel_instance_refresh(self, request: Parameters) -> Parameters:
        """Cancel an instance refresh."""
        known_group(request[_GROUP])
        return {"InstanceRefreshId": self._scaling.cancel_refresh(request[_GROUP])}

    def describe_instance_refreshes(self, request: Parameters) -> Parameters:
        """Return a group's instance refreshes, newest first."""
        known_group(request[_GROUP])
        lives = self._scaling.lives(request[_GROUP])
        wanted = request.get("InstanceRefreshIds")
        return {
            "InstanceRefreshes": [
                each.described(lives)
                for each in reversed(self._scaling.refreshes.of(request[_GROUP]))
                if not wanted or each.id in wanted
            ]
        }

    # -- the pieces

    def _leave(self, request: Parameters, journey: Journey, operation: str) -> Parameters:
        known_group(request[_GROUP])
        decrement = _is_true(request.get("ShouldDecrementDesiredCapacity"))
        activities = self._scaling.leave(request[_GROUP], journey, request["InstanceIds"], decrement=decrement)
        self._tell(operation, request | {"ShouldDecrementDesiredCapacity": decrement})
        return {"Activities": [each.described() for each in activities]}

    def _tell(self, operation: str, request: Parameters) -> None:
        said = (_GROUP, "InstanceIds", "ShouldDecrementDesiredCapacity")
        self._scaling.tell_call(operation, {key: request[key] for key in said if key in request})

    def _learn_policy(self, request: Parameters) -> None:
        policy = request.get("InstanceLifecyclePolicy")
        if policy is not None:
            keeps = policy.get("RetentionTriggers", {}).get("TerminateHookAbandon") == "retain"
            (self._scaling.retaining.add if keeps else self._scaling.retaining.discard)(request[_GROUP])


def _name(operation: Operation) -> str:
    """Return the name that AWS gives an operation."""
    return "".join(word.capitalize() for word in operation.__name__.split("_"))


def _hook(request: Parameters) -> Hook:
    return Hook(
        name=request["LifecycleHookName"],
        transition=request.get("LifecycleTransition", ""),
        heartbeat=int(request.get("HeartbeatTimeout") or 3600),
        default_result=request.get("DefaultResult") or ABANDON,
        metadata=request.get("NotificationMetadata"),
    )


def _hook_as_described(group: str, hook: Hook) -> Parameters:
    return hook.specification() | {_GROUP: group, "GlobalTimeout": hook.global_timeout}


def _member(member: Any) -> Parameters:
    return {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.availability_zone,
        "LifecycleState": member.lifecycle_state,
        "HealthStatus": member.health_status,
        "ProtectedFromScaleIn": bool(member.protected_from_scale_in),
        **({} if member.weighted_capacity is None else {"WeightedCapacity": member.weighted_capacity}),
    }


def _is_true(value: Any) -> bool:
    """Read a Boolean of the query protocol."""
    return str(value).lower() == "true"
