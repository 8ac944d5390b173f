"""Passes: gather, plan and apply for some pools, until DNS is as planned.

Note [Look again]: two passes can run at the same time. A pass that read "running" before another pass handled
"terminated" would put a record into DNS that the other one has just withdrawn or did not find yet. So a pass reads
everything that decided its admissions once more (the instance's state, tag, address, Auto Scaling and Spot state, and
the pool's settings), and passes the pools again where something differs. Likewise, it looks once more at the instances
that it has withdrawn, unless they are terminated: one that left standby or was tagged again meanwhile is admitted by
the same run. It does so before it deletes health checks, because that can take long, and because a member that is back
needs its health check. The fallback depends on all records of its pool: two passes that each withdraw the member that
the other one leaves in DNS would both leave it out, and no batch is refused. So where a pass has changed which members
of a pool with a fallback are in DNS, it reads the records once more, after its batch. The pass whose batch was the last
one sees what both have done. While a pass deletes health checks, a member may need one of them again, because it was
tagged again or a setting was changed back. Another pass may then put a record that names the health check, and Route 53
still deletes the health check. So a pass reads the records once more after it has deleted health checks of instances
that run. Where they were health checks of a deleted pool, it reads the parameters, because the pool may be declared
again.

Note [Sweep before deletions]: a pass that is not a sweep sees only records at the names that its pools have now. Our
records at other names may name a health check that it is about to delete (Note [Named checks] in planning/plan.py). So
it passes its pools once more as a sweep before it deletes health checks, unless an earlier sweep of the function found
no such record. The withdrawals of the pass are already made and do not wait for the sweep.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE, HURRIED, Limits, is_denied, limits_among
from fleet53.convergence.apply import Applied, change_after_checks, change_at_once, delete_alarms, delete_checks
from fleet53.convergence.decide import decide
from fleet53.convergence.gather import gather
from fleet53.convergence.hooks import find_waits, read_ended, waiting_actions, waiting_groups
from fleet53.convergence.look_again import find_dangling, find_overtaken, find_wrong_fallbacks
from fleet53.convergence.replacement import find_replacements
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.scope import Scope
from fleet53.planning.changes import DeleteCheck, DeleteRecord, PutRecord
from fleet53.planning.own import own_checks
from fleet53.reconcile.deletions import leave_deletions
from fleet53.reconcile.watch import Watch, read_load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import CheckId, InstanceId, PoolName
    from fleet53.domain.log import Log
    from fleet53.domain.pool import Place
    from fleet53.planning.changes import Plan, PoolStatus
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import Situation
    from fleet53.reconcile.outcome import Outcome
    from fleet53.signals.model import MessageId

_ATTEMPTS: Final = 4
"""How often pools are passed at most, because a batch was refused or a change was overtaken."""
_FEW_CHECKS: Final = 25
"""How many health checks are deleted at once even while signals wait, if a pass has no more than these."""


@dataclass(slots=True)
class Run:
    """What a run works with: the stack's settings, the adapters to AWS, a log and a clock.

    `received` is how often each message of the run was received, this time included. `watch` says whether the run goes
    on to create, delete or name more health checks.
    """

    settings: Settings
    aws: Aws
    log: Log
    now: Callable[[], datetime]
    received: Mapping[MessageId, int] = field(default_factory=dict)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.aws, self.log, self.now, len(self.received))


def run_pass(scope: Scope, guard: Guard, run: Run, outcome: Outcome, attempt: int = 0) -> None:
    """Gather, plan and apply for the pools of a scope.

    Pools whose batch is refused are read and planned again before anything else is done, and so are those where an
    admission or a withdrawal was overtaken (Note [Look again]). The last attempt sends a batch for each pool.
    """
    situation, plan = _plan(scope, guard, run, outcome)
    this = _Pass(scope, guard.holding(plan.remembered), run, outcome, attempt, situation, plan)
    this.change()
    this.look_again()
    this.delete()
    if scope.sweep:
        _follow_up_groups(scope, situation, this.plan, run, outcome)
    this.report()


def _plan(scope: Scope, guard: Guard, run: Run, outcome: Outcome) -> tuple[Situation, Plan]:
    """Return the situation of the pools and the plan for them, and note both."""
    gathered = gather(scope, run.settings, run.aws)
    before = replace(gathered.situation, freed=outcome.freed)
    situation, plan = decide(
        before,
        guard,
        run.aws,
        about=scope.about,
        goes_on=Watch(run.aws, run.log, run.now, len(run.received)).goes_on,  # the changes have a second of their own
        admit_timeout=run.settings.admit_timeout,
        now=run.now(),
    )
    plan = own_checks(plan, scope.about, situation.instances, now=run.now())
    outcome.note(situation, plan, gathered.findings, scope.about or ())
    outcome.note_unreadable(gathered.unreadable)
    _remember(situation, plan, run)
    for source, because in situation.unread.items():
        run.log.warning("not read", extra={"source": source.value, "because": because})
    return situation, plan


@dataclass(slots=True)
class _Pass:
    """A pass while it makes its changes. The public methods are its steps, in their order.

    `plan` is what the pass still has to do, without the pools that were passed again since. `refused` are those of them
    whose batch Route 53 refused. `before` is how many changes the run had made before this pass.
    """

    scope: Scope
    guard: Guard
    run: Run
    outcome: Outcome
    attempt: int
    situation: Situation
    plan: Plan
    applied: Applied = field(init=False)
    before: int = field(init=False)
    refused: set[PoolName | None] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.applied = Applied(made=self.outcome.made)
        self.before = len(self.outcome.made)

    @property
    def is_last(self) -> bool:
        """Whether the pools are not passed again."""
        return self.attempt == _ATTEMPTS - 1

    def change(self) -> None:
        """Change records and create health checks. Pools whose batch is refused are passed again first."""
        within, zone_ids = self.run.aws.retrier.within, {change.zone_id for change in self.plan.records_at_once}
        at_once = partial(change_at_once, within=lambda zone_id: within(limits_among(zone_id, zone_ids)))
        after_checks = partial(change_after_checks, creates=self.run.watch.creates)
        for change, limits in ((at_once, Limits()), (after_checks, HURRIED)):
            with self.run.aws.retrier.within(limits):
                change(self.plan, self.run.aws, self.run.log, self.applied, one_pool_a_batch=self.is_last)
            if self.applied.refused and not self.is_last:
                refused = {pool for refusal in self.applied.refused for pool in refusal.pools}
                self.applied.refused.clear()
                self.refused |= refused
                self.plan = self.plan.without(refused)
                again = Scope(_named(refused), checks=True, sweep=None in refused, about=self.scope.about)
                run_pass(again, self.guard, self.run, self.outcome, self.attempt + 1)
        self.outcome.note_unanswered(self.applied.unanswered, self.situation)

    def look_again(self) -> None:
        """Pass the pools again where what decided a change differs now: Note [Look again]."""
        mine = [
            change
            for change in self.outcome.made[self.before :]
            if isinstance(change, PutRecord | DeleteRecord) and change.pool not in self.refused
        ]
        situation, settings, aws = self.situation, self.run.settings, self.run.aws
        looks = find_overtaken(mine, situation, settings, aws), find_wrong_fallbacks(mine, situation, aws)
        overtaken = Scope.union(look for look in looks if look is not None)
        if overtaken.pools and not self.is_last:
            self.plan = self.plan.without(overtaken.pools)
            admitted = (change for change in mine if isinstance(change, PutRecord) and change.admits)
            guard = self.guard.telling(change.instance_id for change in admitted if change.instance_id is not None)
            again = replace(overtaken, about=self.scope.about)
            run_pass(again, guard, self.run, self.outcome, self.attempt + 1)

    def delete(self) -> None:
        """Delete health checks and alarms, if need be after a sweep: Note [Sweep before deletions]."""
        unneeded = self.plan.without(self.applied.unchanged)
        if _names_are_known(unneeded, self.situation, self.run):
            unanswered = len(self.applied.unanswered)
            _delete_checks(unneeded, self.scope, self.run, self.outcome, self.applied)
            self.outcome.note_unanswered(self.applied.unanswered[unanswered:], self.situation)
            _delete_alarms(unneeded, self.run, self.applied)
            deleted = [change for change in self.applied.made[self.before :] if isinstance(change, DeleteCheck)]
            dangling = find_dangling(deleted, self.situation, self.run.settings, self.run.aws)
            if dangling is not None and not self.is_last:
                run_pass(dangling, self.guard, self.run, self.outcome, self.attempt + 1)
        elif not _deferred(unneeded.delete_checks, self.scope, self.run):
            pools = _named(change.pool for change in unneeded.delete_checks)
            sweep = Scope(pools, sweep=True, about=self.scope.about)
            run_pass(sweep, self.guard, self.run, self.outcome, self.attempt)

    def report(self) -> None:
        """Add to the outcome what was left and refused."""
        self.outcome.leave(self.applied.left, self.situation)
        for finding in self.applied.findings:
            self.outcome.findings.setdefault(finding.pool, []).append(finding)
        _report_refusals(self.applied, self.outcome)


def _named(pools: Iterable[PoolName | None]) -> frozenset[PoolName]:
    """Return the pools without None, which stands for no pool."""
    return frozenset(pool for pool in pools if pool is not None)


def _remember(situation: Situation, plan: Plan, run: Run) -> None:
    """Let a warm function remember which instances have records in which pool, and after a sweep at which names."""
    in_dns = {status.pool: status.in_dns for status in plan.statuses}
    run.aws.holders.note(in_dns, situation.declared, now=run.now())
    if not situation.swept or situation.blind:
        return
    named_at: dict[CheckId, set[Place]] = defaultdict(set)
    for zone_id, record in situation.own_records():
        if record.check_id is not None:
            named_at[record.check_id].add((zone_id, record.name))
    former = situation.owner.instances(orphan.record.identifier for orphan in situation.orphans)
    run.aws.names.note(situation.places, named_at, former, now=run.now())


def _names_are_known(plan: Plan, situation: Situation, run: Run) -> bool:
    """Whether the plan's health checks can be deleted without another sweep: Note [Sweep before deletions]."""
    if situation.swept:
        return True
    here = {pool.place for pool in situation.pools}
    check_ids = [change.check_id for change in plan.delete_checks]
    return not check_ids or run.aws.names.only_at(here, check_ids, situation.places, now=run.now())


