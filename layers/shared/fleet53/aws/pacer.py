"""Pacer: when the next request to Route 53 may be sent, so that Route 53 has to throttle few. Reads and writes nothing.

Route 53 has token buckets: one for all requests of an account, and one for each operation. All senders of requests in
the account share them (Route 53 Developer Guide, Throttling for Amazon Route 53 API requests). Route 53 does not report
how full they are. A run tells the pacer how many functions of the stack send requests.

Note [Slots]: the functions of a stack together send five requests a second, half of what the bucket of an account takes
by default, and all that an account had before July 2026. Functions that each keep to their share can still send at the
same time, and if five in any second are allowed, some seconds then have too many requests. So all functions count slots
of time from the same start, and of N functions each sends only in every Nth slot, which it chooses at random. If Route
53 throttles a request, its function chooses again.

Note [Buckets]: creations of health checks have a bucket that fills so slowly that one burst empties it for minutes. A
throttled request does not say which bucket is empty, and an account's limits may be other than AWS's usual ones. So a
function creates and deletes at the pace of the slots until Route 53 throttles STRIKES requests of an operation within
AGAIN seconds, and takes no more between them than an empty bucket takes. From then on the function knows the bucket. It
counts the tokens that flow in, and assumes for each of its own requests one of every other function of the stack. If
Route 53 still throttles a request, other senders have emptied the bucket, and the function takes a smaller share of
what flows in. Its share grows again with each request that is not throttled. If Route 53 throttles an operation that
has no such bucket, the limit of the whole account is reached, and the function forgets what it knew.

There are many creations and deletions of health checks, and no withdrawal waits for them. They keep to their slots and
buckets. There are few other requests, and a withdrawal needs them. They are sent at once, up to BURST in a row, while
no second has more requests than LIMIT. In a function that shares the limit, each of them takes at most the time of a
slot. The others wait longer afterwards. Decision 25 has the measurements.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 5
"""Requests a second that the functions of a stack send together: Note [Slots]."""
_SECOND: Final = 1.02
"""A second, and some time by which the latencies of two requests may differ."""
SLOT: Final = 0.205
"""Seconds between two requests of one function that is alone: a little below LIMIT."""
BURST: Final = 3
"""How many requests that are not among MANY are sent without a pause: a withdrawal takes three."""
AGAIN: Final = 5.0
"""Seconds: Note [Buckets]."""
STRIKES: Final = 3
"""Throttled requests: Note [Buckets]."""
_SPARE: Final = 0.05
"""Tokens to wait for in addition, because one request may be on its way for longer than the next."""
_LESS: Final = 0.7
"""The factor of a function's share of a known bucket after a throttled request. _LEAST is the smallest share."""
_MORE: Final = 0.05
"""What is added to the share after a request that is not throttled."""
_LEAST: Final = 0.25
_LONGEST: Final = 60.0
_ROUNDING: Final = 0.01
"""The part of a slot by which a time may be late because of how numbers are stored."""
CREATE: Final = "CreateHealthCheck"
_DELETE: Final = "DeleteHealthCheck"
STATUS: Final = "GetHealthCheckStatus"
_SHARED: Final = frozenset({CREATE, _DELETE})
"""The operations that all functions of a stack send at the same time, in a burst."""
MANY: Final = frozenset({"ChangeTagsForResource", STATUS, *_SHARED})
"""The operations of which a run sends many, and for which no withdrawal waits."""


