"""EC2 shows an instance, its tags, its state or its Spot request some seconds after the event about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.groups import GROUP, completions, pass_time, state_of
from tests.functional.views import (
    admitted,
    calls,
    checks_of,
    in_dns,
    log_lines,
    see_healthy,
    state_change,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab


@pytest.mark.parametrize("late", ["instances", "tags"])
def test_an_instance_that_ec2_shows_20_seconds_late_gets_its_check_within_30(lab: Lab, late: str) -> None:
    setattr(lab.fleet.late, late, 20)
    web = lab.fleet.launch()
    lab.settle()
    assert checks_of(lab, web) == []

    lab.run(30)

    assert len(checks_of(lab, web)) == 1
    assert log_lines(lab, "message returned") == []


def test_an_instance_that_ec2_does_not_show_yet_costs_no_call(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.reset_calls()
    lab.fleet.late.instances = 60

    lab.fleet.launch(pools=())
    lab.run(300, step=5)

    assert calls(lab) == {}


@pytest.mark.parametrize("late", ["instances", "tags"])
def test_a_launch_hook_is_held_while_ec2_does_not_show_the_pool_tag(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    setattr(lab.fleet.late, late, 40)
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(heartbeat=30), terminate_hook()))
    lab.run(50, step=5)
    (web,) = lab.fleet.members(GROUP)
    assert (asked, state_of(lab, web)) == ([], "Pending:Wait")
    assert len(checks_of(lab, web)) == 1

    pass_time(lab, 180)

    assert [one.result for one in asked] == ["CONTINUE"]
    assert (state_of(lab, web), in_dns(lab)) == ("InService", {web})


def test_a_launch_hook_of_an_instance_without_a_pool_tag_is_completed_after_two_minutes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(heartbeat=30), terminate_hook()), pools=())
    began = lab.clock.now()
    lab.run(150, step=5)

    (one,) = asked
    assert timedelta(seconds=115) <= one.at - began <= timedelta(seconds=130)
    assert calls(lab) == {}


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_a_member_that_ends_leaves_dns_when_ec2_shows_it_though_no_other_event_comes(lab: Lab, state: str) -> None:
    stays, goes = admitted(lab, 2)
    lab.fleet.late.states = 20
    lab.fleet.set_state(goes, state)
    lab.settle()
    assert in_dns(lab) == {stays, goes}

    lab.run(30)

    assert in_dns(lab) == {stays}


def test_a_spot_member_leaves_dns_within_seconds_of_its_requests_status(lab: Lab) -> None:
    stays, goes = *admitted(lab, 1), *admitted(lab, 1, spot=True)
    lab.fleet.spot.lag = timedelta(seconds=20)
    lab.fleet.spot.warn(goes)
    lab.settle()
    assert in_dns(lab) == {stays, goes}

    lab.run(45)

    assert in_dns(lab) == {stays}


def test_an_event_that_ec2_never_agrees_with_is_looked_at_for_two_minutes(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.clock.advance(60)
    lab.send(state_change(lab, web, "stopping"))
    lab.run(125)
    assert 3 <= len(log_lines(lab, "event looked at again")) <= 8
    assert in_dns(lab) == {web}
    lab.invocations.clear()

    lab.run(120)

    assert log_lines(lab, "event looked at again") == []


def test_an_event_about_an_earlier_life_of_the_instance_is_not_looked_at_again(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.clock.advance(60)
    stopped = state_change(lab, web, "stopped")
    lab.fleet.stop(web, events=False)
    lab.clock.advance(20)
    lab.fleet.start(web, events=False)

    lab.send(stopped)
    wait(lab)

    assert log_lines(lab, "event looked at again") == []


def test_a_tag_that_ec2_shows_20_seconds_late_brings_the_instance_its_check_within_30(lab: Lab) -> None:
    web = lab.fleet.launch(pools=())
    lab.run(150, step=10)
    lab.fleet.late.hide_tags(web, 20)
    lab.fleet.retag(web, ["web"])
    lab.settle()
    assert checks_of(lab, web) == []

    lab.run(30)

    assert len(checks_of(lab, web)) == 1


def test_a_removed_tag_that_ec2_still_shows_for_20_seconds_withdraws_the_member_within_30(lab: Lab) -> None:
    stays, goes = admitted(lab, 2)
    lab.fleet.late.keep_tags(goes, 20)
    lab.fleet.retag(goes, [])
    lab.settle()
    assert in_dns(lab) == {stays, goes}

    lab.run(30)

    assert in_dns(lab) == {stays}


def test_a_tag_of_another_stack_that_ec2_shows_late_costs_no_call_before_ec2_shows_it(lab: Lab) -> None:
    admitted(lab, 1)
    other = lab.fleet.launch(pools=())
    lab.run(150, step=10)
    lab.route53.reset_calls()
    lab.fleet.late.hide_tags(other, 60)
    lab.fleet.retag(other, ["nobody"])

    lab.run(55, step=5)
    assert calls(lab) == {}

    lab.run(245, step=5)
    assert calls(lab) == {"ListResourceRecordSets": 1, "ListHealthChecks": 1}


def test_a_tag_that_ec2_never_shows_is_looked_at_for_two_minutes(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.fleet.late.hide_tags(web, 3600)
    lab.fleet.retag(web, ["web", "nobody"])

    lab.run(300, step=5)

    assert 3 <= len(log_lines(lab, "event looked at again")) <= 9


# -- addresses


def test_the_former_address_of_a_member_with_an_elastic_ip_leaves_dns_though_ec2_shows_it_for_20_seconds(
    lab: Lab,
) -> None:
    (web,) = admitted(lab, 1)
    former = lab.fleet.address(web)
    lab.fleet.late.keep_addresses(web, 20)
    elastic = lab.fleet.associate_address(web)
    lab.settle()
    assert values(lab) == {former}

    lab.run(35)

    assert (values(lab), lab.checks_of(elastic) != ()) == (set(), True)


def test_an_elastic_ip_that_is_taken_away_leaves_dns_though_ec2_shows_it_for_20_seconds(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    elastic = lab.fleet.associate_address(web)
    lab.settle()
    see_healthy(lab, [web])
    assert values(lab) == {elastic}
    lab.fleet.late.keep_addresses(web, 20)
    lab.fleet.disassociate_address(web)
    lab.settle()
    assert values(lab) == {elastic}

    lab.run(35)

    assert values(lab) == set()


def test_an_elastic_ip_that_moves_to_a_stranger_leaves_dns_though_ec2_shows_it_for_45_seconds(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    elastic = lab.fleet.associate_address(web)
    lab.settle()
    see_healthy(lab, [web])
    stranger = lab.fleet.launch(pools=())
    lab.run(150, step=10)
    lab.fleet.late.keep_addresses(web, 45)
    lab.fleet.move_elastic_address(elastic, stranger)
    lab.settle()
    assert values(lab) == {elastic}

    lab.run(65)

    assert elastic not in values(lab)


def test_an_ipv6_address_that_is_unassigned_leaves_dns_though_ec2_shows_it_for_20_seconds(lab: Lab) -> None:
    lab.put_pool("web", address="ipv6")
    web = lab.fleet.launch(ipv6="2600:1f18::53")
    lab.settle()
    see_healthy(lab, ["2600:1f18::53"])
    lab.fleet.late.keep_addresses(web, 20)
    interface = lab.fleet.describe(web)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    lab.fleet.replace_ipv6(web, [])
    lab.bus.deliver(recorded(lab, "UnassignIpv6Addresses", networkInterfaceId=interface))
    lab.settle()
    assert values(lab, record_type="AAAA") == {"2600:1f18::53"}

    lab.run(35)

    assert values(lab, record_type="AAAA") == set()


def test_the_call_about_an_address_is_looked_at_four_times_more_and_each_costs_one_request_a_pool(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.fleet.associate_address(web)
    lab.settle()
    see_healthy(lab, [web])
    lab.run(150, step=10)
    lab.invocations.clear()
    lab.route53.reset_calls()

    stranger = lab.fleet.launch(pools=())
    lab.fleet.associate_address(stranger)
    lab.run(300, step=5)

    again = log_lines(lab, "event looked at again")
    assert [each["because"] for each in again].count("EC2 may show former addresses") == 4
    assert calls(lab) == {"ListResourceRecordSets": 5}


def test_the_call_about_an_interface_of_an_unrelated_instance_is_not_looked_at_again(lab: Lab) -> None:
    admitted(lab, 1)
    unrelated = lab.fleet.launch(pools=())
    lab.run(150, step=10)
    lab.route53.reset_calls()
    lab.invocations.clear()
    interface = lab.fleet.describe(unrelated)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    lab.bus.deliver(recorded(lab, "AssignIpv6Addresses", networkInterfaceId=interface))
    lab.run(130, step=5)

    assert (log_lines(lab, "event looked at again"), calls(lab)) == ([], {})


def recorded(lab: Lab, operation: str, **parameters: str) -> dict[str, Any]:
    """Return the event about a call to EC2 that CloudTrail recorded."""
    detail = {"eventSource": "ec2.amazonaws.com", "eventName": operation, "requestParameters": parameters}
    return lab.bus.event("aws.ec2", "AWS API Call via CloudTrail", detail)
