"""Records: what Route 53 holds at the names of pools, and our records at names that no pool has (orphans)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.convergence.pools import unreadable_zone
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.model import Finding, FindingKind
from fleet53.planning.situation import OrphanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.config.pools import PoolFault
    from fleet53.config.settings import Settings
    from fleet53.convergence.pools import UsablePools
    from fleet53.domain.identity import Owner
    from fleet53.domain.model import InstanceId, PoolName, Record, ZoneId


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """The records that were read.

    `at_pools` holds every record at a pool's name, whoever made it. A pool whose hosted zone cannot be read is missing
    there, and has a fault. `orphans` and `findings` come from a sweep only.
    """

    at_pools: Mapping[PoolName, tuple[Record, ...]]
    faults: tuple[PoolFault, ...]
    orphans: tuple[OrphanRecord, ...] = ()
    findings: tuple[Finding, ...] = ()

    def holders(self, owner: Owner) -> set[InstanceId]:
        """Return the instances that hold one of the owner's records."""
        records = [record for found in self.at_pools.values() for record in found]
        records += [orphan.record for orphan in self.orphans]
        holders = {owner.instance(record.identifier) for record in records}
        return {holder for holder in holders if holder is not None}


def read_records(usable: UsablePools, aws: Aws) -> FoundRecords:
    """Read the records at the name of each usable pool."""
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    for pool in usable.pools:
        try:
            found[pool.name] = aws.route53.records_at(pool.zone_id, pool.record_name)
        except ZoneUnreadableError as error:
            faults.append(unreadable_zone(pool, error))
    return FoundRecords(found, tuple(faults))


def sweep_records(usable: UsablePools, settings: Settings, aws: Aws) -> FoundRecords:
    """Read whole hosted zones, those of the settings too, and so find the orphans as well."""
    found: dict[PoolName, tuple[Record, ...]] = {}
    faults: list[PoolFault] = []
    orphans: list[OrphanRecord] = []
    findings: list[Finding] = []
    for zone_id in sorted({*settings.zone_ids, *(pool.zone_id for pool in usable.pools)}):
        here = [pool for pool in usable.pools if pool.zone_id == zone_id]
        try:
            records = aws.route53.records_in(zone_id)
        except ZoneUnreadableError as error:
            faults += (unreadable_zone(pool, error) for pool in here)
            if not any(pool.zone_id == zone_id for pool in usable.declared.pools):
                findings.append(Finding(FindingKind.ZONE_UNREADABLE, str(error)))
            continue
        for pool in here:
            found[pool.name] = tuple(record for record in records if record.name == pool.record_name)
        orphans += _orphans(zone_id, records, usable, settings.owner)
    return FoundRecords(found, tuple(faults), tuple(orphans), tuple(findings))


def _orphans(zone_id: ZoneId, records: tuple[Record, ...], usable: UsablePools, owner: Owner) -> Iterator[OrphanRecord]:
    """Yield the owner's records in a zone at names that no declared pool has."""
    names = {pool.record_name for pool in usable.declared.pools if pool.zone_id == zone_id}
    for record in records:
        if owner.holder(record.identifier) is not None and record.name not in names:
            yield OrphanRecord(zone_id, record)
