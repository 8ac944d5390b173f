"""Pool looks: delayed signals that bring the reconciler back to whole pools for changes that no event reports.

Note [Shared names]: several stacks, such as one in each Region, may have members at one name. Each changes only its own
records, and no event reports what the others change. Two things depend on the others' records. A fallback is answered
while no stack has a member at the name. So the fallback of an empty pool has to be deleted when another stack admits a
member, and created when that stack has withdrawn its last one. And a full name has a place for a member when another
stack withdraws one. So as long as another stack has records at the name, such a pool is looked at once a minute.

Note [Denied by another account]: the role that leads to the hosted zones belongs to another account. Its owner may
change the role and change it back at any time, and no event reports that. A withdrawal that is denied meanwhile must
not be lost. So if AWS finally denies a run the zone of a pool (Note [Denied at first] in returned.py), the pool is
looked at again every five minutes until AWS allows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.planning.looks import next_look_at_denied, next_look_at_shared
from fleet53.signals.messages import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fleet53.aws.queue import Queue
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import PoolName

NO_TIMER: Final = 1
"""The attempt number of a message that starts no timer for a member (Note [One timer a member])."""


def queue_looks_at_shared(pools: Iterable[PoolName], *, owner: Owner, now: datetime, queue: Queue) -> None:
    """Queue the next look at pools that depend on another stack: Note [Shared names]."""
    because = dict.fromkeys(pools, "another stack has records at the same name")
    _queue_look(because, "shared", next_look_at_shared(owner, now=now), now=now, queue=queue)


def queue_looks_at_denied(denied: Mapping[PoolName, str], *, owner: Owner, now: datetime, queue: Queue) -> None:
    """Queue the next look at pools that are denied, each with the reason: Note [Denied by another account]."""
    _queue_look(denied, "denied", next_look_at_denied(owner, now=now), now=now, queue=queue)


def _queue_look(because: Mapping[PoolName, str], kind: str, due: datetime, *, now: datetime, queue: Queue) -> None:
    """Queue a look of a kind at pools, each with the reason, unless it is queued already."""
    missing = [pool for pool in because if not queue.looks.covers((pool, kind), due, now=now)]
    if not missing:
        return
    message = reconcile_message(frozenset(missing), because[missing[0]], attempt=NO_TIMER)
    queue.send(message, delay=due - now)
    queue.looks.note(((pool, kind) for pool in missing), due, now=now)
