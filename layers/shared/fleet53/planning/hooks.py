"""Hooks: when an instance that waits at one of ours may go on. Pure.

| the instance waits                              | it goes on                                       |
| ----------------------------------------------- | ------------------------------------------------ |
| and is in no pool                               | at once                                          |
| on its way into the warm pool, or to its end    | at once: it was never registered                 |
| to be launched                                  | when it is ready, or when AdmitTimeout is over   |
| to be terminated, or to return to the warm pool | when its record is gone and the drain has passed |
| to change its root volume                       | when its record is gone and the drain has passed |

The drain is the time in which resolvers may still hold the address: TTL + 60 s, from the event on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.domain.lifecycle import Action, Result, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

PROPAGATION: Final = timedelta(seconds=60)
"""The part of a drain that is not TTL: Route 53's own time to answer everywhere (GetChange, INSYNC)."""
_LOOK: Final = timedelta(seconds=30)
_LONG: Final = timedelta(minutes=10)
LONGEST_LOOK: Final = timedelta(minutes=15)
"""The longest time between two looks: a queue delays a message no longer (SendMessage, DelaySeconds)."""
_SOON: Final = timedelta(seconds=5)
_MARGIN: Final = timedelta(seconds=10)


def drain_of(ttls: Iterable[int]) -> timedelta:
    """Return the drain of an instance in pools of these TTLs (seconds): the longest of them."""
    return PROPAGATION + timedelta(seconds=max(ttls, default=0))


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """How an instance stands after a pass.

    `pooled`: its tag names a declared pool. `in_dns`: one of them has, or may have, its record. `ready`: nothing but
    Auto Scaling keeps it out of DNS. `drain`: the longest of its pools.
    """

    pooled: bool
    in_dns: bool = False
    ready: bool = False
    drain: timedelta = PROPAGATION


@dataclass(frozen=True, slots=True)
class Complete:
    """Let the instance go on."""

    action: Action
    result: Result
    because: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Let it wait and look again after `delay`.

    With `heartbeat` the hook's own timeout, which would come first, begins anew; one that `gives_up` lets it pass.
    """

    action: Action
    delay: timedelta
    because: str
    heartbeat: bool = False
    gives_up: bool = False


def decide(
    action: Action, member: MemberStatus, *, now: datetime, admit_timeout: timedelta, unhealthy_result: Result
) -> Complete | Hold:
    """Return what to do about an instance that waits and stands so."""
    if not member.pooled:
        return Complete(action, Result.CONTINUE, "the instance is in no pool")
    if action.warm:
        return Complete(action, Result.CONTINUE, "an instance of the warm pool is never registered")
    if action.transition is Transition.LAUNCHING:
        if member.ready:
            return Complete(action, Result.CONTINUE, "it is ready to be admitted")
        left = admit_timeout - (now - action.at)
        if left <= timedelta():
            because = f"it was not healthy within AdmitTimeout ({admit_timeout.total_seconds():.0f} s)"
            return Complete(action, unhealthy_result, because)
        return Hold(action, min(left, _LOOK), "Route 53 does not see it healthy yet")
    if member.in_dns:
        waited = now - action.at
        delay = _SOON if waited < _LOOK else _LOOK if waited < _LONG else _LONG
        return Hold(action, delay, "its record is not known to be gone", gives_up=waited >= _LONG)
    left = member.drain - (now - action.at)
    if left <= timedelta():
        because = f"its record is gone, and the drain of {member.drain.total_seconds():.0f} s has passed"
        return Complete(action, Result.CONTINUE, because)
    return Hold(action, left, "resolvers may still hold its address")


def keep_alive(hold: Hold, timeout: timedelta, *, now: datetime) -> Hold:
    """Return `hold` such that the hook's heartbeat `timeout` does not end the wait before the next look."""
    if hold.gives_up:
        return hold
    delay = min(hold.delay, LONGEST_LOOK, max(timeout - 2 * _MARGIN, _MARGIN))
    heartbeat = now - hold.action.heartbeat_at + delay + _MARGIN > timeout
    action = replace(hold.action, heartbeat_at=now) if heartbeat else hold.action
    return replace(hold, action=action, delay=delay, heartbeat=heartbeat)
