"""Hooks: completes the lifecycle actions of instances that may continue, and keeps the others waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.lifecycle import Transition
from fleet53.planning.changes import DeleteRecord
from fleet53.planning.hooks import (
    LOOK,
    Complete,
    Leave,
    MemberStatus,
    Wait,
    decide,
    drain_of,
    follow_record,
    keep_alive,
)
from fleet53.planning.looks import next_look
from fleet53.signals.messages import reconcile_message
from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.domain.lifecycle import Action
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import InstanceSignal, MessageId, Signals

_AGAIN: Final = timedelta(seconds=5)
"""When a message that replaces another one comes."""
_NOT_GONE: Final = datetime.max.replace(tzinfo=UTC)

type _Place = tuple[InstanceId, str, Transition]
type _Waits = dict[Hashable, tuple[Action, MessageId | None]]
type _Starts = dict[str, Mapping[InstanceId, datetime]]


def complete_hooks(signals: Signals, run: Run, outcome: Outcome) -> None:
    """Complete each lifecycle action at a hook of ours, or keep it waiting and set a timer.

    The actions come from the signals and from a sweep. After an AWS error, the signal's message is returned; the next
    sweep finds an action that came from a sweep again.
    """
    _hand_on(signals, run, outcome)
    withdrawn = {change.instance_id for change in outcome.made if isinstance(change, DeleteRecord)}
    kept_waiting: list[tuple[Wait, frozenset[PoolName] | None]] = []
    starts: _Starts = {}
    for found, message in _actions(signals, outcome).values():
        if not run.aws.autoscaling.is_ours(found):
            continue
        action = replace(found, ttl=_former_ttl(found, outcome))
        signal = signals.get(message) if message is not None else None
        pools = pools_of(action, signal, outcome)
        member = member_status(action.instance_id, outcome, pools, told_by=signal, ttl=action.ttl)
        now = run.now()
        step = decide(
            follow_record(action, member, withdrawn=action.instance_id in withdrawn, now=now),
            member,
            now=now,
            admit_timeout=run.settings.admit_timeout,
            unhealthy_result=run.settings.unhealthy_launch_result,
        )
        try:
            with run.aws.retrier.within(DISPENSABLE):
                if isinstance(step, Leave):
                    run.log.info("lifecycle action left alone", extra=_describe(action) | {"because": step.because})
                elif (over := _overtaken(action, starts, run)) is not None:
                    _log_over(action, over, run)
                elif isinstance(step, Complete):
                    _complete(step, pools, run, outcome)
                elif pools or isinstance(signal, PoolSignal) or action.ttl is not None:
                    if (kept := _keep(step, run)) is not None:
                        kept_waiting.append((kept, _pools_to_look_at(action, pools, signal, outcome)))
                elif message is not None:
                    _wait_for_message(step, message, run, outcome)
        except AWS_ERRORS as error:
            run.log.warning("lifecycle action not completed", extra=_describe(action) | {"because": str(error)})
            if message is not None:
                outcome.retry[message] = str(error)
    _set_timers(kept_waiting, run)


def _hand_on(signals: Signals, run: Run, outcome: Outcome) -> None:
    """Replace each message that is to come again, if the run has read records at names of no pool of its instance.

    The run may have deleted these records, and the next run has no other way to know that the instance had them. So the
    new message has their TTL.
    """
    for message in [each for each in signals if each in outcome.retry]:
        signal, because = signals[message], outcome.retry[message]
        if isinstance(signal, PoolSignal):
            continue
        former = [
            replace(action, ttl=ttl)
            for action in signal.actions
            if action.transition is Transition.TERMINATING
            and run.aws.autoscaling.is_ours(action)
            and (ttl := _former_ttl(action, outcome)) is not None
        ]
        if not former:
            continue
        try:
            with run.aws.retrier.within(DISPENSABLE):
                run.aws.queue.send(reconcile_message(None, because, attempt=1, actions=former), delay=_AGAIN)
        except AWS_ERRORS as error:
            run.log.warning("message not replaced", extra={"message_id": message, "because": str(error)})
            continue
        run.log.info("message replaced", extra={"message_id": message, "because": because})
        del outcome.retry[message]


def pools_of(action: Action, signal: InstanceSignal | PoolSignal | None, outcome: Outcome) -> frozenset[PoolName]:
    """Return the pools that an action depends on.

    They are the pools that the instance's tag names. An instance that terminates may have lost its tag. So for a
    termination they are also the pools in which this run found its record, and those of the timer's message: an earlier
    run found its record there, and the drain is not over. If EC2 did not show the instance, the timer's message names
    its pools.
    """
    pools = _tagged_pools(action.instance_id, outcome)
    if action.instance_id in outcome.unshown and isinstance(signal, PoolSignal):
        pools |= (signal.pools or frozenset()) & outcome.declared
    if action.transition is Transition.TERMINATING:
        held = {pool for pool, status in outcome.statuses.items() if action.instance_id in status.in_dns}
        pools |= held | {pool for pool in outcome.statuses if action.instance_id in outcome.in_dns(pool)}
        if isinstance(signal, PoolSignal) and signal.pools is not None:
            pools |= signal.pools & outcome.declared
    return pools


def _former_ttl(action: Action, outcome: Outcome) -> int | None:
    """Return the longest TTL of the instance's records at names of no pool that this run or an earlier one found."""
    ttls = [orphan.record.ttl or 0 for orphan in outcome.former.get(action.instance_id, ())]
    return max(ttls if action.ttl is None else [*ttls, action.ttl], default=None)


