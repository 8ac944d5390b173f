"""Pacer: when the next request to Route 53 may be sent, so that Route 53 has to throttle few. Reads and writes nothing.

Route 53 allows an account five requests a second, whoever sends them. Nobody tells a function who else sends requests
now, so it adapts: where Route 53 throttles, it becomes slower, and while Route 53 does not, slowly faster again
(additive increase, multiplicative decrease). How many functions of the stack send requests is told to it.

Note [Slots]: functions that each keep to their share can still send at the same moments, and a second has too many
requests then. So all count slots of time from the same moment, and of N functions each sends in every Nth slot only.
Which of them is chance. Where Route 53 throttles a request, its function chooses again.

Creations and deletions of health checks are many, and no withdrawal waits for them. They keep to their slots. All other
requests are few, and a withdrawal needs them. They are sent at once, up to BURST in a row, while no second has more
requests than Route 53 takes. Where Route 53 throttles, they become no slower than a slot for each. The many wait longer
afterwards. Decision 25 has the measurements.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 5
"""Requests a second that Route 53 takes of an account (Route 53 Developer Guide, Quotas)."""
_SECOND: Final = 1.02
"""A second, and some time by which the way of a request may differ from that of another."""
SLOT: Final = 0.205
"""Seconds between two requests of one function that is alone: a little below Route 53's five a second."""
BURST: Final = 3
"""How many requests that are not among MANY are sent without a pause: a withdrawal takes three."""
_SLOWER: Final = 0.7
_FASTER: Final = 0.01
_FASTER_WHEN_QUIET: Final = 0.1
_QUIET: Final = 30.0
"""Seconds without a throttled request after which others seem to have stopped."""
_AGAIN: Final = 5.0
_STRIKES: Final = 3
"""So many requests that are throttled within _AGAIN seconds mean that the rate is too high, and not only the moment."""
_LEAST: Final = 0.1
_LONGEST: Final = 60.0
_ROUNDING: Final = 0.01
"""The part of a slot by which a time may be late because of how numbers are stored."""
MANY: Final = frozenset({"ChangeTagsForResource", "CreateHealthCheck", "DeleteHealthCheck", "GetHealthCheckStatus"})
"""The operations of which a run sends many, and for which no withdrawal waits."""


@dataclass(slots=True)
class Pacer:
    """Says how long to wait before each request of a function. It is kept while the function is warm.

    `now` returns the time in seconds, which all functions count alike. `random` returns a number from 0 to 1.
    `functions` is how many functions of the stack send many requests now, this one included.
    """

    now: Callable[[], float]
    random: Callable[[], float]
    functions: int = field(default=1, init=False)
    _pace: float = field(default=1.0, init=False)
    _mine: int = field(default=0, init=False)
    _due: float = field(default=0.0, init=False)
    _answered: float = field(default=-math.inf, init=False)
    _throttled: float = field(default=-math.inf, init=False)
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=LIMIT), init=False)
    _strikes: list[float] = field(default_factory=list, init=False)

    @property
    def interval(self) -> float:
        """The seconds between two requests, on average."""
        return SLOT * self.functions / self._pace

    def share(self, functions: int) -> None:
        """Share Route 53's limit with the other functions of the stack from now on."""
        if functions > self.functions:  # what was throttled until now was throttled because of them
            self._pace, self._throttled = 1.0, -math.inf
            self._strikes.clear()
        if functions != self.functions:
            self.functions = functions
            self._choose()

    def pause(self, operation: str) -> float:
        """Return the seconds to wait before a request, which is counted as sent after them."""
        now = self.now()
        if self._due - now > _LONGEST:  # the clock was set back
            self._due = now
            self._sent.clear()
        due = max(self._due, now)
        if operation in MANY:
            at = self._slot_from(due) if self._pace == 1.0 else due
        else:
            after_last = self._sent[-1] + SLOT * self.functions if self._sent else now
            at = max(now, min(self._due - (BURST - 1) * self.interval, after_last), self._free())
        self._due = max(due, at) + self.interval
        self._sent.append(at)
        return at - now

    def succeeded(self) -> None:
        """Note that Route 53 took a request."""
        now = self.now()
        faster = _FASTER if now - self._throttled < _QUIET else _FASTER_WHEN_QUIET
        self._pace = min(1.0, self._pace + faster * min(1.0, max(0.0, now - self._answered)))
        self._answered = now

    def throttled(self, operation: str) -> None:
        """Note that Route 53 throttled a request. That of a few in a row is no sign that the rate is too high."""
        now = self.now()
        if operation not in MANY:
            return
        self._strikes = [each for each in self._strikes if now - each < _AGAIN] + [now]
        if len(self._strikes) >= _STRIKES:
            self._pace = max(_LEAST, self._pace * _SLOWER)
            self._strikes.clear()
        self._throttled = self._answered = now
        self._choose()

    def _free(self) -> float:
        """Return when the last second has fewer requests of this function than its share."""
        share = -(-LIMIT // self.functions)
        return self._sent[-share] + _SECOND if len(self._sent) >= share else -math.inf

    def _choose(self) -> None:
        self._mine = min(int(self.random() * self.functions), self.functions - 1)

    def _slot_from(self, moment: float) -> float:
        """Return the beginning of this function's next slot: Note [Slots]."""
        slot = math.ceil(moment / SLOT - _ROUNDING)
        return (slot + (self._mine - slot) % self.functions) * SLOT
