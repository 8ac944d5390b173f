"""Pools: which pools a pass can work on, and the hosted zones that they are in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet53.aws.retrier import DISPENSABLE
from fleet53.config.pools import PoolFault
from fleet53.domain.addresses import is_private
from fleet53.domain.errors import TryLaterError, ZoneGoneError, ZoneUnreadableError
from fleet53.domain.finding import FindingKind
from fleet53.domain.pool import AddressType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.config.claims import Declared
    from fleet53.domain.ids import PoolName, ZoneId
    from fleet53.domain.pool import Place, Pool, Zone
    from fleet53.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class UsablePools:
    """The pools of a pass that can be used.

    `pools` are those of the scope whose hosted zone holds their name, or was not read. `zones` are the zones that were
    read. `declared` is everything that the parameters declare: a pool that its hosted zone does not allow has a fault
    there. `faults` says why a pool cannot be used. `unserved` are the places of pools of the scope that have a fault,
    each with its pool, except places that another pool has. `unplaced` are pools whose place is not known: their
    parameter is wrong, or names a place that does not exist.
    """

    pools: tuple[Pool, ...]
    zones: Mapping[ZoneId, Zone]
    declared: Declared
    faults: tuple[PoolFault, ...]
    unserved: Mapping[Place, PoolName] = field(default_factory=dict)
    unplaced: frozenset[PoolName] = frozenset()

    @property
    def declared_names(self) -> frozenset[PoolName]:
        """The names of all declared pools. A pool that cannot be used is not treated as deleted."""
        return frozenset(
            (*(pool.name for pool in self.declared.pools), *(fault.name for fault in self.declared.faults))
        )


def read_usable_pools(scope: Scope, declared: Declared, aws: Aws) -> UsablePools:
    """Read the hosted zones of the declared pools that are in the scope.

    A sweep also reads the zones of the pools outside the scope: the name of a pool that cannot be used may hold records
    that would otherwise look like records of no pool.
    """
    pools: list[Pool] = []
    zones: dict[ZoneId, Zone] = {}
    unreadable: list[PoolFault] = []
    invalid: dict[PoolName, PoolFault] = {}
    for pool in declared.pools:
        if not (scope.covers(pool.name) or scope.sweep):
            continue
        try:
            with aws.retrier.within(replace(DISPENSABLE, about=f"GetHostedZone {pool.zone_id}")):
                zone = zones[pool.zone_id] = aws.route53.zone(pool.zone_id)
        except (ZoneUnreadableError, TryLaterError) as error:
            if scope.covers(pool.name) and not isinstance(error, ZoneGoneError):
                pools.append(pool)  # its records may be readable, and only they are needed
            else:
                unreadable.append(unreadable_zone(pool, error))
            continue
        if not zone.holds(pool.record_name):
            because = f"pool {pool.name}: record_name={pool.record_name!r} is outside its zone {zone.name} ({zone.id})"
            invalid[pool.name] = PoolFault(pool.name, because)
        elif pool.fallback is not None and is_private(pool.fallback) and _is_public(pool, zone):
            because = (
                f"pool {pool.name}: fallback={str(pool.fallback)!r} is a private address, and clients of the public "
                f"hosted zone {zone.name} ({zone.id}) cannot connect to it"
            )
            invalid[pool.name] = PoolFault(pool.name, because, record_name=pool.record_name, zone_id=pool.zone_id)
        elif scope.covers(pool.name):
            pools.append(pool)
    valid = tuple(pool for pool in declared.pools if pool.name not in invalid)
    declared = replace(declared, pools=valid, faults=(*declared.faults, *invalid.values()))
    faults = (*declared.faults, *unreadable)
    unplaced = declared.unplaced | {fault.name for fault in unreadable}
    return UsablePools(tuple(pools), zones, declared, faults, dict(_unserved(scope, declared)), unplaced)


def _unserved(scope: Scope, declared: Declared) -> Iterator[tuple[Place, PoolName]]:
    served = {pool.place for pool in declared.pools}
    for fault in declared.faults:
        if fault.zone_id is None or fault.record_name is None or not scope.covers(fault.name):
            continue
        if (fault.zone_id, fault.record_name) not in served:
            yield (fault.zone_id, fault.record_name), fault.name


def _is_public(pool: Pool, zone: Zone) -> bool:
    """Whether a pool answers clients on the internet. A public zone can hold private addresses on purpose."""
    return not zone.private and pool.address is not AddressType.PRIVATE_IPV4


def unreadable_zone(pool: Pool, error: Exception) -> PoolFault:
    """Return the fault of a pool whose hosted zone cannot be read."""
    return PoolFault(pool.name, str(error), FindingKind.ZONE_UNREADABLE, pool.record_name)