def _pools_to_look_at(
    action: Action, pools: frozenset[PoolName], signal: InstanceSignal | PoolSignal | None, outcome: Outcome
) -> frozenset[PoolName] | None:
    """Return the pools that the next look at an action passes. None is a sweep, which also finds records of no pool."""
    if action.transition is Transition.TERMINATING and outcome.has_former_record(action.instance_id):
        return None
    return pools or (signal.pools if isinstance(signal, PoolSignal) else None)


def _tagged_pools(instance_id: InstanceId, outcome: Outcome) -> frozenset[PoolName]:
    instance = outcome.instances.get(instance_id)
    return instance.pools & outcome.declared if instance is not None else frozenset()


def member_status(
    instance_id: InstanceId,
    outcome: Outcome,
    pools: frozenset[PoolName] | None = None,
    *,
    told_by: InstanceSignal | PoolSignal | None = None,
    ttl: int | None = None,
) -> MemberStatus:
    """Return the status of an instance in `pools`, by default those of its tag, after the passes of a run.

    An instance is foreign if its tag names only pools that this stack does not declare, and it has no record of ours.
    If a timer's message named it, it was ours when the timer was set. `ttl` is as in Action.
    """
    named = _tagged_pools(instance_id, outcome) if pools is None else pools
    passed = named & outcome.statuses.keys()
    at_pools = any(instance_id in outcome.in_dns(pool) for pool in outcome.statuses)
    in_dns = at_pools or outcome.has_former_record(instance_id)
    instance = outcome.instances.get(instance_id)
    pooled = bool(named) or in_dns or ttl is not None
    others = sorted(instance.pools) if instance is not None and not isinstance(told_by, PoolSignal) else []
    theirs = ", ".join(repr(str(each)) for each in others) if not pooled else ""
    return MemberStatus(
        pooled=pooled,
        foreign=f"its tag names {theirs}, and no pool of this stack" if theirs else None,
        state=instance.state if instance is not None else None,
        in_dns=in_dns or passed != named,
        ready=all(instance_id in outcome.ready.get(pool, ()) for pool in named),
        unhealthy=any(instance_id in outcome.unhealthy.get(pool, ()) for pool in named),
        drain=drain_of((*(outcome.pools[pool].ttl for pool in passed), ttl or 0)),
    )


def _actions(signals: Signals, outcome: Outcome) -> _Waits:
    """Return each action once, without those of messages that are returned, which come again.

    If several signals have the same action, the one that found the record gone first counts, otherwise the earliest. An
    action that a sweep found is the same as that of an event, unless the event is older than the scaling activity.
    """
    waits: _Waits = {}
    told: dict[_Place, list[Action]] = {}
    from_signals = [(action, message) for message, signal in signals.items() for action in signal.actions]
    from_signals.sort(key=lambda each: (each[0].token is None, each[0].at, each[0].gone_at or _NOT_GONE))
    from_sweep: list[tuple[Action, MessageId | None]] = [(action, None) for action in outcome.actions]
    for action, message in (*from_signals, *from_sweep):
        if message is not None and message in outcome.retry:
            continue
        place = _place(action)
        if action.token is not None:
            told.setdefault(place, []).append(action)
        elif any(each.at >= action.at.replace(microsecond=0) for each in told.get(place, ())):
            continue  # an event has its time in whole seconds
        waits.setdefault(_key(action), (action, message))
    return waits


