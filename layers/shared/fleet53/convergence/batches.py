"""Batches: a plan's changes of records as change batches, and the batches that put adopted records back. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from fleet53.aws.route53 import write_changes, write_listed
from fleet53.planning.changes import AdoptRecord, PutRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleet53.domain.ids import ZoneId
    from fleet53.domain.record import Record
    from fleet53.planning.changes import RecordChange

MAX_ELEMENTS: Final = 1000
"""ResourceRecord elements of one batch (Route 53 Developer Guide, Quotas)."""
MAX_CHARACTERS: Final = 32_000
"""Characters of all values of one batch (the same page)."""


def batches(changes: Iterable[RecordChange], *, one_pool_a_batch: bool = False) -> Iterator[list[RecordChange]]:
    """Yield the changes by hosted zone, in as few batches as the limits allow, and those of one name in one batch.

    A name has at most 100 records of each of two types, so its changes always fit into a batch. The last member's
    withdrawal and the fallback's admission are therefore one change, and so are an adoption and the records that
    replace what it deletes.
    """
    batch: list[RecordChange] = []
    for _, together in _by_place(changes):
        other_zone = bool(batch) and batch[0].zone_id != together[0].zone_id
        if batch and (other_zone or one_pool_a_batch or not _fits([*batch, *together])):
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


def _by_place(changes: Iterable[RecordChange]) -> Iterator[tuple[tuple[ZoneId, str], list[RecordChange]]]:
    """Yield the changes of each name in each hosted zone."""

    def place(change: RecordChange) -> tuple[ZoneId, str]:
        return change.zone_id, change.record.name

    for at, group in groupby(sorted(changes, key=place), key=place):
        yield at, list(group)


def _fits(batch: Sequence[RecordChange]) -> bool:
    values = [value for record in (*deleted_by(batch), *created_by(batch)) for value in record.values]
    return len(values) <= MAX_ELEMENTS and sum(map(len, values)) <= MAX_CHARACTERS


def deleted_by(batch: Sequence[RecordChange]) -> list[Record]:
    """Return the records that a batch deletes, including those that it replaces: Note [Only what was read]."""
    records = (change.replaces if isinstance(change, PutRecord) else change.record for change in batch)
    return [record for record in records if record is not None]


def created_by(batch: Sequence[RecordChange]) -> list[Record]:
    """Return the records that a batch creates."""
    return [change.record for change in batch if isinstance(change, PutRecord)]


def change_batch(batch: Sequence[RecordChange]) -> dict[str, Any]:
    """Return the ChangeBatch of ChangeResourceRecordSets that makes these changes."""
    return {"Changes": write_changes(deletions=deleted_by(batch), creations=created_by(batch))}


def undo_batches(changes: Iterable[RecordChange]) -> Iterator[tuple[ZoneId, str, dict[str, Any]]]:
    """Yield the hosted zone, the name and the ChangeBatch that puts the adopted records of each name back.

    It deletes those of our records that the adoption created and that hold the same addresses. No other record of the
    same type can exist beside a simple record, so for one of these it deletes all that the adoption created.
    """
    for (zone_id, name), together in _by_place(changes):
        adopted = [change.record for change in together if isinstance(change, AdoptRecord)]
        if adopted:
            came = [change.record for change in together if isinstance(change, PutRecord) and change.admits]
            ours = [record for record in came if any(_stands_for(record, each) for each in adopted)]
            undone = [{"Action": "DELETE", "ResourceRecordSet": write_listed(record)} for record in ours]
            restored = [{"Action": "CREATE", "ResourceRecordSet": write_listed(record)} for record in adopted]
            yield zone_id, name, {"Changes": [*undone, *restored]}


def _stands_for(ours: Record, adopted: Record) -> bool:
    return ours.type == adopted.type and (not adopted.multivalue or set(ours.values) <= set(adopted.values))
