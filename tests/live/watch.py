"""What AWS says of a new health check in its first minutes, while nobody serves at its endpoint."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.live.observer import HEALTHY_ABOVE, share_of_success

if TYPE_CHECKING:
    from datetime import datetime

    from tests.live.observer import Observer
    from tests.live.place import Place

WATCHED: Final = 300
"""Seconds for which a new health check is watched: the checkers have results after 90 seconds at most, and CloudWatch
has them some minutes later."""


@dataclass(slots=True)
class Watch:
    """What has been said of a health check since it was created. `look` reads what is said of it now."""

    place: Place
    aws: Observer
    check_id: str
    _began: float = field(init=False)
    _percents: dict[datetime, float] = field(default_factory=dict)
    """The largest percentage that CloudWatch has had at each of its minutes: a datapoint may change in its minute."""
    _success: float = 0.0
    _statuses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = self.place.now()

    @property
    def has_results(self) -> bool:
        """Whether it was watched for the whole time, and both CloudWatch and the checkers have said something."""
        return self._is_over and bool(self._percents) and bool(self._statuses)

    @property
    def by_cloudwatch(self) -> str:
        """The datapoints of HealthCheckPercentageHealthy, with their times in UTC."""
        return ", ".join(f"{at:%H:%M} {percent:.0f} %" for at, percent in sorted(self._percents.items()))

    @property
    def by_route53(self) -> str:
        """The largest share of the checkers that said Success, and what all of them said last."""
        last = ", ".join(f"{count} said {status}" for status, count in Counter(self._statuses).items())
        return f"{self._success:.0f} % at most; at last {last}"

    @property
    def healthy_by_cloudwatch(self) -> bool:
        """Whether a datapoint has said that the health check is healthy."""
        return max(self._percents.values(), default=0.0) > HEALTHY_ABOVE

    @property
    def healthy_by_route53(self) -> bool:
        """Whether more checkers have said Success at a time than are needed for a healthy endpoint."""
        return self._success > HEALTHY_ABOVE

    def look(self) -> None:
        """Read CloudWatch and the checkers' statuses. After the time that is watched it does nothing."""
        if self.has_results:
            return
        for at, percent in self.aws.percents_healthy(self.check_id).items():
            self._percents[at] = max(percent, self._percents.get(at, 0.0))
        self._statuses = self.aws.statuses(self.check_id)
        self._success = max(self._success, share_of_success(self._statuses))

    @property
    def _is_over(self) -> bool:
        return self.place.now() - self._began >= WATCHED
