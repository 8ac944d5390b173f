"""The record sets of one hosted zone under the rules of ChangeResourceRecordSets."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.route53.error import invalid_change_batch, invalid_input, no_such_health_check
from lab.route53.names import InvalidNameError, Name, parse_name
from lab.route53.page import page_size
from lab.route53.protections import Protections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

type RecordSet = dict[str, Any]

MAX_ELEMENTS = 1_000  # ResourceRecord elements of a request (Developer Guide, "Quotas")
MAX_VALUE_CHARACTERS = 32_000  # of all values of a request (same page)
MAX_SETS_PER_NAME = 100  # of one name, type and routing policy (same page)
MAX_PAGE = 300  # ListResourceRecordSets
MAX_COMMENT_CHARACTERS = 256
MAX_SET_IDENTIFIER_CHARACTERS = 128

_POLICIES = {
    "MultiValueAnswer": "multivalue answer",
    "Weight": "weighted",
    "Region": "latency",
    "Failover": "failover",
    "GeoLocation": "geolocation",
    "GeoProximityLocation": "geoproximity",
    "CidrRoutingConfig": "CIDR",
}
_SIMPLE = "simple"
_NO_MULTIVALUE_TYPES = ("NS", "SOA", "CNAME")
# What DELETE compares. MultiValueAnswer is not among them: a DELETE may leave it out.
_COMPARED = (
    "TTL",
    "AliasTarget",
    "HealthCheckId",
    "Weight",
    "Region",
    "Failover",
    "GeoLocation",
    "GeoProximityLocation",
    "CidrRoutingConfig",
)


class Key(NamedTuple):
    """What identifies a record set; ``set_identifier`` is empty for simple routing."""

    name: Name
    type: str
    set_identifier: str


class _Change(NamedTuple):
    action: str
    key: Key
    record_set: RecordSet


class Records:
    """The record sets of one hosted zone: `change` applies a whole batch, or none of it if a change is refused."""

    def __init__(self, zone: Name, name_servers: Sequence[str]) -> None:
        self._zone = zone
        self._sets: dict[Key, RecordSet] = {}
        self.protections = Protections(zone)
        soa = f"{name_servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        for record_type, ttl, values in (("NS", 172800, name_servers), ("SOA", 900, (soa,))):
            self._sets[Key(zone, record_type, "")] = {
                "Name": str(zone),
                "Type": record_type,
                "TTL": ttl,
                "ResourceRecords": [{"Value": value} for value in values],
            }

    def __len__(self) -> int:
        return len(self._sets)

    def at(self, name: Name, record_type: str) -> tuple[RecordSet, ...]:
        """Return copies of the record sets of one name and type."""
        return tuple(
            copy.deepcopy(record_set)
            for key, record_set in self._sets.items()
            if (key.name, key.type) == (name, record_type)
        )

    def has_name(self, name: Name) -> bool:
        """Tell whether the name, or a name below it, has a record set."""
        return any(key.name.is_within(name) for key in self._sets)

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListResourceRecordSets."""
        size = page_size(parameters.get("MaxItems"), default=MAX_PAGE, most=MAX_PAGE)
        start_name = parameters.get("StartRecordName")
        start_type = parameters.get("StartRecordType") or ""
        if start_type and not start_name:
            raise invalid_input("StartRecordType needs a StartRecordName")
        try:
            start_key = parse_name(start_name).sort_key if start_name else ""
        except InvalidNameError as error:
            raise invalid_input(str(error)) from error
        start = (start_key, start_type, parameters.get("StartRecordIdentifier") or "")
        positions = sorted(
            ((key.name.sort_key, key.type, key.set_identifier), key)
            for key in self._sets
            if (key.name.sort_key, key.type, key.set_identifier) >= start
        )
        keys = [key for _, key in positions]
        answer: dict[str, Any] = {
            "ResourceRecordSets": [copy.deepcopy(self._sets[key]) for key in keys[:size]],
            "IsTruncated": len(keys) > size,
            "MaxItems": str(size),
        }
        if len(keys) > size:
            following = keys[size]
            answer |= {"NextRecordName": str(following.name), "NextRecordType": following.type}
            if following.set_identifier:
                answer["NextRecordIdentifier"] = following.set_identifier
        return answer

    def change(self, batch: Mapping[str, Any], check_exists: Callable[[str], bool]) -> None:
        """Apply a ChangeBatch, or raise and leave every record set as it was."""
        if len(batch.get("Comment") or "") > MAX_COMMENT_CHARACTERS:
            raise invalid_input(f"The batch's Comment is longer than {MAX_COMMENT_CHARACTERS} characters")
        entries = batch.get("Changes") or ()
        if not entries:
            raise invalid_input("A change batch needs at least one change")
        _refuse_malformed(entries)
        _refuse_oversized(entries)
        changes = _read(entries)
        for change in changes:
            check_id = change.record_set.get("HealthCheckId")
            if change.action != "DELETE" and check_id and not check_exists(check_id):
                raise no_such_health_check(check_id)
        sets = dict(self._sets)
        faults = [*self._protected(changes), *_deleted_twice(changes)]
        for change in changes:
            found = list(self._faults(change, sets))
            faults += found
            if found:
                continue
            if change.action == "DELETE":
                del sets[change.key]
            else:
                sets[change.key] = change.record_set
        faults += self._faults_of_the_whole(sets)
        if faults:
            raise invalid_change_batch(dict.fromkeys(faults))
        self._sets = sets

    def _protected(self, changes: Iterable[_Change]) -> Iterator[str]:
        for _, key, _ in changes:
            refusal = self.protections.refusal(key.name, key.type)
            if refusal is not None:
                yield refusal

    def _faults(self, change: _Change, sets: Mapping[Key, RecordSet]) -> Iterator[str]:
        action, key, record_set = change
        if not key.name.is_within(self._zone):
            yield f"RRSet with DNS name {key.name} is not permitted in zone {self._zone}"
            return
        current = sets.get(key)
        if action == "DELETE":
            if current is None:
                yield f"Tried to delete resource record set {_described(key)} but it was not found"
            elif not _same_values(current, record_set):
                yield (
                    f"Tried to delete resource record set {_described(key)} "
                    "but the values provided do not match the current values"
                )
            return
        if action == "CREATE" and current is not None:
            yield f"Tried to create resource record set {_described(key)} but it already exists"
            return
        yield from _value_faults(record_set)
        yield from _multivalue_faults(record_set)
        yield from self._neighbour_faults(key, record_set, sets)

    def _neighbour_faults(self, key: Key, record_set: RecordSet, sets: Mapping[Key, RecordSet]) -> Iterator[str]:
        if key.type == "CNAME" and key.name == self._zone:
            yield f"RRSet of type CNAME with DNS name {key.name} is not permitted at apex of its zone"
        for other_key, other in sets.items():
            if other_key.name != key.name or other_key == key:
                continue
            if other_key.type != key.type:
                if "CNAME" in (other_key.type, key.type):
                    yield (
                        f"RRSet of type {key.type} with DNS name {key.name} is not permitted because a "
                        f"conflicting RRSet of type {other_key.type} with the same DNS name already exists "
                        f"in zone {self._zone}"
                    )
            elif _policy(other) != _policy(record_set):
                yield _mixed_policies(key, _policy(record_set))

    def _faults_of_the_whole(self, sets: Mapping[Key, RecordSet]) -> Iterator[str]:
        for record_type in ("NS", "SOA"):
            if Key(self._zone, record_type, "") not in sets:
                yield f"A HostedZone must contain a {record_type} record for the zone itself."
        groups = Counter((key.name, key.type) for key in sets if key.set_identifier)
        for (name, record_type), count in groups.items():
            if count > MAX_SETS_PER_NAME:
                yield (
                    f"{count} resource record sets have the name {name} and the type {record_type}: "
                    f"the limit of {MAX_SETS_PER_NAME} is exceeded"
                )


