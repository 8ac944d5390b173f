"""Looks: when a member that waits is looked at again. Pure.

Note [Looks merge]: two chains of messages may be about one member: another event named it, an audit started a chain in
case there was none, or an event was delivered twice. So looks are due at multiples of a step, counted from the same
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

STEP: Final = 20
"""Seconds between the looks at a member that waits no longer than AdmitTimeout."""
STEPS: Final = (60, 60, 60, 300, 300, 900)
"""Seconds between the looks after AdmitTimeout, one after the other. The last value repeats."""
SLOWEST: Final = 1000
"""A number of looks after which they are as rare as they become, with any AdmitTimeout."""
_ABSENT_STEP: Final = 60
_SHARED_STEP: Final = 60
_DELETIONS_STEP: Final = 60
HELD_STEP: Final = 180
"""The most seconds between two looks at a member that the guard holds."""
_DENIED_STEP: Final = 300
"""Seconds between the looks at a pool whose hosted zone another account denies."""
OFTEN: Final = 60
"""How many looks at held members are a minute apart. Such a look also withdraws a member whose end no event
reported."""
SOON: Final = timedelta(seconds=2)
"""The time until a run creates the health checks that another run left because signals waited."""
_LEAST: Final = timedelta(seconds=10)
"""The shortest time until such a look. A new health check has no data earlier, and a message may come a little
early."""


def next_look(
    owner: Owner, attempt: int, *, admit_timeout: timedelta, now: datetime, has_check: bool = True
) -> datetime:
    """Return when to look again at a member that was looked at `attempt` times before.

    A server may become healthy at any time until AdmitTimeout, and should be admitted as soon after that in every case.
    So looks at a member with a health check become rarer only after AdmitTimeout. Without one, they become rarer from
    the third look on. Each stack counts from a moment of its own, so that several stacks do not send their requests at
    the same time.
    """
    often = int(admit_timeout.total_seconds()) // STEP if has_check else 2
    if attempt < often:
        return _next_multiple(owner, STEP, now + _LEAST)
    return _next_multiple(owner, STEPS[min(attempt - often, len(STEPS) - 1)], now)


def next_look_at_absent(owner: Owner, attempt: int, *, waits: bool, now: datetime) -> datetime:
    """Return when to look again at absent members that were looked at `attempt` times before.

    Every minute for an hour and then every three minutes, or every minute where one of them `waits` until its absence
    has lasted. A message about members that are held comes before that, and the chains merge (Note [Looks merge]).
    """
    return _next_multiple(owner, _ABSENT_STEP if waits or attempt < OFTEN else HELD_STEP, now)


def next_look_at_denied(owner: Owner, *, now: datetime) -> datetime:
    """Return when to look again at pools whose hosted zone another account denies."""
    return _next_multiple(owner, _DENIED_STEP, now)


def next_deletions(owner: Owner, *, now: datetime) -> datetime:
    """Return when the health checks are deleted that runs have left because signals waited: within a minute.

    What several runs have left is due in the same second, so that one pass deletes it (Note [Looks merge]).
    """
    return _next_multiple(owner, _DELETIONS_STEP, now)


def next_look_at_shared(owner: Owner, *, now: datetime) -> datetime:
    """Return when to look again at a pool that depends on what another stack does at its name: within a minute."""
    return _next_multiple(owner, _SHARED_STEP, now)


def _next_multiple(owner: Owner, step: int, earliest: datetime) -> datetime:
    offset = zlib.crc32(owner.name.encode()) % STEPS[-1]
    passed = int((earliest.timestamp() - offset) // step) + 1
    return datetime.fromtimestamp(passed * step + offset, earliest.tzinfo)
