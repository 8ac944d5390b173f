"""Hooks: when an instance that waits at a lifecycle hook of ours may go on. Pure.

| the instance waits                              | it goes on                                       |
| ----------------------------------------------- | ------------------------------------------------ |
| without a record of ours                        |                                                  |
| - and its tag names no pool of this stack       | it belongs to another stack, and is left alone   |
| - and EC2 shows no pool tag of it               | after two minutes                                |
| to enter the warm pool, or to end there         | at once: it was never registered                 |
| to be launched                                  | when it is ready, or AdmitTimeout has passed;    |
|                                                 | ABANDON only where Route 53 saw it unhealthy     |
| - and EC2 shuts it down, or has terminated it   | at once, with ABANDON: Note [Ended at a hook]    |
| - and EC2 stops it, or has stopped it           | after two minutes, with ABANDON                  |
| to be terminated, or to return to the warm pool | when its record is gone and the drain has passed |
| to change its root volume                       | when its record is gone and the drain has passed |

Note [Another action]: an instance can wait at the same hook several times: on its way into the warm pool, out of it,
and after its root volume was replaced. A message may be old, doubled, or the message of a run that was killed. So an
action is completed by its token, which Auto Scaling refuses once the action is completed. Only an action whose event
was lost is completed by its instance id, and only while no newer scaling activity of the instance has begun: Auto
Scaling would complete any action that waits at the hook then (CompleteLifecycleAction).

Note [Ended at a hook]: an instance may end while it waits to be launched: Spot interrupts it, a user terminates it, or
its boot script shuts it down. Auto Scaling replaces unhealthy instances that are InService, so this one counts as
capacity until its hook is completed or times out (EC2 Auto Scaling User Guide, Health checks for instances in an Auto
Scaling group). With ABANDON, its group replaces it at once. EC2 may still show an instance as stopped that its group
has just started from a warm pool, so a stop counts after two minutes (Note [EC2 is behind] in behind.py).

The drain is the time in which resolvers may still cache the address: TTL + 60 s. It counts from the event, or from when
the record was found to be gone, if that is later: another run may delete the record minutes after the event.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.domain.lifecycle import Action, Result, Transition
from fleet53.planning.behind import LONGEST as LONGEST_BEHIND
from fleet53.planning.membership import EC2, ENDED, Membership

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

PROPAGATION: Final = timedelta(seconds=60)
"""The drain beyond the TTL: the time until all DNS servers of Route 53 have a change (GetChange, INSYNC)."""
LOOK: Final = timedelta(seconds=30)
"""The longest time until an instance that waits for its health is looked at again."""
_LONG: Final = timedelta(minutes=10)
LONGEST_LOOK: Final = timedelta(minutes=15)
"""The longest time until an instance is looked at again: the longest delay of a message (SendMessage, DelaySeconds)."""
_SOON: Final = timedelta(seconds=5)
_MARGIN: Final = timedelta(seconds=10)


def drain_of(ttls: Iterable[int]) -> timedelta:
    """Return the drain of an instance in pools with these TTLs (seconds): that of the longest TTL."""
    return PROPAGATION + timedelta(seconds=max(ttls, default=0))


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What the passes of a run found about an instance that waits at a hook.

    `pooled` is whether it belongs to a declared pool, by its tag or by a record, or has a record at a name of no pool.
    `foreign` is why it belongs to another stack, None if that is not known. `state` is its EC2 state, None if EC2 does
    not know it. `in_dns` is whether a record of ours has, or may have, its address. `ready` is whether only Auto
    Scaling keeps it out of DNS. `unhealthy` is whether a pass saw that Route 53 sees it unhealthy. `drain` is the
    longest of its pools and of its records at names of no pool.
    """

    pooled: bool
    foreign: str | None = None
    state: str | None = None
    in_dns: bool = False
    ready: bool = False
    unhealthy: bool = False
    drain: timedelta = PROPAGATION


