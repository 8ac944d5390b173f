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
_ABSENT_STEP: Final = 60
HELD_STEP: Final = 180
"""The most seconds between two looks at a member that the guard holds."""
OFTEN: Final = 60
"""How many looks at held members are a minute apart. Evidence that no event tells of withdraws them in such a look."""
_LEAST: Final = timedelta(seconds=10)
"""The least time until a first look, because a new health check has no data before."""


def next_look(owner: Owner, attempt: int, *, now: datetime) -> datetime:
    """Return when to look again at a member that was looked at `attempt` times before.

    Each stack counts from a moment of its own, so that several stacks do not share Route 53's five requests a second.
    """
    step = STEPS[min(attempt, SLOWEST)]
    return _next_multiple(owner, step, now + _LEAST if step == STEPS[0] else now)


def next_look_at_absent(owner: Owner, attempt: int, *, waits: bool, now: datetime) -> datetime:
    """Return when to look again at absent members that were looked at `attempt` times before.

    Every minute for an hour and then every three minutes, or every minute where one of them `waits` until its absence
    has lasted. A message about members that are held comes before that, and the chains merge (Note [Looks merge]).
    """
    return _next_multiple(owner, _ABSENT_STEP if waits or attempt < OFTEN else HELD_STEP, now)


def _next_multiple(owner: Owner, step: int, earliest: datetime) -> datetime:
    offset = zlib.crc32(owner.name.encode()) % STEPS[-1]
    passed = int((earliest.timestamp() - offset) // step) + 1
    return datetime.fromtimestamp(passed * step + offset, earliest.tzinfo)
