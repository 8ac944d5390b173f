"""The guard: limits how many members are withdrawn at once only because something is absent.

A withdrawal has evidence where EC2, Auto Scaling or Spot says that the instance is going or gone. Such a withdrawal
always passes, at any number, because AWS can give a released address to another customer within minutes. A withdrawal
that rests on absence (EC2 does not know the id, or the tag or the pool was deleted) passes only up to a percentage of
the pool.

Note [Held stays held]: members that are held stay held when others have come back, even if only a few are left. fleet53
keeps no state, so a chain of messages names them, which is renewed while they are absent (reconcile/absent.py). A run
that has received such a message holds them, however few they are. A run that has not must not withdraw them either. So
in a pool of four or more, an absence that no event reported has to last before it counts: a second chain of messages
brings the look that withdraws the member. Both chains are due at the same times, so a run receives both messages before
the absence has lasted, and drops the second chain.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fleet53.domain.ids import InstanceId, PoolName

SMALLEST_GUARDED_POOL: Final = 4
"""The fewest members in DNS for which the guard holds anything. In a smaller pool one member is too large a share."""
LASTED: Final = timedelta(minutes=5)
"""How long an absence that no event reported has to last before the member is withdrawn."""
_WAY_OUT: Final = (
    "if they still run, restore their tag or the pool; "
    'to withdraw them, invoke the audit with {"repair": true, "force": true}'
)

type Absent = tuple[PoolName | None, InstanceId]
"""An instance that is absent from a pool and has a record there; None where no pool has the record's name."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets `max_withdraw_percent` (0 to 100) of a pool be withdrawn because of absence, or all with `force`.

    With `adopt`, it lets foreign records be replaced by ours (adoption.py). A person orders either.

    `told` are the instances that an event of this run names, None if every absence counts at once. `held` are those
    that an earlier run is known to have held. `since` is when an absence was first seen, if an earlier run saw it.
    Without `now`, no absence has lasted. Note [Held stays held].
    """

    max_withdraw_percent: int
    force: bool = False
    told: frozenset[InstanceId] | None = None
    held: frozenset[Absent] = frozenset()
    since: Mapping[Absent, datetime] = field(default_factory=dict)
    now: datetime | None = None
    adopt: bool = False

    def why_held(self, who: Absent, *, absent: int, in_dns: int) -> str | None:
        """Return why a withdrawal is held until force, evidence or the instance's return; None if it is not held.

        `absent` withdrawals of `in_dns` members in DNS rest on absence.
        """
        if self.force:
            return None
        if self.holds(absent=absent, in_dns=in_dns):
            return self.reason(absent=absent, in_dns=in_dns)
        if who in self.held:
            return f"held by the guard: it was held together with others, and is still absent; {_WAY_OUT}"
        return None

    def why_not_yet(self, who: Absent, *, in_dns: int, listed: bool = True) -> str | None:
        """Return why a withdrawal that is not held has to wait; None where it passes.

        It waits until the absence has lasted, and until EC2 lists the instances (`listed`): Note [Disrupted zone] in
        convergence/instances.py.
        """
        instance_id = who[1]
        if self.force or in_dns < SMALLEST_GUARDED_POOL:
            return None
        if not listed:
            return "EC2 lists no instances now, so it is not known how many members are absent"
        if self.told is None or instance_id in self.told:
            return None
        since = self.since.get(who)
        if since is not None and self.now is not None and self.now - since >= LASTED:
            return None
        lasted = f"{LASTED.total_seconds() / 60:.0f} minutes"
        return (
            f"no event reported it, so it is withdrawn when this has lasted {lasted}, unless the guard held it before"
        )

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
            f"{_WAY_OUT}"
        )

    def holding(self, held: Iterable[Absent]) -> Guard:
        """Return the guard for the next pass of a run, after a pass that held these."""
        return replace(self, held=self.held.union(held))

    def telling(self, instance_ids: Iterable[InstanceId]) -> Guard:
        """Return the guard for a pass in which an absence of these instances counts at once."""
        return self if self.told is None else replace(self, told=self.told.union(instance_ids))
