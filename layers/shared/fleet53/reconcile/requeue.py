"""Requeue: delayed signals that bring the reconciler back to members that wait (timers).

Note [One timer a member]: a timer names its members, and is renewed only while one of them waits. If a timer were for
the whole pool, one member that never becomes healthy would keep the timer of every later launch alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.signals import InstanceSignal, first_heard, reconcile_message

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.aws.queue import Queue
    from fleet53.domain.model import InstanceId, PoolName
    from fleet53.planning.changes import Waiting
    from fleet53.signals import PoolSignal

DELAYS: Final = (30, 30, 30, 60, 60, 120, 240, 480, 900)
"""Seconds between the passes for a waiting member. The last value repeats."""


def requeue_waiting(
    signals: Collection[InstanceSignal | PoolSignal],
    *,
    waiting: Mapping[PoolName, Collection[Waiting]],
    fresh: Collection[InstanceId],
    queue: Queue,
) -> None:
    """Queue the next pass for each pool with waiting members that `signals` are about: Note [One timer a member].

    `fresh` are the instances for which this run created a check.
    """
    heard = first_heard(signals)
    for pool, waits in sorted(waiting.items()):
        members = {wait.instance_id for wait in waits}
        new = members & set(fresh)
        timed: dict[InstanceId, int] = {}
        for signal in signals:
            if isinstance(signal, InstanceSignal):
                new |= members & signal.instance_ids
            elif signal.pools is not None and pool not in signal.pools:
                continue
            elif signal.attempt == 0:
                new |= members
            else:
                timed |= dict.fromkeys(members & signal.since.keys(), signal.attempt)
        concerned = new | timed.keys()
        if not concerned:
            continue
        attempt = 0 if new else max(timed.values())
        launched = {wait.instance_id: wait.launched for wait in waits}
        message = reconcile_message(
            frozenset({pool}),
            next(wait.because for wait in waits if wait.instance_id in concerned),
            attempt=attempt + 1,
            since={member: heard.get(member, launched[member]) for member in sorted(concerned)},
        )
        queue.send(message, delay=DELAYS[min(attempt, len(DELAYS) - 1)])
