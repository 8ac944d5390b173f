"""Membership: whether an instance belongs in a pool's DNS name now, from one table of all states that AWS has.

| situation                                                  | membership         |
| ---------------------------------------------------------- | ------------------ |
| a state that this version does not know                    | LEAVE              |
| EC2 lists no instances now, and was not asked for this one | LEAVE              |
| the id is unknown to EC2                                   | WITHDRAW (absence) |
| EC2 stopping, stopped, shutting-down, terminated           | WITHDRAW           |
| Spot has marked it, while EC2 still says running           | WITHDRAW           |
| in a group whose state for it is WITHDRAW in AUTO_SCALING  | WITHDRAW           |
| the pool tag is gone, or does not name the pool            | WITHDRAW (absence) |
| EC2 pending                                                | WAIT               |
| EC2 running, in no Auto Scaling group                      | ADMIT              |
| its tag names a group, but Auto Scaling does not list it   | WAIT               |
| in a group                                                 | AUTO_SCALING below |
| Auto Scaling or Spot decides, and could not be read        | LEAVE              |

The first row that applies decides. ADMIT, PREPARE, WAIT, WITHDRAW and LEAVE are explained in plan.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from fleet53.domain.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.domain.ids import PoolName
    from fleet53.domain.instance import Instance


class Membership(StrEnum):
    """What is to be done about an instance in a pool. WAIT and LEAVE neither add nor remove anything."""

    ADMIT = "admit"
    PREPARE = "prepare"
    WAIT = "wait"
    WITHDRAW = "withdraw"
    LEAVE = "leave"


EC2: Final[Mapping[str, Membership]] = {
    "pending": Membership.WAIT,
    "running": Membership.ADMIT,
    "stopping": Membership.WITHDRAW,
    "stopped": Membership.WITHDRAW,
    "shutting-down": Membership.WITHDRAW,
    "terminated": Membership.WITHDRAW,
}
"""The membership for each EC2 instance state (DescribeInstances, InstanceStateName)."""

AUTO_SCALING: Final[Mapping[str, Membership]] = {
    "Pending": Membership.WAIT,
    "Pending:Wait": Membership.PREPARE,
    "Pending:Proceed": Membership.PREPARE,
    "Quarantined": Membership.WITHDRAW,
    "InService": Membership.ADMIT,
    "Terminating": Membership.WITHDRAW,
    "Terminating:Wait": Membership.WITHDRAW,
    "Terminating:Proceed": Membership.WITHDRAW,
    "Terminating:Retained": Membership.WITHDRAW,
    "Terminated": Membership.WITHDRAW,
    "Detaching": Membership.WITHDRAW,
    "Detached": Membership.ADMIT,
    "EnteringStandby": Membership.WITHDRAW,
    "Standby": Membership.WITHDRAW,
    "ReplacingRootVolume": Membership.WITHDRAW,
    "ReplacingRootVolume:Wait": Membership.WITHDRAW,
    "ReplacingRootVolume:Proceed": Membership.WITHDRAW,
    "RootVolumeReplaced": Membership.PREPARE,
    "Warmed:Pending": Membership.WITHDRAW,
    "Warmed:Pending:Wait": Membership.WITHDRAW,
    "Warmed:Pending:Proceed": Membership.WITHDRAW,
    "Warmed:Pending:Retained": Membership.WITHDRAW,
    "Warmed:Terminating": Membership.WITHDRAW,
    "Warmed:Terminating:Wait": Membership.WITHDRAW,
    "Warmed:Terminating:Proceed": Membership.WITHDRAW,
    "Warmed:Terminating:Retained": Membership.WITHDRAW,
    "Warmed:Terminated": Membership.WITHDRAW,
    "Warmed:Stopped": Membership.WITHDRAW,
    "Warmed:Running": Membership.WITHDRAW,
    "Warmed:Hibernated": Membership.WITHDRAW,
}
"""The membership for each Auto Scaling LifecycleState (DescribeAutoScalingInstances) of an instance that is running.

A detached instance is in no group any more, so it is treated as any running instance.
"""

_DETACHING: Final = "Detaching"
"""The state in which a group's load balancers drain an instance that is then in no group. No event reports its end."""

