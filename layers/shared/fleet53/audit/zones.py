"""Zones: what keeps a pool from being changed, or from being heard, at the level of its hosted zone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.config.pools import normal_name
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.finding import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from fleet53.aws.clients import Aws
    from fleet53.domain.log import Log
    from fleet53.domain.pool import Pool, Zone
    from fleet53.planning.situation import Situation

type AskNameServers = Callable[[Collection[str]], Mapping[str, AbstractSet[str]]]
"""From names to the name servers that DNS delegates each to; a name is missing where that is not known."""


def find_protected(situation: Situation, aws: Aws, log: Log) -> Iterator[Finding]:
    """Yield a finding for each pool's name and type that is protected; a zone that does not tell is logged."""
    for zone_id in sorted(situation.zones):
        try:
            protections = aws.route53.protections(zone_id)
        except ZoneUnreadableError as error:
            log.warning("protections not known", extra={"because": str(error)})
            continue
        comments = {(protection.name, protection.type): protection.comment for protection in protections}
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
    """Return the record types that a pool has, and those of records that we left there when it had others."""
    ours = (each for each in situation.records[pool.name] if situation.owner.holder(each.identifier) is not None)
    return {*pool.address.record_types, *(record.type for record in ours)}


def find_undelegated(
    situation: Situation, ask: AskNameServers, own: Callable[[Zone], AbstractSet[str]]
) -> Iterator[Finding]:
    """Yield a finding for each pool whose public zone DNS delegates to others than the zone's name servers.

    `own` gives those that the zone's own NS record set names, and is asked only of a zone that is not delegated to
    those of Route 53's: its owner may have given them other names (Route 53 Developer Guide, white-label name servers).
    """
    zones = {zone.id: zone for zone in situation.zones.values() if not zone.private}
    delegated = ask(sorted({zone.name for zone in zones.values()}))
    for zone in zones.values():
        told = delegated.get(zone.name, zone.name_servers)
        known = zone.name_servers if told <= zone.name_servers else zone.name_servers | own(zone)
        because = _why_unheard(replace(zone, name_servers=known), told)
        if because is not None:
            for pool in situation.pools:
                if pool.zone_id == zone.id:
                    yield Finding(FindingKind.ZONE_NOT_DELEGATED, because, pool.name, record_name=pool.record_name)


def own_name_servers(zone: Zone, aws: Aws) -> frozenset[str]:
    """Return the name servers that a zone's own NS record set names, none where that cannot be read."""
    try:
        records = aws.route53.records_at(zone.id, zone.name)
    except ZoneUnreadableError:
        return frozenset()
    return frozenset(normal_name(value) for record in records if record.type == "NS" for value in record.values)


def _why_unheard(zone: Zone, delegated: AbstractSet[str]) -> str | None:
    strangers = ", ".join(sorted(delegated - zone.name_servers))
    right = f"right is {', '.join(sorted(zone.name_servers))}"
    if not delegated:
        return f"DNS delegates {zone.name} to nobody, so no question reaches hosted zone {zone.id}; {right}"
    if not delegated & zone.name_servers:
        return f"DNS delegates {zone.name} to {strangers}, so no question reaches hosted zone {zone.id}; {right}"
    if strangers:
        return f"DNS delegates {zone.name} also to {strangers}, which hosted zone {zone.id} does not name; {right}"
    return None
