"""Passes: gather, plan and apply for some pools, until DNS is as planned.

Note [Look again]: two passes can run at the same time. A pass that read "running" before another pass handled
"terminated" would put the record back. So a pass reads the instances that it admitted once more, and if one of them is
no longer running, it runs again for that instance's pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE
from fleet53.convergence.apply import Applied, change_after_checks, change_at_once, delete_checks
from fleet53.convergence.checks import add_checks, add_health
from fleet53.convergence.gather import gather
from fleet53.convergence.hooks import waiting_actions
from fleet53.convergence.replacement import find_replacements
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.scope import Scope
from fleet53.domain.source import Source
from fleet53.planning.changes import PutRecord
from fleet53.planning.membership import EC2, Membership
from fleet53.planning.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import PoolName
    from fleet53.domain.log import Log
    from fleet53.planning.changes import Change, Plan
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import Situation
    from fleet53.reconcile.outcome import Outcome

_PLANS: Final = 3
"""How often a refused batch is planned again before it is split by pool."""
_LOOKS: Final = 3
"""How often a pass runs at most, because it admitted an instance that is no longer running."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run works with: the stack's settings, the adapters to AWS, a log and a clock."""

    settings: Settings
    aws: Aws
    log: Log
    now: Callable[[], datetime]


def run_pass(scope: Scope, guard: Guard, run: Run, outcome: Outcome) -> None:
    """Run a pass, and run it again if it admitted an instance that is no longer running: Note [Look again]."""
    for _ in range(_LOOKS):
        before = len(outcome.made)
        _converge(scope, guard, run, outcome)
        again = _pools_of_ended_admissions(outcome.made[before:], run)
        if not again:
            return
        scope = Scope(again)


def _converge(scope: Scope, guard: Guard, run: Run, outcome: Outcome, attempt: int = 0) -> None:
    """Gather, plan and apply. Pools whose batch is refused are read and planned again before anything else is done.

    The last attempt sends a batch for each pool.
    """
    gathered = gather(scope, run.settings, run.aws)
    situation, plan = decide(gathered.situation, guard, run.aws, now=run.now())
    outcome.note(situation, plan, gathered.findings)
    in_dns = {status.pool: status.in_dns for status in plan.statuses}
    run.aws.holders.note(in_dns, situation.declared, now=run.now())
    for source, because in situation.unread.items():
        run.log.warning("not read", extra={"source": source.value, "because": because})
    alone = attempt == _PLANS
    applied = Applied(made=outcome.made)
    for change in (change_at_once, change_after_checks):
        change(plan, run.aws.route53, run.log, applied, one_pool_a_batch=alone)
        if applied.refused and not alone:
            refused = {pool for refusal in applied.refused for pool in refusal.pools}
            applied.refused.clear()
            plan = plan.without(refused)
            pools = frozenset(pool for pool in refused if pool is not None)
            _converge(Scope(pools, checks=True, sweep=None in refused), guard, run, outcome, attempt + 1)
    delete_checks(plan.without(applied.unchanged), run.aws.route53, run.log, applied)
    if scope.sweep:
        _follow_up_groups(scope, situation, plan, run, outcome)
    for finding in applied.findings:
        outcome.findings.setdefault(finding.pool, []).append(finding)
    _report_refusals(applied, outcome)
    applied.check_answered()


def decide(situation: Situation, guard: Guard, aws: Aws, *, now: datetime) -> tuple[Situation, Plan]:
    """Return the plan, and the situation with all that was read for it.

    Health checks and their state are read only if the plan depends on them. If the checks cannot be read, the plan has
    the withdrawals, which do not depend on them.
    """
    plan = make_plan(situation, guard)
    if situation.checks is None:
        if not plan.nothing_to_do and Source.CHECKS not in situation.unread:
            situation = add_checks(situation, aws)
            plan = make_plan(situation, guard)
        if situation.checks is None:
            return situation, plan
    awaited = {waiting.check_id for waiting in plan.waiting if waiting.check_id is not None}
    if not awaited:
        return situation, plan
    situation = add_health(situation, awaited, aws, now=now)
    return situation, make_plan(situation, guard)


def _follow_up_groups(scope: Scope, situation: Situation, plan: Plan, run: Run, outcome: Outcome) -> None:
    """Find lifecycle actions whose event was lost. On a repair, also have groups replace long-unhealthy members.

    The changes in DNS are made by now. A failure is logged, and the next sweep tries again.
    """
    try:
        with run.aws.retrier.within(DISPENSABLE):
            outcome.actions += waiting_actions(situation, run.aws)
            if scope.repair:
                _replace_unhealthy(situation, plan, run)
    except AWS_ERRORS as error:
        run.log.warning("Auto Scaling follow-up failed", extra={"because": str(error)})


def _replace_unhealthy(situation: Situation, plan: Plan, run: Run) -> None:
    for replacement in find_replacements(situation, plan, run.settings, run.aws, now=run.now()):
        run.aws.autoscaling.mark_unhealthy(replacement.instance_id)
        fields = {
            "pool": replacement.pool,
            "instance_id": replacement.instance_id,
            "because": replacement.because,
        }
        run.log.info("instance marked unhealthy in its Auto Scaling group", extra=fields)


def _pools_of_ended_admissions(made: list[Change], run: Run) -> frozenset[PoolName]:
    """Return the pools that have just admitted an instance that EC2 no longer reports as running."""
    admissions = [change for change in made if isinstance(change, PutRecord) and change.admits]
    found = run.aws.ec2.by_id({change.instance_id for change in admissions if change.instance_id is not None})
    running = {instance.id for instance in found.values() if EC2.get(instance.state) is Membership.ADMIT}
    return frozenset(change.pool for change in admissions if change.instance_id not in running)


def _report_refusals(applied: Applied, outcome: Outcome) -> None:
    for refusal in applied.refused:
        for pool in refusal.pools:
            finding = Finding(FindingKind.CHANGE_REFUSED, refusal.reason, pool)
            outcome.findings.setdefault(pool, []).append(finding)
