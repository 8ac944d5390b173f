"""Decides the next step of an Auto Scaling group: its capacity, its warm pool, its instance refresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling
from lab.scaling.journeys import Journeys, Life

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lab.scaling.journeys import Script
    from lab.scaling.refresh import Refresh

type Journey = Callable[[Journeys, Life, str], Script]

OUT_OF_SERVICE: Final = "an instance was taken out of service in response to"
_DIFFERENCE: Final = "a difference between desired and actual capacity"


@dataclass(frozen=True, slots=True)
class Launch:
    """Launch an instance and start a journey of it."""

    journey: Journey
    cause: str


@dataclass(frozen=True, slots=True)
class Send:
    """Start a journey of an instance of the group."""

    life: Life
    journey: Journey
    cause: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace an instance, or its root volume, for an instance refresh."""

    life: Life
    refresh: Refresh


@dataclass(frozen=True, slots=True)
class Turn:
    """Change the status of an instance refresh."""

    refresh: Refresh
    status: str


type Step = Launch | Send | Replace | Turn


def next_step(
    group: Any, lives: Sequence[Life], suspended: set[str], refresh: Refresh | None, now: datetime
) -> Step | None:
    """Return the next step of a group, or None if there is nothing to do."""
    if "ReplaceUnhealthy" not in suspended:
        for life in lives:
            if life.counts and life.state != "Pending" and life.member.health_status != "Healthy":
                return Send(life, Journeys.terminate, f"{OUT_OF_SERVICE} an EC2 health check")
    wanted = group.desired_capacity
    if refresh is not None:
        step = _refresh(refresh, group.desired_capacity, lives, now)
        if step is not None:
            return step
        wanted += refresh.surge(group.desired_capacity, lives)
    return _scale(group, lives, suspended, wanted) or _fill_pool(group, lives, suspended)


def _refresh(refresh: Refresh, desired: int, lives: Sequence[Life], now: datetime) -> Step | None:
    if refresh.status == "Pending":
        return Turn(refresh, "InProgress")
    for life in refresh.next(desired, lives, now):
        return Replace(life, refresh)
    return Turn(refresh, "Successful") if refresh.done(desired, lives, now) else None


def _scale(group: Any, lives: Sequence[Life], suspended: set[str], wanted: int) -> Step | None:
    counted = [life for life in lives if life.counts]
    units = sum(life.weight for life in counted)
    if units < wanted and "Launch" not in suspended:
        cause = f"an instance was started in response to {_DIFFERENCE}"
        warm = [life for life in lives if _rests(life)]
        return Send(warm[0], Journeys.leave_pool, cause) if warm else Launch(Journeys.launch, cause)
    if units > wanted and "Terminate" not in suspended:
        unprotected = (
            each for each in counted if each.state == "InService" and not each.member.protected_from_scale_in
        )
        free = [each for each in unprotected if units - each.weight >= wanted]
        if free:
            reused = group.warm_pool is not None and autoscaling.reuses(group.warm_pool)
            journey = Journeys.return_to_pool if reused else Journeys.terminate
            return Send(free[0], journey, f"{OUT_OF_SERVICE} {_DIFFERENCE}")
    return None


def _fill_pool(group: Any, lives: Sequence[Life], suspended: set[str]) -> Step | None:
    warm = [life for life in lives if life.warm and "Terminat" not in life.state]
    wanted = 0 if group.warm_pool is None else autoscaling.warm_pool_size(group)
    if len(warm) < wanted and "Launch" not in suspended:
        return Launch(Journeys.warm_up, "an instance was started to fill the warm pool")
    resting = [life for life in warm if _rests(life)]
    if len(warm) > wanted and resting and "Terminate" not in suspended:
        return Send(resting[0], Journeys.terminate, f"{OUT_OF_SERVICE} a warm pool that is too large")
    return None


def _rests(life: Life) -> bool:
    return life.state in ("Warmed:Stopped", "Warmed:Running", "Warmed:Hibernated") and life.script is None
