"""Audit: the reconciler's plan, not applied, as a report. It writes nothing; a repair goes through the queue."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.changes import CreateCheck, DeleteCheck
from fleet53.errors import NotUnderstoodError
from fleet53.findings import find_duplicate_addresses, find_public_checks
from fleet53.gather import Scope, gather, waiting_actions
from fleet53.guard import Guard
from fleet53.hooks import PROPAGATION
from fleet53.lifecycle import Transition
from fleet53.model import Finding, FindingKind, PoolName
from fleet53.plan import make_plan
from fleet53.replacement import find_replacements
from fleet53.resolver import name_servers
from fleet53.signals import reconcile_message
from fleet53.zones import find_protected, find_undelegated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.changes import Change, Plan, Roll
    from fleet53.model import CheckId, InstanceId
    from fleet53.settings import Settings
    from fleet53.situation import Situation

_NO_TIMER: Final = 1
"""The attempt of a repair's signal: the audit itself comes again, so it starts no timer (Note [One timer a member])."""


_HOOK_GRACE: Final = timedelta(minutes=2)
"""How much later than due a hook may be completed before it is called stuck."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an invocation asks for: `pools`, or all where it is None."""

    pools: frozenset[PoolName] | None = None
    repair: bool = False
    force: bool = False


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pools: Annotated[list[str], Field(min_length=1)] | None = None
    repair: bool = False
    force: bool = False


def read_order(event: object) -> Order:
    """Return what an invocation asks for, or raise NotUnderstoodError, which names the key and the value."""
    try:
        asked = _Input.model_validate(event)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'input'}={fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        )
        raise NotUnderstoodError(f'{faults}; right is {{}}, or "pools": [...], "repair": true, "force": true') from None
    if asked.force and not asked.repair:
        raise NotUnderstoodError('force=True: the guard is passed only by a repair; right is "repair": true with it')
    pools = None if asked.pools is None else frozenset(PoolName(name) for name in asked.pools)
    return Order(pools, asked.repair, asked.force)


def audit(order: Order, settings: Settings, aws: Aws, *, now: datetime) -> dict[str, Any]:
    """Return the report, and queue what drifted where the order says repair.

    Raises TryLaterError or an AWS error where not enough could be read to say anything.
    """
    scope = Scope(order.pools, sweep=True)
    gathered = gather(scope, settings, aws)
    situation = _with_health(gathered.situation, aws, now=now)
    plan = make_plan(situation, Guard(settings.max_withdraw_percent))
    findings = [
        *gathered.findings,
        *plan.findings,
        *_drift(plan),
        *_overdue(plan, now=now, patience=settings.admit_timeout),
        *_stuck_hooks(situation, settings, aws, now=now),
        *_replacements(situation, plan, settings, aws, now=now),
        *_unknown_pools(situation, scope),
        *find_protected(situation, aws),
        *find_undelegated(situation, name_servers),
        *find_public_checks(situation),
        *find_duplicate_addresses(situation, plan),
    ]
    used, limit = aws.route53.check_limit()
    if plan.create_checks and used >= limit:
        because = (
            f"the account has all {limit} health checks it may have, and {len(plan.create_checks)} more are needed"
        )
        findings.append(Finding(FindingKind.CHECK_QUOTA, because))
    queued = _queue_repair(order, findings, aws) if order.repair else 0
    return {
        "owner": settings.owner.name,
        "at": now.isoformat(timespec="seconds"),
        "in_sync": not any(finding.drift for finding in findings),
        "pools": [_pool_report(roll, situation) for roll in plan.rolls],
        "findings": [_finding_report(finding) for finding in findings],
        "summary": dict(sorted(Counter(finding.kind.value for finding in findings).items())),
        "quotas": {"health_checks": {"used": used, "limit": limit}},
        "queued": queued,
    }


def _with_health(situation: Situation, aws: Aws, *, now: datetime) -> Situation:
    """Add what CloudWatch knows of all our checks; Route 53 itself is not asked."""
    ours = [
        check.id
        for check in (situation.checks or {}).values()
        if situation.owner.read_reference(check.reference) is not None
    ]
    return replace(situation, healthy=aws.health.seen(ours, now=now))


