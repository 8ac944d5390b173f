from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit

from fleet53.audit.metrics import measure_audit
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import CheckConfig
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.lifecycle import Result
from fleet53.domain.record import RecordType
from fleet53.planning.changes import CheckKey, CreateCheck, DeleteRecord, PoolStatus, PutRecord, Waiting
from fleet53.planning.hooks import Complete
from fleet53.reconcile.metrics import measure_run
from fleet53.reconcile.outcome import Outcome
from fleet53.report.model import Cost, PoolReport, Quota, Quotas, Report
from fleet53.signals.model import InstanceSignal, PoolSignal
from fleet53.telemetry.metrics import Measurement, emit
from tests.unit.build import HTTP, LAUNCHED, NAME, NOW, OWNER, ZONE, action, fallback, pool, record

if TYPE_CHECKING:
    from fleet53.planning.changes import Change

WEB = PoolName("web")
A, B, C = InstanceId("i-0a"), InstanceId("i-0b"), InstanceId("i-0c")
MISSING, ORPHAN = FindingKind.MISSING_RECORD, FindingKind.ORPHAN_RECORD


def put(instance_id: InstanceId, *, admits: bool) -> PutRecord:
    return PutRecord(WEB, ZONE, instance_id, record(instance_id), MISSING, "a test", admits=admits)


def delete(instance_id: InstanceId) -> DeleteRecord:
    return DeleteRecord(WEB, ZONE, instance_id, record(instance_id), ORPHAN, "a test")


def status(**differs: Any) -> PoolStatus:
    nobody: frozenset[InstanceId] = frozenset()
    return replace(PoolStatus(WEB, NAME, nobody, nobody, nobody, nobody), **differs)


def test_a_run_measures_each_pool_as_it_leaves_it() -> None:
    waiting = [Waiting(WEB, C, "not healthy", LAUNCHED), Waiting(WEB, C, "not healthy", LAUNCHED)]
    outcome = Outcome(
        statuses={WEB: status(members=frozenset({A, B, C}), in_dns=frozenset({B}), standby=frozenset({C}))},
        made=[put(A, admits=False)],
        waiting={WEB: waiting},
    )
    assert measure_run(outcome, [], now=NOW) == [
        Measurement("Members", 3, "web"),
        Measurement("InDns", 2, "web"),
        Measurement("Pending", 1, "web"),
        Measurement("Standby", 1, "web"),
    ]


def test_an_admission_counts_its_seconds_from_the_event_that_reported_the_instance() -> None:
    heard: list[InstanceSignal | PoolSignal] = [
        InstanceSignal(frozenset({A}), "EC2 said running", NOW - timedelta(seconds=40)),
        PoolSignal(frozenset({WEB}), "waits", NOW, since={A: NOW - timedelta(seconds=95)}, attempt=2),
    ]
    assert measure_run(Outcome(made=[put(A, admits=True)]), heard, now=NOW) == [
        Measurement("Admitted", 1, "web"),
        Measurement("SecondsToAdmit", 95.0, "web", unit=MetricUnit.Seconds),
    ]


def test_a_withdrawal_counts_its_seconds_too() -> None:
    heard = [InstanceSignal(frozenset({A}), "EC2 said stopping", NOW - timedelta(seconds=3))]
    assert measure_run(Outcome(made=[delete(A)]), heard, now=NOW) == [
        Measurement("Withdrawn", 1, "web"),
        Measurement("SecondsToWithdraw", 3.0, "web", unit=MetricUnit.Seconds),
    ]


def test_a_change_that_no_event_reported_has_no_time() -> None:
    assert measure_run(Outcome(made=[delete(A)]), [], now=NOW) == [Measurement("Withdrawn", 1, "web")]


def test_corrections_checks_and_the_fallback_are_neither_admissions_nor_withdrawals() -> None:
    config = CheckConfig.of(HTTP, IPv4Address("192.0.2.1"))
    made: list[Change] = [
        put(A, admits=False),
        CreateCheck(CheckKey(WEB, A, RecordType.A), config, ("r",), FindingKind.MISSING_CHECK, "a test"),
        PutRecord(WEB, ZONE, None, fallback(), MISSING, "no member is in DNS"),
        DeleteRecord(WEB, ZONE, None, fallback(), ORPHAN, "a member is in DNS"),
    ]
    assert measure_run(Outcome(made=made), [], now=NOW) == [Measurement("ChecksCreated", 1)]


def test_findings_are_counted_by_pool_and_kind() -> None:
    found = [Finding(FindingKind.NO_ADDRESS, "one"), Finding(FindingKind.NO_ADDRESS, "two")]
    outcome = Outcome(findings={WEB: found, None: [Finding(FindingKind.ZONE_UNREADABLE, "three")]})
    assert measure_run(outcome, [], now=NOW) == [
        Measurement("Findings", 2, "web", "no-address"),
        Measurement("Findings", 1, None, "zone-unreadable"),
    ]


