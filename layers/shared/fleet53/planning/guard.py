"""The guard: what absence may withdraw.

A withdrawal has evidence when EC2 or Auto Scaling positively says that the instance is going or gone; that
always passes, at any number, because a released address can belong to a stranger in minutes. What rests on
absence (an unknown id, a tag that is gone, a pool that is gone) passes only up to a share of the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SMALLEST_GUARDED_POOL: Final = 4
"""Members in DNS from which a share says more than a count."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What absence may withdraw at once: `max_withdraw_percent` of a pool (0 to 100), or all when `force`d."""

    max_withdraw_percent: int
    force: bool = False

    def holds(self, *, absent: int, in_dns: int) -> bool:
        """Whether `absent` withdrawals that rest on absence are too many for a pool of `in_dns` members."""
        if self.force or in_dns < SMALLEST_GUARDED_POOL:
            return False
        return absent * 100 > self.max_withdraw_percent * in_dns

    def reason(self, *, absent: int, in_dns: int) -> str:
        """Say why the withdrawals are held, and what lets them pass."""
        return (
            f"held by the guard: {absent} of {in_dns} members would go for no other reason, "
            f"more than MaxWithdrawPercent={self.max_withdraw_percent} allows; "
            'invoke the audit with {"repair": true, "force": true} if that is meant'
        )
