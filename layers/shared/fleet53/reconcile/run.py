"""Run: from signals to changes in Route 53, completed lifecycle actions and timers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from fleet53.aws.pacer import CREATE
from fleet53.aws.retrier import AWS_ERRORS, is_denied
from fleet53.convergence.describe import describe
from fleet53.convergence.pool_looks import queue_looks_at_denied, queue_looks_at_shared
from fleet53.domain.claim import LEAVING, Claim
from fleet53.domain.errors import TryLaterError, UnlistedError
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.lifecycle import Transition
from fleet53.domain.scope import Scope
from fleet53.planning.changes import CreateCheck, DeleteRecord
from fleet53.planning.guard import Guard
from fleet53.planning.membership import EC2, Membership
from fleet53.reconcile.absent import absent_since, known_as_held, requeue_absent
from fleet53.reconcile.answers import look_at_others
from fleet53.reconcile.behind import find_behind
from fleet53.reconcile.hooks import complete_hooks
from fleet53.reconcile.named import name_instances
from fleet53.reconcile.orders import orders, without_old_orders
from fleet53.reconcile.passes import run_pass
from fleet53.reconcile.requeue import requeue_waiting, with_unshown
from fleet53.reconcile.returned import (
    find_denied,
    find_denied_for_good,
    find_not_final,
    find_undecided,
    find_unshown,
)
from fleet53.signals.model import InstanceSignal, PoolSignal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from fleet53.domain.instance import Instance
    from fleet53.planning.changes import Change
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import MessageId, Signals


def reconcile(signals: Signals, run: Run, outcome: Outcome) -> None:
    """Bring the pools that `signals` concern to the desired state, and note in `outcome` what was done.

    Raises an AWS error if the signals' instances could not be read, or if a timer could not be queued. `outcome` then
    has what was done before the error.
    """
    signals = name_instances(without_old_orders(signals, run), run, outcome)
    outcome.again |= find_behind(signals, run, outcome)
    terminating = _terminating(signals, run)
    found = find_scopes(signals, outcome.instances, terminating=terminating, again=outcome.again.keys())
    found |= _scopes_of_former_members(signals, found, terminating, run, outcome)
    scopes = {message: scope for message, scope in found.items() if scope is not None}
    outcome.held_before |= known_as_held(signals.values(), run.aws.absences, now=run.now())
    _pass_all({message: scope for message, scope in scopes.items() if not scope.sweep}, signals, run, outcome)
    scopes |= _sweeps_of_former_names(signals, found, run)
    _pass_all({message: scope for message, scope in scopes.items() if scope.sweep}, signals, run, outcome)
    for held in outcome.newly_held.values():
        for deletion in held:
            run.log.warning("withdrawal held", extra=describe(deletion))
    complete_hooks(signals, run, outcome)
    again = Scope.union(scopes[message] for message in scopes.keys() & outcome.retry.keys())
    requeue_waiting(
        [signals[message] for message in scopes if message not in outcome.retry.keys() | outcome.again.keys()],
        waiting=with_unshown(outcome.waiting, signals.values(), outcome.unshown),
        fresh=set(_changed(outcome.made, again)),
        left=outcome.left,
        soon=run.aws.pacer.delay(CREATE) == 0,
        owner=run.settings.owner,
        admit_timeout=run.settings.admit_timeout,
        now=run.now(),
        queue=run.aws.queue,
    )
    run.aws.absences.note(outcome.remembered, outcome.looked_at, now=run.now())
    if run.settings.zone_role is not None:
        denied = find_denied_for_good(scopes, outcome)
        queue_looks_at_denied(denied, owner=run.settings.owner, now=run.now(), queue=run.aws.queue)
    requeue_absent(signals.values(), outcome, owner=run.settings.owner, now=run.now(), queue=run.aws.queue)
    queue_looks_at_shared(outcome.shared, owner=run.settings.owner, now=run.now(), queue=run.aws.queue)
    look_at_others(outcome, run)


def _pass_all(scopes: Mapping[MessageId, Scope], signals: Signals, run: Run, outcome: Outcome) -> None:
    """Run the passes for these scopes. Those that a person ordered come after the others.

    The caller passes sweeps after all other scopes. A sweep takes a request for each 300 records and may fail, and a
    withdrawal that an event brings must not wait for it: docs/design.md, What a withdrawal depends on.
    """
    for force, adopt in product((False, True), repeat=2):
        chosen = {message: scope for message, scope in scopes.items() if orders(signals[message]) == (force, adopt)}
        if chosen:
            guard = Guard(
                run.settings.max_withdraw_percent,
                force=force,
                adopt=adopt,
                told=frozenset(each for signal in signals.values() for each in signal.instance_ids),
                held=outcome.held_before | outcome.remembered,
                since=absent_since(signals.values()),
                now=run.now(),
            )
            _run_passes(chosen, guard, signals, run, outcome)


def _changed(made: Iterable[Change], again: Scope) -> Iterator[InstanceId]:
    """Yield the members that may begin to wait, because this run created their health check or deleted their record.

    The pools of `again` are passed again when their message comes again, and these members are found waiting then.
    """
    for change in made:
        match change:
            case CreateCheck(key=key) if not again.covers(key.pool):
                yield key.instance_id
            case DeleteRecord(pool=str(pool), instance_id=str(instance_id)) if not again.covers(PoolName(pool)):
                yield InstanceId(instance_id)


def find_scopes(
    signals: Signals,
    known: Mapping[InstanceId, Instance],
    *,
    terminating: Collection[InstanceId] = (),
    again: Collection[MessageId] = (),
) -> dict[MessageId, Scope | None]:
    """Return the scope of each signal. None means that it concerns no pool, and costs no call to Route 53.

    `known` are those of the signals' instances that EC2 knows, `terminating` those that wait at a terminate hook of
    ours. The messages `again` are queued again: in them, an id that EC2 does not know is new, and costs nothing yet. A
    change of a tag that EC2 does not yet show is about the pools of both tags, and at the last look about all pools. If
    an address was given or taken, the records and EC2 show whether there is something to do, without the health checks.

    The tag of an instance names its pools. An id that EC2 does not know concerns all pools, because any of them may
    still have its record, and so does a terminating instance whose tag is gone. An instance that leaves may have a
    health check without a record, so its scope includes the health checks.
    """
    scopes: dict[MessageId, Scope | None] = {}
    for message, signal in signals.items():
        if isinstance(signal, PoolSignal) and message in again and signal.tagged is not None:
            shown = (known[each].pools for each in signal.instance_ids if each in known)
            pools = frozenset[PoolName]().union(signal.tagged or (), *shown)
            scopes[message] = Scope(pools, checks=True, about=signal.about)
        elif isinstance(signal, PoolSignal):
            by_records = signal.claim is Claim.ADDRESSED
            scopes[message] = Scope(
                signal.pools, checks=not by_records, sweep=signal.sweep, repair=signal.repair, about=signal.about
            )
        elif signal.instance_ids - known.keys():
            scopes[message] = None if message in again else Scope(checks=True, about=signal.instance_ids)
        else:
            instances = [known[instance_id] for instance_id in signal.instance_ids]
            pools = frozenset(pool for instance in instances for pool in instance.pools)
            ended = any(EC2.get(instance.state) is Membership.WITHDRAW for instance in instances)
            leaving = ended or signal.claim in LEAVING
            if pools:
                scopes[message] = Scope(pools, checks=leaving, about=signal.instance_ids)
            else:
                ours = Scope(checks=True, about=signal.instance_ids)
                scopes[message] = ours if signal.instance_ids & set(terminating) else None
    return scopes


def _scopes_of_former_members(
    signals: Signals,
    found: Mapping[MessageId, Scope | None],
    terminating: Collection[InstanceId],
    run: Run,
    outcome: Outcome,
) -> dict[MessageId, Scope]:
    """Return scopes for signals about instances that may have records in pools that their tags do not name.

    If the tag is gone, or the instance is ending, a pass looks at the pools in whose records a warm function has seen
    it. If both are so, it also looks at the pools whose records were not read for five minutes. An unrelated instance
    costs no more than that (decision 6).
    """
    holders, scopes = run.aws.holders, {}
    for message, signal in signals.items():
        scope = found[message]
        if not isinstance(signal, InstanceSignal):
            continue
        instances = [outcome.instances[each] for each in signal.instance_ids if each in outcome.instances]
        interrupted = signal.claim is Claim.INTERRUPTED
        ending = {
            each.id
            for each in instances
            if interrupted or each.id in terminating or EC2.get(each.state) is Membership.WITHDRAW
        }
        if scope is not None:
            if scope.pools is not None and (more := holders.pools_of(ending) - scope.pools):
                scopes[message] = replace(scope, pools=scope.pools | more)
            continue
        unread = holders.unread(now=run.now()) if ending else frozenset()
        seen_in = holders.pools_of({each.id for each in instances})
        if unread is None or unread | seen_in:
            pools = unread if unread is None else unread | seen_in
            scopes[message] = Scope(pools, checks=bool(seen_in), about=signal.instance_ids)
    return scopes


def _sweeps_of_former_names(
    signals: Signals, found: Mapping[MessageId, Scope | None], run: Run
) -> dict[MessageId, Scope]:
    """Return a sweep for each signal that may be about an instance with a record at a name of no pool.

    A pass that is not a sweep does not see that record, and the event may be the evidence that withdraws it. A function
    that has not swept lately does not know which instances have such a record, so it sweeps if a member of a pool
    leaves.
    """
    names, sweeps = run.aws.names, {}
    known = names.are_known(now=run.now())
    for message, signal in signals.items():
        scope = found[message]
        about_all = isinstance(signal, PoolSignal) and signal.pools is None
        leaves = isinstance(signal, InstanceSignal) and scope is not None and scope.checks
        if (names.former and (about_all or signal.instance_ids & names.former)) or (leaves and not known):
            nothing = Scope(frozenset(), about=frozenset())
            sweeps[message] = replace(found[message] or nothing, sweep=True)
    return sweeps


def _terminating(signals: Signals, run: Run) -> frozenset[InstanceId]:
    """Return the instances that wait at a terminate hook of ours and may have served until now."""
    actions = (action for signal in signals.values() for action in signal.actions)
    return frozenset(
        action.instance_id
        for action in actions
        if action.transition is Transition.TERMINATING and not action.warm and run.aws.autoscaling.is_ours(action)
    )


def _run_passes(scopes: Mapping[MessageId, Scope], guard: Guard, signals: Signals, run: Run, outcome: Outcome) -> None:
    """Run one pass for all scopes. If an unexpected error stops it, run one pass for each message.

    If EC2 does not list the instances, run one for the messages that name theirs: Note [Disrupted zone] in
    convergence/instances.py.
    """
    try:
        run_pass(Scope.union(scopes.values()), guard, run, outcome)
        outcome.retry |= find_undecided(scopes, outcome) | find_unshown(scopes, signals, outcome)
        denied = find_denied(scopes, run, outcome)
        outcome.retry |= denied
        outcome.denied_at_first |= denied.keys()
    except UnlistedError as error:
        naming = {message: scope for message, scope in scopes.items() if scope.about}
        goes_on = 0 < len(naming) < len(scopes)
        outcome.retry |= dict.fromkeys(scopes.keys() - naming.keys() if goes_on else scopes, str(error))
        if goes_on:
            _run_passes(naming, guard, signals, run, outcome)
    except (TryLaterError, *AWS_ERRORS) as error:
        outcome.retry |= dict.fromkeys(scopes, str(error))
        if is_denied(error):
            outcome.denied_at_first |= find_not_final(scopes, run)
    except Exception as error:  # an unexpected error in one pool must not stop the others
        run.log.exception("pass failed", extra={"messages": sorted(scopes)})
        if len(scopes) == 1:
            outcome.retry |= dict.fromkeys(scopes, f"{type(error).__name__}: {error}")
            return
        for message, scope in scopes.items():
            _run_passes({message: scope}, guard, signals, run, outcome)
