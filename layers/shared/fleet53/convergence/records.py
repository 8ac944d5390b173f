"""Records: what Route 53 holds at the names of pools, and our records at names that no pool has (orphans)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.aws.retrier import limits_among
from fleet53.convergence.pools import unreadable_zone
from fleet53.domain.errors import ZoneGoneError, ZoneUnansweredError, ZoneUnreadableError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.planning.situation import OrphanRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.config.pools import PoolFault
    from fleet53.config.settings import Settings
    from fleet53.convergence.pools import UsablePools
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import InstanceId, PoolName, ZoneId
    from fleet53.domain.pool import Pool, Zone
    from fleet53.domain.record import Record

type UnreadError = ZoneUnreadableError | ZoneUnansweredError


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """The records that were read.

    `at_pools` holds every record at a pool's name, also those that are not ours. A pool whose hosted zone cannot be
    read is missing there, and has a fault. Without a sweep, `orphans` are only those at the places of pools that are
    not served, and there are no `others` (ours at names of pools outside the pass) and no `findings`. It is `blind` if
    it could not read one of the hosted zones. `unreadable` are the pools whose hosted zone could not be read, with the
    error; the key None is for records of no pool, where a hosted zone did not answer.
    """

    at_pools: Mapping[PoolName, tuple[Record, ...]]
    faults: tuple[PoolFault, ...]
    orphans: tuple[OrphanRecord, ...] = ()
    others: tuple[tuple[ZoneId, Record], ...] = ()
    findings: tuple[Finding, ...] = ()
    blind: bool = False
    unreadable: Mapping[PoolName | None, UnreadError] = field(default_factory=dict)

    def holders(self, owner: Owner) -> frozenset[InstanceId]:
        """Return the instances that hold one of the owner's records."""
        records = [record for found in self.at_pools.values() for record in found]
        records += [orphan.record for orphan in self.orphans]
        return owner.instances(record.identifier for record in records)


def read_records(usable: UsablePools, settings: Settings, aws: Aws) -> FoundRecords:
    """Read the records at the name of each usable pool, and ours at the places of pools that cannot be used.

    These are orphans: no member is admitted there, and only evidence withdraws (planning/orphans.py).
    """
    names: defaultdict[ZoneId, set[str]] = defaultdict(set)
    for zone_id, name in (*(pool.place for pool in usable.pools), *usable.unserved):
        names[zone_id].add(name)
    read: dict[ZoneId, Mapping[str, tuple[Record, ...]]] = {}
    failed: dict[ZoneId, UnreadError] = {}
    for zone_id, here in names.items():
        try:
            with aws.retrier.within(limits_among(zone_id, frozenset(names))):
                read[zone_id] = aws.route53.records_at_names(zone_id, here)
        except (ZoneUnreadableError, ZoneUnansweredError) as error:
            failed[zone_id] = error
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    unreadable: dict[PoolName | None, UnreadError] = {}
    for pool in usable.pools:
        if pool.zone_id in read:
            found[pool.name] = read[pool.zone_id][pool.record_name]
        else:
            unreadable[pool.name] = failed[pool.zone_id]
            faults.append(unreadable_zone(pool, failed[pool.zone_id]))
    orphans: list[OrphanRecord] = []
    for (zone_id, name), pool_name in sorted(usable.unserved.items()):
        if zone_id in read:
            ours = (each for each in read[zone_id][name] if settings.owner.holder(each.identifier) is not None)
            orphans += (OrphanRecord(zone_id, record) for record in ours)
        else:  # the pool has a fault already
            unreadable[pool_name] = failed[zone_id]
    return FoundRecords(found, tuple(faults), tuple(orphans), unreadable=unreadable)


def sweep_records(usable: UsablePools, settings: Settings, aws: Aws) -> FoundRecords:
    """Read whole hosted zones, those of the settings too, and so find the orphans as well."""
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    orphans: list[OrphanRecord] = []
    others: list[tuple[ZoneId, Record]] = []
    findings: list[Finding] = []
    blind = False
    unreadable: dict[PoolName | None, UnreadError] = {}
    zone_ids = {*settings.zone_ids, *(pool.zone_id for pool in usable.pools)}
    for zone_id in sorted(zone_ids):
        here = [pool for pool in usable.pools if pool.zone_id == zone_id]
        try:
            with aws.retrier.within(limits_among(zone_id, zone_ids)):
                records = aws.route53.records_in(zone_id)
        except (ZoneUnreadableError, ZoneUnansweredError) as error:
            blind = blind or not isinstance(error, ZoneGoneError)
            faults += (unreadable_zone(pool, error) for pool in here)
            unreadable |= dict.fromkeys((pool.name for pool in here), error)
            if isinstance(error, ZoneUnansweredError):
                unreadable[None] = error
            if not any(pool.zone_id == zone_id for pool in usable.declared.pools):
                findings.append(Finding(FindingKind.ZONE_UNREADABLE, str(error)))
            continue
        at_names: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            at_names[record.name].append(record)
        name_servers = [record for record in records if record.type == "NS"]
        for pool in here:
            found[pool.name] = tuple(at_names.get(pool.record_name, ()))
            findings += _delegated(pool, usable.zones.get(zone_id), name_servers)
        ours = [record for record in records if settings.owner.holder(record.identifier) is not None]
        names = {pool.record_name for pool in usable.declared.pools if pool.zone_id == zone_id}
        orphans += (OrphanRecord(zone_id, record) for record in ours if record.name not in names)
        outside = names - {pool.record_name for pool in here}
        others += ((zone_id, record) for record in ours if record.name in outside)
    return FoundRecords(found, tuple(faults), tuple(orphans), tuple(others), tuple(findings), blind, unreadable)


def _delegated(pool: Pool, zone: Zone | None, name_servers: Iterable[Record]) -> Iterator[Finding]:
    """Yield a finding for each NS record set below the zone's name that takes the pool's name out of the zone.

    Name servers answer a query for such a name with a referral, and not from the zone's other records (RFC 1034, 4.2.1
    and 4.3.2).
    """
    for record in name_servers:
        own = zone is None or record.name == zone.name
        if not own and f".{pool.record_name}".endswith(f".{record.name}"):
            because = (
                f"an NS record at {record.name} delegates the name to {', '.join(record.values)}: "
                f"DNS queries for {pool.record_name} do not reach the records of this zone"
            )
            yield Finding(FindingKind.NAME_DELEGATED, because, pool.name, record_name=pool.record_name)
