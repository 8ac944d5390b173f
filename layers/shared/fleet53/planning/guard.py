"""The guard: limits how many members are withdrawn at once for no other reason than that something is absent.

A withdrawal has evidence where EC2, Auto Scaling or Spot says that the instance is going or gone. Such a withdrawal
always passes, at any number, because a released address can belong to somebody else within minutes. A withdrawal that
rests on absence (an id that EC2 does not know, a tag or a pool that was deleted) passes only up to a share of the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SMALLEST_GUARDED_POOL: Final = 4
"""The fewest members in DNS for which the guard holds anything. Of fewer, one member is too large a share."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets `max_withdraw_percent` (0 to 100) of a pool be withdrawn because of absence, or all with `force`."""

    max_withdraw_percent: int
    force: bool = False

    def holds(self, *, absent: int, in_dns: int) -> bool:
        """Whether `absent` withdrawals that rest on absence are too many for a pool with `in_dns` members in DNS."""
        if self.force or in_dns < SMALLEST_GUARDED_POOL:
            return False
        return absent * 100 > self.max_withdraw_percent * in_dns

    def reason(self, *, absent: int, in_dns: int) -> str:
        """Return why the withdrawals are held, and how to make them."""
        return (
            f"held by the guard: {absent} of {in_dns} members would be withdrawn without evidence that they are gone, "
            f"more than MaxWithdrawPercent={self.max_withdraw_percent} allows; "
            'to withdraw them, invoke the audit with {"repair": true, "force": true}'
        )
