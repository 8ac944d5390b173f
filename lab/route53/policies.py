"""Routing policies: which one a record set has, and which record sets of a name and type go together."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lab.route53.record_set import Key

POLICIES: Final = {
    "MultiValueAnswer": "multivalue answer",
    "Weight": "weighted",
    "Region": "latency",
    "Failover": "failover",
    "GeoLocation": "geolocation",
    "GeoProximityLocation": "geoproximity",
    "CidrRoutingConfig": "CIDR",
}
"""The field that gives a record set its policy, and the policy's name."""
UNPLAYED: Final = frozenset({"Region", "GeoLocation", "GeoProximityLocation", "CidrRoutingConfig"})
"""Policies that answer by the location of the resolver, which the lab's DNS server does not know."""
SIMPLE: Final = "simple"
MAX_SETS_PER_NAME: Final = 100  # of one name, type and routing policy (Developer Guide, "Quotas")
_NO_MULTIVALUE_TYPES: Final = ("NS", "SOA", "CNAME")


def fields_of(record_set: Mapping[str, Any]) -> list[str]:
    """Return the fields that give a record set a routing policy; a valid one has at most one."""
    # A weight of 0 is a policy too.
    return [name for name in POLICIES if (value := record_set.get(name)) is not None and value is not False]


def policy_of(record_set: Mapping[str, Any]) -> str:
    """Return the name of a record set's policy."""
    return next((POLICIES[name] for name in fields_of(record_set)), SIMPLE)


def multivalue_faults(record_set: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a record set cannot be a multivalue one, if it is (ResourceRecordSet, MultiValueAnswer)."""
    if not record_set.get("MultiValueAnswer"):
        return
    if "AliasTarget" in record_set:
        yield "Multivalue answer rrset should not be an alias rrset"
    if record_set["Type"] in _NO_MULTIVALUE_TYPES:
        yield f"Multivalue answer rrset cannot be of type {record_set['Type']}"


def mixed(key: Key, policy: str) -> str:
    """Return Route 53's refusal of a record set beside one of the same name and type with another policy."""
    if policy == SIMPLE:
        return (
            f"RRSet with DNS name {key.name}, type {key.type} cannot be created "
            "as other RRSets exist with the same name and type."
        )
    return (
        f'RRSet with DNS name {key.name}, type {key.type}, SetIdentifier "{key.set_identifier}" cannot be '
        f"created because a non {policy} rrset exists with the same name and type."
    )


def group_faults(sets: Mapping[Key, Mapping[str, Any]], changed: Iterable[Key]) -> Iterator[str]:
    """Yield what is wrong with all record sets of the names and types that a batch has changed."""
    groups: defaultdict[tuple[Any, str], list[Key]] = defaultdict(list)
    for key in sets:
        if key.set_identifier:
            groups[key.name, key.type].append(key)
    for (name, record_type), keys in groups.items():
        if len(keys) > MAX_SETS_PER_NAME:
            yield (
                f"{len(keys)} resource record sets have the name {name} and the type {record_type}: "
                f"the limit of {MAX_SETS_PER_NAME} is exceeded"
            )
    newest = {(key.name, key.type): key for key in changed if key in sets and key.set_identifier}
    for place, key in newest.items():
        yield from _place_faults(key, [sets[each] for each in groups[place]])


def _place_faults(key: Key, group: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield why a record set does not go with the others of its group."""
    where = f"RRSet with DNS name {key.name}, type {key.type}, SetIdentifier {key.set_identifier}"
    # The text is Route 53's, as its clients quote it.
    if all("Weight" in each for each in group) and len({each.get("TTL") for each in group} - {None}) > 1:
        yield f"{where} cannot be created as weighted sets must contain the same TTL."
    # ResourceRecordSet, Failover: one primary record set and one secondary record set.
    for kind, count in Counter(each.get("Failover") for each in group).items():
        if kind is not None and count > 1:
            yield f"{where} cannot be created as a {kind} failover rrset exists with the same name and type."
