"""Requests that Route 53 refuses independently of their contents: throttled, denied, or made to fail by a test."""

from __future__ import annotations

from collections import defaultdict, deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lab.route53.error import Route53Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lab.route53.limits import Limits


class Refusals:
    """Which requests of an account are refused, by the account's `limits` or because a test asked for it.

    Without limits no request is throttled, except those that a test asks for.
    """

    def __init__(self, now: Callable[[], datetime], limits: Limits | None) -> None:
        self._now = now
        self._limits = limits
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
        """Forget the requests that count towards the limits."""
        if self._limits is not None:
            self._limits.forget()

    def check_rate(self, operation: str) -> None:
        """Raise Throttling if the next calls are to be throttled, or the account has reached its limits."""
        if self._throttled:
            self._throttled -= 1
            raise Route53Error("Throttling", "Rate exceeded")
        if self._limits is not None and not self._limits.take(operation, self._now()):
            raise Route53Error("Throttling", "Rate exceeded")

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
