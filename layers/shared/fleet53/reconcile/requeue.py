"""Timers: delayed signals to ourselves, for members that wait.

Note [One timer a member]: a timer names the members it is for and goes on only while one of them waits. Were it
for the whole pool, one member that is never healthy would keep the timer of every later launch alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.signals import InstanceSignal, first_heard, reconcile_message

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.aws.queue import Queue
    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.planning.changes import Waiting
    from fleet53.signals import PoolSignal

DELAYS: Final = (30, 30, 30, 60, 60, 120, 240, 480, 900)
"""Seconds from each look at a waiting member to the next; the last one repeats."""


def requeue_waiting(
    signals: Collection[InstanceSignal | PoolSignal],
    *,
    waiting: Mapping[PoolName, Collection[Waiting]],
    fresh: Collection[InstanceId],
    queue: Queue,
) -> None:
    """Queue the next look at each pool whose waiting members `signals` are about: Note [One timer a member].

    `fresh` are the instances for which a check was made just now.
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
