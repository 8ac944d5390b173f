"""The record sets of one hosted zone under the rules of ChangeResourceRecordSets."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from lab.route53 import policies, values
from lab.route53.batch import deleted_twice, read_changes
from lab.route53.copies import copied
from lab.route53.error import invalid_change_batch, invalid_input, no_such_health_check
from lab.route53.names import InvalidNameError, Name, parse_name
from lab.route53.page import page_size
from lab.route53.protections import Protections
from lab.route53.record_set import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lab.route53.batch import Change
    from lab.route53.record_set import RecordSet

MAX_PAGE = 300  # ListResourceRecordSets
# What DELETE compares. MultiValueAnswer is not among them: a DELETE may leave it out.
_COMPARED: Final = (
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


class Records:
    """The record sets of one hosted zone: `change` applies a whole batch, or none of it if a change is refused."""

    def __init__(self, zone: Name, zone_id: str, name_servers: Sequence[str]) -> None:
        self._zone = zone
        self._zone_id = zone_id
        self._sets: dict[Key, RecordSet] = {}
        self.protections = Protections(zone)
        soa = f"{name_servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        for record_type, ttl, own in (("NS", 172800, name_servers), ("SOA", 900, (soa,))):
            self._sets[Key(zone, record_type, "")] = {
                "Name": str(zone),
                "Type": record_type,
                "TTL": ttl,
                "ResourceRecords": [{"Value": value} for value in own],
            }

    def __len__(self) -> int:
        return len(self._sets)

    def at(self, name: Name, record_type: str) -> tuple[RecordSet, ...]:
        """Return copies of the record sets of one name and type."""
        return tuple(
            copied(record_set) for key, record_set in self._sets.items() if (key.name, key.type) == (name, record_type)
        )

    def has_name(self, name: Name) -> bool:
        """Return whether the name, or a name below it, has a record set."""
        return any(key.name.is_within(name) for key in self._sets)

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListResourceRecordSets."""
        size = page_size(parameters.get("MaxItems"), default=MAX_PAGE, most=MAX_PAGE)
        start_name = parameters.get("StartRecordName")
        start_type = parameters.get("StartRecordType") or ""
        if start_type and not start_name:
            raise invalid_input("StartRecordType needs a StartRecordName")
        if parameters.get("StartRecordIdentifier") and not start_type:
            raise invalid_input("StartRecordIdentifier needs a StartRecordName and a StartRecordType")
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
            "ResourceRecordSets": [copied(self._sets[key]) for key in keys[:size]],
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
        changes = read_changes(batch)
        for change in changes:
            check_id = change.record_set.get("HealthCheckId")
            if change.action != "DELETE" and check_id and not check_exists(check_id):
                raise no_such_health_check(check_id)
        sets = dict(self._sets)
        by_name: defaultdict[Name, dict[Key, RecordSet]] = defaultdict(dict)
        for key, record_set in sets.items():
            by_name[key.name][key] = record_set
        faults = [*self._protected(changes), *deleted_twice(changes)]
        for change in changes:
            at_name = by_name[change.key.name]
            found = list(self._faults(change, at_name))
            faults += found
            if found:
                continue
            if change.action == "DELETE":
                del sets[change.key], at_name[change.key]
            else:
                sets[change.key] = at_name[change.key] = change.record_set
        faults += self._faults_of_the_whole(sets)
        faults += self._alias_faults(changes, sets)
        faults += policies.group_faults(sets, [change.key for change in changes])
        if faults:
            raise invalid_change_batch(dict.fromkeys(faults))
        self._sets = sets

    def _protected(self, changes: Iterable[Change]) -> Iterator[str]:
        for _, key, _ in changes:
            refusal = self.protections.refusal(key.name, key.type)
            if refusal is not None:
                yield refusal

    def _faults(self, change: Change, at_name: Mapping[Key, RecordSet]) -> Iterator[str]:
        """Yield why a change is refused; `at_name` are the record sets at its name."""
        action, key, record_set = change
        if not key.name.is_within(self._zone):
            yield f"RRSet with DNS name {key.name} is not permitted in zone {self._zone}"
            return
        current = at_name.get(key)
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
        yield from values.faults(key.type, [each["Value"] for each in record_set.get("ResourceRecords") or ()])
        yield from policies.multivalue_faults(record_set)
        yield from self._neighbour_faults(key, record_set, at_name)

    def _neighbour_faults(self, key: Key, record_set: RecordSet, at_name: Mapping[Key, RecordSet]) -> Iterator[str]:
        if key.type == "CNAME" and key.name == self._zone:
            yield f"RRSet of type CNAME with DNS name {key.name} is not permitted at apex of its zone"
        for other_key, other in at_name.items():
            if other_key == key:
                continue
            if other_key.type != key.type:
                if "CNAME" in (other_key.type, key.type):
                    yield (
                        f"RRSet of type {key.type} with DNS name {key.name} is not permitted because a "
                        f"conflicting RRSet of type {other_key.type} with the same DNS name already exists "
                        f"in zone {self._zone}"
                    )
            elif policies.policy_of(other) != policies.policy_of(record_set):
                yield policies.mixed(key, policies.policy_of(record_set))

    def _alias_faults(self, changes: Iterable[Change], sets: Mapping[Key, RecordSet]) -> Iterator[str]:
        """Yield a refusal for each new alias of this zone's own records that leads nowhere, in Route 53's words."""
        there = {(key.name, key.type) for key in sets}
        for action, key, record_set in changes:
            target = record_set.get("AliasTarget")
            if action == "DELETE" or target is None or target["HostedZoneId"] != self._zone_id:
                continue
            name = parse_name(target["DNSName"])
            tried = f"Tried to create an alias that targets {name}, type {key.type} in zone {self._zone_id}, but"
            if not name.is_within(self._zone):
                yield f"{tried} the alias target name does not lie within the target zone"
            elif (name, key.type) not in there:
                yield f"{tried} that target was not found"

    def _faults_of_the_whole(self, sets: Mapping[Key, RecordSet]) -> Iterator[str]:
        for record_type in ("NS", "SOA"):
            if Key(self._zone, record_type, "") not in sets:
                yield f"A HostedZone must contain a {record_type} record for the zone itself."


def _same_values(current: RecordSet, given: RecordSet) -> bool:
    def sorted_values(record_set: RecordSet) -> list[str]:
        return sorted(record["Value"] for record in record_set.get("ResourceRecords") or ())

    return sorted_values(current) == sorted_values(given) and all(
        current.get(name) == given.get(name) for name in _COMPARED
    )


def _described(key: Key) -> str:
    identifier = f", SetIdentifier '{key.set_identifier}'" if key.set_identifier else ""
    return f"[name='{key.name}', type='{key.type}'{identifier}]"
