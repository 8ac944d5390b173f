"""Audit: reports what the reconciler would change, and changes nothing. A repair goes through the signals queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.audit.cost import cost_of
from fleet53.audit.duplicates import find_duplicate_addresses
from fleet53.audit.findings import (
    find_drift,
    find_overdue,
    find_public_checks,
    find_stuck_hooks,
    find_unhealthy_for_long,
    find_unknown_pools,
    find_used_up,
)
from fleet53.audit.members import report_pools
from fleet53.audit.names import queue_naming
from fleet53.audit.reachability import find_unreachable
from fleet53.audit.read import read_for_audit
from fleet53.audit.request import check_pools
from fleet53.audit.zones import find_protected, find_undelegated
from fleet53.convergence.batches import batches, change_batch, undo_batches
from fleet53.convergence.pool_looks import NO_TIMER, queue_looks_at_shared
from fleet53.planning.guard import Guard
from fleet53.planning.looks import OFTEN, SLOWEST, next_look, next_look_at_absent
from fleet53.report.model import ChangeBatch, Report
from fleet53.signals.messages import in_parts, reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta

    from fleet53.audit.read import AuditReadings
    from fleet53.audit.request import AuditRequest
    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.finding import Finding
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.domain.log import Log
    from fleet53.domain.scope import Scope
    from fleet53.planning.changes import Plan, Waiting
    from fleet53.planning.guard import Absent


def audit(request: AuditRequest, settings: Settings, aws: Aws, log: Log, *, now: datetime) -> Report:
    """Return the report, and queue what drifted if the request says repair.

    Raises NotUnderstoodError if the request names a pool that is not declared, and TryLaterError or an AWS error if a
    read fails without which there can be no report.
    """
    readings = read_for_audit(request.scope, _guard(request, settings), settings, aws, log, now=now)
    check_pools(request, readings.situation.declared)
    findings = find_all(readings, request.scope, admit_timeout=settings.admit_timeout, now=now)
    repair = request.repair and not request.dry_run
    if repair:
        _queue_looks(readings.plan.waiting, settings, aws, now=now)
        _queue_looks_at_held(readings.plan.remembered, settings.owner, aws, now=now)
        shared = {status.pool for status in readings.plan.statuses if status.shared}
        queue_looks_at_shared(shared, owner=settings.owner, now=now, queue=aws.queue)
    configs = [check.config for check in readings.checks.values() if check.config]
    limit = readings.quotas.health_checks
    made = [name for name in readings.situation.alarms or () if settings.owner.read_alarm_name(name) is not None]
    in_account = len(readings.situation.checks or ()) if limit is None else limit.used
    report = Report(
        owner=settings.owner.name,
        at=now,
        pools=tuple(
            report_pools(readings.situation, readings.plan, readings.observations, health_known=readings.health_known)
        ),
        findings=findings,
        quotas=readings.quotas,
        cost=cost_of(configs, in_account=in_account, pools=len(readings.situation.declared), member_alarms=len(made)),
        queued=_queue_repair(request, findings, aws, now=now) if repair else 0,
        whole=request.pools is None,
        dry_run=request.dry_run,
        batches=tuple(_batches(readings.plan)) if request.dry_run else (),
        undo=tuple(ChangeBatch(zone_id, undo) for zone_id, _, undo in undo_batches(readings.plan.change_records)),
    )
    if repair:
        queue_naming(readings.situation, aws, log, now=now)
    return report


def _guard(request: AuditRequest, settings: Settings) -> Guard:
    """Return the guard of the reported plan. What it holds is a finding, with `force` too, except in a dry run."""
    force = request.force and request.dry_run
    return Guard(settings.max_withdraw_percent, told=frozenset(), force=force, adopt=request.adopt)


def _batches(plan: Plan) -> Iterator[ChangeBatch]:
    """Yield the change batches that a pass would make now: those of records that need no health check created first."""
    for batch in batches(plan.records_at_once):
        yield ChangeBatch(batch[0].zone_id, change_batch(batch))


def _queue_looks(waiting: Iterable[Waiting], settings: Settings, aws: Aws, *, now: datetime) -> None:
    """Queue the next look at the members that wait, in case the chain of messages about one of them was lost.

    It is due when every such chain is due, so it merges with those that exist (Note [Looks merge]). It does not count
    as a repair, because a member that waits is not drift.
    """
    waits = sorted(waiting, key=lambda each: (each.pool, each.instance_id))
    due = next_look(settings.owner, SLOWEST, admit_timeout=settings.admit_timeout, now=now)
    for part in in_parts(waits):
        message = reconcile_message(
            frozenset(each.pool for each in part),
            part[0].because,
            attempt=SLOWEST,
            since=dict.fromkeys((each.instance_id for each in part), now),
        )
        aws.queue.send(message, delay=due - now)


def _queue_looks_at_held(held: Iterable[Absent], owner: Owner, aws: Aws, *, now: datetime) -> None:
    """Queue the next look at the members that the guard holds, in case the chain of messages about them was lost.

    It merges with the chain that exists, as that of `_queue_looks` does.
    """
    by_pool: dict[PoolName | None, list[InstanceId]] = {}
    for pool, instance_id in held:
        by_pool.setdefault(pool, []).append(instance_id)
    due = next_look_at_absent(owner, OFTEN, waits=False, now=now)
    for pool, instance_ids in by_pool.items():
        pools = None if pool is None else frozenset({pool})
        for part in in_parts(instance_ids):
            message = reconcile_message(pools, "the guard holds withdrawals", attempt=OFTEN, held=part)
            aws.queue.send(message, delay=due - now)


def find_all(readings: AuditReadings, scope: Scope, *, admit_timeout: timedelta, now: datetime) -> tuple[Finding, ...]:
    """Return every finding, in the order of the report. Pure."""
    situation, plan = readings.situation, readings.plan
    return (
        *readings.unreadable,
        *plan.findings,
        *find_drift(plan),
        *find_overdue(situation, plan, now=now, timeout=admit_timeout, health_known=readings.health_known),
        *find_stuck_hooks(readings.actions, situation, now=now, admit_timeout=admit_timeout),
        *find_unhealthy_for_long(readings.replacements),
        *find_unknown_pools(situation, scope),
        *find_used_up(plan, readings.quotas),
        *find_unreachable(situation, readings.access),
        *find_protected(situation, readings.protections),
        *find_undelegated(situation, readings.delegation),
        *find_public_checks(situation),
        *find_duplicate_addresses(situation, plan),
    )


def _queue_repair(request: AuditRequest, findings: Iterable[Finding], aws: Aws, *, now: datetime) -> int:
    """Queue one signal for all pools that drifted, and return how many were queued.

    Drift outside every pool needs a signal for all pools. A request for named pools never queues one: a repair of named
    pools, forced or not, does not change records outside them.
    """
    drifted = [finding for finding in findings if finding.drift and (request.force or not finding.held)]
    named = frozenset(finding.pool for finding in drifted if finding.pool is not None)
    whole = request.pools is None and any(finding.pool is None for finding in drifted)
    if not named and not whole:
        return 0
    kinds = ", ".join(sorted({finding.kind.value for finding in drifted}))
    message = reconcile_message(
        None if whole else named,
        f"the audit found {kinds}",
        sweep=True,
        repair=True,
        force=request.force,
        adopt=request.adopt,
        ordered=now,
        attempt=NO_TIMER,  # `_queue_looks` starts the timers
    )
    aws.queue.send(message)
    return 1
