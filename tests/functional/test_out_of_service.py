"""A member that its group takes out of service for a while leaves DNS, and comes back with it; one that joins comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.groups import GROUP, completions, in_service, lose, pass_time, state_of
from tests.functional.views import admitted, audit, checks_of, in_dns, log_lines

if TYPE_CHECKING:
    import pytest

    from lab.world import Lab

CALLS = "AWS API Call via CloudTrail"


def enter_standby(lab: Lab, instance_id: str) -> None:
    lab.client("autoscaling").enter_standby(
        AutoScalingGroupName=GROUP, InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=True
    )


def exit_standby(lab: Lab, instance_id: str) -> None:
    lab.client("autoscaling").exit_standby(AutoScalingGroupName=GROUP, InstanceIds=[instance_id])


def detach(lab: Lab, instance_id: str) -> None:
    lab.client("autoscaling").detach_instances(
        AutoScalingGroupName=GROUP, InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=True
    )


def repaired(lab: Lab) -> None:
    """Let an audit repair what drifted."""
    audit(lab, {"repair": True})
    lab.settle()


# -- standby


def test_a_member_that_enters_standby_is_withdrawn_by_the_trails_event(lab: Lab) -> None:
    goes, stays = in_service(lab, 2)

    enter_standby(lab, goes)
    lab.run(5)

    assert state_of(lab, goes) == "Standby"
    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []
    assert log_lines(lab, "record deleted")[-1]["because"].endswith("Standby")


def test_a_member_that_leaves_standby_serves_again_through_a_new_check(lab: Lab) -> None:
    goes, stays = in_service(lab, 2)
    enter_standby(lab, goes)
    pass_time(lab, 300)
    assert in_dns(lab) == {stays}

    exit_standby(lab, goes)
    pass_time(lab, 120)

    assert state_of(lab, goes) == "InService"
    assert in_dns(lab) == {goes, stays}
    assert len(checks_of(lab, goes)) == 1


def test_standby_without_an_event_is_found_by_the_audit_both_ways(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, stays = in_service(lab, 2)
    lose(monkeypatch, CALLS)
    enter_standby(lab, goes)
    lab.run(5)
    assert in_dns(lab) == {goes, stays}
    repaired(lab)
    assert in_dns(lab) == {stays}
    exit_standby(lab, goes)
    lab.run(5)
    repaired(lab)
    pass_time(lab, 1000, step=10)

    assert in_dns(lab) == {goes, stays}


# -- detach


def test_a_member_that_is_detached_goes_and_comes_back_as_an_instance_of_no_group(lab: Lab) -> None:
    goes, stays = in_service(lab, 2)

    detach(lab, goes)
    lab.turn()
    lab.settle()
    assert state_of(lab, goes) == "Detaching"
    assert in_dns(lab) == {stays}
    pass_time(lab, 90)

    assert state_of(lab, goes) is None
    assert in_dns(lab) == {goes, stays}


def test_a_detachment_without_an_event_leaves_the_member_in_dns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, stays = in_service(lab, 2)
    lose(monkeypatch, CALLS)

    detach(lab, goes)
    pass_time(lab, 1200, step=10)

    assert in_dns(lab) == {goes, stays}
    assert audit(lab)["in_sync"] is True


# -- attach


def attach(lab: Lab, instance_id: str) -> None:
    lab.client("autoscaling").attach_instances(AutoScalingGroupName=GROUP, InstanceIds=[instance_id])


def test_an_instance_that_is_attached_gets_the_groups_pool_tag_and_is_admitted(lab: Lab) -> None:
    (member,) = in_service(lab, 1)
    alone = lab.fleet.launch(pools=())
    lab.settle()

    attach(lab, alone)
    pass_time(lab, 90)

    assert in_dns(lab) == {alone, member}
    assert audit(lab)["in_sync"] is True


def test_a_member_of_no_group_that_is_attached_to_one_is_in_dns_all_the_time(lab: Lab) -> None:
    (alone,) = admitted(lab, 1)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(), terminate_hook()))

    attach(lab, alone)
    states = {state_of(lab, alone)}
    for _ in range(60):
        pass_time(lab, 1, step=1)
        states.add(state_of(lab, alone))
        assert in_dns(lab) == {alone}

    assert states == {"Pending", "InService"}


# -- a new root volume


def replace_root_volumes(lab: Lab) -> None:
    lab.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName=GROUP, Strategy="ReplaceRootVolume", Preferences={"MinHealthyPercentage": 50}
    )


def test_a_member_whose_root_volume_is_replaced_leaves_dns_drains_and_comes_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = in_service(lab, 2)
    addresses = {each: lab.fleet.address(each) for each in members}
    asked = completions(monkeypatch)

    replace_root_volumes(lab)
    lab.run(3)
    (first,) = [each for each, state in lab.fleet.members(GROUP).items() if state == "ReplacingRootVolume:Wait"]
    assert in_dns(lab) == {*members} - {first}
    lab.run(110, step=5)
    assert asked == []
    assert state_of(lab, first) == "ReplacingRootVolume:Wait"
    pass_time(lab, 700)

    assert [(one.hook, one.result, one.refusal) for one in asked] == [
        ("fleet53-terminate", "CONTINUE", None),
        ("fleet53-launch", "CONTINUE", None),
    ] * 2
    assert lab.fleet.members(GROUP) == dict.fromkeys(members, "InService")
    assert {each: lab.fleet.address(each) for each in members} == addresses
    assert in_dns(lab) == set(members)
    assert [len(checks_of(lab, each)) for each in members] == [1, 1]


def test_while_root_volumes_are_replaced_no_client_meets_a_rebooting_instance(lab: Lab) -> None:
    in_service(lab, 4)
    clients = lab.visitors(20)

    replace_root_volumes(lab)
    pass_time(lab, 1500)

    (refresh,) = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=GROUP)["InstanceRefreshes"]
    assert refresh["Status"] == "Successful"
    assert (clients.failures, clients.unanswered) == ([], 0)
    assert clients.connections == 20 * 300


def test_a_root_volume_is_replaced_without_an_event_with_the_help_of_the_audit(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = in_service(lab, 2)
    lose(monkeypatch, "EC2 Instance-terminate Lifecycle Action", "EC2 Instance-launch Lifecycle Action")

    replace_root_volumes(lab)
    pass_time(lab, 9000, step=30)

    assert lab.fleet.members(GROUP) == dict.fromkeys(members, "InService")
    assert in_dns(lab) == set(members)
