"""Claims: the pools that the parameters declare, and which of several pools at one place is served.

Note [One place, one pool]: a place is a hosted zone and a name in it. Whoever may write one parameter can declare a
pool at the place of another, and must not take it over. The stack's first pool always has its own place, also while its
parameter is missing or wrong. Any other place belongs to the pool that most instances of the records there have in
their tags, because a parameter cannot change these. Where that is no single pool, none of them is served. A pool that
is not served has a fault, so the records at the place stay until there is evidence (planning/orphans.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.config.pools import PoolFault, read_pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet53.config.pools import Allowed, FirstPool
    from fleet53.domain.ids import PoolName
    from fleet53.domain.pool import Place, Pool


@dataclass(frozen=True, slots=True)
class Declared:
    """All pools that are declared: those that can be served and those with faults, each in the order of their names.

    `contested` are valid pools by their place and by their parameter, where several have the same place and it is not
    the first pool's.
    """

    pools: tuple[Pool, ...] = ()
    faults: tuple[PoolFault, ...] = ()
    contested: Mapping[Place, Mapping[str, Pool]] = field(default_factory=dict)

    def settled(self, tags: Mapping[Place, Iterable[frozenset[PoolName]]]) -> Declared:
        """Return all pools without contested places.

        `tags` are, for each contested place, the pools that each instance with a record of ours there has in its tag.
        """
        pools, faults = list(self.pools), list(self.faults)
        for place, claimants in self.contested.items():
            holder = _incumbent(claimants.values(), tags.get(place, ()))
            for parameter, pool in claimants.items():
                if pool is holder:
                    pools.append(pool)
                else:
                    faults.append(_claimed(parameter, pool, _why_not(claimants.values(), pool, holder)))
        return Declared(_by_name(pools), _by_name(faults))


def read_pools(parameters: Mapping[str, str], allowed: Allowed) -> Declared:
    """Return the pools that `parameters` (parameter name to text) declare.

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
    pools: list[Pool] = []
    contested: dict[Place, Mapping[str, Pool]] = {}
    for place, claimants in claims.items():
        names = {pool.name for pool in claimants.values()}
        if first is not None and place == (first.zone_id, first.record_name) and (first.name in names or not placed):
            pools += (pool for pool in claimants.values() if pool.name == first.name)
            because = f"is the place of pool {first.name}, which is the stack's first pool; give this pool another one"
            others = ((parameter, pool) for parameter, pool in claimants.items() if pool.name != first.name)
            faults += (_claimed(parameter, pool, because) for parameter, pool in others)
        elif len(claimants) == 1:
            pools += claimants.values()
        else:
            contested[place] = claimants
    return Declared(_by_name(pools), _by_name(faults), contested)


def _incumbent(claimants: Iterable[Pool], tags: Iterable[frozenset[PoolName]]) -> Pool | None:
    """Return the pool that more of the instances name than any other, None where that is no single one."""
    named = Counter(name for names in tags for name in names)
    most = max((named[pool.name] for pool in claimants), default=0)
    holders = [pool for pool in claimants if named[pool.name] == most]
    return holders[0] if most > 0 and len(holders) == 1 else None


def _why_not(claimants: Iterable[Pool], pool: Pool, holder: Pool | None) -> str:
    if holder is not None:
        return f"is the place of pool {holder.name}, which has the records there; give this pool another one"
    others = ", ".join(other.name for other in claimants if other is not pool)
    return (
        f"is also the place of {others}, and the tags of the instances with records there do not tell whose it is; "
        "give all of them but one another place"
    )


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
    """Return the fault of a parameter that cannot be read, with the place where it is the first pool's."""
    if first is None or fault.name != first.name:
        return fault
    return PoolFault(fault.name, fault.because, fault.kind, first.record_name, first.zone_id)


def _by_name[Named: (Pool, PoolFault)](each: Iterable[Named]) -> tuple[Named, ...]:
    return tuple(sorted(each, key=lambda named: named.name))
