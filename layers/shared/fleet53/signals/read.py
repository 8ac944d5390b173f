"""Reads a message of the signals queue: an event of AWS, or a message that fleet53 sent itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.claim import Claim
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import INSTANCE_ID, InstanceId, PoolName
from fleet53.domain.lifecycle import Action, Transition
from fleet53.signals.api_calls import read_api_call
from fleet53.signals.fields import (
    ACTION_TOKEN,
    GROUP_NAME,
    HOOK_NAME,
    is_text,
    quoted,
    read_form,
    read_instance_id,
    read_text,
    read_time,
    read_transition,
    shown,
)
from fleet53.signals.messages import read_reconcile
from fleet53.signals.model import Ignored, InstanceSignal, PoolSignal, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_CLAIMS: Final = {"running": Claim.RUNNING} | dict.fromkeys(
    ("stopping", "stopped", "shutting-down", "terminated"), Claim.ENDS
)
_OPERATIONS: Final = {"Create": Claim.DECLARED, "Update": Claim.DECLARED, "Delete": Claim.UNDECLARED}


def read_signal(body: str, pool_tag_key: str) -> Signal:
    """Return what the body of a message is about.

    Raises NotUnderstoodError, which names the event, the field and its value.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError(f"not JSON ({error}): {quoted(body)}") from None
    if not isinstance(event, dict):
        raise NotUnderstoodError(f"not an event, which is a JSON object: {quoted(body)}")
    try:
        return _read_event(event, pool_tag_key)
    except RecursionError:  # json reads more levels than Python calls
        raise NotUnderstoodError(f"nested too deeply: {quoted(body)}") from None


def _read_event(event: Mapping[str, Any], pool_tag_key: str) -> Signal:
    source, kind = read_text(event, "source"), read_text(event, "detail-type")
    what = f"{shown(source)} {quoted(kind)}"
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise NotUnderstoodError(f"{what}: detail is {quoted(detail)}, not an object")
    at = read_time(event.get("time"))
    match source, kind:
        case "aws.ec2", "EC2 Instance State-change Notification":
            state = detail.get("state")
            claim = _CLAIMS.get(state) if isinstance(state, str) else None
            return _about_instance(detail, "instance-id", f"EC2 said {shown(state)}", at, what, claim=claim)
        case "aws.ec2", "EC2 Spot Instance Interruption Warning":
            return _about_instance(
                detail, "instance-id", "Spot warned of an interruption", at, what, claim=Claim.INTERRUPTED
            )
        case "aws.autoscaling", "EC2 Instance-launch Lifecycle Action" | "EC2 Instance-terminate Lifecycle Action":
            return _about_action(detail, at, what)
        case "aws.autoscaling", "EC2 Instance Launch Successful" | "EC2 Instance Terminate Successful":
            claim = Claim.LAUNCHED if "Launch" in kind else Claim.ENDS
            return _about_instance(detail, "EC2InstanceId", f"Auto Scaling sent {kind}", at, what, claim=claim)
        case "aws.tag", "Tag Change on Resource":
            return _about_tags(detail, event.get("resources"), pool_tag_key, at, what)
        case "aws.ssm", "Parameter Store Change":
            name = PoolName(read_text(detail, "name", what).rpartition("/")[2])
            operation = detail.get("operation")
            claim = _OPERATIONS.get(operation) if isinstance(operation, str) else None
            because = f"parameter of pool {shown(name)}: {shown(operation)}"
            return PoolSignal(None, because, at, sweep=True, changed=frozenset({name}), claim=claim)
        case _, "AWS API Call via CloudTrail":
            return read_api_call(detail, at, what)
        case "fleet53", "Reconcile":
            return read_reconcile(detail, at, what)
        case _:
            return Ignored(f"{what} is not an event that fleet53 acts on")


def _about_instance(
    detail: Mapping[str, Any], key: str, because: str, at: datetime | None, what: str, *, claim: Claim | None
) -> InstanceSignal:
    return InstanceSignal(frozenset({read_instance_id(detail.get(key), key, what)}), because, at, claim=claim)


def _about_action(detail: Mapping[str, Any], at: datetime | None, what: str) -> InstanceSignal:
    """Read a lifecycle action. The event has Origin and Destination only where the group has a warm pool."""
    if at is None:
        raise NotUnderstoodError(f"{what}: time is missing or is not a time, and the drain is counted from it")
    transition = read_transition(read_text(detail, "LifecycleTransition", what), what)
    launching = transition is Transition.LAUNCHING
    action = Action(
        group=read_form(detail, "AutoScalingGroupName", GROUP_NAME, what),
        hook=read_form(detail, "LifecycleHookName", HOOK_NAME, what),
        instance_id=read_instance_id(detail.get("EC2InstanceId"), "EC2InstanceId", what),
        transition=transition,
        at=at,
        heartbeat_at=at,
        token=read_form(detail, "LifecycleActionToken", ACTION_TOKEN, what),
        warm=detail.get("Destination" if launching else "Origin") == "WarmPool",
    )
    because = f"Auto Scaling waits at hook {action.hook}"
    claim = Claim.LAUNCHED if launching else Claim.LEAVES
    return InstanceSignal(frozenset({action.instance_id}), because, at, (action,), claim=claim)


def _about_tags(
    detail: Mapping[str, Any], resources: object, pool_tag_key: str, at: datetime | None, what: str
) -> Signal:
    """Read a tag change. The instance may have left any pool by it, so all pools are looked at.

    The ids only limit which members are looked at again, so an ARN that names no instance is left out. `tags` are all
    tags after the change (Amazon EventBridge User Guide, tag change events on AWS resources).
    """
    keys = detail.get("changed-tag-keys")
    if not isinstance(keys, list):
        raise NotUnderstoodError(f"{what}: detail.changed-tag-keys is {quoted(keys)}, not a list")
    if pool_tag_key not in keys:
        return Ignored(f"{what} is not about {pool_tag_key}")
    arns = [each for each in resources if isinstance(each, str)] if isinstance(resources, list) else []
    named = (arn.rpartition("/")[2] for arn in arns)
    instance_ids = frozenset(InstanceId(each) for each in named if INSTANCE_ID.fullmatch(each))
    tags = detail.get("tags")
    value = tags.get(pool_tag_key, "") if isinstance(tags, dict) and len(instance_ids) == 1 else None
    tagged = frozenset(map(PoolName, str(value).split())) if is_text(value) else None
    return PoolSignal(None, f"tag {pool_tag_key} changed", at, instance_ids=instance_ids, tagged=tagged)
