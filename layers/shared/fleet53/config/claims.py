"""Claims: the pools that the parameters declare, and which of several pools at one place is served.

Note [One place, one pool]: a place is a hosted zone and a name in it. A person who may write only one parameter can
declare a pool at another pool's place, and must not take it over. The stack's first pool always has its own place, also
while its parameter is missing or wrong. Any other place belongs to the pool that most instances of the records there
have in their tags, because a parameter cannot change these. If several pools have equally many, none of them is served.
A pool that is not served has a fault, so the records at the place stay until there is evidence (planning/orphans.py).

A wrong parameter does not say where its pool is, but the pool keeps its place: if more of the instances there name it
than any pool that claims the place, the place is its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet53.config.pools import PoolFault, read_pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fleet53.config.pools import Allowed, FirstPool
    from fleet53.domain.ids import PoolName
    from fleet53.domain.pool import Place, Pool


@dataclass(frozen=True, slots=True)
class Declared:
    """All pools that are declared: those that can be served and those with faults, each in the order of their names.

    `contested` are valid pools by their place and by their parameter. The records there decide which pool has the
    place: several pools claim it, or it may belong to a pool whose parameter is wrong. The first pool's own place is
    never among them.
    """

    pools: tuple[Pool, ...] = ()
    faults: tuple[PoolFault, ...] = ()
    contested: Mapping[Place, Mapping[str, Pool]] = field(default_factory=dict)

    @property
    def candidates(self) -> tuple[Pool, ...]:
        """All valid pools, those at contested places too."""
        return (*self.pools, *(pool for place in self.contested.values() for pool in place.values()))

    @property
    def unplaced(self) -> frozenset[PoolName]:
        """The pools whose place is not known, because their parameters are wrong."""
        return frozenset(fault.name for fault in self.faults if fault.zone_id is None)

    def resolved(self, tags: Mapping[Place, Iterable[frozenset[PoolName]]]) -> Declared:
        """Return all pools without contested places.

        `tags` has, for each contested place, the pool tags of the instances with a record of ours there.
        """
        pools = list(self.pools)
        claimed: list[PoolFault] = []
        found: dict[PoolName, Place] = {}
        for place, claimants in self.contested.items():
            named = Counter(name for names in tags.get(place, ()) for name in names)
            holder = _incumbent(claimants.values(), named, self.unplaced)
            if holder is not None and holder in self.unplaced:
                found.setdefault(holder, place)
            for parameter, pool in claimants.items():
                if pool.name == holder:
                    pools.append(pool)
                else:
                    claimed.append(_claimed(parameter, pool, self._why_not(claimants.values(), pool, holder)))
        faults = [_placed(fault, found) for fault in self.faults]
        return Declared(_by_name(pools), _by_name([*faults, *claimed]))

    def _why_not(self, claimants: Iterable[Pool], pool: Pool, holder: PoolName | None) -> str:
        if holder is None:
            others = ", ".join(other.name for other in claimants if other is not pool)
            return (
                f"is also the place of {others}, and the tags of the instances with records there do not tell whose it "
                "is; give all of them but one another place"
            )
        has = f"is the place of pool {holder}, which has the records there"
        if holder in self.unplaced:
            return f"{has}, and whose own parameter is wrong; correct that one first, or give this pool another place"
        return f"{has}; give this pool another one"


def read_pools(parameters: Mapping[str, str | None], allowed: Allowed) -> Declared:
    """Return the pools that `parameters` (parameter name to text, None where it is encrypted) declare.

    A pool at a place that is not `allowed` is a fault: IAM would deny every change of its records. So is a first pool
    without a parameter. Of several pools at one place at most one is served: Note [One place, one pool].
    """
    faults: list[PoolFault] = []
    claims: dict[Place, dict[str, Pool]] = {}
    for parameter, text in sorted(parameters.items()):
        read = read_pool(parameter, text)
        if isinstance(read, PoolFault):
            faults.append(_at_its_place(read, allowed.first))
        elif (because := allowed.why_not(read)) is not None:
            faults.append(_at_its_place(PoolFault(read.name, f"{parameter}: {because}"), allowed.first))
        else:
            claims.setdefault(read.place, {})[parameter] = read
    first = allowed.first
    placed = first is not None and any(pool.name == first.name for at in claims.values() for pool in at.values())
    if first is not None and first.parameter not in parameters:
        faults.append(_missing(first))
    unplaced = any(fault.zone_id is None for fault in faults)
    pools: list[Pool] = []
    contested: dict[Place, Mapping[str, Pool]] = {}
    for place, claimants in claims.items():
        names = {pool.name for pool in claimants.values()}
        if first is not None and place == (first.zone_id, first.record_name) and (first.name in names or not placed):
            pools += (pool for pool in claimants.values() if pool.name == first.name)
            because = f"is the place of pool {first.name}, which is the stack's first pool; give this pool another one"
            others = ((parameter, pool) for parameter, pool in claimants.items() if pool.name != first.name)
            faults += (_claimed(parameter, pool, because) for parameter, pool in others)
        elif len(claimants) == 1 and not unplaced:
            pools += claimants.values()
        else:
            contested[place] = claimants
    return Declared(_by_name(pools), _by_name(faults), contested)


def _incumbent(
    claimants: Collection[Pool], named: Mapping[PoolName, int], unplaced: Iterable[PoolName]
) -> PoolName | None:
    """Return the pool that has a place: the claimant that most of the instances there name.

    A pool of the `unplaced` has it if even more instances name that pool. A single claimant need not be named. None if
    two claimants have equally many. `named` is how many instances name each pool.
    """
    counts = {pool.name: named.get(pool.name, 0) for pool in claimants}
    most = max(counts.values(), default=0)
    if others := {name: named[name] for name in unplaced if named.get(name, 0) > most}:
        return max(sorted(others), key=others.__getitem__)
    holders = [name for name, count in counts.items() if count == most]
    return holders[0] if len(holders) == 1 and (most > 0 or len(counts) == 1) else None


def _claimed(parameter: str, pool: Pool, because: str) -> PoolFault:
    place = f"record_name={pool.record_name!r} in hosted_zone_id={pool.zone_id!r}"
    return PoolFault(pool.name, f"{parameter}: {place} {because}", record_name=pool.record_name, zone_id=pool.zone_id)


def _missing(first: FirstPool) -> PoolFault:
    because = (
        f"{first.parameter} is missing, and it is the parameter of the stack's first pool: put it back with "
        f"hosted_zone_id={first.zone_id!r}, record_name={first.record_name!r} and its other settings; its records stay "
        "until then"
    )
    return PoolFault(first.name, because, record_name=first.record_name, zone_id=first.zone_id)


def _at_its_place(fault: PoolFault, first: FirstPool | None) -> PoolFault:
    """Return the fault of a parameter, with the place if it is the first pool's."""
    if first is None or fault.name != first.name:
        return fault
    return replace(fault, record_name=first.record_name, zone_id=first.zone_id)


def _placed(fault: PoolFault, found: Mapping[PoolName, Place]) -> PoolFault:
    """Return a fault, with the place of its pool if the records there have shown it."""
    if fault.name not in found or fault.zone_id is not None:
        return fault
    zone_id, record_name = found[fault.name]
    return replace(fault, zone_id=zone_id, record_name=record_name)


def _by_name[Named: (Pool, PoolFault)](each: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(sorted(each, key=lambda named: named.name))
