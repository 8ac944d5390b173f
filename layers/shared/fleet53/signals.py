"""Signals: reads a message of the queue into which instances or pools to look at.

A signal is only a hint: what is done depends on what AWS says when the pass reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.claim import Claim
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import InstanceId, InterfaceId, PoolName
from fleet53.domain.lifecycle import Action, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALL: Final = "*"
_CLAIMS: Final = {"running": Claim.RUNNING} | dict.fromkeys(
    ("stopping", "stopped", "shutting-down", "terminated"), Claim.ENDS
)
_INTERFACE_CALLS: Final = frozenset(
    {
        "AttachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "AssignIpv6Addresses",
        "UnassignIpv6Addresses",
        "UnassignPrivateIpAddresses",
    }
)
"""Calls that change the addresses of a network interface that stays with its instance."""


@dataclass(frozen=True, slots=True)
class InstanceSignal:
    """Something may have changed about these instances. Their tags tell which pools that concerns.

    `at` is the time of the event, None where it has none. `actions` are lifecycle actions that wait to be completed.
    `interface_ids` are network interfaces; the instances that hold them are concerned, too. `claim` is what EC2 shows
    of the instances when it has caught up with the event.
    """

    instance_ids: frozenset[InstanceId]
    because: str
    at: datetime | None = None
    actions: tuple[Action, ...] = ()
    interface_ids: frozenset[InterfaceId] = frozenset()
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class PoolSignal:
    """Something may have changed about pools: `pools`, or all where it is None.

    `sweep` and `repair` are as in Scope, `force` as in Guard, `at` and `actions` as in InstanceSignal. `attempt` counts
    the messages that a pass has queued for itself about a member that waits, from 1; it is 0 in any other message.
    `since` is the time of the first event about each member that waits. `instance_ids` are the instances that an event
    about all pools names.
    """

    pools: frozenset[PoolName] | None
    because: str
    at: datetime | None = None
    sweep: bool = False
    repair: bool = False
    force: bool = False
    attempt: int = 0
    since: Mapping[InstanceId, datetime] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    instance_ids: frozenset[InstanceId] = frozenset()

    @property
    def waiting(self) -> frozenset[InstanceId] | None:
        """The members that a run looks at again if they wait; None for all of the pools' members.

        An event of AWS about all pools is about the instances that it names, and about nobody else's wait.
        """
        if self.attempt:
            return frozenset(self.since)
        return self.instance_ids if self.pools is None and self.at is not None else None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that was read and that fleet53 does not act on."""

    because: str


type Signal = InstanceSignal | PoolSignal | Ignored


