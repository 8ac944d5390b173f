"""Findings: what an audit finds in its plan, its pools and its members. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import CheckSettings
from fleet53.domain.lifecycle import Transition
from fleet53.domain.pool import AddressType
from fleet53.domain.record import Record
from fleet53.planning.changes import AdoptRecord, CreateCheck, DeleteAlarm, DeleteCheck, PutAlarm, PutRecord
from fleet53.planning.hooks import drain_of
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fleet53.convergence.replacement import Replacement
    from fleet53.domain.lifecycle import Action
    from fleet53.domain.scope import Scope
    from fleet53.planning.changes import Change, Plan, Waiting
    from fleet53.planning.situation import Situation
    from fleet53.report.model import Quotas

_FEW: Final = 10
_LONGEST_NAME: Final = 40
_MOST_UNKNOWN: Final = 50
"""The most findings about tags: these are enough to see what is wrong."""
_HOOK_GRACE: Final = timedelta(minutes=2)
"""How late a lifecycle action may be completed before its hook counts as stuck."""


def find_drift(plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each change that the plan would make, now or later, and for each that the guard holds.

    A record whose health check is gone, and the creation of the new one, are one finding.
    """
    for change in (*plan.changes, *plan.absent):
        if not (isinstance(change, PutRecord) and change.waits and change.replaces is not None):
            yield replace(_as_finding(change), drift=True)
    for held in plan.held:
        yield replace(_as_finding(held), kind=FindingKind.WITHDRAWAL_HELD, drift=True, held=True)


def _as_finding(change: Change) -> Finding:
    match change:
        case CreateCheck():
            key = change.key
            return Finding(change.drift, change.because, key.pool, key.instance_id, check_id=change.replaces)
        case DeleteCheck():
            return Finding(change.drift, change.because, change.pool, change.instance_id, check_id=change.check_id)
        case PutAlarm() | DeleteAlarm():
            return Finding(change.drift, change.because, change.pool, change.instance_id)
        case PutRecord(drift=FindingKind.DEAD_CHECK_REFERENCE, replaces=Record() as record):
            return Finding(change.drift, change.because, change.pool, change.instance_id, record.name, record.check_id)
        case AdoptRecord():
            kind, record = FindingKind.ADOPTABLE_RECORD, change.record
            return Finding(kind, change.because, change.pool, record_name=record.name, check_id=record.check_id)
        case _:
            record = change.record
            return Finding(change.drift, change.because, change.pool, change.instance_id, record.name, record.check_id)


def find_overdue(
    situation: Situation, plan: Plan, *, now: datetime, timeout: timedelta, health_known: bool
) -> Iterator[Finding]:
    """Yield a finding for each member that has waited longer than `timeout`, the stack's AdmitTimeout.

    Without known health, no member is reported as not healthy in time.
    """
    for waiting in plan.waiting:
        waited = now - waiting.launched
        if waiting.overdue is None or waited <= timeout:
            continue
        if waiting.overdue is FindingKind.NOT_HEALTHY_IN_TIME and not (health_known and _is_late(waiting, situation)):
            continue
        because = f"{waiting.because}, {waited.total_seconds():.0f} s after its launch"
        yield Finding(waiting.overdue, because, waiting.pool, waiting.instance_id, check_id=waiting.check_id)


def _is_late(waiting: Waiting, situation: Situation) -> bool:
    """Whether a member's health check was unhealthy for AdmitTimeout, and not only since a change.

    The health check may be much younger than the launch: the instance was tagged later, or a health check was deleted.
    A health check that does not exist is a finding of its own. If there is no data of a new member's health check, the
    time since the launch counts.
    """
    if waiting.check_id is None:
        return False
    if waiting.check_id in situation.healthy:
        return waiting.check_id in situation.late
    return not waiting.serves


