"""Records: what Route 53 holds at the names of pools, and our records at names that no pool has (orphans)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.aws.retrier import is_denied
from fleet53.convergence.pools import unreadable_zone
from fleet53.domain.errors import ZoneGoneError, ZoneUnreadableError
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


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """The records that were read.

    `at_pools` holds every record at a pool's name, whoever made it. A pool whose hosted zone cannot be read is missing
    there, and has a fault. Without a sweep, `orphans` are only those at the places of pools that are not served, and
    there are no `others` (ours at names of pools outside the pass) and no `findings`. It is `blind` if it could not
    read one of the hosted zones. `denied` are the pools whose hosted zone AWS denied, with the reason.
    """

    at_pools: Mapping[PoolName, tuple[Record, ...]]
    faults: tuple[PoolFault, ...]
    orphans: tuple[OrphanRecord, ...] = ()
    others: tuple[tuple[ZoneId, Record], ...] = ()
    findings: tuple[Finding, ...] = ()
    blind: bool = False
    denied: Mapping[PoolName | None, str] = field(default_factory=dict)

    def holders(self, owner: Owner) -> frozenset[InstanceId]:
        """Return the instances that hold one of the owner's records."""
        records = [record for found in self.at_pools.values() for record in found]
        records += [orphan.record for orphan in self.orphans]
        return owner.instances(record.identifier for record in records)


def read_records(usable: UsablePools, settings: Settings, aws: Aws) -> FoundRecords:
    """Read the records at the name of each usable pool, and ours at the places of pools that cannot be used.

    These are orphans: nobody is admitted there, and only evidence withdraws (planning/orphans.py).
    """
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    denied: dict[PoolName | None, str] = {}
    for pool in usable.pools:
        try:
            found[pool.name] = aws.route53.records_at(*pool.place)
        except ZoneUnreadableError as error:
            faults.append(unreadable_zone(pool, error))
            if is_denied(error):
                denied[pool.name] = str(error)
    orphans: list[OrphanRecord] = []
    for (zone_id, name), pool_name in sorted(usable.unserved.items()):
        try:
            records = aws.route53.records_at(zone_id, name)
        except ZoneUnreadableError as error:  # the pool has a fault already
            if is_denied(error):
                denied[pool_name] = str(error)
            continue
        ours = (record for record in records if settings.owner.holder(record.identifier) is not None)
        orphans += (OrphanRecord(zone_id, record) for record in ours)
    return FoundRecords(found, tuple(faults), tuple(orphans), denied=denied)


def sweep_records(usable: UsablePools, settings: Settings, aws: Aws) -> FoundRecords:
    """Read whole hosted zones, those of the settings too, and so find the orphans as well."""
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    orphans: list[OrphanRecord] = []
    others: list[tuple[ZoneId, Record]] = []
    findings: list[Finding] = []
    blind = False
    denied: dict[PoolName | None, str] = {}
    for zone_id in sorted({*settings.zone_ids, *(pool.zone_id for pool in usable.pools)}):
        here = [pool for pool in usable.pools if pool.zone_id == zone_id]
        try:
            records = aws.route53.records_in(zone_id)
        except ZoneUnreadableError as error:
            blind = blind or not isinstance(error, ZoneGoneError)
            faults += (unreadable_zone(pool, error) for pool in here)
            if is_denied(error):
                denied |= {pool.name: str(error) for pool in here}
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
    return FoundRecords(found, tuple(faults), tuple(orphans), tuple(others), tuple(findings), blind, denied)


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
