"""Auto Scaling in moto, which holds the groups; the lab's own Auto Scaling decides what happens to their instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from lab.moto import ec2
from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap
from lab.moto.memory import with_underscores

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP_TAG: Final = "aws:autoscaling:groupName"

type Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
"""A function from an operation of Auto Scaling and its parameters to its answer."""


class ScalingError(Exception):
    """Auto Scaling refuses a request with HTTP status 400: AWS's error code and text."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Scaling(Protocol):
    """The lab's Auto Scaling, as moto's request handlers know it."""

    operations: Sequence[str]
    """The operations that it answers itself."""
    before: Sequence[str]
    """The operations that moto answers after this has looked at the request."""
    after: Sequence[str]
    """The operations of which this is told after moto has answered."""

    def answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer a request, or refuse it with a ScalingError."""
        ...


# -- where moto differs from Auto Scaling


def gaps(scaling: Scaling) -> tuple[Gap, ...]:
    """Return how moto's Auto Scaling is corrected; `scaling` sees the requests that moto alone would get wrong."""
    return (
        *_scale_later(),
        _bound_capacity(),
        _leave_out_warm_instances(),
        _show_weights(),
        *_hand_over_requests(scaling),
    )


def _scale_later() -> tuple[Gap, Gap]:
    """Launch and replace instances after the request; moto does it before it answers.

    moto only notes the desired capacity here, and does nothing when an instance is terminated: the lab's own Auto
    Scaling acts as time passes. Source: EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling instance lifecycle" and
    "Health checks for instances".
    """

    def not_noticed_yet(_backend: Any, _instance_ids: list[str]) -> None:
        """Do nothing: the lab's Auto Scaling finds terminated instances by its health check."""

    def note_capacity(group: Any, capacity: int | None) -> None:
        group.desired_capacity = group.min_size if capacity is None else capacity

    return (
        Gap(AutoScalingBackend, "notify_terminate_instances", not_noticed_yet),
        Gap(FakeAutoScalingGroup, "set_desired_capacity", note_capacity),
    )


def _bound_capacity() -> Gap:
    """Move a group's desired capacity into its new bounds; moto leaves it outside them.

    Source: Auto Scaling API Reference, UpdateAutoScalingGroup.
    """
    update_as_moto = FakeAutoScalingGroup.update

    def update(group: Any, *, desired_capacity: int | None = None, **changes: Any) -> None:
        wanted = group.desired_capacity if desired_capacity is None else desired_capacity
        low, high = changes.get("min_size"), changes.get("max_size")
        low, high = group.min_size if low is None else low, group.max_size if high is None else high
        update_as_moto(group, desired_capacity=min(max(wanted, low), high), **changes)

    return Gap(FakeAutoScalingGroup, "update", update)


def _leave_out_warm_instances() -> Gap:
    """Leave the instances of a warm pool out of DescribeAutoScalingGroups; moto has no such instances.

    DescribeWarmPool lists them (Auto Scaling API Reference).
    """

    def in_service(group: Any) -> list[Any]:
        return [each for each in group.instance_states if not each.lifecycle_state.startswith("Warmed:")]

    return Gap(FakeAutoScalingGroup, "instances", property(in_service))


def _show_weights() -> Gap:
    """Show the weight that a group's policy gives an instance by its type; moto shows none.

    Source: Auto Scaling API Reference, Instance and LaunchTemplateOverrides, WeightedCapacity.
    """

    def weight(member: Any) -> str | None:
        policy = member.auto_scaling_group.mixed_instances_policy or {}
        overrides = policy.get("LaunchTemplate", {}).get("Overrides", [])
        found = (each.get("WeightedCapacity") for each in overrides if each["InstanceType"] == member.instance_type)
        return next(found, None)

    return Gap(InstanceState, "weighted_capacity", property(weight))


def _hand_over_requests(scaling: Scaling) -> list[Gap]:
    """Hand requests about hooks, warm pools, standby and instance refresh to the lab; moto does not act on them.

    Source: EC2 Auto Scaling User Guide, "Lifecycle hooks", "Warm pools" and "Instance refresh".
    """
    handlers = {operation: _answered(operation, scaling.answer, as_moto=None) for operation in scaling.operations}
    for operation in scaling.before:
        handlers[operation] = _answered(operation, scaling.answer, _as_moto(operation))
    for operation in scaling.after:
        handlers[operation] = _followed(operation, scaling.answer, _as_moto(operation))
    return [Gap(AutoScalingResponse, with_underscores(operation), handler) for operation, handler in handlers.items()]


def _as_moto(operation: str) -> Callable[[Any], Any]:
    handler: Callable[[Any], Any] = getattr(AutoScalingResponse, with_underscores(operation))
    return handler