def _refuse_malformed(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        record_set = entry["ResourceRecordSet"]
        where = f"Change with [Action={entry['Action']}, Name={record_set['Name']}, Type={record_set['Type']}]"
        identifier = record_set.get("SetIdentifier")
        if identifier is not None and not 1 <= len(identifier) <= MAX_SET_IDENTIFIER_CHARACTERS:
            raise invalid_input(
                f"SetIdentifier '{identifier}' must have 1 to {MAX_SET_IDENTIFIER_CHARACTERS} characters"
            )
        if entry["Action"] == "DELETE":
            continue
        policies = [name for name in _POLICIES if record_set.get(name) not in (None, False)]
        if policies and identifier is None:
            raise invalid_input(f"Invalid request: Missing field 'SetIdentifier' in {where}")
        if len(policies) > 1 or (identifier is not None and not policies):
            found = "more than one" if policies else "none"
            raise invalid_input(
                f"Invalid request: Expected exactly one of [{', '.join(_POLICIES)}], but found {found} in {where}"
            )
        plain = record_set.get("TTL") is not None and bool(record_set.get("ResourceRecords"))
        if plain == ("AliasTarget" in record_set):
            found = "more than one" if plain else "none"
            raise invalid_input(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], "
                f"or TrafficPolicyInstanceId], but found {found} in {where}"
            )


