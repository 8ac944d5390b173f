"""The answers of a hosted zone to DNS queries: the record sets that are chosen for a name and a type."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lab.route53.names import Name, parse_name
from lab.route53.policies import policy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lab.route53.record_set import RecordSet
    from lab.route53.zones import Zone

MOST_IN_AN_ANSWER: Final = 8
"""The largest number of multivalue records in an answer (Developer Guide, routing-policy-multivalue)."""
_ALIASES_IN_A_ROW: Final = 8


class UnknownTargetError(Exception):
    """An alias leads out of the hosted zone, or never ends: the lab cannot say what Route 53 would answer."""


class Cname(NamedTuple):
    """A CNAME record of an answer; `ttl` is in seconds."""

    owner: Name
    target: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Answer:
    """DNS's answer for a name and type; a negative answer from a hosted zone has its `soa`.

    A name that is delegated has a `referral`, the name servers to ask about `zone` (RFC 1034, 4.3.2).
    `values` are those of `owner`, to which `cnames` lead from the name of the question. `ttl` is in seconds.
    """

    rcode: str
    record_type: str = ""
    values: tuple[str, ...] = ()
    ttl: int = 0
    zone: str = ""
    soa: str = ""
    owner: Name | None = None
    cnames: tuple[Cname, ...] = ()
    referral: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers from one hosted zone, as Route 53's name servers do: without recursion.

    `is_healthy` tells whether a health check, known by its id, is healthy.
    """

    zone: Zone
    is_healthy: Callable[[str], bool]
    source: random.Random

    def to(self, name: Name, record_type: str) -> Answer:
        """Return the answer for a name of the zone; CNAME records are followed within the zone (RFC 1034, 4.3.2)."""
        cnames: list[Cname] = []
        while True:
            found = replace(self._at(name, record_type), owner=name, cnames=tuple(cnames))
            if found.record_type != "CNAME" or record_type == "CNAME":
                return found
            target = parse_name(found.values[0])
            known = {each.owner for each in cnames} | {name}
            if not target.is_within(self.zone.name) or target in known:
                return found
            cnames.append(Cname(name, found.values[0], found.ttl))
            name = target

    def _at(self, name: Name, record_type: str) -> Answer:
        zone = str(self.zone.name)
        if (cut := self._cut(name)) is not None:
            servers, ttl = self._values(self.zone.records.at(cut, "NS")[:1])
            return Answer("NOERROR", ttl=ttl, zone=str(cut), referral=servers)
        owner = name if self.zone.records.has_name(name) else self._wildcard(name)
        (soa_set,) = self.zone.records.at(self.zone.name, "SOA")
        soa = soa_set["ResourceRecords"][0]["Value"]
        # A resolver keeps a negative answer for the lesser of the SOA's TTL and its last number (RFC 2308).
        negative_ttl = min(int(soa_set["TTL"]), int(soa.split()[-1]))
        if owner is None:
            return Answer("NXDOMAIN", ttl=negative_ttl, zone=zone, soa=soa)
        for found in (record_type, "CNAME"):
            if record_sets := self.zone.records.at(owner, found):
                values, ttl = self._values(self._chosen(record_sets))
                return Answer("NOERROR", found, values, ttl, zone)
        return Answer("NOERROR", ttl=negative_ttl, zone=zone, soa=soa)

    def _cut(self, name: Name) -> Name | None:
        """Return the name, nearest to the zone's own, whose NS record set takes a name out of the zone."""
        below = len(name.labels) - len(self.zone.name.labels)
        cuts = (Name(name.labels[first:]) for first in reversed(range(below)))
        return next((cut for cut in cuts if self.zone.records.at(cut, "NS")), None)

    def _wildcard(self, name: Name) -> Name | None:
        """Return the wildcard that stands for a missing name: the one below its closest parent (RFC 4592)."""
        for first in range(1, len(name.labels)):
            parent = Name(name.labels[first:])
            wildcard = Name(("*", *parent.labels))
            if self.zone.records.has_name(wildcard):
                return wildcard
            if self.zone.records.has_name(parent) or parent == self.zone.name:
                return None
        return None

    def _chosen(self, record_sets: Sequence[RecordSet]) -> list[RecordSet]:
        """Choose among the record sets of a name and type by their routing policy and their health."""
        healthy = [each for each in record_sets if self._answers(each)]
        match policy_of(record_sets[0]):
            case "multivalue answer":
                candidates = healthy or list(record_sets)
                return self.source.sample(candidates, min(MOST_IN_AN_ANSWER, len(candidates)))
            case "weighted":
                return [self._by_weight(healthy or record_sets)]
            case "failover":
                # Developer Guide, "Active-passive failover": the primary answers, unless it alone is unhealthy.
                return sorted(healthy or record_sets, key=lambda each: str(each["Failover"]))[:1]
            case _:
                return list(record_sets[:1])

    def _by_weight(self, record_sets: Sequence[RecordSet]) -> RecordSet:
        """Choose one in proportion to its weight; of those with weight 0 only if there is no other."""
        weights = [int(each["Weight"]) for each in record_sets]
        return self.source.choices(record_sets, weights if any(weights) else None)[0]

    def _answers(self, record_set: RecordSet, aliases: int = 0) -> bool:
        """Return whether a record set counts as healthy, by its health check and, for an alias, by its target."""
        if "HealthCheckId" in record_set and not self.is_healthy(record_set["HealthCheckId"]):
            return False
        if not record_set.get("AliasTarget", {}).get("EvaluateTargetHealth"):
            return True
        return any(self._answers(each, aliases + 1) for each in self._targets(record_set, aliases))

    def _values(self, record_sets: Sequence[RecordSet], aliases: int = 0) -> tuple[tuple[str, ...], int]:
        """Return the values of record sets and their TTL; an alias has those of its target."""
        if "AliasTarget" in record_sets[0]:
            return self._values(self._chosen(self._targets(record_sets[0], aliases)), aliases + 1)
        values = tuple(str(value["Value"]) for each in record_sets for value in each["ResourceRecords"])
        return values, int(record_sets[0]["TTL"])

    def _targets(self, alias: RecordSet, aliases: int) -> tuple[dict[str, Any], ...]:
        """Return the record sets that an alias leads to."""
        target = alias["AliasTarget"]
        found = self.zone.records.at(parse_name(target["DNSName"]), alias["Type"])
        if target["HostedZoneId"] != self.zone.id or not found or aliases >= _ALIASES_IN_A_ROW:
            raise UnknownTargetError(f"{alias['Name']} is an alias of {target['DNSName']}, which the lab cannot answer")
        return found


def tested(zone: Zone, is_healthy: Callable[[str], bool], name: Name, record_type: str) -> dict[str, Any]:
    """Answer TestDNSAnswer: what a hosted zone answers now for a name and a type."""
    found = Answer("REFUSED")
    if name.is_within(zone.name):
        found = Answers(zone, is_healthy, random.Random(0)).to(name, record_type)
    return {
        "Nameserver": zone.name_servers[0].removesuffix("."),
        "RecordName": str(name),
        "RecordType": record_type,
        "RecordData": [*(each.target for each in found.cnames), *found.values],
        "ResponseCode": found.rcode,
        "Protocol": "UDP",
    }