def test_completed_hooks_are_counted_by_result() -> None:
    outcome = Outcome(
        completed=[
            Complete(action("i-0a"), Result.CONTINUE, "one"),
            Complete(action("i-0b"), Result.CONTINUE, "two"),
            Complete(action("i-0c"), Result.ABANDON, "three"),
        ]
    )
    assert measure_run(outcome, [], now=NOW) == [
        Measurement("HooksCompleted", 2, kind="CONTINUE"),
        Measurement("HooksCompleted", 1, kind="ABANDON"),
    ]


def report(*findings: Finding, whole: bool = True) -> Report:
    return Report(
        owner=OWNER.name,
        at=NOW,
        pools=(PoolReport(WEB, NAME, members=5, in_dns=4, healthy=3, pending=1, standby=0),),
        findings=findings,
        quotas=Quotas(Quota(12, 200), Quota(30, 1000), {ZONE: Quota(7000, 10000)}),
        cost=Cost(5, 2.5),
        whole=whole,
    )


def test_an_audit_measures_pools_findings_and_the_quota() -> None:
    missing = Finding(FindingKind.MISSING_RECORD, "a test", WEB, drift=True)
    assert measure_audit(report(missing, missing, Finding(FindingKind.NO_ADDRESS, "a test"), whole=False)) == [
        Measurement("Members", 5, "web"),
        Measurement("InDns", 4, "web"),
        Measurement("Healthy", 3, "web"),
        Measurement("Pending", 1, "web"),
        Measurement("Standby", 0, "web"),
        Measurement("Findings", 2, "web", "missing-record"),
        Measurement("Findings", 1, None, "no-address"),
        Measurement("HealthChecksUsed", 12),
        Measurement("HealthChecksAllowed", 200),
    ]


def test_an_audit_of_all_pools_also_measures_what_alarms_go_by() -> None:
    missing = Finding(FindingKind.MISSING_RECORD, "a test", WEB, drift=True)
    held = Finding(FindingKind.WITHDRAWAL_HELD, "a test", WEB, drift=True, held=True)
    measured = measure_audit(report(missing, missing, held, Finding(FindingKind.NO_ADDRESS, "a test")))
    assert [each for each in measured if each.pool is None and each.kind is None] == [
        Measurement("HealthChecksUsed", 12),
        Measurement("HealthChecksAllowed", 200),
        Measurement("Audits", 1),
        Measurement("Drift", 2),
        Measurement("WithdrawalsHeld", 1),
        Measurement("PoolsUnanswered", 0),
        Measurement("UnhealthyPercent", 25, unit=MetricUnit.Percent),
        Measurement("FindingsForAPerson", 1),
        Measurement("QuotaUsed", 70, unit=MetricUnit.Percent),
    ]


@pytest.mark.parametrize(("answered_before", "measured"), [(None, [0]), (IPv4Address("198.51.100.9"), [])])
def test_a_run_about_some_pools_says_that_one_is_answered_again_where_no_fallback_was(
    answered_before: IPv4Address | None, measured: list[int]
) -> None:
    outcome = Outcome(
        declared=frozenset({WEB, PoolName("api")}),
        pools={WEB: pool(fallback=answered_before)},
        statuses={WEB: status(members=frozenset({A}))},
        made=[put(A, admits=True)],
    )
    answers = [each.value for each in measure_run(outcome, [], now=NOW) if each.name == "PoolsUnanswered"]
    assert answers == measured


def test_created_checks_are_counted() -> None:
    config = CheckConfig.of(HTTP, IPv4Address("52.95.0.1"))
    made: list[Change] = [
        CreateCheck(CheckKey(WEB, each, RecordType.A), config, ("r",), MISSING, "a") for each in (A, B)
    ]
    assert Measurement("ChecksCreated", 2) in measure_run(Outcome(made=made), [], now=NOW)


def test_each_set_of_dimensions_is_one_line_of_the_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "fleet53")
    emit(
        [
            Measurement("Members", 3, "web"),
            Measurement("InDns", 2, "web"),
            Measurement("Findings", 1, "web", "no-address"),
        ],
        OWNER,
    )
    members, found = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert {key: members[key] for key in ("Owner", "Pool", "Members", "InDns")} == {
        "Owner": OWNER.name,
        "Pool": "web",
        "Members": [3.0],
        "InDns": [2.0],
    }
    assert {key: found[key] for key in ("Owner", "Pool", "Kind", "Findings")} == {
        "Owner": OWNER.name,
        "Pool": "web",
        "Kind": "no-address",
        "Findings": [1.0],
    }


@pytest.mark.parametrize("name", ["größe", "a\tb", " ", "x" * 1025])
def test_a_pool_that_cloudwatch_takes_no_dimension_of_is_left_out(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "fleet53")
    emit([Measurement("Findings", 1, name, "unknown-pool"), Measurement("Findings", 2, "web", "no-address")], OWNER)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert "Pool" not in first
    assert first["Kind"] == "unknown-pool"
    assert second["Pool"] == "web"