def find_stuck_hooks(
    actions: Iterable[Action], situation: Situation, *, now: datetime, admit_timeout: timedelta
) -> Iterator[Finding]:
    """Yield a finding for each pool of a member that waits too long at a hook of ours.

    An instance that enters or leaves a warm pool goes on at once, and so does one that ended while it waited to be
    launched. If it may come from the group, the drain passes first.
    """
    waiting = tuple(actions)
    served = {action.instance_id for action in waiting if not action.warm}
    for action in waiting:
        instance = situation.instances[action.instance_id]
        pools = [pool for pool in situation.pools if pool.name in instance.pools]
        if action.instance_id not in served:
            allowed = timedelta()
        elif action.transition is Transition.LAUNCHING and not action.warm:
            allowed = timedelta() if EC2.get(instance.state) is Membership.WITHDRAW else admit_timeout
        else:
            allowed = drain_of(pool.ttl for pool in pools)
        waited = now - action.at
        if waited > allowed + _HOOK_GRACE:
            for pool in pools:
                because = f"it waits at hook {action.hook} of {action.group} for {waited.total_seconds():.0f} s"
                yield Finding(FindingKind.STUCK_HOOK, because, pool.name, action.instance_id, drift=True)


def find_unhealthy_for_long(replacements: Iterable[Replacement]) -> Iterator[Finding]:
    """Yield a finding for each member that its Auto Scaling group should replace, now or when it can."""
    for each in replacements:
        stopped = each.stopped is not None
        because = f"replacement has stopped: {each.stopped}" if stopped else "so its group should replace it"
        because = f"{each.because}, {'but ' if stopped else ''}{because}"
        yield Finding(FindingKind.UNHEALTHY_FOR_LONG, because, each.pool, each.instance_id, drift=not stopped)


def find_unknown_pools(situation: Situation, scope: Scope) -> Iterator[Finding]:
    """Yield a finding for each instance whose tag has names that no pool has.

    Anyone who may tag instances can add names, so the report has the first findings and counts the rest. A finding's
    `pool` is the name if there is only one.
    """
    known = _few(sorted(situation.declared)) or "none"
    mistaken = (
        (instance.id, unknown)
        for instance in situation.instances.values()
        if instance.state in {"pending", "running"}
        and (unknown := sorted(name for name in instance.pools - situation.declared if scope.covers(name)))
    )
    for number, (instance_id, unknown) in enumerate(mistaken):
        if number == _MOST_UNKNOWN:
            more = 1 + sum(1 for _ in mistaken)
            yield Finding(
                FindingKind.UNKNOWN_POOL, f"the tags of {more} more instances name pools that are not declared"
            )
            return
        what = f"pool {unknown[0]!r}, which is" if len(unknown) == 1 else f"pools {_few(map(repr, unknown))}, which are"
        because = f"its tag names {what} not declared (declared: {known})"
        yield Finding(FindingKind.UNKNOWN_POOL, because, unknown[0] if len(unknown) == 1 else None, instance_id)


def _few(names: Iterable[str]) -> str:
    """Return a list of names as text: the first ten, each cut to 40 characters, and how many more there are."""
    listed = list(names)
    shown = ", ".join(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in listed[:_FEW])
    return f"{shown} and {len(listed) - _FEW} more" if len(listed) > _FEW else shown


def find_used_up(plan: Plan, quotas: Quotas) -> Iterator[Finding]:
    """Yield a finding if the plan needs more health checks than the account may have."""
    checks = quotas.health_checks
    if plan.create_checks and checks is not None and checks.used >= checks.limit:
        because = f"the account has all {checks.limit} health checks it may have, "
        yield Finding(FindingKind.CHECK_QUOTA, f"{because}and {len(plan.create_checks)} more are needed")


def find_public_checks(situation: Situation) -> Iterator[Finding]:
    """Yield a finding for each pool with a health check in a private hosted zone."""
    for pool in situation.pools:
        zone = situation.zones.get(pool.zone_id)
        if zone is not None and zone.private and isinstance(pool.check, CheckSettings):
            because = (
                f"hosted zone {zone.name} ({zone.id}) is private and answers inside its VPCs only, while its "
                f"health checks connect to public addresses ({pool.address}) from outside; use a public zone, or "
                f'"address": "{AddressType.PRIVATE_IPV4}" with an alarm as the health check, or with null'
            )
            yield Finding(FindingKind.PUBLIC_CHECKS_IN_PRIVATE_ZONE, because, pool.name, record_name=pool.record_name)
