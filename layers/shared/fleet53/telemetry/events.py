"""Events: what fleet53 puts on the account's default event bus. docs/events.md describes each event for its readers.

Other people's rules depend on the keys: a key may be added, but none is renamed or left out. docs/events.schema.json is
made from these models.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from fleet53.aws.event_bus import Event
from fleet53.domain.health_check import HEALTHY_ABOVE
from fleet53.planning.changes import DeleteRecord, PutRecord
from fleet53.report.json import PublicFinding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from fleet53.aws.event_bus import EventBus
    from fleet53.domain.finding import Finding
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import PoolName
    from fleet53.domain.log import Log
    from fleet53.planning.changes import Change, PoolStatus
    from fleet53.report.model import MemberReport, PoolReport, Report

SOURCE: Final = "fleet53"
MAX_FINDINGS_SIZE: Final = 150_000
"""Bytes of all findings in one event, as JSON. The whole event stays below the 256 KB that every target of a rule takes
(Amazon EventBridge User Guide, PutEvents event entry size)."""
_MAX_NAMES: Final = 1_000
"""Pools or instances that one event names."""
_MAX_NAMES_SIZE: Final = 50_000
"""Bytes of the pool names in one event: a tag can name pools that do not exist, with any characters."""
_MAX_TEXT: Final = 1_000
"""Characters of a reason. A message from AWS in it can have any length."""

_CONFIG: Final = ConfigDict(extra="forbid", frozen=True, defer_build=True)
"""With `defer_build`, a model's validator is made at its first use, because most invocations send no event."""


class EventDetail(BaseModel):
    """What the detail of every event holds: the stack that sends it, and when its subject was seen or done."""

    model_config = _CONFIG
    detail_type: ClassVar[str]

    owner: Annotated[str, Field(description="<stack name>.<region>.<account id>")]
    at: datetime


class _RecordChanged(EventDetail):
    pool: Annotated[str | None, Field(description="null where no pool has the record's name any more")]
    record_name: str
    hosted_zone_id: str
    instance_id: str
    record_type: Literal["A", "AAAA"]
    address: str
    health_check_id: str | None
    because: str


class InstanceAdmitted(_RecordChanged):
    """An instance's record was put into DNS. One of each record type, where its pool has both."""

    detail_type: ClassVar[str] = "Instance Admitted"


class InstanceWithdrawn(_RecordChanged):
    """An instance's record was taken out of DNS. One of each record type, where its pool has both."""

    detail_type: ClassVar[str] = "Instance Withdrawn"


class WithdrawalHeld(EventDetail):
    """The guard holds withdrawals of a pool until a person orders them."""

    detail_type: ClassVar[str] = "Withdrawal Held"

    pool: Annotated[str | None, Field(description="null where no pool has the records' name any more")]
    instance_ids: Annotated[list[str], Field(max_length=_MAX_NAMES)]
    instances_left_out: Annotated[int, Field(ge=0, description="how many more there are than are named")]
    because: str


class PoolUnanswered(EventDetail):
    """Nothing answers for a pool: no record is at its name, so DNS queries for it get a negative answer."""

    detail_type: ClassVar[str] = "Pool Unanswered"

    pool: str
    record_name: str
    because: str


class PoolAnswered(EventDetail):
    """A pool that had no member in DNS has one."""

    detail_type: ClassVar[str] = "Pool Answered"

    pool: str
    record_name: str


class _MemberHealth(EventDetail):
    pool: str
    record_name: str
    instance_id: str
    percent_healthy: Annotated[float, Field(ge=0, le=100, description="share of Route 53's checkers that succeed")]
    since: Annotated[datetime, Field(description="when that was first seen, as far as an hour back")]


class MemberUnhealthy(_MemberHealth):
    """Route 53 sees a member that is in DNS as unhealthy, and does not answer with it while another one is healthy."""

    detail_type: ClassVar[str] = "Member Unhealthy"


class MemberHealthy(_MemberHealth):
    """Route 53 sees a member that is in DNS as healthy again."""

    detail_type: ClassVar[str] = "Member Healthy"


class DriftFinding(PublicFinding):
    """One finding, as in the audit's report."""


class DriftDetected(EventDetail):
    """An audit found that DNS is not as it should be."""

    detail_type: ClassVar[str] = "Drift Detected"

    pools: Annotated[list[str], Field(max_length=_MAX_NAMES, description="the pools that the findings are about")]
    summary: Annotated[dict[str, int], Field(description="how many findings of each kind there are")]
    findings: list[DriftFinding]
    findings_left_out: Annotated[int, Field(ge=0, description="how many more there are; the audit's log has them all")]
    queued: Annotated[int, Field(ge=0, description="how many signals were queued to repair it")]


EVENT_DETAILS: Final = (
    DriftDetected,
    InstanceAdmitted,
    InstanceWithdrawn,
    MemberHealthy,
    MemberUnhealthy,
    PoolAnswered,
    PoolUnanswered,
    WithdrawalHeld,
)
_RECENT: Final = timedelta(minutes=30)
"""For how long every audit says that a member is healthy again."""


