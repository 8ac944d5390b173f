"""Requeue: delayed signals that bring the reconciler back to members that wait (timers).

Note [One timer a member]: a timer names its members, and is renewed only while one of them waits. If a timer were for
the whole pool, one member that never becomes healthy would keep the timer of every later launch alive. A member has one
chain of timers: only a signal about the member starts one, and two that were started merge (Note [Looks merge] in
planning/looks.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.domain.finding import FindingKind
from fleet53.planning.changes import Waiting
from fleet53.planning.looks import SOON, next_look
from fleet53.signals.messages import in_parts, reconcile_message
from fleet53.signals.model import InstanceSignal, PoolSignal, first_heard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from fleet53.aws.queue import Queue
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import InstanceId, PoolName


def requeue_waiting(
    signals: Collection[InstanceSignal | PoolSignal],
    *,
    waiting: Mapping[PoolName, Collection[Waiting]],
    fresh: Collection[InstanceId],
    left: Collection[InstanceId] = (),
    soon: bool = True,
    owner: Owner,
    admit_timeout: timedelta,
    now: datetime,
    queue: Queue,
) -> None:
    """Queue the next look at the waiting members that `signals` are about: Note [One timer a member].

    `fresh` are the instances for which this run created a health check or deleted a record. `left` are those whose
    health check it has left to a later run: Note [Gradual creations] in watch.py. Where `soon`, that run comes in
    seconds: Note [Signals first] in watch.py.
    """
    heard = first_heard(signals)
    for pool, waits in sorted(waiting.items()):
        by_id = {wait.instance_id: wait for wait in waits}
        looked = _looked_at(signals, pool, by_id.keys()) | dict.fromkeys(by_id.keys() & {*fresh, *left}, 0)
        steps = {
            member: (attempt, soon and member in left, member in fresh or _has_no_event(by_id[member]))
            for member, attempt in looked.items()
        }
        for step in sorted(set(steps.values())):
            attempt, in_seconds, has_check = step
            due = next_look(owner, attempt, admit_timeout=admit_timeout, now=now, has_check=has_check)
            due = now + SOON if in_seconds else due
            members = sorted(member for member in steps if steps[member] == step)
            missing = [member for member in members if not queue.looks.covers((pool, member), due, now=now)]
            if not missing:
                continue
            for part in in_parts(missing):
                message = reconcile_message(
                    frozenset({pool}),
                    by_id[part[0]].because,
                    attempt=attempt + 1,
                    since={member: heard.get(member, by_id[member].launched) for member in part},
                )
                queue.send(message, delay=due - now)
            queue.looks.note(((pool, member) for member in missing), due, now=now)


def with_unshown(
    waiting: Mapping[PoolName, Collection[Waiting]],
    signals: Collection[InstanceSignal | PoolSignal],
    unshown: Mapping[InstanceId, str],
) -> dict[PoolName, list[Waiting]]:
    """Return the waiting members with those that waited before and that EC2 did not show, with the reason.

    They may still wait, and only their timer looks at them again: Note [Disrupted zone] in convergence/instances.py.
    """
    found = {pool: list(waits) for pool, waits in waiting.items()}
    for signal in signals:
        if not isinstance(signal, PoolSignal):
            continue
        for pool in signal.pools or ():
            hidden = (each for each in signal.since if each in unshown)
            found.setdefault(pool, []).extend(
                Waiting(pool, each, unshown[each], launched=signal.since[each]) for each in hidden
            )
    return found


def _has_no_event(wait: Waiting) -> bool:
    """Whether no event reports the end of a wait, such as one for a healthy health check or for an alarm."""
    return wait.check_id is not None or wait.overdue is FindingKind.CHECK_REFUSED


def _looked_at(
    signals: Collection[InstanceSignal | PoolSignal], pool: PoolName, members: Collection[InstanceId]
) -> dict[InstanceId, int]:
    """Return the members that signals are about, and how often each was looked at before.

    Of several signals about a member, the one with the fewest looks counts.
    """
    looked: dict[InstanceId, int] = {}
    for signal in signals:
        about: frozenset[InstanceId] | None
        if isinstance(signal, InstanceSignal):
            about, attempt = signal.instance_ids, 0
        elif signal.pools is None or pool in signal.pools:
            about, attempt = (None if pool in signal.changed else signal.waiting), signal.attempt
        else:
            continue
        for member in members if about is None else about.intersection(members):
            looked[member] = min(attempt, looked.get(member, attempt))
    return looked
