"""Membership: what a pool owes an instance now, from one total table over AWS's own states.

| situation                                                        | membership |
| ---------------------------------------------------------------- | ---------- |
| a state that this version does not know                           | LEAVE      |
| the id is unknown to EC2                                           | WITHDRAW (absence) |
| EC2 stopping, stopped, shutting-down, terminated                   | WITHDRAW   |
| the pool tag is gone, or does not name the pool                    | WITHDRAW (absence) |
| EC2 pending                                                        | WAIT       |
| Spot has marked it, while EC2 still says running                   | WITHDRAW   |
| EC2 running, in no Auto Scaling group                              | ADMIT      |
| its tag names a group that Auto Scaling does not confirm           | WAIT       |
| in a group                                                         | AUTO_SCALING below |

The first row that fits decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.domain.model import Instance, PoolName


class Membership(StrEnum):
    """What a pool owes an instance. WAIT and LEAVE neither add nor remove."""

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
"""EC2 instance state (DescribeInstances, InstanceStateName) to membership."""

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
"""Auto Scaling LifecycleState (DescribeAutoScalingInstances) of an instance that EC2 calls running.

A detached instance is in no group any more, so it is treated as any running instance.
"""

SPOT_MARKS: Final = ("marked-for-stop", "marked-for-termination", "instance-terminated-")
"""How the status code of a Spot request begins when its instance is about to go.

For terminate-on-interruption the status goes straight to `instance-terminated-no-capacity` while the instance
keeps running for two minutes (EC2 User Guide, Spot request status).
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A membership with its reason.

    `evidence` says whether EC2, Auto Scaling or Spot positively told us; a WITHDRAW without it rests on
    absence, and the guard has a say in it.
    """

    membership: Membership
    because: str
    evidence: bool = True


def judge(instance: Instance | None, pool: PoolName, lifecycle_state: str | None, spot: str | None) -> Verdict:
    """Return what `pool` owes `instance`.

    `instance` is None when EC2 does not know the id. `lifecycle_state` is Auto Scaling's, None when it does
    not know the instance. `spot` is the status code of the instance's Spot request, None without one.
    """
    if instance is None:
        return Verdict(Membership.WITHDRAW, "EC2 does not know the instance", evidence=False)
    by_ec2 = EC2.get(instance.state)
    if by_ec2 is None:
        return Verdict(Membership.LEAVE, f"EC2 state {instance.state!r} is unknown to this version")
    if by_ec2 is Membership.WITHDRAW:
        return Verdict(by_ec2, f"EC2 says {instance.state}")
    if pool not in instance.pools:
        return Verdict(Membership.WITHDRAW, f"its tag does not name pool {pool}", evidence=False)
    if by_ec2 is Membership.WAIT:
        return Verdict(by_ec2, f"EC2 says {instance.state}")
    if spot is not None and spot.startswith(SPOT_MARKS):
        return Verdict(Membership.WITHDRAW, f"its Spot request is {spot}")
    if instance.group is None:
        return Verdict(Membership.ADMIT, "EC2 says running")
    if lifecycle_state is None:
        return Verdict(Membership.WAIT, f"Auto Scaling does not confirm it in group {instance.group}")
    by_group = AUTO_SCALING.get(lifecycle_state)
    if by_group is None:
        return Verdict(Membership.LEAVE, f"Auto Scaling state {lifecycle_state!r} is unknown to this version")
    return Verdict(by_group, f"Auto Scaling says {lifecycle_state}")