def _answered(operation: str, answer: Answer, as_moto: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """Return a request handler in which the lab answers; with `as_moto` the lab may refuse, and moto answers."""

    def respond(response: Any) -> Any:
        answered = _refusing(operation, answer, response)
        return ActionResult(answered) if as_moto is None else as_moto(response)

    return respond


def _followed(operation: str, answer: Answer, as_moto: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a request handler in which moto answers and then the lab is told."""

    def respond(response: Any) -> Any:
        result = as_moto(response)
        _refusing(operation, answer, response)
        return result

    return respond


def _refusing(operation: str, answer: Answer, response: Any) -> dict[str, Any]:
    """Return the lab's answer; its refusal becomes the error that moto sends to the client."""
    try:
        return answer(operation, dict(response._get_params()))  # noqa: SLF001 - moto's own way to them
    except ScalingError as error:
        raise AutoscalingClientError(error.code, error.message) from error


# -- groups and their members


def group_names() -> tuple[str, ...]:
    """Return the names of all Auto Scaling groups."""
    return tuple(autoscaling_backends[ACCOUNT][REGION].autoscaling_groups)


def group(name: str) -> Any:
    """Return an Auto Scaling group; a KeyError if there is none of that name."""
    return autoscaling_backends[ACCOUNT][REGION].autoscaling_groups[name]


def members() -> list[Any]:
    """Return what Auto Scaling says of each instance that is in a group."""
    groups = autoscaling_backends[ACCOUNT][REGION].autoscaling_groups.values()
    return [member for each in groups for member in each.instance_states]


def suspended_processes(of: Any) -> set[str]:
    """Return the names of a group's suspended processes."""
    return {str(each["ProcessName"]) for each in of.suspended_processes}


def launch_into(of: Any) -> tuple[str, Any]:
    """Launch a pending instance by a group's own configuration; return its id and its membership."""
    if of.launch_config is not None and of.launch_config.spot_price:
        instance_id = ec2.request_spot_instance(of.image_id, of.instance_type, of.launch_config.spot_price)
        member = join_group(instance_id, of.name, tags=True)
    else:
        of.replace_autoscaling_group_instances(1, of.get_propagated_tags())
        member = of.instance_states[-1]
        instance_id = str(member.instance_id)
    ec2.put_state(instance_id, "pending")
    return instance_id, member


def join_group(instance_id: str, name: str, *, tags: bool) -> Any:
    """Make an instance a member of a group, tagged as such, with `tags` also as the group propagates its own tags.

    Return its membership.
    """
    of, joining = group(name), ec2.instance(instance_id)
    for key, value in (of.get_propagated_tags() if tags else {}).items():
        joining.add_tag(key, value)
    joining.add_tag(GROUP_TAG, name)
    joining.autoscaling_group = of
    member = InstanceState(joining, autoscaling_group=of)
    of.instance_states.append(member)
    return member


def leave_group(instance_id: str) -> None:
    """Take an instance out of its Auto Scaling group; its tag still names the group."""
    for each in autoscaling_backends[ACCOUNT][REGION].autoscaling_groups.values():
        each.instance_states[:] = [member for member in each.instance_states if member.instance_id != instance_id]


def put_lifecycle_state(instance_id: str, state: str) -> None:
    """Put an instance into a lifecycle state of its Auto Scaling group."""
    member = next((each for each in members() if each.instance_id == instance_id), None)
    if member is None:
        raise LookupError(f"{instance_id} is in no Auto Scaling group")
    member.lifecycle_state = state


# -- warm pools


def reuses(pool: Any) -> bool:
    """Return whether a warm pool takes instances back when its group scales in."""
    return bool((pool.instance_reuse_policy or {}).get("ReuseOnScaleIn"))


def warm_pool_state(of: Any) -> str:
    """Return the state in which a group's warm pool keeps instances: Stopped, Running or Hibernated.

    Stopped, too, for a pool that was deleted while an instance was on its way into it.
    """
    return "Stopped" if of.warm_pool is None else str(of.warm_pool.pool_state)


def most_prepared(pool: Any) -> int:
    """Return a warm pool's MaxGroupPreparedCapacity; -1 stands for the group's largest size."""
    return -1 if pool.max_group_prepared_capacity is None else int(pool.max_group_prepared_capacity)


def warm_pool_size(of: Any) -> int:
    """Return how many instances a group's warm pool holds (Auto Scaling API Reference, PutWarmPool)."""
    most = most_prepared(of.warm_pool)
    prepared = of.max_size if most == -1 else most
    return max(int(of.warm_pool.min_size), prepared - int(of.desired_capacity))
