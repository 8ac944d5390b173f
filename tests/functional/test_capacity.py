"""More members than a name has places, and more health checks than a day or an account allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.route53.error import Route53Error
from tests.functional.groups import observe, pass_time
from tests.functional.incidents import before_each, wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    batches,
    calls,
    checks,
    checks_of,
    create_check,
    delete_check,
    findings,
    in_dns,
    launched,
    log_lines,
    put_record,
    records,
    signal,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from lab.world import Lab

HOUR = 3600
DAY = 24 * HOUR


def see_all_healthy(lab: Lab) -> None:
    """Let Route 53 see every member healthy that has a health check, and every timer come."""
    for _ in range(4):
        observe(lab)
        wait(lab)


def full(lab: Lab) -> tuple[set[str], set[str]]:
    """Launch 120 members; return the 100 that DNS holds and the 20 that stand by."""
    members = {lab.fleet.launch(events=False) for _ in range(120)}
    lab.run(30, step=30)
    signal(lab)
    see_all_healthy(lab)
    serving = in_dns(lab)
    return serving, members - serving


# -- a hundred and twenty members of one name


def test_of_120_members_100_serve_and_20_stand_by_without_a_check(lab: Lab) -> None:
    serving, standby = full(lab)

    assert (len(serving), len(standby)) == (100, 20)
    assert len(checks(lab)) == 100
    assert [checks_of(lab, each) for each in standby] == [[]] * 20
    report = audit(lab)
    assert report["in_sync"] is True
    (pool,) = report["pools"]
    assert (pool["members"], pool["in_dns"], pool["standby"], pool["pending"]) == (120, 100, 20, 0)
    assert {each["instance_id"] for each in findings(report, "pool-full")} == standby


def test_ten_go_ten_standbys_come_and_the_other_ninety_records_are_never_touched(lab: Lab) -> None:
    serving, standby = full(lab)
    go = set(sorted(serving)[:10])
    before = records(lab)
    lab.route53.reset_calls()

    for instance_id in go:
        lab.fleet.terminate(instance_id)
    lab.settle()
    see_all_healthy(lab)

    come = in_dns(lab) - serving
    assert len(come) == 10
    assert come < standby
    assert in_dns(lab) == serving - go | come
    changed = [change for batch in batches(lab) for change in batch]
    assert sorted(changed) == sorted([("DELETE", each) for each in go] + [("CREATE", each) for each in come])
    kept = {identifier for identifier in before if identifier.rpartition("/")[2] not in go}
    assert len(kept) == 90
    assert {key: records(lab)[key] for key in kept} == {key: before[key] for key in kept}
    assert len(checks(lab)) == 100
    assert audit(lab)["in_sync"] is True


def test_an_unhealthy_member_is_not_exchanged_for_a_standby(lab: Lab) -> None:
    serving, _ = full(lab)
    lab.route53.reset_calls()

    for instance_id in sorted(serving)[:10]:
        lab.serving.break_(instance_id)
    see_all_healthy(lab)
    signal(lab)

    assert in_dns(lab) == serving
    assert batches(lab) == []


def test_standbys_that_go_change_nothing(lab: Lab) -> None:
    serving, standby = full(lab)
    lab.route53.reset_calls()

    for instance_id in sorted(standby)[:5]:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert in_dns(lab) == serving
    assert batches(lab) == []
    assert audit(lab)["pools"][0]["standby"] == 15


# -- places that members hold who never become healthy


def test_members_that_never_become_healthy_do_not_keep_places_from_healthy_ones(lab: Lab) -> None:
    for number in range(91):
        put_record(lab, foreign_record(number))
    first = [lab.fleet.launch(events=False) for _ in range(9)]
    serving, bad = set(first[:3]), set(first[3:])
    for instance_id in bad:
        lab.serving.break_(instance_id)
    lab.run(30, step=30)
    signal(lab)
    see_all_healthy(lab)
    assert in_dns(lab) == serving
    serving |= {lab.fleet.launch() for _ in range(2)}
    lab.settle()
    assert len(checks(lab)) == 9
    pass_time(lab, 2400, step=30)

    assert in_dns(lab) == serving
    assert len(checks(lab)) == 11
    report = audit(lab)
    assert report["in_sync"] is True
    (pool,) = report["pools"]
    assert (pool["members"], pool["in_dns"], pool["standby"], pool["pending"]) == (11, 5, 2, 4)
    told = {each["instance_id"]: each["because"] for each in findings(report, "pool-full")}
    assert told.keys() < bad
    because = "it was not healthy within AdmitTimeout, so members that have not had their turn go first; "
    assert [text.startswith(because) for text in told.values()] == [True, True]
    lab.route53.reset_calls()
    pass_time(lab, HOUR, step=60)
    assert not calls(lab).keys() & {"CreateHealthCheck", "DeleteHealthCheck", "ChangeResourceRecordSets"}

    comes = min(told)
    lab.serving.repair(comes)
    pass_time(lab, 1200, step=30)
    assert in_dns(lab) == serving | {comes}


def foreign_record(number: int) -> dict[str, Any]:
    return {
        "Name": "app.example.com",
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": f"foreign-{number}",
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": f"198.18.0.{number}"}],
    }


# -- a day's creations


def test_when_the_days_creations_are_used_up_what_serves_stays_and_the_next_day_the_rest_comes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = set(admitted(lab, 3))
    for number in range(997):
        delete_check(lab, create_check(lab, f"foreign-{number}"))
    wait_in_lab_time(lab, monkeypatch)
    lab.route53.reset_calls()
    start = lab.clock.now()

    late = set(launched(lab, 2))
    first = [each for each in lab.invocations if each.function == "ReconcilerFunction"][-1]
    assert first.metric("Findings", Pool="web", Kind="check-quota") == [1.0]
    assert first.error is None
    pass_time(lab, HOUR, step=30)

    assert in_dns(lab) == serving
    assert len(checks(lab)) == 3
    assert 1 <= calls(lab)["CreateHealthCheck"] <= 150
    assert log_lines(lab, "message returned") == []
    lab.clock.advance(DAY - (lab.clock.now() - start).total_seconds())
    pass_time(lab, 2000, step=30)

    assert in_dns(lab) == serving | late
    assert len(checks(lab)) == 5


def test_creations_that_are_throttled_for_hours_hold_up_no_withdrawal_and_no_other_call(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = admitted(lab, 2)
    throttling = True

    def refuse(_parameters: Mapping[str, object]) -> None:
        if throttling:
            raise Route53Error("Throttling", "Rate exceeded")

    before_each(lab, monkeypatch, "CreateHealthCheck", refuse)
    wait_in_lab_time(lab, monkeypatch)
    late = set(launched(lab, 3))
    lab.fleet.terminate(goes)
    lab.settle()
    assert in_dns(lab) == {stays}
    pass_time(lab, HOUR, step=30)
    assert in_dns(lab) == {stays}
    throttling = False
    pass_time(lab, 2000, step=30)

    assert in_dns(lab) == {stays} | late
