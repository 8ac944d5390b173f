"""Reconcile: one run from signals to changes.

Note [Look again]: a pass that read "running" before another pass handled "terminated" would bring a record back.
So after admissions the instances are looked at once more, and a pass that admitted one which is going runs again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fleet53.apply import apply, describe
from fleet53.aws.patience import AWS_ERRORS
from fleet53.changes import CreateCheck, DeleteRecord, PutRecord
from fleet53.errors import TryLaterError
from fleet53.gather import Scope, add_checks, add_health, gather
from fleet53.guard import Guard
from fleet53.membership import EC2, Membership
from fleet53.model import Finding, FindingKind
from fleet53.plan import make_plan
from fleet53.signals import InstanceSignal, PoolSignal
from fleet53.timers import set_timers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fleet53.apply import Applied, Log
    from fleet53.aws.clients import Aws
    from fleet53.changes import Change, Plan, Roll, Waiting
    from fleet53.model import InstanceId, PoolName
    from fleet53.settings import Settings
    from fleet53.situation import Situation

_PLANS: Final = 3
"""How often a refused batch is planned again before it is split by pool."""
_LOOKS: Final = 3
"""How often a pass runs again because it admitted an instance that is going."""

type MessageId = str
type Signals = Mapping[MessageId, InstanceSignal | PoolSignal]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run works with: the stack's settings, AWS, a log and a clock."""

    settings: Settings
    aws: Aws
    log: Log
    now: Callable[[], datetime]


@dataclass(slots=True)
class Outcome:
    """What a run did.

    By pool, as the last plan for it said: `rolls`, `waiting`, `held`, `findings`; None stands for no pool.
    `retry` are the messages whose pools must be looked at again, with the reason.
    """

    rolls: dict[PoolName, Roll] = field(default_factory=dict)
    made: list[Change] = field(default_factory=list)
    waiting: dict[PoolName, list[Waiting]] = field(default_factory=dict)
    held: dict[PoolName | None, list[DeleteRecord]] = field(default_factory=dict)
    findings: dict[PoolName | None, list[Finding]] = field(default_factory=dict)
    retry: dict[MessageId, str] = field(default_factory=dict)

    def note(self, plan: Plan, findings: tuple[Finding, ...]) -> None:
        """Take in a plan; what an earlier plan said of the same pools is out of date."""
        for roll in plan.rolls:
            self.rolls.setdefault(roll.pool, roll)
            self.waiting.pop(roll.pool, None)
            self.held.pop(roll.pool, None)
            self.findings.pop(roll.pool, None)
        for waiting in plan.waiting:
            self.waiting.setdefault(waiting.pool, []).append(waiting)
        for held in plan.held:
            self.held.setdefault(held.pool, []).append(held)
        for finding in (*plan.findings, *findings):
            self.findings.setdefault(finding.pool, []).append(finding)

    def in_dns(self, pool: PoolName) -> frozenset[InstanceId]:
        """Return the members of `pool` that have a record after the run."""
        members = set(self.rolls[pool].in_dns)
        for change in self.made:
            if isinstance(change, PutRecord | DeleteRecord) and change.pool == pool and change.instance_id:
                (members.add if isinstance(change, PutRecord) else members.discard)(change.instance_id)
        return frozenset(members)


def reconcile(signals: Signals, run: Run) -> Outcome:
    """Bring the pools that `signals` concern to what they owe their members.

    Raises an AWS error where not even the signals' instances could be read.
    """
    outcome = Outcome()
    scopes = {message: scope for message, scope in find_scopes(signals, run.aws).items() if scope is not None}
    for force in (False, True):
        chosen = {message: scope for message, scope in scopes.items() if _forces(signals[message]) is force}
        if chosen:
            guard = Guard(run.settings.max_withdraw_percent, force=force)
            _run_passes(chosen, guard, run, outcome)
    for held in outcome.held.values():
        for deletion in held:
            run.log.warning("withdrawal held", extra=describe(deletion))
    set_timers(
        [signals[message] for message in scopes if message not in outcome.retry],
        waiting=outcome.waiting,
        fresh={change.key.instance_id for change in outcome.made if isinstance(change, CreateCheck)},
        queue=run.aws.queue,
    )
    return outcome