def _refuse_oversized(entries: Sequence[Mapping[str, Any]]) -> None:
    # An UPSERT counts twice: it may be a DELETE plus a CREATE (Developer Guide, "Quotas").
    elements = characters = 0
    for entry in entries:
        times = 2 if entry["Action"] == "UPSERT" else 1
        values = [record["Value"] for record in entry["ResourceRecordSet"].get("ResourceRecords") or ()]
        elements += times * max(len(values), 1)
        characters += times * sum(map(len, values))
    if elements > MAX_ELEMENTS:
        raise invalid_change_batch([f"Number of records limit of {MAX_ELEMENTS} exceeded."])
    if characters > MAX_VALUE_CHARACTERS:
        raise invalid_change_batch([f"Number of characters limit of {MAX_VALUE_CHARACTERS} exceeded."])


def _read(entries: Sequence[Mapping[str, Any]]) -> list[_Change]:
    changes = []
    faults = []
    for entry in entries:
        record_set = copy.deepcopy(dict(entry["ResourceRecordSet"]))
        try:
            name = parse_name(record_set["Name"])
        except InvalidNameError as error:
            faults.append(str(error))
            continue
        record_set["Name"] = str(name)
        key = Key(name, record_set["Type"], record_set.get("SetIdentifier") or "")
        changes.append(_Change(entry["Action"], key, record_set))
    if faults:
        raise invalid_change_batch(faults)
    return changes


def _deleted_twice(changes: Iterable[_Change]) -> Iterator[str]:
    deletions = Counter(change.key for change in changes if change.action == "DELETE")
    for key, count in deletions.items():
        if count > 1:
            yield (f"The request contains an invalid set of changes for a resource record set '{key.type} {key.name}'")


def _value_faults(record_set: RecordSet) -> Iterator[str]:
    seen: defaultdict[str, int] = defaultdict(int)
    for record in record_set.get("ResourceRecords") or ():
        value = record["Value"]
        seen[value] += 1
        problem = None
        if record_set["Type"] == "A" and not _is_address(value, IPv4Address):
            problem = "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
        elif record_set["Type"] == "AAAA" and not _is_address(value, IPv6Address):
            problem = "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
        if problem:
            yield f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"
    yield from (f"Duplicate Resource Record: '{value}'" for value, count in seen.items() if count > 1)


def _is_address(value: str, family: type[IPv4Address | IPv6Address]) -> bool:
    try:
        family(value)
    except AddressValueError:
        return False
    return "%" not in value  # Python also reads a scope id, which no AAAA record can hold


def _multivalue_faults(record_set: RecordSet) -> Iterator[str]:
    if not record_set.get("MultiValueAnswer"):
        return
    if "AliasTarget" in record_set:
        yield "Multivalue answer rrset should not be an alias rrset"
    if record_set["Type"] in _NO_MULTIVALUE_TYPES:
        yield f"Multivalue answer rrset cannot be of type {record_set['Type']}"


def _policy(record_set: Mapping[str, Any]) -> str:
    return next((word for name, word in _POLICIES.items() if record_set.get(name) not in (None, False)), _SIMPLE)


def _mixed_policies(key: Key, policy: str) -> str:
    if policy == _SIMPLE:
        return (
            f"RRSet with DNS name {key.name}, type {key.type} cannot be created "
            "as other RRSets exist with the same name and type."
        )
    return (
        f'RRSet with DNS name {key.name}, type {key.type}, SetIdentifier "{key.set_identifier}" cannot be '
        f"created because a non {policy} rrset exists with the same name and type."
    )


def _same_values(current: RecordSet, given: RecordSet) -> bool:
    def values(record_set: RecordSet) -> list[str]:
        return sorted(record["Value"] for record in record_set.get("ResourceRecords") or ())

    return values(current) == values(given) and all(current.get(name) == given.get(name) for name in _COMPARED)


def _described(key: Key) -> str:
    identifier = f", SetIdentifier '{key.set_identifier}'" if key.set_identifier else ""
    return f"[name='{key.name}', type='{key.type}'{identifier}]"
