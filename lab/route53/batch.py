"""Reads a change batch, and refuses what Route 53 refuses without looking at the hosted zone."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.route53.copies import copied
from lab.route53.error import Route53Error, invalid_change_batch, invalid_input
from lab.route53.names import InvalidNameError, parse_name
from lab.route53.policies import POLICIES, UNPLAYED, fields_of
from lab.route53.record_set import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lab.route53.record_set import RecordSet

MAX_ELEMENTS = 1_000  # ResourceRecord elements of a request (Developer Guide, "Quotas")
MAX_VALUE_CHARACTERS = 32_000  # of all values of a request (same page)


class Change(NamedTuple):
    """One change of a batch: CREATE, DELETE or UPSERT of a record set."""

    action: str
    key: Key
    record_set: RecordSet


def read_changes(batch: Mapping[str, Any]) -> list[Change]:
    """Return the changes of a ChangeBatch, which meets the model's constraints, or raise Route53Error."""
    entries = batch["Changes"]
    _refuse_malformed(entries)
    _refuse_oversized(entries)
    changes = []
    faults = []
    for entry in entries:
        record_set = copied(dict(entry["ResourceRecordSet"]))
        try:
            name = parse_name(record_set["Name"])
        except InvalidNameError as error:
            faults.append(str(error))
            continue
        record_set["Name"] = str(name)
        key = Key(name, record_set["Type"], record_set.get("SetIdentifier") or "")
        changes.append(Change(entry["Action"], key, record_set))
    if faults:
        raise invalid_change_batch(faults)
    return changes


def deleted_twice(changes: Iterable[Change]) -> Iterator[str]:
    """Yield a refusal for each record set that is deleted more than once."""
    deletions = Counter(change.key for change in changes if change.action == "DELETE")
    for key, count in deletions.items():
        if count > 1:
            yield (f"The request contains an invalid set of changes for a resource record set '{key.type} {key.name}'")


def _refuse_malformed(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        if entry["Action"] == "DELETE":
            continue
        record_set = entry["ResourceRecordSet"]
        where = f"Change with [Action={entry['Action']}, Name={record_set['Name']}, Type={record_set['Type']}]"
        policies = fields_of(record_set)
        identifier = record_set.get("SetIdentifier")
        if policies and identifier is None:
            raise invalid_input(f"Invalid request: Missing field 'SetIdentifier' in {where}")
        if len(policies) > 1 or (identifier is not None and not policies):
            found = "more than one" if policies else "none"
            raise invalid_input(
                f"Invalid request: Expected exactly one of [{', '.join(POLICIES)}], but found {found} in {where}"
            )
        plain = record_set.get("TTL") is not None and bool(record_set.get("ResourceRecords"))
        if plain == ("AliasTarget" in record_set):
            found = "more than one" if plain else "none"
            raise invalid_input(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], "
                f"or TrafficPolicyInstanceId], but found {found} in {where}"
            )
        unplayed = UNPLAYED & set(policies)
        if unplayed:
            raise Route53Error(
                "NotImplemented",
                f"The lab's Route 53 does not play {POLICIES[min(unplayed)]} routing: {where}",
                HTTPStatus.NOT_IMPLEMENTED,
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
