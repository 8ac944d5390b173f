"""What fleet53 measures and logs of what it does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.views import (
    admitted,
    audit,
    check_of,
    checks_of,
    delete_record,
    in_dns,
    launched,
    log_lines,
    put_record,
    record_of,
    records,
    signal,
)

if TYPE_CHECKING:
    from lab.stack.functions import Invocation
    from lab.world import Lab

OWNER = "fleet53.eu-west-1.123456789012"
CHANGES = ("health check created", "health check deleted", "record put", "record deleted", "withdrawal held")


def last(lab: Lab, function: str = "ReconcilerFunction") -> Invocation:
    return [each for each in lab.invocations if each.function == function][-1]


def state_of(invocation: Invocation, pool: str) -> dict[str, list[float]]:
    names = ("Members", "InDns", "Pending", "Standby")
    return {name: invocation.metric(name, Pool=pool) for name in names}


def changes_logged(lab: Lab) -> list[dict[str, Any]]:
    return [line for each in lab.invocations for line in each.logs if line.get("message") in CHANGES]


def total(lab: Lab, name: str, **dimensions: str) -> float:
    return sum(value for each in lab.invocations for value in each.metric(name, **dimensions))


# -- metrics of a run


def test_members_in_dns_pending_and_standby_are_measured_as_they_are_after_the_run(lab: Lab) -> None:
    admitted(lab, 2)
    launched(lab, 1)

    assert state_of(last(lab), "web") == {"Members": [3.0], "InDns": [2.0], "Pending": [1.0], "Standby": [0.0]}


def test_a_run_that_admits_all_members_leaves_none_pending(lab: Lab) -> None:
    admitted(lab, 3)

    assert state_of(last(lab), "web") == {"Members": [3.0], "InDns": [3.0], "Pending": [0.0], "Standby": [0.0]}


def test_a_member_that_was_withdrawn_is_not_counted_in_dns(lab: Lab) -> None:
    first, _ = admitted(lab, 2)
    lab.fleet.stop(first)
    lab.settle()

    assert last(lab).metric("InDns", Pool="web") == [1.0]


def test_admissions_and_withdrawals_are_counted_by_pool(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    lab.invocations.clear()
    web = admitted(lab, 3)
    admitted(lab, 1, name="api.example.com", pools=("api",))
    lab.fleet.terminate(web[0])
    lab.fleet.stop(web[1])
    lab.settle()

    assert total(lab, "Admitted", Owner=OWNER, Pool="web") == 3
    assert total(lab, "Admitted", Owner=OWNER, Pool="api") == 1
    assert total(lab, "Withdrawn", Owner=OWNER, Pool="web") == 2
    assert total(lab, "Withdrawn", Owner=OWNER, Pool="api") == 0


def test_a_corrected_record_is_not_an_admission(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"TTL": 300})
    lab.invocations.clear()
    signal(lab)

    assert record_of(lab, web)["TTL"] == 60
    assert total(lab, "Admitted") == 0


def test_the_fallback_is_neither_admitted_nor_withdrawn(lab: Lab) -> None:
    lab.put_pool("web", fallback="198.18.0.53")
    lab.settle()
    admitted(lab, 1)

    assert total(lab, "Admitted") == 1
    assert total(lab, "Withdrawn") == 0


def test_the_time_to_admit_counts_from_the_event_to_the_admission(lab: Lab) -> None:
    web = lab.fleet.launch()
    lab.clock.advance(5)
    lab.settle()
    lab.report_health(web)
    lab.clock.advance(31)
    lab.settle()

    (seconds,) = last(lab).metric("SecondsToAdmit", Owner=OWNER, Pool="web")
    assert seconds == pytest.approx(36.705)  # with waits for Route 53 of less than a second


def test_the_time_to_admit_counts_from_the_event_over_as_many_looks_as_it_takes(lab: Lab) -> None:
    web = lab.fleet.launch()
    lab.settle()
    lab.run(140, step=10)
    lab.report_health(web)
    lab.run(70, step=10)

    assert in_dns(lab) == {web}
    (seconds,) = (value for each in lab.invocations for value in each.metric("SecondsToAdmit", Pool="web"))
    assert seconds == pytest.approx(150.785)


def test_the_time_to_withdraw_counts_from_the_event_to_the_withdrawal(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.fleet.stop(web)
    lab.clock.advance(7)
    lab.settle()

    (seconds,) = last(lab).metric("SecondsToWithdraw", Owner=OWNER, Pool="web")
    assert seconds == pytest.approx(8.94)  # the deletion of the health check waits for Route 53


def test_calls_to_route_53_are_counted_as_route_53_counts_them(lab: Lab) -> None:
    lab.route53.reset_calls()
    admitted(lab, 2)
    counted = sum(value for each in lab.invocations for value in each.metric("Route53Calls", Owner=OWNER))

    assert counted == len(lab.route53.calls)


def test_a_run_that_is_not_throttled_says_so(lab: Lab) -> None:
    launched(lab, 1)

    assert last(lab).metric("Throttled", Owner=OWNER) == [0.0]


def test_metrics_of_a_pool_carry_owner_and_pool_and_those_of_the_run_the_owner_alone(lab: Lab) -> None:
    admitted(lab, 1)

    dimensions = {
        metric["Name"]: directive["Dimensions"]
        for line in last(lab).metrics
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    assert {name: [sorted(each) for each in keys] for name, keys in dimensions.items()} == {
        "Members": [["Owner", "Pool"]],
        "InDns": [["Owner", "Pool"]],
        "Pending": [["Owner", "Pool"]],
        "Standby": [["Owner", "Pool"]],
        "Admitted": [["Owner", "Pool"]],
        "SecondsToAdmit": [["Owner", "Pool"]],
        "PoolsUnanswered": [["Owner"]],
        "RunsFailed": [["Owner"]],
        "Route53Calls": [["Owner"]],
        "Throttled": [["Owner"]],
    }


def test_metrics_are_published_in_one_namespace(lab: Lab) -> None:
    admitted(lab, 1)
    audit(lab)

    namespaces = {
        directive["Namespace"]
        for each in lab.invocations
        for line in each.metrics
        for directive in line["_aws"]["CloudWatchMetrics"]
    }
    assert namespaces == {"fleet53"}


# -- metrics of an audit


def test_drift_is_counted_by_pool_and_kind(lab: Lab) -> None:
    first, second, third = admitted(lab, 3)
    delete_record(lab, record_of(lab, first))
    delete_record(lab, record_of(lab, second))
    put_record(lab, record_of(lab, third) | {"TTL": 300})
    audit(lab)

    measured = last(lab, "AuditFunction")
    assert measured.metric("Findings", Owner=OWNER, Pool="web", Kind="missing-record") == [2.0]
    assert measured.metric("Findings", Owner=OWNER, Pool="web", Kind="stale-record") == [1.0]
    assert len(measured.metric("Findings")) == 2
    assert measured.metric("Drift", Owner=OWNER) == [3.0]


def test_an_audit_measures_each_pool_as_it_is(lab: Lab) -> None:
    admitted(lab, 2)
    launched(lab, 1)
    audit(lab)

    measured = last(lab, "AuditFunction")
    assert state_of(measured, "web") == {"Members": [3.0], "InDns": [2.0], "Pending": [1.0], "Standby": [0.0]}
    assert measured.metric("Healthy", Owner=OWNER, Pool="web") == [2.0]


def test_an_audit_measures_how_many_checks_the_account_has_and_may_have(lab: Lab) -> None:
    admitted(lab, 2)
    audit(lab)

    measured = last(lab, "AuditFunction")
    assert measured.metric("HealthChecksUsed", Owner=OWNER) == [2.0]
    assert measured.metric("HealthChecksAllowed", Owner=OWNER) == [200.0]


# -- log lines


def test_an_admission_is_one_line_for_its_check_and_one_for_its_record(lab: Lab) -> None:
    (web,) = admitted(lab, 1)

    created, put = changes_logged(lab)
    address, check = lab.fleet.address(web), check_of(lab, web)
    known = {"pool": "web", "instance_id": web, "address": address, "check_id": check}
    assert (created["message"], created["because"]) == (
        "health check created",
        "EC2 says running; it has no health check",
    )
    assert known.items() <= created.items()
    assert (put["message"], put["because"]) == ("record put", "EC2 says running; Route 53 sees it healthy")
    assert known.items() <= put.items()
    assert put["record_name"] == "app.example.com"


def test_a_withdrawal_is_one_line_for_its_record_and_one_for_its_check(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    address, check = lab.fleet.address(web), check_of(lab, web)
    lab.invocations.clear()
    lab.fleet.stop(web)
    lab.settle()

    deleted, check_deleted = changes_logged(lab)
    assert deleted["message"] == "record deleted"
    assert deleted["because"] == "EC2 says stopped"
    assert {"pool": "web", "instance_id": web, "address": address, "check_id": check}.items() <= deleted.items()
    assert check_deleted["message"] == "health check deleted"
    assert check_deleted["because"] == "EC2 says stopped"
    assert {"pool": "web", "instance_id": web, "address": address, "check_id": check}.items() <= check_deleted.items()


def test_each_of_many_changes_is_one_line(lab: Lab) -> None:
    members = admitted(lab, 5)
    signal(lab)
    lab.fleet.terminate(members[0])
    lab.fleet.terminate(members[1])
    lab.settle()

    lines = Counter((line["message"], line["instance_id"]) for line in changes_logged(lab))
    assert lines == Counter(
        [(message, each) for each in members for message in ("health check created", "record put")]
        + [(message, each) for each in members[:2] for message in ("record deleted", "health check deleted")]
    )


def test_each_withdrawal_that_is_held_is_one_line(lab: Lab) -> None:
    members = admitted(lab, 4)
    held = {each: (lab.fleet.address(each), check_of(lab, each)) for each in members[1:]}
    for instance_id in held:
        lab.fleet.forget(instance_id)
    lab.invocations.clear()
    signal(lab)

    lines = {line["instance_id"]: line for line in changes_logged(lab)}
    assert len(changes_logged(lab)) == 3
    assert {each: (line["address"], line["check_id"]) for each, line in lines.items()} == held
    assert {(line["message"], line["level"], line["pool"]) for line in lines.values()} == {
        ("withdrawal held", "WARNING", "web")
    }
    (because,) = {line["because"] for line in lines.values()}
    assert because.startswith("EC2 does not know the instance; held by the guard: 3 of 4 members")
    assert len(records(lab)) == 4


def test_withdrawals_that_are_held_are_measured(lab: Lab) -> None:
    members = admitted(lab, 4)
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)
    audit(lab)

    measured = last(lab, "AuditFunction").metric("Findings", Owner=OWNER, Pool="web", Kind="withdrawal-held")
    assert measured == [3.0]


def test_a_run_that_changes_nothing_logs_no_change(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.invocations.clear()
    signal(lab)

    assert changes_logged(lab) == []
    assert len(checks_of(lab, web)) == 1
    assert log_lines(lab, "message returned") == []