def _overtaken(action: Action, starts: _Starts, run: Run) -> str | None:
    """Return why an action without a token no longer waits, None if it may still wait: Note [Another action]."""
    if action.token is not None:
        return None
    if action.group not in starts:
        starts[action.group] = run.aws.autoscaling.activity_starts(action.group)
    newest = starts[action.group].get(action.instance_id)
    if newest is None or newest <= action.at:
        return None
    return f"another scaling activity of the instance began at {newest.isoformat()}"


def _complete(step: Complete, pools: Iterable[PoolName], run: Run, outcome: Outcome) -> None:
    over = run.aws.autoscaling.complete(step.action, step.result)
    run.aws.queue.looks.forget(_place(step.action))
    fields = _describe(step.action) | {"result": step.result.value, "because": step.because}
    if over is None:
        outcome.completed.append(step)
        run.log.info("lifecycle action completed", extra=fields)
        for pool in pools if step.unknown else ():
            finding = Finding(FindingKind.NOT_READ, step.because, pool, step.action.instance_id)
            outcome.findings.setdefault(pool, []).append(finding)
    else:
        run.log.info("lifecycle action already completed", extra=fields | {"because": over})


def _keep(wait: Wait, run: Run) -> Wait | None:
    """Keep an instance waiting, and return None if its hook or its action no longer exists."""
    action = wait.action
    timeout = run.aws.autoscaling.hooks(action.group).get((action.hook, action.transition))
    if timeout is None:
        run.log.info(
            "lifecycle hook not found", extra=_describe(action) | {"because": "the group has no such hook of ours"}
        )
        return None
    kept = keep_alive(wait, timeout, now=run.now())
    if kept.heartbeat and (over := run.aws.autoscaling.heartbeat(action)) is not None:
        _log_over(action, over, run)
        return None
    return kept


def _log_over(action: Action, because: str, run: Run) -> None:
    run.log.info("lifecycle action already completed", extra=_describe(action) | {"because": because})


def _wait_for_message(wait: Wait, message: MessageId, run: Run, outcome: Outcome) -> None:
    """Keep an instance of no known pool waiting until its message comes again, because EC2 may not show its tag yet."""
    kept = _keep(replace(wait, delay=min(wait.delay, outcome.again.get(message, wait.delay))), run)
    if kept is not None:
        outcome.again[message] = kept.delay


def _set_timers(kept_waiting: Iterable[tuple[Wait, frozenset[PoolName] | None]], run: Run) -> None:
    """Queue one delayed signal for all actions in the same pools. It is due when the first of them is.

    If such a signal is already queued for an action, it needs no second one. The look at a launch is due together with
    the look at the member, because both wait for the same health: Note [Looks merge].
    """
    looks, now = run.aws.queue.looks, run.now()
    by_pools: dict[frozenset[PoolName] | None, list[Wait]] = {}
    for wait, in_pools in kept_waiting:
        if not looks.covers(_key(wait.action), now + wait.delay, now=now):
            by_pools.setdefault(in_pools, []).append(wait)
    for pools, waits in by_pools.items():
        message = reconcile_message(pools, waits[0].because, attempt=1, actions=[wait.action for wait in waits])
        due = now + min(wait.delay for wait in waits)
        if any(wait.action.transition is Transition.LAUNCHING and wait.delay == LOOK for wait in waits):
            due = min(due, next_look(run.settings.owner, 0, admit_timeout=run.settings.admit_timeout, now=now))
        run.aws.queue.send(message, delay=due - now)
        looks.note((key for wait in waits for key in _noted(wait.action)), due, now=now)


def _key(action: Action) -> Hashable:
    """Return the key of an action, which is the same in every message."""
    return (*_place(action), action.token) if action.token is not None else _place(action)


def _place(action: Action) -> _Place:
    """Return where an action waits. Several actions may wait there, one after the other."""
    return action.instance_id, action.hook, action.transition


def _noted(action: Action) -> Iterator[Hashable]:
    """Yield the keys for which a queued look counts: a sweep that finds the action again needs no second look."""
    yield _key(action)
    yield _place(action)


def _describe(action: Action) -> dict[str, Any]:
    return {
        "instance_id": action.instance_id,
        "group": action.group,
        "hook": action.hook,
        "transition": action.transition.value,
    }