@dataclass(slots=True)
class _Bucket:
    """The bucket of an operation, as far as a function knows it: Note [Buckets].

    It has at most `capacity` tokens, and `refill` flow in each second (Route 53 Developer Guide, as above). `share` is
    the part of them that the function takes. It is `known` from the start where it is `sure` to matter. `taken` counts
    the requests that Route 53 took, and a strike is the time of a throttled request with that count.
    """

    capacity: float
    refill: float
    sure: bool = False
    known: bool = field(init=False)
    tokens: float = field(default=0.0, init=False)
    share: float = field(default=1.0, init=False)
    taken: int = field(default=0, init=False)
    strikes: list[tuple[float, int]] = field(default_factory=list, init=False)
    _at: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.known = self.sure

    def delay(self, tokens: float, now: float) -> float:
        """Return the seconds until the bucket has so many tokens."""
        if not self.known:
            return 0.0
        self._fill(now)
        short = tokens - self.tokens
        return (short + _SPARE) / (self.refill * self.share) if short > 0 else 0.0

    def take(self, tokens: float, at: float) -> None:
        """Take so many tokens at a moment."""
        self._fill(at)
        self.tokens -= tokens

    def note_throttled(self, now: float) -> None:
        """Note that Route 53 throttled a request."""
        if self.known:
            self.share = max(_LEAST, self.share * _LESS)
        else:
            self.strikes = [(at, taken) for at, taken in self.strikes if now - at < AGAIN] + [(now, self.taken)]
            if len(self.strikes) < STRIKES:
                return
            (first, before), self.strikes = self.strikes[0], []
            self.known = self.taken - before <= 1 + self.refill * (now - first)
        self.tokens, self._at = 0.0, now

    def forget(self) -> None:
        """Forget that the bucket seemed to be empty."""
        self.strikes.clear()
        self.known = self.sure

    def _fill(self, now: float) -> None:
        self.tokens = min(self.capacity, self.tokens + self.refill * self.share * max(0.0, now - self._at))
        self._at = now


@dataclass(slots=True)
class Pacer:
    """Says how long to wait before each request of a function. It is kept while the function is warm.

    `now` returns the time in seconds, which all functions count alike. `random` returns a number from 0 to 1.
    `functions` is how many functions of the stack send many requests now, this one included.
    """

    now: Callable[[], float]
    random: Callable[[], float]
    functions: int = field(default=1, init=False)
    _mine: int = field(default=0, init=False)
    _due: float = field(default=0.0, init=False)
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=LIMIT), init=False)
    _buckets: dict[str, _Bucket] = field(init=False)

    def __post_init__(self) -> None:
        status = _Bucket(4, 1.0, sure=True)  # a look at waiting members needs it each time, and can wait for it
        self._buckets = {CREATE: _Bucket(50, 0.5), _DELETE: _Bucket(15, 3.0), STATUS: status}

    @property
    def interval(self) -> float:
        """The seconds between two requests that keep to slots."""
        return SLOT * self.functions

    def share(self, functions: int) -> None:
        """Share Route 53's limits with the other functions of the stack from now on."""
        if functions > self.functions:  # what was throttled until now was throttled because of them
            for bucket in self._buckets.values():
                bucket.strikes.clear()
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
            at = self._slot_from(max(due, now + self.delay(operation)))
            if operation in self._buckets:
                self._buckets[operation].take(self._cost(operation), at)
        else:
            after_last = self._sent[-1] + self.interval if self._sent else now
            at = max(now, min(self._due - (BURST - 1) * self.interval, after_last), self._free())
        self._due = max(due, at) + self.interval
        self._sent.append(at)
        return at - now

    def delay(self, operation: str, count: int = 1) -> float:
        """Return the seconds until the bucket of an operation has enough for so many requests, 0 if it is not known."""
        bucket = self._buckets.get(operation)
        return 0.0 if bucket is None else bucket.delay(count * self._cost(operation), self.now())

    def succeeded(self, operation: str) -> None:
        """Note that Route 53 took a request."""
        if operation in self._buckets:
            bucket = self._buckets[operation]
            bucket.taken += 1
            bucket.share = min(1.0, bucket.share + _MORE)

    def throttled(self, operation: str) -> None:
        """Note that Route 53 throttled a request: Note [Buckets]."""
        if operation in MANY:
            self._choose()
        if operation in self._buckets:
            self._buckets[operation].note_throttled(self.now())
            return
        for bucket in self._buckets.values():
            bucket.forget()

    def _cost(self, operation: str) -> int:
        """Return the tokens that a request takes from the bucket, with those that the other functions take then."""
        return self.functions if operation in _SHARED else 1

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
