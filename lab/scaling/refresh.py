"""Instance refresh: which of a group's instances may be replaced now."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lab.moto.autoscaling import ScalingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.scaling.journeys import Life


@dataclass(slots=True)
class Refresh:
    """One instance refresh (StartInstanceRefresh); percentages are of the desired capacity, `warmup` is in seconds."""

    id: str
    group: str
    strategy: str
    min_healthy: int
    max_healthy: int
    warmup: float
    start: datetime
    old: set[str] = field(default_factory=set)
    total: int = 0
    status: str = "Pending"
    end: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it is pending or in progress."""
        return self.end is None

    def begin(self, lives: Sequence[Life]) -> None:
        """Take the group's present instances as the ones to replace."""
        self.old = {life.instance_id for life in lives if life.counts}
        self.total = len(self.old)

    def surge(self, desired: int, lives: Sequence[Life]) -> int:
        """Return how many instances above its desired capacity the group may have now."""
        if self.strategy != "Rolling" or self.max_healthy <= 100:  # noqa: PLR2004 - a percentage
            return 0
        left = sum(life.counts for life in lives if life.instance_id in self.old)
        return min(left, max(1, desired * self.max_healthy // 100 - desired))

    def next(self, desired: int, lives: Sequence[Life], now: datetime) -> list[Life]:
        """Return the instances to replace now, so that enough healthy ones are left.

        A group that may not exceed its desired capacity replaces one instance even if it then falls below the minimum;
        otherwise it could not be refreshed (user guide, instance-refresh-overview).
        """
        ready = [life for life in lives if self._ready(life, now)]
        floor = math.ceil(desired * self.min_healthy / 100)
        if self.max_healthy <= 100 or self.strategy != "Rolling":  # noqa: PLR2004 - a percentage
            floor = min(floor, desired - 1)
        may_go = [life for life in ready if life.instance_id in self.old]
        return may_go[: max(0, len(ready) - floor)]

    def done(self, desired: int, lives: Sequence[Life], now: datetime) -> bool:
        """Return whether every old instance is replaced and every new one has warmed up."""
        counted = [life for life in lives if life.counts]
        going = [life for life in lives if life.state in ("Terminating", "Terminating:Wait", "Terminating:Proceed")]
        left = [life for life in (*counted, *going) if life.instance_id in self.old]
        return not left and len(counted) == desired and all(self._ready(life, now) for life in counted)

    def described(self, lives: Sequence[Life]) -> dict[str, Any]:
        """Return it as DescribeInstanceRefreshes does."""
        left = sum(life.instance_id in self.old for life in lives if life.counts) if self.active else 0
        described = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group,
            "Status": self.status,
            "StartTime": self.start,
            "PercentageComplete": 100 * (self.total - left) // self.total if self.total else 100,
            "InstancesToUpdate": left,
            "Strategy": self.strategy,
            "Preferences": {
                "MinHealthyPercentage": self.min_healthy,
                "MaxHealthyPercentage": self.max_healthy,
                "InstanceWarmup": int(self.warmup),
            },
        }
        return described | ({"EndTime": self.end} if self.end else {})

    def _ready(self, life: Life, now: datetime) -> bool:
        """Return whether an instance counts as healthy: in service and, if it is new, warmed up."""
        if life.state != "InService" or life.in_service is None or life.member.health_status != "Healthy":
            return False
        return life.instance_id in self.old or now >= life.in_service + timedelta(seconds=self.warmup)


@dataclass(slots=True)
class Refreshes:
    """The instance refreshes of every group, oldest first."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    _all: list[Refresh] = field(default_factory=list)

    def of(self, group: str) -> list[Refresh]:
        """Return a group's instance refreshes, oldest first."""
        return [each for each in self._all if each.group == group]

    def active(self, group: str) -> Refresh | None:
        """Return a group's refresh that is pending or in progress; there is at most one."""
        return next((each for each in self.of(group) if each.active), None)

    def start(self, group: str, strategy: str, preferences: dict[str, Any]) -> Refresh:
        """Start a refresh with the preferences of StartInstanceRefresh, or refuse it while another is active."""
        if self.active(group) is not None:
            text = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            raise ScalingError(text, "InstanceRefreshInProgress")
        refresh = Refresh(
            id=self.new_id(),
            group=group,
            strategy=strategy,
            min_healthy=int(preferences.get("MinHealthyPercentage", 90)),
            max_healthy=int(preferences.get("MaxHealthyPercentage", 100)),
            warmup=float(preferences["InstanceWarmup"]),
            start=self.now(),
        )
        self._all.append(refresh)
        return refresh

    def forget_group(self, group: str) -> None:
        """Forget the refreshes of a group that is deleted."""
        self._all = [each for each in self._all if each.group != group]