ENDED: Final = frozenset({"shutting-down", "terminated"})
"""The EC2 states after which an instance never runs again (EC2 User Guide, Instance lifecycle)."""

SPOT_MARKS: Final = ("marked-for-stop", "marked-for-termination", "instance-terminated-")
"""How the status code of a Spot request begins when its instance is about to be stopped or terminated.

Where the interruption behavior is terminate, the status goes straight to `instance-terminated-no-capacity` while the
instance keeps running for two minutes (EC2 User Guide, Spot request status).
"""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A membership and its reason.

    `evidence` is whether it rests on what EC2, Auto Scaling or Spot says. A WITHDRAW without evidence rests on absence,
    and the guard may hold it. `unread` is whether a source that decides could not be read. `passes` is whether a
    WITHDRAW ends without an event.
    """

    membership: Membership
    because: str
    evidence: bool = True
    unread: bool = False
    passes: bool = False


def assess(
    instance: Instance | None,
    pool: PoolName,
    lifecycle_state: str | None,
    spot: str | None,
    unread: Mapping[Source, str] = MappingProxyType({}),
) -> Assessment:
    """Return the membership of `instance` in `pool`, with its reason.

    `instance` is None when EC2 does not know the id. `lifecycle_state` is Auto Scaling's, None when it does
    not know the instance. `spot` is the status code of the instance's Spot request, None without one. `unread` has the
    sources that could not be read, with the reason.
    """
    if instance is None and Source.EC2 in unread:
        return _left(Source.EC2, unread)
    if instance is None:
        return Assessment(Membership.WITHDRAW, "EC2 does not know the instance", evidence=False)
    by_ec2 = EC2.get(instance.state)
    if by_ec2 is None:
        return Assessment(Membership.LEAVE, f"EC2 state {instance.state!r} is unknown to this version")
    if by_ec2 is Membership.WITHDRAW:
        return Assessment(by_ec2, f"EC2 says {instance.state}")
    going = why_going(lifecycle_state, spot) if by_ec2 is Membership.ADMIT else None
    if going is not None:
        return Assessment(Membership.WITHDRAW, going, passes=lifecycle_state == _DETACHING and pool in instance.pools)
    if pool not in instance.pools:
        return Assessment(Membership.WITHDRAW, f"its tag does not name pool {pool}", evidence=False)
    if by_ec2 is Membership.WAIT:
        return Assessment(by_ec2, f"EC2 says {instance.state}")
    assessment = _in_group(instance.group, lifecycle_state, unread) if instance.group is not None else _RUNNING
    if instance.spot and Source.SPOT in unread and assessment.membership in {Membership.ADMIT, Membership.PREPARE}:
        return _left(Source.SPOT, unread)
    return assessment


def why_going(lifecycle_state: str | None, spot: str | None) -> str | None:
    """Return what Spot or Auto Scaling says if a running instance must leave DNS; None if it may stay."""
    if spot is not None and spot.startswith(SPOT_MARKS):
        return f"its Spot request is {spot}"
    withdrawn = lifecycle_state is not None and AUTO_SCALING.get(lifecycle_state) is Membership.WITHDRAW
    return f"Auto Scaling says {lifecycle_state}" if withdrawn else None


_RUNNING: Final = Assessment(Membership.ADMIT, "EC2 says running")


def _in_group(group: str, lifecycle_state: str | None, unread: Mapping[Source, str]) -> Assessment:
    """Return the membership of a running instance in an Auto Scaling group."""
    if Source.AUTO_SCALING in unread:
        return _left(Source.AUTO_SCALING, unread)
    if lifecycle_state is None:
        return Assessment(Membership.WAIT, f"Auto Scaling does not confirm it in group {group}")
    by_group = AUTO_SCALING.get(lifecycle_state)
    if by_group is None:
        return Assessment(Membership.LEAVE, f"Auto Scaling state {lifecycle_state!r} is unknown to this version")
    return Assessment(by_group, f"Auto Scaling says {lifecycle_state}")


def _left(source: Source, unread: Mapping[Source, str]) -> Assessment:
    return Assessment(
        Membership.LEAVE, f"left as it is, because {source} could not be read: {unread[source]}", unread=True
    )
