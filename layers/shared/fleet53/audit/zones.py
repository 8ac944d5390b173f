"""Zones: hosted zones whose records cannot be changed, or to which DNS does not delegate. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet53.domain.finding import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from fleet53.domain.ids import ZoneId
    from fleet53.domain.pool import Pool, Zone
    from fleet53.domain.record import Protection
    from fleet53.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class Delegation:
    """The name servers of public hosted zones.

    `found` are those to which DNS delegates a zone's name; a name is missing if the resolver did not answer. `own` are
    those in the zone's own NS record set, read only for zones that DNS delegates elsewhere.
    """

    found: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    own: Mapping[ZoneId, AbstractSet[str]] = field(default_factory=dict)


def public_zones(situation: Situation) -> tuple[Zone, ...]:
    """Return the public hosted zones of a situation."""
    return tuple(zone for zone in situation.zones.values() if not zone.private)


def delegated_elsewhere(zone: Zone, found: Mapping[str, AbstractSet[str]]) -> bool:
    """Whether DNS delegates a zone to a name server that Route 53 did not give it."""
    return not found.get(zone.name, frozenset()) <= zone.name_servers


def find_protected(situation: Situation, protections: Mapping[ZoneId, tuple[Protection, ...]]) -> Iterator[Finding]:
    """Yield a finding for each pool's name and type that is protected. A zone that could not be read is missing."""
    for zone_id, found in sorted(protections.items()):
        comments = {(protection.name, protection.type): protection.comment for protection in found}
        for pool in situation.pools:
            for record_type in sorted(_types(situation, pool)):
                if pool.zone_id == zone_id and (pool.record_name, record_type) in comments:
                    comment = comments[pool.record_name, record_type]
                    because = (
                        f"{pool.record_name} {record_type} is protected ({comment or 'without a comment'}), and "
                        "Route 53 refuses every change of it until the protection is deleted"
                    )
                    yield Finding(FindingKind.PROTECTED_RECORD, because, pool.name, record_name=pool.record_name)


def _types(situation: Situation, pool: Pool) -> set[str]:
    """Return the record types of a pool, and those of records of ours from before its address type was changed."""
    ours = (each for each in situation.records[pool.name] if situation.owner.holder(each.identifier) is not None)
    return {*pool.address.record_types, *(record.type for record in ours)}


def find_undelegated(situation: Situation, delegation: Delegation) -> Iterator[Finding]:
    """Yield a finding for each pool whose public zone DNS delegates to other name servers than the zone's.

    The owner of a zone may have given its name servers other names, which the zone's own NS record set then has
    (Route 53 Developer Guide, white-label name servers).
    """
    for zone in public_zones(situation):
        found = delegation.found.get(zone.name, zone.name_servers)
        known = zone.name_servers | delegation.own.get(zone.id, frozenset())
        because = _why_not_delegated(replace(zone, name_servers=known), found)
        if because is not None:
            for pool in situation.pools:
                if pool.zone_id == zone.id:
                    yield Finding(FindingKind.ZONE_NOT_DELEGATED, because, pool.name, record_name=pool.record_name)


def _why_not_delegated(zone: Zone, delegated: AbstractSet[str]) -> str | None:
    strangers = ", ".join(sorted(delegated - zone.name_servers))
    right = f"it should delegate to {', '.join(sorted(zone.name_servers))}"
    if not delegated:
        return f"DNS does not delegate {zone.name}, so no DNS query reaches hosted zone {zone.id}; {right}"
    if not delegated & zone.name_servers:
        return f"DNS delegates {zone.name} to {strangers}, so no DNS query reaches hosted zone {zone.id}; {right}"
    if strangers:
        return f"DNS delegates {zone.name} also to {strangers}, which hosted zone {zone.id} does not name; {right}"
    return None
