"""The events of a run and of an audit, and how large one can be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.identity import Owner
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.domain.record import Record
from fleet53.planning.changes import DeleteRecord
from fleet53.report.json import as_json
from fleet53.report.model import Cost, Quota, Quotas, Report
from fleet53.telemetry.events import DriftDetected, WithdrawalHeld, report_events, run_events

NOW = datetime(2026, 1, 5, 12, 0, 0, 53, tzinfo=UTC)
OWNER = Owner("fleet53.eu-west-1.123456789012")


def deletion(instance_id: str | None) -> DeleteRecord:
    record = Record("app.example.com", "A", ("52.95.0.1",))
    holder = None if instance_id is None else InstanceId(instance_id)
    return DeleteRecord(PoolName("web"), ZoneId("Z1"), holder, record, FindingKind.ORPHAN_RECORD, "it is gone")


def finding(number: int, because: str = "-", *, held: bool = False) -> Finding:
    instance_id = InstanceId(f"i-{number:017x}")
    kind = FindingKind.ORPHAN_RECORD
    return Finding(kind, because, PoolName(f"p{number}"), instance_id, drift=True, held=held)


def report(*findings: Finding) -> Report:
    quotas = Quotas(Quota(1, 200), Quota(1, 1000), {})
    return Report(OWNER.name, NOW, pools=(), findings=findings, quotas=quotas, cost=Cost(1, 0.5))


def test_a_held_fallback_is_not_published() -> None:
    assert list(run_events([], {PoolName("web"): [deletion(None)]}, OWNER, now=NOW)) == []


def test_an_instance_whose_two_records_are_held_is_named_once() -> None:
    (held,) = run_events([], {None: [deletion("i-2"), deletion("i-1"), deletion("i-2")]}, OWNER, now=NOW)
    assert held == WithdrawalHeld(
        owner=OWNER.name,
        at=NOW.replace(microsecond=0),
        pool=None,
        instance_ids=["i-1", "i-2"],
        instances_left_out=0,
        because="it is gone",
    )


def test_of_very_many_instances_the_first_thousand_are_named() -> None:
    (held,) = run_events([], {None: [deletion(f"i-{number:017x}") for number in range(1200)]}, OWNER, now=NOW)
    assert isinstance(held, WithdrawalHeld)
    assert (len(held.instance_ids), held.instances_left_out) == (1000, 200)


def test_of_very_many_findings_an_event_has_as_many_as_fit_and_the_number_of_the_others() -> None:
    (drift,) = report_events(report(*(finding(number, "é" * 2000) for number in range(5000))))
    assert isinstance(drift, DriftDetected)
    assert len(drift.model_dump_json().encode()) < 256 * 1024
    assert len(drift.findings) > 50
    assert len(drift.findings) + drift.findings_left_out == 5000
    assert len(drift.findings[0].because) == 1000
    assert drift.summary == {"orphan-record": 5000}
    assert len(drift.pools) == 1000


def test_an_event_fits_with_any_pool_names_in_tags() -> None:
    name = "\N{GRINNING FACE}" * 200
    (drift,) = report_events(report(*(replace(finding(n, "x" * 900), pool=PoolName(f"{n}{name}")) for n in range(999))))
    assert isinstance(drift, DriftDetected)
    assert len(drift.model_dump_json().encode()) < 256_000
    assert 50 < len(drift.pools) < 100


def test_a_report_with_held_withdrawals_publishes_an_event_for_each_pool() -> None:
    told = list(report_events(report(finding(1, held=True), finding(2, held=True), finding(3))))
    assert [type(each) for each in told] == [DriftDetected, WithdrawalHeld, WithdrawalHeld]


def test_a_report_in_sync_publishes_nothing() -> None:
    assert list(report_events(report())) == []


def test_an_event_and_the_audits_json_have_a_finding_with_the_same_fields() -> None:
    told = report(
        Finding(
            FindingKind.STALE_RECORD,
            "its record has TTL 5 s, not 60 s",
            PoolName("web"),
            InstanceId("i-1"),
            "app.example.com",
            CheckId("c-1"),
            drift=True,
            held=True,
        )
    )
    drift, _ = report_events(told)
    assert json.loads(drift.model_dump_json())["findings"] == [
        {
            "kind": "stale-record",
            "pool": "web",
            "instance_id": "i-1",
            "record_name": "app.example.com",
            "health_check_id": "c-1",
            "because": "its record has TTL 5 s, not 60 s",
            "held": True,
        }
    ]
    (published,) = json.loads(drift.model_dump_json())["findings"]
    assert as_json(told)["findings"] == [published | {"drift": True}]