def find_scopes(signals: Signals, aws: Aws) -> dict[MessageId, Scope | None]:
    """Return what each signal concerns; None is nothing, and costs no call to Route 53.

    An instance's tag names its pools. An id that EC2 does not know concerns all pools, because any of them may
    still answer with its address. Of an instance that leaves, a check may be left without a record.
    """
    asked = {
        instance_id
        for signal in signals.values()
        if isinstance(signal, InstanceSignal)
        for instance_id in signal.instance_ids
    }
    known = aws.ec2.by_id(asked)
    scopes: dict[MessageId, Scope | None] = {}
    for message, signal in signals.items():
        if isinstance(signal, PoolSignal):
            scopes[message] = Scope(signal.pools, checks=True, sweep=signal.sweep)
        elif signal.instance_ids - known.keys():
            scopes[message] = Scope(checks=True)
        else:
            instances = [known[instance_id] for instance_id in signal.instance_ids]
            pools = frozenset(pool for instance in instances for pool in instance.pools)
            leaving = any(EC2.get(instance.state) is Membership.WITHDRAW for instance in instances)
            scopes[message] = Scope(pools, checks=leaving) if pools else None
    return scopes


def _forces(signal: InstanceSignal | PoolSignal) -> bool:
    return isinstance(signal, PoolSignal) and signal.force


def _run_passes(scopes: Mapping[MessageId, Scope], guard: Guard, run: Run, outcome: Outcome) -> None:
    """Run one pass for all scopes; if it breaks over something of ours, one for each message on its own."""
    try:
        _pass(Scope.union(scopes.values()), guard, run, outcome)
    except (TryLaterError, *AWS_ERRORS) as error:
        outcome.retry |= dict.fromkeys(scopes, str(error))
    except Exception as error:  # noqa: BLE001  one pool's surprise must not stop the others; it is retried and logged
        if len(scopes) == 1:
            outcome.retry |= dict.fromkeys(scopes, f"{type(error).__name__}: {error}")
            return
        for message, scope in scopes.items():
            _run_passes({message: scope}, guard, run, outcome)


def _pass(scope: Scope, guard: Guard, run: Run, outcome: Outcome) -> None:
    """Run a pass, and again while it admitted an instance that is going: Note [Look again]."""
    for _ in range(_LOOKS):
        before = len(outcome.made)
        _converge(scope, guard, run, outcome)
        again = _admitted_in_vain(outcome.made[before:], run)
        if not again:
            return
        scope = Scope(again)


def _converge(scope: Scope, guard: Guard, run: Run, outcome: Outcome) -> None:
    """Gather, plan and apply until no batch is refused; in the end each pool on its own."""
    for attempt in range(_PLANS + 1):
        gathered = gather(scope, run.settings, run.aws)
        plan = decide(gathered.situation, guard, run.aws, now=run.now())
        outcome.note(plan, gathered.findings)
        alone = attempt == _PLANS
        applied = apply(plan, run.aws.route53, run.log, one_pool_a_batch=alone)
        outcome.made += applied.made
        for finding in applied.findings:
            outcome.findings.setdefault(finding.pool, []).append(finding)
        if not applied.refused:
            return
        if alone:
            _report_refusals(applied, outcome)
            return
        refused = {pool for refusal in applied.refused for pool in refusal.pools}
        pools = frozenset(pool for pool in refused if pool is not None)
        scope = Scope(pools, checks=True, sweep=None in refused)


def decide(situation: Situation, guard: Guard, aws: Aws, *, now: datetime) -> Plan:
    """Return the plan, reading checks and health only where they decide something."""
    plan = make_plan(situation, guard)
    if situation.checks is None:
        if plan.settled:
            return plan
        situation = add_checks(situation, aws)
        plan = make_plan(situation, guard)
    awaited = {waiting.check_id for waiting in plan.waiting if waiting.check_id is not None}
    return make_plan(add_health(situation, awaited, aws, now=now), guard) if awaited else plan


def _admitted_in_vain(made: list[Change], run: Run) -> frozenset[PoolName]:
    """Return the pools that have just admitted an instance which EC2 does not call running any more."""
    admissions = [change for change in made if isinstance(change, PutRecord) and change.admits]
    found = run.aws.ec2.by_id({change.instance_id for change in admissions if change.instance_id is not None})
    running = {instance.id for instance in found.values() if EC2.get(instance.state) is Membership.ADMIT}
    return frozenset(change.pool for change in admissions if change.instance_id not in running)


def _report_refusals(applied: Applied, outcome: Outcome) -> None:
    for refusal in applied.refused:
        for pool in refusal.pools:
            finding = Finding(FindingKind.CHANGE_REFUSED, refusal.reason, pool)
            outcome.findings.setdefault(pool, []).append(finding)
