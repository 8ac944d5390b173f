"""Requests that Route 53 refuses whatever they ask for: throttled, denied, or made to fail by a test."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from lab.route53.error import Route53Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUESTS_PER_SECOND: Final = 5
"""The requests that AWS grants to an account (Developer Guide, "Quotas")."""
_ONE_SECOND: Final = timedelta(seconds=1)


class Refusals:
    """Which requests of an account are refused, by AWS's rate limit or because a test asked for it.

    Without `requests_per_second` there is no rate limit.
    """

    def __init__(self, now: Callable[[], datetime], requests_per_second: int | None) -> None:
        self._now = now
        self._requests_per_second = requests_per_second
        self._granted: deque[datetime] = deque()
        self._throttled = 0
        self._denied: set[str] = set()
        self._failures: defaultdict[str, deque[Route53Error]] = defaultdict(deque)

    def throttle(self, calls: int) -> None:
        """Refuse the next calls, of any operation."""
        self._throttled = calls

    def deny(self, zone_id: str) -> None:
        """Refuse every operation on a hosted zone from now on."""
        self._denied.add(zone_id)

    def fail(self, operation: str, error: Route53Error, calls: int) -> None:
        """Answer the next calls of one operation with this error."""
        self._failures[operation].extend([error] * calls)

    def forget_rate(self) -> None:
        """Forget the requests that count towards the rate limit."""
        self._granted.clear()

    def check_rate(self) -> None:
        """Raise Throttling if the next calls are to be throttled, or the rate is too high."""
        if self._throttled:
            self._throttled -= 1
            raise Route53Error("Throttling", "Rate exceeded")
        if self._requests_per_second is None:
            return
        now = self._now()
        while self._granted and now - self._granted[0] >= _ONE_SECOND:
            self._granted.popleft()
        if len(self._granted) >= self._requests_per_second:
            raise Route53Error("Throttling", "Rate exceeded")
        self._granted.append(now)

    def check_request(self, operation: str, parameters: Mapping[str, Any]) -> None:
        """Raise AccessDenied for a denied hosted zone, or the error with which the operation is to fail."""
        zone_id = parameters.get("HostedZoneId", parameters.get("Id"))
        if zone_id in self._denied:
            raise Route53Error(
                "AccessDenied",
                f"User is not authorized to perform: route53:{operation} "
                f"on resource: arn:aws:route53:::hostedzone/{zone_id}",
                HTTPStatus.FORBIDDEN,
            )
        if self._failures[operation]:
            raise self._failures[operation].popleft()
