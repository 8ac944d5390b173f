"""Limits: how many requests an account may send until Route 53 throttles them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

_ONE_SECOND: Final = timedelta(seconds=1)


class Limits(Protocol):
    """The limits of one account, and what is left of them."""

    def take(self, operation: str, now: datetime) -> bool:
        """Return whether Route 53 takes a request at this moment. One that it takes counts from now on."""

    def forget(self) -> None:
        """Be as after a long time without a request."""


@dataclass(slots=True)
class _Bucket:
    """A token bucket: `capacity` is the most tokens, `refill` how many are added a second. It is full at first."""

    capacity: float
    refill: float
    tokens: float = field(init=False)
    at: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def fill(self, now: datetime) -> None:
        """Add the tokens of the time that has passed."""
        if self.at is not None:
            self.tokens = min(self.capacity, self.tokens + self.refill * max(0.0, (now - self.at).total_seconds()))
        self.at = now


ACCOUNT: Final = 50, 10
OPERATION: Final = 50, 10
OWN: Final = {
    "CreateHealthCheck": (50, 0.5),
    "CreateHostedZone": (40, 2),
    "DeleteHealthCheck": (15, 3),
    "GetHealthCheckLastFailureReason": (4, 1),
    "GetHealthCheckStatus": (4, 1),
}
"""Capacity and refill a second of the bucket of all requests of an account, and of the bucket of each operation: by
default, and of those operations of the lab whose numbers AWS gives (Developer Guide, "Throttling for Amazon Route 53
API requests", in effect since July 30, 2026). The numbers of UpdateHealthCheck are not known here, so it has the
default. The bucket of record changes is not played, because its numbers are not known either."""


class Buckets:
    """What AWS does: a request takes a token of the account's bucket and one of its operation's.

    It is throttled where one of them is empty. AWS does not say whether a throttled request takes a token. Here it
    takes none.
    """

    def __init__(self) -> None:
        self._account = _Bucket(*ACCOUNT)
        self._operations: dict[str, _Bucket] = {}

    def take(self, operation: str, now: datetime) -> bool:
        """Return whether both buckets have a token, and take it."""
        if operation not in self._operations:
            self._operations[operation] = _Bucket(*OWN.get(operation, OPERATION))
        both = self._account, self._operations[operation]
        for bucket in both:
            bucket.fill(now)
        if any(bucket.tokens < 1 for bucket in both):
            return False
        for bucket in both:
            bucket.tokens -= 1
        return True

    def forget(self) -> None:
        """Fill all buckets."""
        self._account = _Bucket(*ACCOUNT)
        self._operations.clear()


class FiveASecond:
    """What AWS did until July 2026: five requests in any one second, of any operation.

    An account with lower limits is closer to this than to Buckets.
    """

    def __init__(self) -> None:
        self._granted: deque[datetime] = deque(maxlen=5)

    def take(self, _operation: str, now: datetime) -> bool:
        """Return whether fewer than five requests were taken in the last second."""
        if len(self._granted) == self._granted.maxlen and now - self._granted[0] < _ONE_SECOND:
            return False
        self._granted.append(now)
        return True

    def forget(self) -> None:
        """Forget the requests of the last second."""
        self._granted.clear()
