"""Route 53's health checkers: they connect at each health check's interval, from each of its regions."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from lab.route53.check_config import REGIONS, is_of_endpoint
from lab.route53.health import every_check
from lab.route53.probe import ProbeResult, probe

if TYPE_CHECKING:
    from types import TracebackType

    from lab.clock import Clock
    from lab.route53.api import Route53
    from lab.route53.probe import Place

_AT_ONCE: Final = 8


@dataclass(slots=True)
class _Checker:
    """A checker's memory of a health check: the status changes after FailureThreshold equal results in a row."""

    due: datetime
    healthy: bool | None = None
    last: bool | None = None
    streak: int = 0

    def count(self, result: ProbeResult, threshold: int) -> None:
        self.streak = self.streak + 1 if result.succeeded is self.last else 1
        self.last = result.succeeded
        if self.streak >= threshold:
            self.healthy = result.succeeded


class Checkers:
    """One checker in each region; AWS has several, whose results would be the same here.

    As in AWS they do not coordinate: each region begins at its own time within the interval.
    """

    def __init__(self, route53: Route53, place: Place, clock: Clock) -> None:
        self._route53 = route53
        self._place = place
        self._clock = clock
        self._random = random.Random(0)
        self._checkers: dict[tuple[str, str], _Checker] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="checker")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def probe_due(self) -> int:
        """Make every probe whose time has come and report what the checkers now think; return how many."""
        due = self._due()
        results = self._threads.map(
            lambda each: probe(each[0]["HealthCheckConfig"], self._place, self._clock.speed, self._resolve), due
        )
        for (check, region), result in zip(due, results, strict=True):
            checker = self._checkers[check["Id"], region]
            checker.count(result, check["HealthCheckConfig"]["FailureThreshold"])
            if checker.healthy is not None:
                self._route53.observe(check["Id"], region, checker.healthy, result.status)
        return len(due)

    def _resolve(self, name: str) -> str | None:
        """Return an IPv4 address of a name, as DNS answers now; None if it answers none."""
        found = self._route53.answer(name, "A", self._random)
        return self._random.choice(found.values) if found.record_type == "A" else None

    def _due(self) -> list[tuple[dict[str, Any], str]]:
        now = self._clock.now()
        due = []
        known: set[tuple[str, str]] = set()
        for check in every_check(self._route53):
            config = check["HealthCheckConfig"]
            if config["Disabled"] or not is_of_endpoint(config):
                continue
            interval = timedelta(seconds=config["RequestInterval"])
            regions = config.get("Regions") or REGIONS
            for index, region in enumerate(regions):
                key = (check["Id"], region)
                known.add(key)
                if key not in self._checkers:
                    self._checkers[key] = _Checker(now + interval * index / len(regions))
                checker = self._checkers[key]
                if checker.due <= now:
                    due.append((check, region))
                    while checker.due <= now:
                        checker.due += interval
        for gone in self._checkers.keys() - known:
            del self._checkers[gone]
        return due
