"""While an Availability Zone is disrupted, what happens in the other zones goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import GROUP, Asked, completions, in_service, state_of
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    calls,
    checks_of,
    findings,
    in_dns,
    launched,
    log_lines,
    records,
    returned,
    see_healthy,
    send,
    signal,
    state_change,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
DISRUPTED: Final = [Fault.SERVER_ERROR, Fault.HANG, Fault.UNREACHABLE, Fault.RESET]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab where waits take no real time."""
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        yield lab


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Return the requests to complete lifecycle actions."""
    return completions(monkeypatch)


@pytest.mark.parametrize("fault", DISRUPTED)
def test_an_instance_that_is_launched_in_another_zone_is_admitted_and_the_records_stay(lab: Lab, fault: Fault) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost], fault)
    (new,) = launched(lab, 1)
    see_healthy(lab, [new])

    assert in_dns(lab) == {lost, other, new}
    assert [len(checks_of(lab, each)) for each in (lost, other, new)] == [1, 1, 1]
    assert log_lines(lab, "run failed") == []
    assert log_lines(lab, "message returned") == []


def test_an_instance_that_ends_in_another_zone_leaves_dns_and_its_health_check_is_deleted(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    lab.fleet.terminate(other)
    lab.settle()

    assert in_dns(lab) == {lost}
    assert checks_of(lab, other) == []
    assert len(checks_of(lab, lost)) == 1


def test_an_event_of_the_disrupted_zone_comes_again_and_changes_nothing_until_ec2_shows_the_instance(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    lab.fleet.terminate(lost)
    lab.fleet.terminate(other)

    assert {lost in each["body"] for each in returned(lab)} == {True}
    assert in_dns(lab) == {lost}
    lab.route53.reset_calls()
    lab.run(60, step=5)
    assert calls(lab) == {}
    lab.faults.end()
    lab.run(120, step=5)
    assert in_dns(lab) == set()


def test_a_function_that_starts_cold_withdraws_too(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.functions.cold_start()
    lab.faults.disrupt_zone([lost])
    lab.fleet.terminate(other)
    lab.settle()

    assert in_dns(lab) == {lost}


def test_a_launch_hook_of_another_zone_is_completed_when_the_instance_is_healthy(
    lab: Lab, completed: list[Asked]
) -> None:
    (lost,) = admitted(lab, 1)
    lab.faults.disrupt_zone([lost])
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(12)
    (new,) = lab.fleet.members(GROUP)
    see_healthy(lab, [new])
    lab.run(60, step=5)

    assert [each.result for each in completed] == ["CONTINUE"]
    assert state_of(lab, new) == "InService"
    assert in_dns(lab) == {lost, new}


def test_an_instance_that_waits_for_its_launch_in_the_disrupted_zone_goes_on_when_admit_timeout_is_over(
    lab: Lab, completed: list[Asked]
) -> None:
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(12)
    (lost,) = lab.fleet.members(GROUP)
    lab.faults.disrupt_zone([lost])
    lab.run(540, step=20)
    assert completed == []

    lab.run(420, step=20)
    assert [each.result for each in completed] == ["CONTINUE"]
    assert len(checks_of(lab, lost)) == 1


def test_members_that_wait_in_both_zones_are_looked_at_again_and_admitted_as_ec2_shows_them(lab: Lab) -> None:
    first, lost, other = launched(lab, 3)
    lab.faults.disrupt_zone([lost])
    for member in (first, lost, other):
        lab.report_health(member)
    lab.run(60, step=5)

    assert in_dns(lab) == {first, other}
    assert len(checks_of(lab, lost)) == 1
    lab.faults.end()
    lab.run(120, step=5)
    assert in_dns(lab) == {first, lost, other}


def test_an_id_that_ec2_does_not_know_keeps_the_others_neither_waiting_nor_withdraws_it(lab: Lab) -> None:
    lost, other, unknown = admitted(lab, 3)
    lab.faults.disrupt_zone([lost])
    lab.fleet.forget(unknown)
    lab.send(state_change(lab, unknown, "terminated"))
    lab.fleet.terminate(other)

    assert {unknown in each["body"] for each in returned(lab)} == {True}
    assert in_dns(lab) == {lost, unknown}
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab) == {lost}


def test_a_repair_comes_again_and_the_audit_says_that_ec2_cannot_be_read(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.fleet.terminate(other, events=False)
    lab.faults.disrupt_zone([lost])
    (new,) = launched(lab, 1)
    signal(lab, "web", repair=True)

    assert len(checks_of(lab, new)) == 1
    assert in_dns(lab) == {lost, other}
    with pytest.raises(Exception, match="DescribeInstances"):
        audit(lab)
    lab.faults.end()
    lab.run(20, step=5)
    assert in_dns(lab) == {lost}


def test_a_message_about_a_whole_pool_keeps_no_other_message_of_its_batch_waiting(lab: Lab) -> None:
    (lost,) = admitted(lab, 1)
    lab.faults.disrupt_zone([lost])
    send(lab, "web")
    new = lab.fleet.launch()

    assert {"a test asks" in each["body"] for each in returned(lab)} == {True}
    assert len(checks_of(lab, new)) == 1


def test_members_that_the_guard_holds_stay_held_over_a_disruption(lab: Lab) -> None:
    members = admitted(lab, 4)
    for each in members[:3]:
        lab.fleet.retag(each, [])
    lab.settle()
    assert in_dns(lab) == set(members)
    lab.timers = ()
    lab.functions.cold_start()
    lab.faults.disrupt_zone([members[3]])
    lab.run(1500, step=20)
    lab.faults.end()
    for each in members[1:3]:
        lab.fleet.retag(each, ["web"])
    lab.run(900, step=20)

    assert in_dns(lab) == set(members)
    assert log_lines(lab, "message returned") == []


def test_a_record_at_a_name_of_no_pool_stays_while_ec2_does_not_show_its_instance(lab: Lab) -> None:
    (lost,) = admitted(lab, 1)
    lab.put_pool("web", record_name="new.example.com")
    lab.faults.disrupt_zone([lost])
    (new,) = launched(lab, 1)
    see_healthy(lab, [new])
    lab.fleet.terminate(new)
    lab.settle()

    assert in_dns(lab) == {lost}
    assert records(lab, "new.example.com") == {}


def test_an_event_about_a_network_interface_comes_again_and_the_others_are_handled(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    interface_id = lab.fleet.describe(lost)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    parameters = {"networkInterfaceId": interface_id}
    call = {"eventSource": "ec2.amazonaws.com", "eventName": "AssignIpv6Addresses", "requestParameters": parameters}
    lab.bus.deliver(lab.bus.event("aws.ec2", "AWS API Call via CloudTrail", call))
    lab.fleet.terminate(other)

    assert {interface_id in each["body"] for each in returned(lab)} == {True}
    assert in_dns(lab) == {lost}


def test_a_pool_tag_that_is_removed_meanwhile_counts_when_ec2_shows_it(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    for each in (lost, other):
        lab.fleet.retag(each, [])
    lab.settle()

    assert in_dns(lab) == {lost}
    assert log_lines(lab, "pass failed") == log_lines(lab, "run failed") == []
    lab.faults.end()
    lab.run(60, step=5)
    assert in_dns(lab) == set()


def test_a_tag_event_about_several_instances_comes_again_for_the_one_that_ec2_does_not_show(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    for each in (lost, other):
        lab.fleet.retag(each, [], events=False)
    event = json.loads((ROOT / "events" / "tag-change-pool-tag-removed.json").read_text(encoding="utf-8"))
    arn = event["resources"][0].rpartition("/")[0]
    lab.send(json.dumps(event | {"resources": [f"{arn}/{lost}", f"{arn}/{other}"]}))
    back = returned(lab)

    assert len(back) == 1
    assert in_dns(lab) == {lost}
    lab.faults.end()
    lab.run(60, step=5)
    assert in_dns(lab) == set()


def test_members_that_enter_standby_together_leave_where_ec2_shows_them(lab: Lab) -> None:
    lab.put_pool("api")
    lost, other = in_service(lab, 2)
    lab.faults.disrupt_zone([lost])
    lab.route53.reset_calls()
    lab.client("autoscaling").enter_standby(
        InstanceIds=[lost, other], AutoScalingGroupName=GROUP, ShouldDecrementDesiredCapacity=True
    )
    lab.run(30, step=5)

    assert in_dns(lab) == {lost}
    assert "api.example.com" not in [call.parameters.get("StartRecordName") for call in lab.route53.calls]
    lab.faults.end()
    lab.run(60, step=5)
    assert in_dns(lab) == set()


def test_an_account_that_ec2_throttles_gets_no_request_for_each_instance(lab: Lab) -> None:
    (member,) = admitted(lab, 1)
    lab.faults.order(Fault.THROTTLED, "ec2:DescribeInstances")
    lab.send(state_change(lab, member, "terminated"))
    lab.faults.forget()

    assert len(returned(lab)) == 1
    assert lab.faults.asked.count("ec2:DescribeInstances") == 4


def test_a_run_that_cannot_list_the_instances_does_not_count_the_members_of_a_pool(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    lab.invocations.clear()
    lab.fleet.terminate(other)
    lab.settle()

    assert [each.metric("Withdrawn", Pool="web") for each in lab.invocations if each.metric("Withdrawn")] == [[1.0]]
    assert [value for each in lab.invocations for value in each.metric("Members", Pool="web")] == []


def test_a_pool_that_is_filled_meanwhile_does_not_end_the_alarm_about_another_one(lab: Lab) -> None:
    (lost,) = admitted(lab, 1)
    lab.put_pool("api")
    lab.put_pool("admin")
    lab.settle()
    (api,) = admitted(lab, 1, "api.example.com", pools=("api",))
    (admin,) = admitted(lab, 1, "admin.example.com", pools=("admin",))
    for each in (api, admin):
        lab.fleet.stop(each)
    lab.settle()
    lab.faults.disrupt_zone([lost, admin])
    lab.invocations.clear()
    lab.fleet.start(api)
    lab.settle()
    see_healthy(lab, [api])

    assert in_dns(lab, "api.example.com") == {api}
    assert [value for each in lab.invocations for value in each.metric("PoolsUnanswered")] == []


def test_members_of_a_deleted_pool_stay_held_over_a_disruption(lab: Lab) -> None:
    lab.put_pool("api")
    members = admitted(lab, 4, "api.example.com", pools=("api",))
    lab.delete_pool("api")
    lab.settle()
    lab.fleet.terminate(members[0])
    lab.settle()
    assert in_dns(lab, "api.example.com") == set(members[1:])
    lab.timers = ()
    lab.functions.cold_start()
    lab.faults.disrupt_zone([members[1]])
    lab.run(1500, step=20)
    lab.faults.end()
    lab.run(200, step=20)
    signal(lab)

    assert in_dns(lab, "api.example.com") == set(members[1:])
    assert log_lines(lab, "message returned") == []


def test_members_that_lose_their_tags_at_once_stay_though_ec2_shows_only_those_of_each_message(lab: Lab) -> None:
    lost, *others = admitted(lab, 8)
    lab.faults.disrupt_zone([lost])
    for each in others:
        lab.fleet.retag(each, [], events=False)
    event = json.loads((ROOT / "events" / "tag-change-pool-tag-removed.json").read_text(encoding="utf-8"))
    arn = event["resources"][0].rpartition("/")[0]
    for each in others:
        lab.send(json.dumps(event | {"resources": [f"{arn}/{each}"]}))
        lab.settle()

    assert in_dns(lab) == {lost, *others}
    lab.faults.end()
    lab.run(120, step=5)
    assert in_dns(lab) == {lost, *others}
    assert len(findings(audit(lab), "withdrawal-held")) == 7


def test_a_member_that_loses_its_tag_leaves_when_ec2_lists_the_instances_again(lab: Lab) -> None:
    lost, other, *_ = admitted(lab, 8)
    lab.timers = ()
    lab.faults.disrupt_zone([lost])
    lab.fleet.retag(other, [])
    lab.run(60, step=5)

    assert other in in_dns(lab)
    lab.faults.end()
    lab.run(400, step=20)
    assert other not in in_dns(lab)
    assert log_lines(lab, "message returned") == []


def test_members_that_the_guard_holds_meanwhile_stay_held_after_it(lab: Lab) -> None:
    lost, *others = admitted(lab, 8)
    lab.faults.disrupt_zone([lost])
    for each in others:
        lab.fleet.retag(each, [])
    lab.settle()
    assert in_dns(lab) == {lost, *others}
    lab.functions.cold_start()
    lab.faults.end()
    for each in others[1:]:
        lab.fleet.retag(each, ["web"])
    lab.run(900, step=20)

    assert in_dns(lab) == {lost, *others}


def test_a_message_about_a_whole_pool_tries_once_more_what_has_just_failed(lab: Lab) -> None:
    lost, other = admitted(lab, 2)
    lab.faults.disrupt_zone([lost])
    send(lab, "web")
    lab.fleet.terminate(other)
    lab.faults.forget()

    assert {"a test asks" in each["body"] for each in returned(lab)} == {True}
    assert in_dns(lab) == {lost}
    listings = [each for each in lab.faults.asked if each == "ec2:DescribeInstances"]
    assert len(listings) == 10


def test_a_member_that_begins_to_wait_before_ec2_stops_listing_in_the_same_run_is_looked_at_again(lab: Lab) -> None:
    gone = lab.fleet.launch(events=False)
    lab.functions.cold_start()
    new = lab.fleet.launch()
    lab.fleet.terminate(gone)
    lab.faults.order(Fault.SERVER_ERROR, "ec2:DescribeInstances", without="InstanceId.1=", after=2)
    returned(lab)
    lab.faults.end()
    assert len(checks_of(lab, new)) == 1
    assert log_lines(lab, "not read") != []

    see_healthy(lab, [new])
    assert in_dns(lab) == {new}
