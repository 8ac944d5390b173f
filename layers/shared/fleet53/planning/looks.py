"""Looks: when a member that waits is looked at again. Pure.

Note [Looks merge]: two chains of messages may be about one member: an event told of it again, an audit started a chain
in case there was none, or an event was delivered twice. So looks are due at multiples of a step, counted from the same
moment for every member and every chain, and each step is a multiple of the steps before it. Whenever a chain with a
long step is due, one with a shorter step is due in the same second. SQS then delivers both messages in one batch, and
the run queues one message. Where they come in different batches, a warm function knows what it has queued (queue.py).
"""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fleet53.domain.identity import Owner

STEPS: Final = (20, 20, 60, 60, 60, 300, 300, 900)
"""Seconds between the looks at a waiting member, by how often it was looked at. The last value repeats."""
SLOWEST: Final = len(STEPS) - 1
_LEAST: Final = timedelta(seconds=10)
"""The least time until a first look, because a new health check has no data before."""


def next_look(owner: Owner, attempt: int, *, now: datetime) -> datetime:
    """Return when to look again at a member that was looked at `attempt` times before.

    Each stack counts from a moment of its own, so that several stacks do not share Route 53's five requests a second.
    """
    step = STEPS[min(attempt, SLOWEST)]
    earliest = now + _LEAST if step == STEPS[0] else now
    offset = zlib.crc32(owner.name.encode()) % STEPS[-1]
    passed = int((earliest.timestamp() - offset) // step) + 1
    return datetime.fromtimestamp(passed * step + offset, now.tzinfo)
