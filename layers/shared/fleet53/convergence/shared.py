"""Shared: delayed signals that bring the reconciler back to pools that depend on what another stack does at their name.

Note [Shared names]: several stacks, such as one in each Region, may have members at one name. Each changes only its own
records, and nobody tells it what the others change. Two things depend on that. A fallback is answered while no stack
has a member at the name, so the fallback of an empty pool has to leave when another stack admits a member, and to come
when that stack has withdrawn its last one. And a full name has a place for a member when another stack withdraws one.
So as long as another stack has records at the name, such a pool is looked at once a minute.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fleet53.planning.looks import next_look_at_shared
from fleet53.signals.messages import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleet53.aws.queue import Queue
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import PoolName

_NO_TIMER: Final = 1
"""The attempt of the message, which starts no timer of a member (Note [One timer a member])."""


def queue_looks_at_shared(pools: Iterable[PoolName], *, owner: Owner, now: datetime, queue: Queue) -> None:
    """Queue the next look at these pools, unless it is queued already."""
    due = next_look_at_shared(owner, now=now)
    missing = frozenset(pool for pool in pools if not queue.looks.covers((pool, "shared"), due, now=now))
    if not missing:
        return
    message = reconcile_message(missing, "another stack has records at the same name", attempt=_NO_TIMER)
    queue.send(message, delay=math.ceil((due - now).total_seconds()))
    queue.looks.note(((pool, "shared") for pool in missing), due, now=now)