def _delete_checks(plan: Plan, scope: Scope, run: Run, outcome: Outcome, applied: Applied) -> None:
    """Delete health checks. While more signals wait in the queue, leave many of them to a later pass.

    If AWS denies it, the health checks that are left are findings, and the next sweep tries again. If it does not
    answer, the messages about their pools come again. Everything else is done.
    """
    left = plan.delete_checks
    if not left or _deferred(left, scope, run):
        return
    try:
        with run.aws.retrier.within(HURRIED):
            left = delete_checks(plan, run.aws, run.log, applied, goes_on=run.watch.goes_on)
    except AWS_ERRORS as error:
        if not is_denied(error):
            raise
        because = f"up to {len(left)} health checks are not deleted: {error}"
        run.log.warning("health checks not deleted", extra={"because": because})
        for pool in {change.pool for change in left}:
            outcome.denied[pool] = because
            applied.findings.append(Finding(FindingKind.ORPHAN_CHECK, because, pool))
        return
    if left:
        _defer(left, scope, run)


def _delete_alarms(plan: Plan, run: Run, applied: Applied) -> None:
    """Delete alarms without health checks. If AWS refuses it, they are findings, and the next sweep tries again."""
    try:
        with run.aws.retrier.within(DISPENSABLE):
            delete_alarms(plan, run.aws, run.log, applied)
    except AWS_ERRORS as error:
        because = f"up to {len(plan.delete_alarms)} alarms are not deleted: {error}"
        run.log.warning("alarms not deleted", extra={"because": because})
        for pool in {change.pool for change in plan.delete_alarms}:
            applied.findings.append(Finding(FindingKind.ORPHAN_CHECK, because, pool))


