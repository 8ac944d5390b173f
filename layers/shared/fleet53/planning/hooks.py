"""Hooks: when an instance that waits at a lifecycle hook of ours may go on. Pure.

| the instance waits                              | it goes on                                       |
| ----------------------------------------------- | ------------------------------------------------ |
| and is in no pool                               | at once; without a pool tag, after two minutes   |
| on its way into the warm pool, or to its end    | at once: it was never registered                 |
| to be launched                                  | when it is ready, or when AdmitTimeout is over   |
| to be terminated, or to return to the warm pool | when its record is gone and the drain has passed |
| to change its root volume                       | when its record is gone and the drain has passed |

Note [Another action]: an instance can wait at the same hook several times: on its way into the warm pool, out of it,
and after its root volume was replaced. A message may be old, doubled, or the message of a run that was killed. So an
action is completed by its token, which Auto Scaling refuses once the action is over. Only an action whose event was
lost is completed by its instance id, and only while no newer scaling activity of the instance has begun: Auto Scaling
would complete whatever waits at the hook then (CompleteLifecycleAction).

The drain is the time in which resolvers may still cache the address: TTL + 60 s. It counts from the event, or from when
the record was found to be gone, if that is later: another run may delete the record minutes after the event.
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
"""The part of a drain that is not TTL: the time until all DNS servers of Route 53 answer alike (GetChange, INSYNC)."""
_LOOK: Final = timedelta(seconds=30)
_LONG: Final = timedelta(minutes=10)
LONGEST_LOOK: Final = timedelta(minutes=15)
"""The longest time until an instance is looked at again: the longest delay of a message (SendMessage, DelaySeconds)."""
_SOON: Final = timedelta(seconds=5)
_MARGIN: Final = timedelta(seconds=10)


def drain_of(ttls: Iterable[int]) -> timedelta:
    """Return the drain of an instance in pools of these TTLs (seconds): the longest of them."""
    return PROPAGATION + timedelta(seconds=max(ttls, default=0))


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What a pass found about an instance that waits at a hook.

    `pooled` is whether it waits for a declared pool: one that its tag names, or one that had its record. `in_dns` is
    whether a record of one of them holds its address, or may hold it. `ready` is whether nothing but Auto Scaling keeps
    it out of DNS. `drain` is the longest of its pools.
    """

    pooled: bool
    in_dns: bool = False
    ready: bool = False
    drain: timedelta = PROPAGATION


@dataclass(frozen=True, slots=True)
class Complete:
    """Complete the lifecycle action, so that the instance goes on."""

    action: Action
    result: Result
    because: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Let the instance wait, and look again after `delay`.

    `heartbeat` is whether to restart the hook's heartbeat timeout, which would end before that
    (RecordLifecycleActionHeartbeat). With `gives_up` it is not restarted, and Auto Scaling goes on when it ends.
    """

    action: Action
    delay: timedelta
    because: str
    heartbeat: bool = False
    gives_up: bool = False


def decide(
    action: Action, member: MemberStatus, *, now: datetime, admit_timeout: timedelta, unhealthy_result: Result
) -> Complete | Hold:
    """Return what to do about an instance that waits at a hook."""
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
        return Hold(action, delay, "its record may still be in DNS", gives_up=waited >= _LONG)
    left = member.drain - (now - max(action.at, action.gone_at or action.at))
    if left <= timedelta():
        because = f"its record is gone, and the drain of {member.drain.total_seconds():.0f} s has passed"
        return Complete(action, Result.CONTINUE, because)
    return Hold(action, left, "resolvers may still cache its address")


def follow_record(action: Action, member: MemberStatus, *, withdrawn: bool, now: datetime) -> Action:
    """Return `action` with the time since when no record holds the instance's address, as far as runs have seen it.

    `withdrawn` is whether this run deleted the record. A run that finds no record, and does not know when it was
    deleted, takes it to be gone from now on: another run may have deleted it just before.
    """
    if action.transition is not Transition.TERMINATING:
        return action
    if member.in_dns:
        return replace(action, gone_at=None)
    return replace(action, gone_at=now) if withdrawn or action.gone_at is None else action


def keep_alive(hold: Hold, timeout: timedelta, *, now: datetime) -> Hold:
    """Return `hold` so that the hook's heartbeat `timeout` does not end before the next look at the instance."""
    if hold.gives_up:
        return hold
    delay = min(hold.delay, LONGEST_LOOK, max(timeout - 2 * _MARGIN, _MARGIN))
    heartbeat = now - hold.action.heartbeat_at + delay + _MARGIN > timeout
    action = replace(hold.action, heartbeat_at=now) if heartbeat else hold.action
    return replace(hold, action=action, delay=delay, heartbeat=heartbeat)