def _drift(plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each change that the plan would make, and for each that the guard holds."""
    for change in plan.changes:
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
        case _:
            record = change.record
            return Finding(change.drift, change.because, change.pool, change.instance_id, record.name, record.check_id)


def _overdue(plan: Plan, *, now: datetime, patience: timedelta) -> Iterator[Finding]:
    """Yield a finding for each member that has waited longer than `patience` since its launch."""
    for waiting in plan.waiting:
        waited = now - waiting.launched
        if waiting.overdue is not None and waited > patience:
            because = f"{waiting.because}, {waited.total_seconds():.0f} s after its launch"
            yield Finding(waiting.overdue, because, waiting.pool, waiting.instance_id, check_id=waiting.check_id)


def _stuck_hooks(situation: Situation, settings: Settings, aws: Aws, *, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each member that waits at a hook of ours for longer than the hook has reason to hold it."""
    for action in waiting_actions(situation, aws):
        pools = [pool for pool in situation.pools if pool.name in situation.instances[action.instance_id].pools]
        drain = PROPAGATION + timedelta(seconds=max((pool.ttl for pool in pools), default=0))
        reason = settings.admit_timeout if action.transition is Transition.LAUNCHING else drain
        waited = now - action.at
        if waited > reason + _HOOK_GRACE:
            for pool in pools:
                because = f"it waits at hook {action.hook} of {action.group} for {waited.total_seconds():.0f} s"
                yield Finding(FindingKind.STUCK_HOOK, because, pool.name, action.instance_id, drift=True)


def _replacements(
    situation: Situation, plan: Plan, settings: Settings, aws: Aws, *, now: datetime
) -> Iterator[Finding]:
    for replacement in find_replacements(situation, plan, settings, aws, now=now):
        because = f"{replacement.because}, so its group should replace it"
        yield Finding(FindingKind.UNHEALTHY_FOR_LONG, because, replacement.pool, replacement.instance_id, drift=True)


def _unknown_pools(situation: Situation, scope: Scope) -> Iterator[Finding]:
    """Yield a finding for each name in an instance's tag that no pool has."""
    for instance in situation.instances.values():
        for name in sorted(instance.pools - situation.declared):
            if scope.covers(name) and instance.state in {"pending", "running"}:
                known = ", ".join(sorted(situation.declared)) or "none"
                because = f"its tag names pool {name!r}, which is not declared (declared: {known})"
                yield Finding(FindingKind.UNKNOWN_POOL, because, name, instance.id)


def _queue_repair(order: Order, findings: Iterable[Finding], aws: Aws) -> int:
    """Queue one signal for all pools that drifted, and return how many were queued."""
    drifted = [finding for finding in findings if finding.drift and (order.force or not finding.held)]
    if not drifted:
        return 0
    named = frozenset(finding.pool for finding in drifted if finding.pool is not None)
    pools = None if any(finding.pool is None for finding in drifted) else named
    kinds = ", ".join(sorted({finding.kind.value for finding in drifted}))
    message = reconcile_message(
        pools, f"the audit found {kinds}", sweep=True, repair=True, force=order.force, attempt=_NO_TIMER
    )
    aws.queue.send(message)
    return 1


def _pool_report(roll: Roll, situation: Situation) -> dict[str, Any]:
    return {
        "name": roll.pool,
        "record_name": roll.record_name,
        "members": len(roll.members),
        "in_dns": len(roll.in_dns),
        "healthy": len(_healthy(roll, situation)),
        "pending": len(roll.pending),
        "standby": len(roll.standby),
    }


def _healthy(roll: Roll, situation: Situation) -> set[InstanceId]:
    """Return the members in DNS that Route 53 answers with: without a check, always; else when it sees them so."""
    named: dict[InstanceId, list[CheckId | None]] = {}
    for record in situation.records.get(roll.pool, ()):
        for instance_id in roll.in_dns:
            if record.identifier == situation.owner.identifier(instance_id):
                named.setdefault(instance_id, []).append(record.check_id)
    return {
        instance_id
        for instance_id, check_ids in named.items()
        if all(check_id is None or situation.healthy.get(check_id) for check_id in check_ids)
    }


def _finding_report(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "pool": finding.pool,
        "instance_id": finding.instance_id,
        "record_name": finding.record_name,
        "health_check_id": finding.check_id,
        "because": finding.because,
        "held": finding.held,
    }
