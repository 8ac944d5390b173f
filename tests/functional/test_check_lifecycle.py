"""A member's check from its first to its last: it comes before the record, and the record never outruns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.moto import cloudwatch
from lab.moto.cloud import ROUTE53_METRICS_REGION
from lab.route53.check_config import REGIONS
from tests.functional.views import (
    admitted,
    batches,
    calls,
    check_of,
    checks,
    checks_of,
    in_dns,
    launched,
    record_of,
    records,
    see_healthy,
    signal,
    state_change,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

RIGHT: dict[str, Any] = {"url": "http://:80/"}
WRONG: dict[str, Any] = {"url": "http://:80/nowhere"}


def observe(lab: Lab, instance_id: str) -> None:
    """Let every checker succeed; CloudWatch does not know of it yet."""
    for region in REGIONS:
        lab.route53.observe(check_of(lab, instance_id), region, True, "Success: HTTP Status Code 200, OK")  # noqa: FBT003


def wait_without_metrics(lab: Lab) -> None:
    """Let the next timer come while CloudWatch lags behind."""
    lab.clock.advance(31)
    lab.settle()


def with_elastic_address(lab: Lab) -> str:
    instance_id = lab.fleet.launch(events=False)
    lab.fleet.associate_address(instance_id, events=False)
    lab.send(state_change(lab, instance_id, "running"))
    lab.settle()
    see_healthy(lab, [instance_id])
    assert in_dns(lab) == {instance_id}
    return instance_id


# -- before the record


def test_no_instance_is_answered_before_its_own_check_was_seen_healthy(lab: Lab) -> None:
    seen: set[str] = set()
    fleet: list[str] = []

    def step(seconds: float) -> None:
        wait(lab, seconds)
        assert {record["HealthCheckId"] for record in records(lab).values()} <= seen
        assert in_dns(lab) <= {each for each in fleet if set(checks_of(lab, each)) & seen}

    for _ in range(4):
        fleet.append(lab.fleet.launch())
        step(1)
        step(31)
    for percent, instance_id in zip((0, 12.5, 100, 100), fleet, strict=True):
        lab.report_health(instance_id, percent)
        if percent == 100:
            seen.add(check_of(lab, instance_id))
        step(31)
    step(240)
    assert in_dns(lab) == {fleet[2], fleet[3]}
    lab.fleet.stop(fleet[2])
    step(1)
    lab.fleet.start(fleet[2])
    step(31)
    step(31)
    lab.put_pool("web", ttl=30, health_check=WRONG)
    step(31)
    step(31)
    assert in_dns(lab) == {fleet[3]}


def test_a_record_and_its_check_are_not_made_in_the_same_pass(lab: Lab) -> None:
    (web,) = launched(lab, 1)

    assert len(checks_of(lab, web)) == 1
    assert records(lab) == {}


@pytest.mark.parametrize(("percent", "admits"), [(0.0, False), (18.0, False), (18.1, True), (100.0, True)])
def test_healthy_is_more_than_18_percent_in_the_newest_datapoint(lab: Lab, percent: float, *, admits: bool) -> None:
    (web,) = launched(lab, 1)
    datum = {
        "MetricName": "HealthCheckPercentageHealthy",
        "Dimensions": [{"Name": "HealthCheckId", "Value": check_of(lab, web)}],
        "Timestamp": lab.clock.now(),
        "Value": percent,
        "Unit": "Percent",
    }
    cloudwatch.publish_metrics("AWS/Route53", [datum], ROUTE53_METRICS_REGION)

    wait_without_metrics(lab)

    assert bool(in_dns(lab)) is admits


def test_the_newest_datapoint_decides_over_older_ones(lab: Lab) -> None:
    (web,) = launched(lab, 1)
    lab.report_health(web, 0)
    wait(lab, 65)
    assert in_dns(lab) == set()

    lab.report_health(web, 100)
    wait(lab, 65)

    assert in_dns(lab) == {web}


def test_up_to_ten_waiting_members_are_asked_for_at_route_53_itself_while_cloudwatch_lags(lab: Lab) -> None:
    web = launched(lab, 10)
    for instance_id in web:
        observe(lab, instance_id)
    lab.route53.reset_calls()

    wait_without_metrics(lab)

    assert in_dns(lab) == set(web)
    assert calls(lab)["GetHealthCheckStatus"] == 10


def test_above_ten_waiting_members_only_cloudwatch_is_asked(lab: Lab) -> None:
    web = launched(lab, 11)
    for instance_id in web:
        observe(lab, instance_id)
    lab.route53.reset_calls()

    wait_without_metrics(lab)
    assert in_dns(lab) == set()
    wait(lab, 31)

    assert in_dns(lab) == set(web)
    assert calls(lab)["GetHealthCheckStatus"] == 0


def test_a_check_that_one_checker_has_seen_is_not_healthy_yet(lab: Lab) -> None:
    (web,) = launched(lab, 1)
    lab.route53.observe(check_of(lab, web), REGIONS[0], True, "Success: HTTP Status Code 200, OK")  # noqa: FBT003

    wait_without_metrics(lab)

    assert in_dns(lab) == set()


def test_a_member_in_dns_that_turns_unhealthy_keeps_its_record_and_is_not_answered(lab: Lab) -> None:
    sick, well = admitted(lab, 2)
    check = check_of(lab, sick)

    lab.report_health(sick, 0)
    wait(lab, 65)
    signal(lab, "web")

    assert in_dns(lab) == {sick, well}
    assert record_of(lab, sick)["HealthCheckId"] == check
    assert lab.answers() == {lab.fleet.address(well)}


# -- pools that do not wait for health


def test_where_members_are_admitted_when_running_the_record_comes_at_once_and_with_its_check(lab: Lab) -> None:
    lab.put_pool("web", admit_when="running")
    (web,) = launched(lab, 1)

    assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)


def test_a_pool_without_a_health_check_makes_none(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    (web,) = launched(lab, 1)

    assert "HealthCheckId" not in record_of(lab, web)
    assert checks(lab) == {}


def test_a_pool_that_drops_its_health_check_keeps_its_members_and_deletes_their_checks(lab: Lab) -> None:
    web = admitted(lab, 3)

    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()

    assert in_dns(lab) == set(web)
    assert [record.get("HealthCheckId") for record in records(lab).values()] == [None, None, None]
    assert checks(lab) == {}


def test_a_pool_that_gets_a_health_check_keeps_its_members_until_their_checks_are_healthy(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    (web,) = launched(lab, 1)

    lab.put_pool("web", health_check=RIGHT, admit_when="healthy")
    lab.settle()
    assert "HealthCheckId" not in record_of(lab, web)
    see_healthy(lab, [web])

    assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)


# -- the same instance again


def test_an_instance_stopped_and_started_with_the_same_address_comes_back_every_time(lab: Lab) -> None:
    web = with_elastic_address(lab)
    address = lab.fleet.address(web)

    for _ in range(4):
        lab.fleet.stop(web)
        lab.settle()
        assert in_dns(lab) == set()
        assert checks(lab) == {}
        lab.fleet.start(web)
        lab.settle()
        assert in_dns(lab) == set()
        see_healthy(lab, [web])
        assert lab.answers() == {address}
        assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)


def test_the_same_need_comes_back_although_route_53_has_burned_its_caller_reference(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.route53.reset_calls()

    for _ in range(3):
        lab.fleet.retag(web, [])
        lab.settle()
        assert checks(lab) == {}
        lab.fleet.retag(web, ["web"])
        lab.settle()
        see_healthy(lab, [web])
        assert in_dns(lab) == {web}
        assert len(checks_of(lab, web)) == 1

    refused = [call for call in lab.route53.calls if call.code == "HealthCheckAlreadyExists"]
    assert len(refused) == 1 + 2 + 3


def test_after_a_restart_without_an_event_the_record_stays_until_a_new_health_check_is_healthy(lab: Lab) -> None:
    web = with_elastic_address(lab)
    old = check_of(lab, web)
    lab.clock.advance(5)
    lab.fleet.stop(web, events=False)
    lab.fleet.start(web, events=False)

    signal(lab, sweep=True)
    (new,) = set(checks_of(lab, web)) - {old}
    assert record_of(lab, web)["HealthCheckId"] == old
    see_healthy(lab, [web])

    assert record_of(lab, web)["HealthCheckId"] == new
    assert checks_of(lab, web) == [new]


def test_an_instance_that_goes_before_it_was_ever_healthy_leaves_no_check(lab: Lab) -> None:
    web = launched(lab, 2)
    assert len(checks(lab)) == 2

    for instance_id in web:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert checks(lab) == {}


# -- another setting


def test_a_wrong_path_does_not_empty_a_pool(lab: Lab) -> None:
    web = admitted(lab, 3)
    old = {instance_id: check_of(lab, instance_id) for instance_id in web}

    lab.put_pool("web", health_check=WRONG)
    lab.settle()
    for instance_id in web:
        (new,) = set(checks_of(lab, instance_id)) - {old[instance_id]}
        assert checks(lab)[new]["HealthCheckConfig"]["ResourcePath"] == "/nowhere"
        lab.report_health(new, 0)
    wait(lab, 300)
    wait(lab, 300)

    assert {instance_id: record_of(lab, instance_id)["HealthCheckId"] for instance_id in web} == old
    assert lab.answers() == {lab.fleet.address(instance_id) for instance_id in web}


def test_a_record_moves_to_the_check_of_a_new_setting_when_that_is_healthy_and_the_old_one_goes(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    old = check_of(lab, web)

    lab.put_pool("web", health_check={"url": "http://:80/ready"})
    lab.settle()
    (new,) = set(checks_of(lab, web)) - {old}
    lab.route53.reset_calls()
    see_healthy(lab, [web])

    assert record_of(lab, web)["HealthCheckId"] == new
    assert checks_of(lab, web) == [new]
    writes = [call.operation for call in lab.route53.calls if call.operation[:3] in {"Cha", "Del", "Cre"}]
    assert writes == ["ChangeResourceRecordSets", "DeleteHealthCheck"]


def test_each_member_moves_on_its_own(lab: Lab) -> None:
    quick, slow = admitted(lab, 2)
    old = check_of(lab, slow)

    lab.put_pool("web", health_check={"url": "http://:80/ready"})
    lab.settle()
    see_healthy(lab, [quick])

    assert record_of(lab, quick)["HealthCheckId"] == check_of(lab, quick)
    assert record_of(lab, slow)["HealthCheckId"] == old
    assert len(checks_of(lab, slow)) == 2


def test_a_wrong_path_taken_back_deletes_its_checks_and_leaves_the_records_alone(lab: Lab) -> None:
    web = admitted(lab, 2)
    old = {instance_id: check_of(lab, instance_id) for instance_id in web}
    lab.put_pool("web", health_check=WRONG)
    lab.settle()
    assert len(checks(lab)) == 4
    lab.route53.reset_calls()

    lab.put_pool("web", health_check=RIGHT)
    lab.settle()

    assert {instance_id: check_of(lab, instance_id) for instance_id in web} == old
    assert calls(lab)["ChangeResourceRecordSets"] == 0


def test_a_new_ttl_is_put_on_all_records_in_one_batch_and_costs_no_check(lab: Lab) -> None:
    web = admitted(lab, 5)
    before = set(checks(lab))
    lab.route53.reset_calls()

    lab.put_pool("web", ttl=30)
    lab.settle()

    assert [record["TTL"] for record in records(lab).values()] == [30, 30, 30, 30, 30]
    (batch,) = batches(lab)
    assert sorted(batch) == sorted((action, instance_id) for action in ("DELETE", "CREATE") for instance_id in web)
    assert set(checks(lab)) == before


def test_a_setting_that_changed_is_not_undone_by_a_function_that_is_still_warm(lab: Lab) -> None:
    web = admitted(lab, 2)
    lab.put_pool("web", ttl=30)
    lab.settle()

    lab.send(state_change(lab, web[0], "running"))
    lab.settle()
    signal(lab)

    assert [record["TTL"] for record in records(lab).values()] == [30, 30]
    assert [each.cold for each in lab.invocations if each.function == "ReconcilerFunction"].count(True) == 1