def run_events(
    made: Iterable[Change],
    held: Mapping[PoolName | None, Collection[DeleteRecord]],
    owner: Owner,
    *,
    now: datetime,
    emptied: Iterable[PoolStatus] = (),
    filled: Iterable[PoolStatus] = (),
) -> Iterator[EventDetail]:
    """Yield an event for each admission and withdrawal that a run made, and for each pool where the guard held some.

    `emptied` are the pools that the run left without any record, `filled` those that have a member again. A corrected
    record and the fallback are neither an admission nor a withdrawal.
    """
    now = now.replace(microsecond=0)
    for change in made:
        match change:
            case PutRecord(admits=True) if change.instance_id is not None:
                yield InstanceAdmitted.model_validate(_record(change, owner, now))
            case DeleteRecord() if change.instance_id is not None:
                yield InstanceWithdrawn.model_validate(_record(change, owner, now))
    for pool, deletions in held.items():
        instances = {str(each.instance_id): each.because for each in deletions if each.instance_id is not None}
        if instances:
            yield _held(pool, instances, owner.name, now)
    for status in emptied:
        because = "the last member was withdrawn, and the pool has no fallback"
        yield PoolUnanswered(
            owner=owner.name, at=now, pool=status.pool, record_name=status.record_name, because=because
        )
    for status in filled:
        yield PoolAnswered(owner=owner.name, at=now, pool=status.pool, record_name=status.record_name)


def report_events(report: Report) -> Iterator[EventDetail]:
    """Yield the events of an audit: drift, what is held, lost pools, and the health of members."""
    at = report.at.replace(microsecond=0)
    if not report.in_sync:
        yield from _drift_events(report, at)
    for pool in report.pools:
        if pool.lost:
            because = "no record is at the pool's name"
            yield PoolUnanswered(
                owner=report.owner, at=at, pool=pool.name, record_name=pool.record_name, because=because
            )
        for member in pool.instances:
            yield from _health_events(report, pool, member, at)


def _health_events(report: Report, pool: PoolReport, member: MemberReport, at: datetime) -> Iterator[EventDetail]:
    if not member.in_dns or member.percent_healthy is None or member.seen_since is None:
        return
    healthy = member.percent_healthy > HEALTHY_ABOVE
    if healthy and not (member.changed and report.at - member.seen_since <= _RECENT):
        return
    kind = MemberHealthy if healthy else MemberUnhealthy
    yield kind(
        owner=report.owner,
        at=at,
        pool=pool.name,
        record_name=pool.record_name,
        instance_id=member.instance_id,
        percent_healthy=member.percent_healthy,
        since=member.seen_since,
    )


def _drift_events(report: Report, at: datetime) -> Iterator[EventDetail]:
    fitting = _that_fit(report.findings)
    yield DriftDetected(
        owner=report.owner,
        at=at,
        pools=_names_that_fit(finding.pool for finding in report.findings if finding.pool is not None),
        summary=report.summary,
        findings=fitting,
        findings_left_out=len(report.findings) - len(fitting),
        queued=report.queued,
    )
    held: dict[PoolName | None, dict[str, str]] = {}
    for finding in report.findings:
        if finding.held and finding.instance_id is not None:
            held.setdefault(finding.pool, {})[finding.instance_id] = finding.because
    for pool, instances in held.items():
        yield _held(pool, instances, report.owner, at)


def send_events(details: Iterable[EventDetail], bus: EventBus, log: Log) -> None:
    """Put events on the bus. A failure is logged and never raised: the work that the events report is done.

    An iterator of details is read here, so that an error in making one is caught too.
    """
    try:
        lost = bus.put(Event(SOURCE, each.detail_type, each.model_dump_json(), each.at) for each in details)
    except Exception:  # no error may bring back messages whose work is done
        log.exception("events not sent", extra={})
        return
    for because in lost:
        log.warning("event not sent", extra={"because": because})


def _record(change: PutRecord | DeleteRecord, owner: Owner, now: datetime) -> dict[str, Any]:
    return {
        "owner": owner.name,
        "at": now,
        "pool": change.pool,
        "record_name": change.record.name,
        "hosted_zone_id": change.zone_id,
        "instance_id": change.instance_id,
        "record_type": change.record.type,
        "address": ", ".join(change.record.values),
        "health_check_id": change.record.check_id,
        "because": _short(change.because),
    }


def _held(pool: str | None, instances: Mapping[str, str], owner: str, at: datetime) -> WithdrawalHeld:
    """Return the event for the instances whose withdrawal is held, given by id with the reason."""
    named = sorted(instances)[:_MAX_NAMES]
    return WithdrawalHeld(
        owner=owner,
        at=at,
        pool=pool,
        instance_ids=named,
        instances_left_out=len(instances) - len(named),
        because=_short(instances[named[0]]),
    )


def _that_fit(findings: Iterable[Finding]) -> list[DriftFinding]:
    """Return the first findings, as many as fit into one event."""
    fitting: list[DriftFinding] = []
    size = 0
    for each in findings:
        finding = DriftFinding.model_validate(replace(each, because=_short(each.because)))
        size += len(finding.model_dump_json().encode()) + 1
        if size > MAX_FINDINGS_SIZE:
            break
        fitting.append(finding)
    return fitting


def _names_that_fit(names: Iterable[str]) -> list[str]:
    """Return the first names in order, as many as may be in one event."""
    fitting: list[str] = []
    size = 0
    for name in sorted(set(names))[:_MAX_NAMES]:
        size += len(json.dumps(name, ensure_ascii=False).encode()) + 1
        if size > _MAX_NAMES_SIZE:
            break
        fitting.append(name)
    return fitting


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"