@dataclass(frozen=True, slots=True)
class Complete:
    """Complete the lifecycle action, so that the instance goes on.

    `unknown` is whether a launch continues although its health is not known.
    """

    action: Action
    result: Result
    because: str
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the lifecycle action to another stack, or to the hook's own timeout."""

    action: Action
    because: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Keep the instance waiting, and look again after `delay`.

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
) -> Complete | Wait | Leave:
    """Return what to do about an instance that waits at a hook."""
    waited = now - action.at
    if not member.pooled:
        if member.foreign is not None:
            return Leave(action, member.foreign)
        if waited < LONGEST_BEHIND:
            return Wait(action, LONGEST_BEHIND - waited, "EC2 does not show a pool tag")
        return Complete(action, Result.CONTINUE, "the instance is in no pool")
    if action.warm:
        return Complete(action, Result.CONTINUE, "an instance of the warm pool is never registered")
    if action.transition is Transition.LAUNCHING and _has_ended(member, waited):
        return Complete(action, Result.ABANDON, f"EC2 says {member.state}, before it was in service")
    if action.transition is Transition.LAUNCHING:
        return _launch(action, member, admit_timeout - waited, admit_timeout, unhealthy_result)
    if member.in_dns:
        delay = _SOON if waited < LOOK else LOOK if waited < _LONG else _LONG
        return Wait(action, delay, "its record may still be in DNS", gives_up=waited >= _LONG)
    left = member.drain - (now - max(action.at, action.gone_at or action.at))
    if left <= timedelta():
        because = f"its record is gone, and the drain of {member.drain.total_seconds():.0f} s has passed"
        return Complete(action, Result.CONTINUE, because)
    return Wait(action, left, "resolvers may still cache its address")


def _has_ended(member: MemberStatus, waited: timedelta) -> bool:
    """Whether an instance that has `waited` to be launched no longer runs: Note [Ended at a hook]."""
    if member.state is None:
        return False
    stops = EC2.get(member.state) is Membership.WITHDRAW
    return member.state in ENDED or (stops and waited >= LONGEST_BEHIND)


def _launch(
    action: Action, member: MemberStatus, left: timedelta, admit_timeout: timedelta, unhealthy_result: Result
) -> Complete | Wait:
    if member.ready:
        return Complete(action, Result.CONTINUE, "it is ready to be admitted")
    if left > timedelta():
        return Wait(action, min(left, LOOK), "Route 53 does not see it healthy yet")
    timeout = f"AdmitTimeout ({admit_timeout.total_seconds():.0f} s)"
    if member.unhealthy:
        return Complete(action, unhealthy_result, f"it was not healthy within {timeout}")
    because = f"{timeout} has passed, and it is not known whether it is healthy"
    return Complete(action, Result.CONTINUE, because, unknown=True)


def follow_record(action: Action, member: MemberStatus, *, withdrawn: bool, now: datetime) -> Action:
    """Return `action` with the time at which a run first found that no record holds the instance's address.

    `withdrawn` is whether this run deleted the record. If it is not known when the record was deleted, it counts as
    gone from now on: another run may have just deleted it.
    """
    if action.transition is not Transition.TERMINATING:
        return action
    if member.in_dns:
        return replace(action, gone_at=None)
    return replace(action, gone_at=now) if withdrawn or action.gone_at is None else action


def keep_alive(wait: Wait, timeout: timedelta, *, now: datetime) -> Wait:
    """Return `wait` so that the hook's heartbeat `timeout` does not end before the next look at the instance."""
    if wait.gives_up:
        return wait
    delay = min(wait.delay, LONGEST_LOOK, max(timeout - 2 * _MARGIN, _MARGIN))
    heartbeat = now - wait.action.heartbeat_at + delay + _MARGIN > timeout
    action = replace(wait.action, heartbeat_at=now) if heartbeat else wait.action
    return replace(wait, action=action, delay=delay, heartbeat=heartbeat)