def read_signal(body: str, pool_tag_key: str) -> Signal:
    """Return what the body of a message is about.

    Raises NotUnderstoodError, which names the event, the field and its value.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError(f"not JSON ({error}): {body[:200]!r}") from None
    if not isinstance(event, dict):
        raise NotUnderstoodError(f"not an event, which is a JSON object: {body[:200]!r}")
    source, kind = _text(event, "source"), _text(event, "detail-type")
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise NotUnderstoodError(f"{source} {kind!r}: detail is {detail!r}, not an object")
    at = _time(event.get("time"))
    what = f"{source} {kind!r}"
    match source, kind:
        case "aws.ec2", "EC2 Instance State-change Notification":
            state = detail.get("state")
            claim = _CLAIMS.get(state) if isinstance(state, str) else None
            return _about_instance(detail, "instance-id", f"EC2 said {state}", at, what, claim=claim)
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
            name = PoolName(_text(detail, "name", what).rpartition("/")[2])
            because = f"parameter of pool {name}: {detail.get('operation')}"
            return PoolSignal(frozenset({name}), because, at, sweep=True)
        case _, "AWS API Call via CloudTrail":
            return _about_call(detail, at, what)
        case "fleet53", "Reconcile":
            return _about_pools(detail, at, what)
        case _:
            return Ignored(f"{what} is not an event that fleet53 acts on")


def reconcile_message(
    pools: frozenset[PoolName] | None,
    because: str,
    *,
    sweep: bool = False,
    repair: bool = False,
    force: bool = False,
    attempt: int = 0,
    since: Mapping[InstanceId, datetime] | None = None,
    actions: Iterable[Action] = (),
) -> dict[str, Any]:
    """Return the event that `read_signal` reads as a PoolSignal with these fields."""
    detail: dict[str, Any] = {"pools": ALL if pools is None else sorted(pools), "because": because}
    if sweep:
        detail["sweep"] = True
    if repair:
        detail["repair"] = True
    if force:
        detail["force"] = True
    if attempt:
        detail["attempt"] = attempt
    if since:
        detail["since"] = {instance_id: at.isoformat() for instance_id, at in since.items()}
    if written := [_write_action(action) for action in actions]:
        detail["actions"] = written
    return {"source": "fleet53", "detail-type": "Reconcile", "detail": detail}


def first_heard(signals: Iterable[InstanceSignal | PoolSignal]) -> dict[InstanceId, datetime]:
    """Return the earliest time at which a signal told of each instance."""
    heard: dict[InstanceId, datetime] = {}
    for signal in signals:
        if isinstance(signal, PoolSignal):
            times = dict(signal.since)
            times |= {instance_id: signal.at for instance_id in signal.instance_ids if signal.at is not None}
        else:
            times = {instance_id: signal.at for instance_id in signal.instance_ids if signal.at is not None}
        for instance_id, at in times.items():
            heard[instance_id] = min(at, heard.get(instance_id, at))
    return heard


def _about_instance(
    detail: Mapping[str, Any], key: str, because: str, at: datetime | None, what: str, *, claim: Claim | None
) -> InstanceSignal:
    return InstanceSignal(frozenset({InstanceId(_text(detail, key, what))}), because, at, claim=claim)


def _about_action(detail: Mapping[str, Any], at: datetime | None, what: str) -> InstanceSignal:
    """Read a lifecycle action. The event has Origin and Destination only where the group has a warm pool."""
    if at is None:
        raise NotUnderstoodError(f"{what}: time is missing or is not a time, and the drain is counted from it")
    transition = _transition(_text(detail, "LifecycleTransition", what), what)
    launching = transition is Transition.LAUNCHING
    action = Action(
        group=_text(detail, "AutoScalingGroupName", what),
        hook=_text(detail, "LifecycleHookName", what),
        instance_id=InstanceId(_text(detail, "EC2InstanceId", what)),
        transition=transition,
        at=at,
        heartbeat_at=at,
        token=_text(detail, "LifecycleActionToken", what),
        warm=detail.get("Destination" if launching else "Origin") == "WarmPool",
    )
    because = f"Auto Scaling waits at hook {action.hook}"
    claim = Claim.LAUNCHED if launching else None
    return InstanceSignal(frozenset({action.instance_id}), because, at, (action,), claim=claim)


def _write_action(action: Action) -> dict[str, Any]:
    written = {
        "group": action.group,
        "hook": action.hook,
        "instance_id": action.instance_id,
        "transition": action.transition.value,
        "at": action.at.isoformat(),
        "beat": action.heartbeat_at.isoformat(),
        "token": action.token,
        "warm": action.warm,
    }
    return written | ({"gone": action.gone_at.isoformat()} if action.gone_at is not None else {})


def _read_actions(written: object, what: str) -> tuple[Action, ...]:
    if not isinstance(written, list) or not all(isinstance(each, dict) for each in written):
        raise NotUnderstoodError(f"{what}: detail.actions is {written!r}, not a list of objects")
    actions = []
    for each in written:
        at, beat = _time(each.get("at")), _time(each.get("beat"))
        if at is None or beat is None:
            raise NotUnderstoodError(f"{what}: detail.actions: at and beat are times, not {each!r}")
        actions.append(
            Action(
                group=_text(each, "group", what),
                hook=_text(each, "hook", what),
                instance_id=InstanceId(_text(each, "instance_id", what)),
                transition=_transition(_text(each, "transition", what), what),
                at=at,
                heartbeat_at=beat,
                token=_text(each, "token", what) if each.get("token") is not None else None,
                warm=each.get("warm") is True,
                gone_at=_time(each.get("gone")),
            )
        )
    return tuple(actions)


def _transition(text: str, what: str) -> Transition:
    try:
        return Transition(text)
    except ValueError:
        known = " or ".join(Transition)
        raise NotUnderstoodError(f"{what}: the transition is {text!r}, not {known}") from None


def _about_tags(
    detail: Mapping[str, Any], resources: object, pool_tag_key: str, at: datetime | None, what: str
) -> Signal:
    """Read a tag change. The instance may have left any pool by it, so all pools are looked at."""
    keys = detail.get("changed-tag-keys")
    if not isinstance(keys, list):
        raise NotUnderstoodError(f"{what}: detail.changed-tag-keys is {keys!r}, not a list")
    if pool_tag_key not in keys:
        return Ignored(f"{what} is not about {pool_tag_key}")
    arns = [each for each in resources if isinstance(each, str)] if isinstance(resources, list) else []
    named = frozenset(InstanceId(arn.rpartition("/")[2]) for arn in arns)
    return PoolSignal(None, f"tag {pool_tag_key} changed", at, instance_ids=named)


def _about_call(detail: Mapping[str, Any], at: datetime | None, what: str) -> Signal:
    """Read an API call that CloudTrail recorded; one that failed changed nothing.

    An Elastic IP that is associated with another instance than before leaves its former holder in the same call, which
    names only the new one (AssociateAddress). So all pools are looked at.
    """
    name = _text(detail, "eventName", what)
    if detail.get("errorCode"):
        return Ignored(f"{name} failed with {detail['errorCode']}")
    parameters = detail.get("requestParameters")
    because = f"CloudTrail recorded {name}"
    match name, parameters:
        case (("AssociateAddress" | "DisassociateAddress" | "ReleaseAddress" | "DetachNetworkInterface"), _):
            return PoolSignal(None, f"{because}, which does not name the instance that lost the address", at)
        case "AttachNetworkInterface", {"instanceId": str(instance_id)}:
            return InstanceSignal(frozenset({InstanceId(instance_id)}), because, at)
        case name, _ if name in _INTERFACE_CALLS:
            return _about_interface(parameters, because, at)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), {"instanceIds": [*instance_ids]}) if instance_ids:
            return InstanceSignal(frozenset(InstanceId(str(each)) for each in instance_ids), because, at)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), _):
            raise NotUnderstoodError(f"{what}: {name} with requestParameters {parameters!r} names no instances")
        case _:
            return Ignored(f"{what}: {name} is not an event that fleet53 acts on")


def _about_interface(parameters: object, because: str, at: datetime | None) -> InstanceSignal | PoolSignal:
    """Read a call that names a network interface, whose addresses may have changed."""
    interface_id = _find_text(parameters, "networkinterfaceid")
    if interface_id is None:
        return PoolSignal(None, f"{because}, which names no network interface", at)
    return InstanceSignal(frozenset(), because, at, interface_ids=frozenset({InterfaceId(interface_id)}))


def _find_text(parameters: object, key: str) -> str | None:
    """Return the text that has `key`, at any depth and in any case.

    CloudTrail writes the parameters of some EC2 calls as camelCase, and of others as an object `<call>Request` with
    keys in the API's own case.
    """
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            if isinstance(value, str) and value and str(name).lower() == key:
                return value
        parameters = list(parameters.values())
    if isinstance(parameters, list):
        return next((found for each in parameters if (found := _find_text(each, key)) is not None), None)
    return None


def _about_pools(detail: Mapping[str, Any], at: datetime | None, what: str) -> PoolSignal:
    because = _text(detail, "because", what)
    pools: frozenset[PoolName] | None
    match detail.get("pools"):
        case "*":
            pools = None
        case [*names] if names and all(isinstance(name, str) for name in names):
            pools = frozenset(PoolName(name) for name in names)
        case other:
            raise NotUnderstoodError(f"{what}: detail.pools is {other!r}, not a list of names or {ALL!r}")
    attempt, since = detail.get("attempt", 0), detail.get("since", {})
    if not isinstance(attempt, int) or attempt < 0 or not isinstance(since, dict):
        faults = f"detail.attempt={attempt!r}, detail.since={since!r}"
        raise NotUnderstoodError(f"{what}: {faults}; attempt is a number from 0, since is an object")
    heard = {InstanceId(instance_id): _time(text) for instance_id, text in since.items()}
    return PoolSignal(
        pools,
        because,
        at,
        sweep=pools is None or detail.get("sweep") is True,
        repair=detail.get("repair") is True,
        force=detail.get("force") is True,
        attempt=attempt,
        since={instance_id: moment for instance_id, moment in heard.items() if moment is not None},
        actions=_read_actions(detail.get("actions", []), what),
    )


def _text(fields: Mapping[str, Any], key: str, what: str = "event") -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise NotUnderstoodError(f"{what}: {key} is {value!r}, not a non-empty string")
    return value


def _time(text: object) -> datetime | None:
    """Return an event's time, None where it has none that can be read. Without it only a metric is missing."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