def _deferred(left: Collection[DeleteCheck], scope: Scope, run: Run) -> bool:
    """Whether the deletions are left to a later pass, because there are many and more signals wait."""
    if len(left) <= _FEW_CHECKS:
        return False
    load = read_load(run.aws.queue, run.log)
    if load is None or load.waiting == 0:
        return False
    _defer(left, scope, run)
    return True


def _defer(left: Collection[DeleteCheck], scope: Scope, run: Run) -> None:
    leave_deletions(left, scope, run.settings.owner, run.aws.queue, run.log, now=run.now())


def _follow_up_groups(scope: Scope, situation: Situation, plan: Plan, run: Run, outcome: Outcome) -> None:
    """Find lifecycle actions whose event was lost. On a repair, also have groups replace long-unhealthy members.

    The changes in DNS are made by now. A group or a pool that fails is logged, and the next sweep tries it again.
    """
    ended: Mapping[InstanceId, str] = {}
    with _failing_alone(run):
        ended = read_ended(situation, run.aws)
    waits = find_waits(situation, ended)
    for group in waiting_groups(situation, waits):
        with _failing_alone(run, group=group):
            outcome.actions += waiting_actions(situation, group, waits, run.aws)
    for status in plan.statuses if scope.repair else ():
        with _failing_alone(run, pool=status.pool):
            _replace_unhealthy(situation, status, run)


@contextlib.contextmanager
def _failing_alone(run: Run, **about: str) -> Iterator[None]:
    """Log an AWS error of a part that the rest of the run does not depend on."""
    try:
        with run.aws.retrier.within(DISPENSABLE):
            yield
    except AWS_ERRORS as error:
        run.log.warning("Auto Scaling follow-up failed", extra={**about, "because": str(error)})


def _replace_unhealthy(situation: Situation, status: PoolStatus, run: Run) -> None:
    for replacement in find_replacements(situation, status, run.settings, run.aws, now=run.now()):
        fields = {
            "pool": replacement.pool,
            "instance_id": replacement.instance_id,
            "because": replacement.because,
        }
        if replacement.stopped is not None:
            run.log.warning("instance not replaced", extra=fields | {"because": replacement.stopped})
            continue
        run.aws.autoscaling.mark_unhealthy(replacement.instance_id)
        run.log.info("instance marked unhealthy in its Auto Scaling group", extra=fields)


def _report_refusals(applied: Applied, outcome: Outcome) -> None:
    for refusal in applied.refused:
        for pool in refusal.pools:
            finding = Finding(FindingKind.CHANGE_REFUSED, refusal.reason, pool)
            if refusal.denied:
                outcome.denied[pool] = refusal.reason
            outcome.findings.setdefault(pool, []).append(finding)
