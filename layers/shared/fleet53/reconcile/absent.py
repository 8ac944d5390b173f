"""Absent: delayed signals that bring the reconciler back to absent members that are still in DNS.

The guard holds what they name (Note [Held stays held] in planning/guard.py). All are due at the same times, so that
several of them merge (Note [Looks merge] in planning/looks.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.planning.looks import OFTEN, next_look_at_absent
from fleet53.signals.messages import in_parts, reconcile_message
from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from fleet53.aws.absences import Absences
    from fleet53.aws.queue import Queue
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.planning.guard import Absent
    from fleet53.reconcile.outcome import Outcome
    from fleet53.signals.model import InstanceSignal


def known_as_held(
    signals: Iterable[InstanceSignal | PoolSignal], absences: Absences, *, now: datetime
) -> frozenset[Absent]:
    """Return what earlier runs held, according to messages and to the memory of a warm function."""
    return absences.held(now=now).union((pool, each) for signal, pool in _chains(signals) for each in signal.held)


def absent_since(signals: Iterable[InstanceSignal | PoolSignal]) -> dict[Absent, datetime]:
    """Return when each absence was first seen, according to messages."""
    since: dict[Absent, datetime] = {}
    for signal, pool in _chains(signals):
        for instance_id, at in signal.absent.items():
            since[pool, instance_id] = min(at, since.get((pool, instance_id), at))
    return since


def requeue_absent(
    signals: Collection[InstanceSignal | PoolSignal], outcome: Outcome, *, owner: Owner, now: datetime, queue: Queue
) -> None:
    """Queue the next look at the absent members that the run has seen in DNS, for each pool.

    In a pool whose instances EC2 did not list, those of the messages are among them, because the run may not have seen
    them: Note [Disrupted zone] in convergence/instances.py.
    """
    since = absent_since(signals)
    for pool in sorted(outcome.looked_at.union(outcome.unlisted), key=str):
        chains = [signal for signal, where in _chains(signals) if where == pool]
        held = {instance_id for where, instance_id in outcome.remembered if where == pool}
        waits = {each.instance_id for each in outcome.absent.get(pool, ()) if each.instance_id is not None}
        if pool in outcome.unlisted:
            held = held.union(*(signal.held for signal in chains))
            waits = waits.union(*(signal.absent for signal in chains))
        absent = {each: since.get((pool, each), now) for each in waits}
        looked = min((signal.attempt for signal in chains), default=0)
        queue_look(pool, held, absent, looked, owner=owner, now=now, queue=queue)


def queue_look(
    pool: PoolName | None,
    held: Collection[InstanceId],
    absent: Mapping[InstanceId, datetime],
    attempt: int,
    *,
    owner: Owner,
    now: datetime,
    queue: Queue,
) -> None:
    """Queue a look at absent members of a pool that were looked at `attempt` times before.

    `pool` is None for records at names of no pool. `absent` are members with the time since which they wait: until
    their absence has lasted or, at names of no pool, until their instances have records at the new place of their pool.
    No message is queued if one for all of them is queued already.
    """
    keys = [*((pool, each, "held") for each in held), *((pool, each, "absent") for each in absent)]
    due = next_look_at_absent(owner, attempt, waits=bool(absent) and pool is not None, now=now)
    if all(queue.looks.covers(key, due, now=now) for key in keys):
        return
    for part in in_parts(sorted({*held, *absent})):
        message = reconcile_message(
            None if pool is None else frozenset({pool}),
            "absent members are still in DNS",
            attempt=min(attempt, OFTEN) + 1,
            held=[each for each in part if each in held],
            absent={each: absent[each] for each in part if each in absent},
        )
        queue.send(message, delay=due - now)
    queue.looks.note(keys, due, now=now)


def _chains(signals: Iterable[InstanceSignal | PoolSignal]) -> Iterator[tuple[PoolSignal, PoolName | None]]:
    """Yield the signals that name absent members, each with the pool that it is about."""
    for signal in signals:
        if isinstance(signal, PoolSignal) and (signal.held or signal.absent):
            yield from ((signal, pool) for pool in (signal.pools if signal.pools is not None else (None,)))
