"""The messages that fleet53 sends itself: written by reconcile_message, read by read_reconcile."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import INSTANCE_ID, CheckId, InstanceId, PoolName
from fleet53.domain.lifecycle import Action
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
)
from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

ALL: Final = "*"
_MOST_LOOKS: Final = 1_000_000
"""More looks than a chain of messages ever makes: every 15 minutes for 28 years."""
_LONGEST_TTL: Final = 2_147_483_647
"""Seconds (Route 53 API Reference, ResourceRecordSet, TTL)."""
MOST_MEMBERS: Final = 2_000
"""Members that one message names: at most 130 KB. SQS takes 1 MiB (SendMessage, MessageBody), and a batch of ten has to
fit into the 6 MB with which Lambda invokes a function (Lambda Developer Guide, Lambda quotas)."""


def in_parts[Member](members: Iterable[Member]) -> Iterator[tuple[Member, ...]]:
    """Yield members in parts of which each fits into a message."""
    return batched(members, MOST_MEMBERS, strict=False)


def reconcile_message(
    pools: frozenset[PoolName] | None,
    because: str,
    *,
    sweep: bool = False,
    repair: bool = False,
    force: bool = False,
    adopt: bool = False,
    ordered: datetime | None = None,
    attempt: int = 0,
    since: Mapping[InstanceId, datetime] | None = None,
    actions: Iterable[Action] = (),
    held: Iterable[InstanceId] = (),
    absent: Mapping[InstanceId, datetime] | None = None,
    unnamed: Iterable[CheckId] = (),
) -> dict[str, Any]:
    """Return the event that `read_signal` reads as a PoolSignal with these fields."""
    detail: dict[str, Any] = {"pools": ALL if pools is None else sorted(pools), "because": because}
    if sweep:
        detail["sweep"] = True
    if repair:
        detail["repair"] = True
    if force:
        detail["force"] = True
    if adopt:
        detail["adopt"] = True
    if ordered is not None and (force or adopt):
        detail["ordered"] = ordered.isoformat()
    if attempt:
        detail["attempt"] = attempt
    if since:
        detail["since"] = _write_times(since)
    if written := [_write_action(action) for action in actions]:
        detail["actions"] = written
    if ids := sorted(held):
        detail["held"] = ids
    if absent:
        detail["absent"] = _write_times(absent)
    if check_ids := sorted(unnamed):
        detail["unnamed"] = check_ids
    return {"source": "fleet53", "detail-type": "Reconcile", "detail": detail}


def read_reconcile(detail: Mapping[str, Any], at: datetime | None, what: str) -> PoolSignal:
    """Return the signal in the detail of a message that fleet53 sent itself."""
    because = read_text(detail, "because", what)
    pools: frozenset[PoolName] | None
    match detail.get("pools"):
        case "*":
            pools = None
        case [*names] if names and all(is_text(name) for name in names):
            pools = frozenset(PoolName(name) for name in names)
        case other:
            raise NotUnderstoodError(f"{what}: detail.pools is {quoted(other)}, not a list of names or {ALL!r}")
    attempt, since = detail.get("attempt", 0), detail.get("since", {})
    if not _is_number(attempt, _MOST_LOOKS) or not isinstance(since, dict):
        faults = f"detail.attempt={quoted(attempt)}, detail.since={quoted(since)}"
        raise NotUnderstoodError(f"{what}: {faults}; attempt is a number from 0, since is an object")
    absent, held = detail.get("absent", {}), detail.get("held", [])
    if not isinstance(absent, dict) or not isinstance(held, list) or not all(is_text(each) for each in held):
        faults = f"detail.absent={quoted(absent)}, detail.held={quoted(held)}"
        raise NotUnderstoodError(f"{what}: {faults}; absent is an object, held is a list of instance ids")
    unnamed = detail.get("unnamed", [])
    if not isinstance(unnamed, list) or not all(is_text(each) for each in unnamed):
        raise NotUnderstoodError(f"{what}: detail.unnamed is {quoted(unnamed)}, not a list of health check ids")
    return PoolSignal(
        pools,
        because,
        at,
        sweep=pools is None or detail.get("sweep") is True,
        repair=detail.get("repair") is True,
        force=detail.get("force") is True,
        adopt=detail.get("adopt") is True,
        ordered=read_time(detail.get("ordered")),
        attempt=attempt,
        since=_read_times(since),
        actions=_read_actions(detail.get("actions", []), what),
        held=frozenset(InstanceId(each) for each in held if INSTANCE_ID.fullmatch(each)),
        absent=_read_times(absent),
        unnamed=frozenset(map(CheckId, unnamed)),
    )


def _write_times(times: Mapping[InstanceId, datetime]) -> dict[str, str]:
    return {instance_id: at.isoformat() for instance_id, at in times.items()}


def _read_times(written: Mapping[str, Any]) -> dict[InstanceId, datetime]:
    # As in a tag change, an id of another form is left out: the ids only limit which members are looked at again.
    times = {InstanceId(each): read_time(text) for each, text in written.items() if INSTANCE_ID.fullmatch(each)}
    return {instance_id: at for instance_id, at in times.items() if at is not None}


def _write_action(action: Action) -> dict[str, Any]:
    written: dict[str, Any] = {
        "group": action.group,
        "hook": action.hook,
        "instance_id": action.instance_id,
        "transition": action.transition.value,
        "at": action.at.isoformat(),
        "beat": action.heartbeat_at.isoformat(),
        "token": action.token,
        "warm": action.warm,
    }
    if action.ttl is not None:
        written["ttl"] = action.ttl
    if action.gone_at is not None:
        written["gone"] = action.gone_at.isoformat()
    return written


def _read_actions(written: object, what: str) -> tuple[Action, ...]:
    if not isinstance(written, list) or not all(isinstance(each, dict) for each in written):
        raise NotUnderstoodError(f"{what}: detail.actions is {quoted(written)}, not a list of objects")
    actions = []
    for each in written:
        at, beat = read_time(each.get("at")), read_time(each.get("beat"))
        if at is None or beat is None:
            raise NotUnderstoodError(f"{what}: detail.actions: at and beat are times, not {quoted(each)}")
        actions.append(
            Action(
                group=read_form(each, "group", GROUP_NAME, what),
                hook=read_form(each, "hook", HOOK_NAME, what),
                instance_id=read_instance_id(each.get("instance_id"), "instance_id", what),
                transition=read_transition(read_text(each, "transition", what), what),
                at=at,
                heartbeat_at=beat,
                token=read_form(each, "token", ACTION_TOKEN, what) if each.get("token") is not None else None,
                warm=each.get("warm") is True,
                ttl=_read_ttl(each.get("ttl")),
                gone_at=read_time(each.get("gone")),
            )
        )
    return tuple(actions)


def _read_ttl(written: object) -> int | None:
    return written if _is_number(written, _LONGEST_TTL) else None


def _is_number(written: object, most: int) -> TypeGuard[int]:
    """Whether a message has a whole number from 0 to `most` there. JSON's true is none, though Python's True is 1."""
    return type(written) is int and 0 <= written <= most
