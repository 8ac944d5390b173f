"""Auto Scaling: the lifecycle states of instances, and their lifecycle hooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from math import ceil
from typing import TYPE_CHECKING, Final, TypedDict

from botocore.exceptions import ClientError

from fleet53.domain.ids import InstanceId
from fleet53.domain.lifecycle import Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_autoscaling.type_defs import AutoScalingInstanceDetailsTypeDef, LifecycleHookTypeDef

    from fleet53.domain.lifecycle import Action, Result

_IDS_PER_CALL: Final = 50  # DescribeAutoScalingInstances, InstanceIds
_GROUPS_PER_CALL: Final = 50  # DescribeAutoScalingGroups, the names that one page answers by default
_RECENT_ACTIVITIES: Final = 200
_LEAVING: Final = ("Terminat", "Detach", "EnteringStandby", "Standby")
_INSTANCE: Final = re.compile(r"\bi-[0-9a-f]+\b")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity that a group should have (DesiredCapacity), and its instances, without those that are leaving it.

    `desired` counts units, and `units` are those that each instance contributes (WeightedCapacity): one, unless the
    group has weights or counts vCPUs or memory (EC2 Auto Scaling User Guide, instance weights).
    """

    desired: int
    units: Mapping[InstanceId, int]

    def lacks(self, instance_ids: Iterable[InstanceId]) -> int:
        """Return how many instances the group lacks beside these, at the most: all that come may be of its smallest."""
        smallest = min(self.units.values(), default=1)
        missing = self.desired - sum(self.units.get(each, smallest) for each in instance_ids)
        return max(0, ceil(missing / smallest))


class AutoScaling:
    """The calls to Auto Scaling. Only hooks whose name starts with `hook_prefix` are ours to complete."""

    def __init__(self, client: AutoScalingClient, hook_prefix: str) -> None:
        self._client = client
        self._hook_prefix = hook_prefix
        self._hooks: dict[str, dict[tuple[str, Transition], timedelta]] = {}

    def lifecycle_states(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, str]:
        """Return the LifecycleState of each instance that is in an Auto Scaling group."""
        return {InstanceId(member["InstanceId"]): member["LifecycleState"] for member in self._members(instance_ids)}

    def marked_unhealthy(self, instance_ids: Iterable[InstanceId]) -> frozenset[InstanceId]:
        """Return the instances that Auto Scaling considers unhealthy and will replace."""
        return frozenset(
            InstanceId(member["InstanceId"])
            for member in self._members(instance_ids)
            if member["HealthStatus"].upper() == "UNHEALTHY"
        )

    def _members(self, instance_ids: Iterable[InstanceId]) -> Iterator[AutoScalingInstanceDetailsTypeDef]:
        for ids in batched(sorted(instance_ids), _IDS_PER_CALL, strict=False):
            yield from self._client.describe_auto_scaling_instances(InstanceIds=list(ids))["AutoScalingInstances"]

    def capacities(self, groups: Iterable[str]) -> dict[str, Capacity]:
        """Return the capacity of each of these groups that exists. Instances of a warm pool do not count."""
        found: dict[str, Capacity] = {}
        for names in batched(sorted(groups), _GROUPS_PER_CALL, strict=False):
            described = self._client.describe_auto_scaling_groups(
                AutoScalingGroupNames=list(names), MaxRecords=_GROUPS_PER_CALL
            )
            for group in described["AutoScalingGroups"]:
                units = {
                    InstanceId(each["InstanceId"]): int(each.get("WeightedCapacity", 1))
                    for each in group.get("Instances", [])
                    if not each["LifecycleState"].startswith(_LEAVING)
                }
                found[group["AutoScalingGroupName"]] = Capacity(group["DesiredCapacity"], units)
        return found

    def mark_unhealthy(self, instance_id: InstanceId) -> None:
        """Mark an instance unhealthy, so that its group replaces it, unless its health check grace period applies."""
        self._client.set_instance_health(
            InstanceId=instance_id, HealthStatus="Unhealthy", ShouldRespectGracePeriod=True
        )

    def hooks(self, group: str) -> dict[tuple[str, Transition], timedelta]:
        """Return the heartbeat timeout of each of our hooks of a group. A deleted group has none.

        The answer is kept: this object is made for one invocation.
        """
        if group not in self._hooks:
            self._hooks[group] = {
                (hook["LifecycleHookName"], Transition(hook["LifecycleTransition"])): timedelta(
                    seconds=hook["HeartbeatTimeout"]
                )
                for hook in self._describe_hooks(group)
                if hook["LifecycleHookName"].startswith(self._hook_prefix)
            }
        return self._hooks[group]

    def _describe_hooks(self, group: str) -> list[LifecycleHookTypeDef]:
        try:
            return self._client.describe_lifecycle_hooks(AutoScalingGroupName=group)["LifecycleHooks"]
        except ClientError as error:
            _already_completed(error)
            return []

    def activity_starts(self, group: str) -> dict[InstanceId, datetime]:
        """Return the start of each instance's newest scaling activity, among the newest 200 activities of a group.

        A deleted group has none.
        """
        started: dict[InstanceId, datetime] = {}
        pages = self._client.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=group, PaginationConfig={"MaxItems": _RECENT_ACTIVITIES}
        )
        try:
            for page in pages:
                for activity in page["Activities"]:
                    for instance_id in _INSTANCE.findall(activity.get("Description", "")):
                        started.setdefault(InstanceId(instance_id), activity["StartTime"])
        except ClientError as error:
            _already_completed(error)
        return started

    def is_ours(self, action: Action) -> bool:
        """Whether the hook of an action is ours to complete."""
        return action.hook.startswith(self._hook_prefix)

    def complete(self, action: Action, result: Result) -> str | None:
        """Complete a lifecycle action. Return None, or Auto Scaling's message if there was nothing to complete.

        A completed action, a deleted hook or a deleted group is not an error, because the instance no longer waits.
        """
        try:
            self._client.complete_lifecycle_action(
                AutoScalingGroupName=action.group,
                LifecycleHookName=action.hook,
                LifecycleActionResult=result.value,
                **_names(action),
            )
        except ClientError as error:
            return _already_completed(error)
        return None

    def heartbeat(self, action: Action) -> str | None:
        """Restart an action's heartbeat timeout. Return None, or Auto Scaling's message if nothing waits."""
        try:
            self._client.record_lifecycle_action_heartbeat(
                AutoScalingGroupName=action.group, LifecycleHookName=action.hook, **_names(action)
            )
        except ClientError as error:
            return _already_completed(error)
        return None


class _Name(TypedDict, total=False):
    """The parameters by which a request names a lifecycle action: one of the two."""

    LifecycleActionToken: str
    InstanceId: str


def _names(action: Action) -> _Name:
    """Return the parameter by which a request names an action: Note [Another action] in planning/hooks.py."""
    return {"InstanceId": action.instance_id} if action.token is None else {"LifecycleActionToken": action.token}


def _already_completed(error: ClientError) -> str:
    """Return Auto Scaling's message if there is no action to complete, and raise any other error."""
    if error.response["Error"]["Code"] in {"ValidationError", "ValidationException"}:
        return error.response["Error"].get("Message", "")
    raise error
