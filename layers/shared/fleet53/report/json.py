"""The report as JSON: the form that others rely on. A key may be added, none renamed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from fleet53.report.headline import headlines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fleet53.report.model import ChangeBatch, MemberReport, PoolReport, Quota, Report

LOG_SIZE: Final = 240_000
"""Bytes of a part of a report in the log. With what the logger adds, it stays below 256 KB, from which on some readers
of CloudWatch Logs split or drop an event. CloudWatch Logs itself takes 1 MB (its User Guide, Quotas)."""


class PublicFinding(BaseModel):
    """The public fields of a Finding, in the audit's report and in events; `model_validate` makes it of a Finding."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, defer_build=True)

    kind: str
    pool: str | None
    instance_id: str | None
    record_name: str | None
    health_check_id: Annotated[str | None, Field(validation_alias=AliasChoices("check_id", "health_check_id"))]
    because: str
    held: bool


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON's values; times are ISO 8601 in UTC."""
    return {
        "version": report.version,
        "owner": report.owner,
        "at": _time(report.at),
        "in_sync": report.in_sync,
        "verdict": report.verdict.value,
        "headline": list(headlines(report)),
        "pools": [_pool(pool) for pool in report.pools],
        "findings": [
            PublicFinding.model_validate(finding).model_dump() | {"drift": finding.drift} for finding in report.listed
        ],
        "summary": report.summary,
        "quotas": {
            "health_checks": _quota(checks) if (checks := report.quotas.health_checks) else None,
            "check_creations_last_day": _quota(created) if (created := report.quotas.check_creations) else None,
            "records": {zone_id: _quota(quota) for zone_id, quota in report.quotas.records.items()},
            "names": {name: _quota(quota) for name, quota in report.quotas.names.items()},
        },
        "cost": asdict(report.cost),
        "queued": report.queued,
        "left_out": asdict(report.left_out),
    } | _batches(report)


def for_log(report: dict[str, Any], most: int = LOG_SIZE) -> Iterator[dict[str, Any]]:
    """Yield the JSON form without a row for each instance or record, in parts of at most `most` bytes.

    The first part has everything but the pools and findings that do not fit into it. The next parts have those.
    """
    part = {key: value for key, value in report.items() if key not in {"batches", "undo"}}
    part |= {"pools": [], "findings": []}
    size = len(json.dumps(part))
    pools = [{key: value for key, value in pool.items() if not key.startswith("instances")} for pool in report["pools"]]
    for name, rows in (("pools", pools), ("findings", report["findings"])):
        for row in rows:
            needs = len(json.dumps(row)) + len(", ")
            if size + needs > most:
                yield part
                part = {"pools": [], "findings": []}
                size = len(json.dumps(part))
            part[name].append(row)
            size += needs
    yield part


def _pool(pool: PoolReport) -> dict[str, Any]:
    return {
        "name": pool.name,
        "record_name": pool.record_name,
        "members": pool.members,
        "in_dns": pool.in_dns,
        "healthy": pool.healthy,
        "pending": pool.pending,
        "standby": pool.standby,
        "verdict": pool.verdict.value,
        "instances": [_member(member) for member in pool.instances],
        "instances_left_out": pool.left_out,
    }


def _member(member: MemberReport) -> dict[str, Any]:
    return {
        "instance_id": member.instance_id,
        "state": member.state,
        "lifecycle_state": member.lifecycle_state,
        "group": member.group,
        "addresses": list(member.addresses),
        "launched_at": _time(member.launched),
        "membership": member.membership.value,
        "in_dns": member.in_dns,
        "well": member.well,
        "because": member.because,
        "health_check_ids": list(member.check_ids),
        "percent_healthy": member.percent_healthy,
        "seen_since": _time(member.seen_since),
    }


def _batches(report: Report) -> dict[str, Any]:
    """Return the change batches: only a dry run has those of a repair, and only an adoption those that undo it."""
    batches = {"batches": [_batch(batch) for batch in report.batches]} if report.dry_run else {}
    return batches | ({"undo": [_batch(batch) for batch in report.undo]} if report.undo else {})


def _batch(batch: ChangeBatch) -> dict[str, Any]:
    return {"hosted_zone_id": batch.zone_id, "change_batch": batch.changes}


def _quota(quota: Quota) -> dict[str, int]:
    return {"used": quota.used, "limit": quota.limit}


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at is not None else None
