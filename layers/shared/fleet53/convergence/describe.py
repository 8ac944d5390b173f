"""Describe: a change as the fields of a log line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleet53.planning.changes import (
    AdoptRecord,
    CreateCheck,
    DeleteAlarm,
    DeleteCheck,
    DeleteRecord,
    PutAlarm,
    PutRecord,
)

if TYPE_CHECKING:
    from fleet53.planning.changes import Change


def describe(change: Change) -> dict[str, Any]:
    """Return a change as the fields of a log line."""
    match change:
        case CreateCheck():
            return {
                "change": "health check created",
                "pool": change.key.pool,
                "instance_id": change.key.instance_id,
                "address": str(change.config.address),
                "because": change.because,
            }
        case DeleteCheck():
            return {
                "change": "health check deleted",
                "pool": change.pool,
                "instance_id": change.instance_id,
                "address": str(change.address) if change.address is not None else None,
                "check_id": change.check_id,
                "because": change.because,
            }
        case PutAlarm() | DeleteAlarm():
            return {
                "change": "alarm put" if isinstance(change, PutAlarm) else "alarm deleted",
                "pool": change.pool,
                "instance_id": change.instance_id,
                "alarm": change.name,
                "because": change.because,
            }
        case AdoptRecord():
            return {
                "change": "record adopted",
                "pool": change.pool,
                "record_name": change.record.name,
                "set_identifier": change.record.identifier,
                "address": ", ".join(change.record.values),
                "check_id": change.record.check_id,
                "because": change.because,
            }
        case PutRecord() | DeleteRecord():
            put = isinstance(change, PutRecord)
            return {
                "change": "record put" if put else "record deleted",
                "pool": change.pool,
                "instance_id": change.instance_id,
                "record_name": change.record.name,
                "address": ", ".join(change.record.values),
                "check_id": change.record.check_id,
                "because": change.because,
            }
