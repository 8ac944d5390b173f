"""Auto Scaling: where in its group's life an instance is, and the hooks it waits at."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from fleet53.domain.ids import InstanceId
from fleet53.domain.lifecycle import Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_autoscaling.type_defs import AutoScalingInstanceDetailsTypeDef, LifecycleHookTypeDef

    from fleet53.domain.lifecycle import Action, Result

_IDS_PER_CALL: Final = 50  # DescribeAutoScalingInstances, InstanceIds
_RECENT_ACTIVITIES: Final = 200
_INSTANCE: Final = re.compile(r"\bi-[0-9a-f]+\b")


class AutoScaling:
    """What fleet53 reads from Auto Scaling, and how it completes hooks whose name starts with `hook_prefix`."""

    def __init__(self, client: AutoScalingClient, hook_prefix: str) -> None:
        self._client = client
        self._hook_prefix = hook_prefix
        self._hooks: dict[str, dict[tuple[str, Transition], timedelta]] = {}
        self._starts: dict[str, dict[InstanceId, datetime]] = {}

    def lifecycle_states(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, str]:
        """Return the LifecycleState of each instance that Auto Scaling knows; it passes over the others."""
        return {InstanceId(member["InstanceId"]): member["LifecycleState"] for member in self._members(instance_ids)}

    def marked_unhealthy(self, instance_ids: Iterable[InstanceId]) -> frozenset[InstanceId]:
        """Return those of the instances that Auto Scaling counts as unhealthy, and so will replace."""
        return frozenset(
            InstanceId(member["InstanceId"])
            for member in self._members(instance_ids)
            if member["HealthStatus"].upper() == "UNHEALTHY"
        )

    def _members(self, instance_ids: Iterable[InstanceId]) -> Iterator[AutoScalingInstanceDetailsTypeDef]:
        for ids in batched(sorted(instance_ids), _IDS_PER_CALL, strict=False):
            yield from self._client.describe_auto_scaling_instances(InstanceIds=list(ids))["AutoScalingInstances"]

    def mark_unhealthy(self, instance_id: InstanceId) -> None:
        """Have an instance's group replace it, unless the group's health check grace period still runs for it."""
        self._client.set_instance_health(
            InstanceId=instance_id, HealthStatus="Unhealthy", ShouldRespectGracePeriod=True
        )

    def hooks(self, group: str) -> dict[tuple[str, Transition], timedelta]:
        """Return the heartbeat timeout of each of our hooks of a group; nothing of a group that is gone.

        A group is asked once: this object lives for one invocation.
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
            _over(error)
            return []

    def activity_starts(self, group: str) -> dict[InstanceId, datetime]:
        """Return when the newest scaling activity of each instance that a group's activities name began.

        As with hooks, a group is asked once.
        """
        if group in self._starts:
            return self._starts[group]
        started = self._starts.setdefault(group, {})
        pages = self._client.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=group, PaginationConfig={"MaxItems": _RECENT_ACTIVITIES}
        )
        for page in pages:
            for activity in page["Activities"]:
                for instance_id in _INSTANCE.findall(activity.get("Description", "")):
                    started.setdefault(InstanceId(instance_id), activity["StartTime"])
        return started

    def is_ours(self, action: Action) -> bool:
        """Whether the hook of an action is ours to complete."""
        return action.hook.startswith(self._hook_prefix)

    def complete(self, action: Action, result: Result) -> str | None:
        """Complete a lifecycle action, by token or else by instance; return why there was nothing to complete, or None.

        An action that is over, a hook or a group that is gone, are no errors: Auto Scaling went on without us.
        """
        reason: str | None = None
        whom = {"InstanceId": str(action.instance_id)}
        for who in (whom,) if action.token is None else ({"LifecycleActionToken": action.token}, whom):
            try:
                self._client.complete_lifecycle_action(
                    AutoScalingGroupName=action.group,
                    LifecycleHookName=action.hook,
                    LifecycleActionResult=result.value,
                    **who,
                )
            except ClientError as error:
                reason = _over(error)
            else:
                return None
        return reason

    def heartbeat(self, action: Action) -> str | None:
        """Restart the hook's heartbeat timeout; return why there was nothing to restart, or None."""
        try:
            self._client.record_lifecycle_action_heartbeat(
                AutoScalingGroupName=action.group, LifecycleHookName=action.hook, InstanceId=action.instance_id
            )
        except ClientError as error:
            return _over(error)
        return None


def _over(error: ClientError) -> str:
    """Return Auto Scaling's words where it says that there is nothing to complete; raise any other error."""
    if error.response["Error"]["Code"] in {"ValidationError", "ValidationException"}:
        return error.response["Error"].get("Message", "")
    raise error
