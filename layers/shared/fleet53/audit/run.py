"""Audit: the reconciler's plan, not applied, as a report. It changes nothing; a repair goes through the queue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.audit.cost import cost_of
from fleet53.audit.duplicates import find_duplicate_addresses
from fleet53.audit.findings import (
    find_drift,
    find_overdue,
    find_public_checks,
    find_unknown_pools,
    find_used_up,
)
from fleet53.audit.members import owned_checks, report_pools
from fleet53.audit.quotas import read_quotas
from fleet53.audit.reachability import find_unreachable
from fleet53.audit.zones import find_protected, find_undelegated, own_name_servers
from fleet53.aws.resolver import name_servers
from fleet53.convergence.gather import gather, waiting_actions
from fleet53.convergence.replacement import find_replacements
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import PoolName
from fleet53.domain.lifecycle import Transition
from fleet53.domain.scope import Scope
from fleet53.planning.guard import Guard
from fleet53.planning.hooks import drain_of
from fleet53.planning.plan import make_plan
from fleet53.report.model import Report
from fleet53.signals import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.log import Log
    from fleet53.planning.changes import Plan
    from fleet53.planning.situation import Situation

_NO_TIMER: Final = 1
"""The attempt of a repair's signal: the audit itself comes again, so it starts no timer (Note [One timer a member])."""

_HOOK_GRACE: Final = timedelta(minutes=2)
"""How much later than due a hook may be completed before it is called stuck."""


type Form = Literal["json", "text", "markdown"]
"""How the report is answered: as an object for programs, or as a string for people."""


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What an invocation asks for: `pools`, or all where it is None."""

    pools: frozenset[PoolName] | None = None
    repair: bool = False
    force: bool = False
    form: Form = "json"


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pools: Annotated[list[str], Field(min_length=1)] | None = None
    repair: bool = False
    force: bool = False
    format: Form = "json"


_RIGHT: Final = 'right is {}, or "pools": [...], "repair": true, "force": true, "format": "text" or "markdown"'


def read_request(event: object) -> AuditRequest:
    """Return what an invocation asks for, or raise NotUnderstoodError, which names the key and the value."""
    try:
        asked = _Input.model_validate(event)
    except ValidationError as error:
        raise NotUnderstoodError(f"{faults_in(error)}; {_RIGHT}") from None
    if asked.force and not asked.repair:
        raise NotUnderstoodError('force=True: the guard is passed only by a repair; right is "repair": true with it')
    pools = None if asked.pools is None else frozenset(PoolName(name) for name in asked.pools)
    return AuditRequest(pools, asked.repair, asked.force, asked.format)


def faults_in(error: ValidationError) -> str:
    """Return each fault of an input, with its key and its value."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'input'}={fault['input']!r}: {fault['msg']}" for fault in error.errors()
    )


def audit(request: AuditRequest, settings: Settings, aws: Aws, log: Log, *, now: datetime) -> Report:
    """Return what was found, and queue what drifted where the request says repair.

    Raises TryLaterError or an AWS error where not enough could be read to say anything.
    """
    scope = Scope(request.pools, sweep=True)
    gathered = gather(scope, settings, aws)
    ours = owned_checks(gathered.situation)
    seen = aws.health.history(ours, now=now)
    healthy = {check_id: sight.healthy for check_id, sight in seen.items()}
    situation = replace(gathered.situation, healthy=healthy)
    plan = make_plan(situation, Guard(settings.max_withdraw_percent))
    quotas = read_quotas(settings, situation, aws, log, now=now)
    findings = (
        *gathered.findings,
        *plan.findings,
        *find_drift(plan),
        *find_overdue(plan, now=now, timeout=settings.admit_timeout),
        *_stuck_hooks(situation, settings, aws, now=now),
        *_replacements(situation, plan, settings, aws, now=now),
        *find_unknown_pools(situation, scope),
        *find_used_up(plan, quotas),
        *find_unreachable(situation, aws, log),
        *find_protected(situation, aws, log),
        *find_undelegated(situation, name_servers, partial(own_name_servers, aws=aws)),
        *find_public_checks(situation),
        *find_duplicate_addresses(situation, plan),
    )
    return Report(
        owner=settings.owner.name,
        at=now,
        pools=tuple(report_pools(situation, plan, seen)),
        findings=findings,
        quotas=quotas,
        cost=cost_of([check.config for check in ours.values() if check.config], in_account=quotas.health_checks.used),
        queued=_queue_repair(request, findings, aws) if request.repair else 0,
        whole=request.pools is None,
    )


def _stuck_hooks(situation: Situation, settings: Settings, aws: Aws, *, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each member that waits at a hook of ours for longer than the hook has reason to hold it."""
    for action in waiting_actions(situation, aws):
        pools = [pool for pool in situation.pools if pool.name in situation.instances[action.instance_id].pools]
        launching = action.transition is Transition.LAUNCHING
        reason = settings.admit_timeout if launching else drain_of(pool.ttl for pool in pools)
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


def _queue_repair(request: AuditRequest, findings: Iterable[Finding], aws: Aws) -> int:
    """Queue one signal for all pools that drifted, and return how many were queued.

    Drift outside every pool needs a signal for all pools. A request for named pools never queues one, least of all
    with force.
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
        attempt=_NO_TIMER,
    )
    aws.queue.send(message)
    return 1
