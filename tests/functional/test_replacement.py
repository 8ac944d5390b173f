"""A member that Route 53 sees unhealthy for long is replaced by its group, a few at a time, if the stack asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.faults import Fault
from lab.moto.autoscaling import ScalingError
from lab.moto.cloud import IMAGE
from lab.scaling.groups import AutoScaling
from lab.scaling.hooks import launch_hook, terminate_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import GROUP, in_service, may_deny, observe, pass_time, state_of
from tests.functional.views import admitted, audit, delete_record, findings, in_dns, log_lines, record_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@pytest.fixture
def replacing() -> Iterator[Lab]:
    """Return a stack that has members replaced after ten minutes; its audit is invoked by the test alone."""
    parameters = {"ReplaceUnhealthyAfter": "10", "AuditSchedule": "rate(1 day)"}
    with Lab(parameters, start=MONDAY_NOON) as lab:
        yield lab


def marked(lab: Lab) -> list[str]:
    """Return the instances that fleet53 has marked unhealthy, in order."""
    return [line["instance_id"] for line in log_lines(lab, "instance marked unhealthy in its Auto Scaling group")]


def broken(lab: Lab, instance_ids: Iterable[str], minutes: float = 12) -> None:
    """Let instances serve no more, and so many minutes pass."""
    for instance_id in instance_ids:
        lab.serving.break_(instance_id)
    pass_time(lab, minutes * 60, step=15)


def repaired(lab: Lab) -> dict[str, Any]:
    """Let an audit repair what it finds, and return its report."""
    report = audit(lab, {"repair": True})
    lab.settle()
    return report


def test_after_ten_minutes_of_bad_health_a_repair_has_the_group_replace_the_member(replacing: Lab) -> None:
    bad, *good = in_service(replacing, 4)
    broken(replacing, [bad])
    assert state_of(replacing, bad) == "InService"

    report = repaired(replacing)

    (finding,) = findings(report, "unhealthy-for-long")
    assert (finding["pool"], finding["instance_id"]) == ("web", bad)
    assert marked(replacing) == [bad]
    pass_time(replacing, 300)
    assert state_of(replacing, bad) is None
    members = replacing.fleet.members(GROUP)
    assert list(members.values()) == ["InService"] * 4
    assert in_dns(replacing) == set(members)
    assert set(good) < set(members)


def test_a_group_that_cannot_be_read_hides_no_other_pools_members(replacing: Lab) -> None:
    replacing.put_pool("api")
    replacing.fleet.create_group("api", 4, pools=("api",))
    bad, *_ = in_service(replacing, 4)
    hidden, *_ = replacing.fleet.members("api")
    broken(replacing, [bad, hidden])
    replacing.faults.order(Fault.DENIED, "autoscaling:DescribeAutoScalingGroups", about="member.1=api")

    report = repaired(replacing)

    assert [each["instance_id"] for each in findings(report, "unhealthy-for-long")] == [bad]
    (line,) = findings(report, "not-read")
    assert line["because"].startswith("members of pool api to replace not read: ")
    assert marked(replacing) == [bad]


def test_after_eight_minutes_no_member_is_marked(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4)
    broken(replacing, [bad], minutes=8)

    report = repaired(replacing)

    assert findings(report, "unhealthy-for-long") == []
    assert marked(replacing) == []


def test_a_member_that_was_healthy_for_a_minute_meanwhile_is_not_marked(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4)
    broken(replacing, [bad], minutes=6)
    replacing.serving.repair(bad)
    pass_time(replacing, 90, step=15)
    broken(replacing, [bad], minutes=6)

    repaired(replacing)

    assert marked(replacing) == []


def test_a_member_that_has_recovered_is_not_marked(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4)
    broken(replacing, [bad])
    replacing.serving.repair(bad)
    pass_time(replacing, 90, step=15)

    repaired(replacing)

    assert marked(replacing) == []


def test_an_audit_that_does_not_repair_reports_and_marks_no_member(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4)
    broken(replacing, [bad])

    report = audit(replacing)
    replacing.settle()
    pass_time(replacing, 600, step=15)

    assert [each["instance_id"] for each in findings(report, "unhealthy-for-long")] == [bad]
    assert marked(replacing) == []
    assert state_of(replacing, bad) == "InService"


def test_a_changed_pool_has_its_zones_swept_and_marks_no_member(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4)
    broken(replacing, [bad])

    replacing.put_pool("web", ttl=30)
    replacing.settle()

    assert record_of(replacing, bad)["TTL"] == 30
    assert marked(replacing) == []


def test_a_stack_that_only_reports_marks_no_member() -> None:
    with Lab({"ReplaceUnhealthyAfter": "10", "AuditMode": "report"}, start=MONDAY_NOON) as lab:
        bad, *_ = in_service(lab, 4)
        broken(lab, [bad], minutes=50)

        assert marked(lab) == []
        assert state_of(lab, bad) == "InService"


def test_it_is_off_by_default(lab: Lab) -> None:
    bad, *_ = in_service(lab, 4)
    broken(lab, [bad], minutes=50)

    report = repaired(lab)

    assert findings(report, "unhealthy-for-long") == []
    assert marked(lab) == []
    assert in_dns(lab) >= {bad}


def test_never_more_than_a_third_of_a_pool_goes_at_once(replacing: Lab) -> None:
    members = in_service(replacing, 9)
    broken(replacing, members[:6])
    going = []
    for _ in range(12):
        repaired(replacing)
        pass_time(replacing, 60, step=15)
        states = replacing.fleet.members(GROUP)
        going.append(len([each for each in states.values() if each.startswith("Terminating")]))

    assert max(going) == 3
    assert len(marked(replacing)) >= 4


def behind_a_mistake(lab: Lab, healthy: str, minutes: int) -> None:
    """Let time pass while no member serves but `healthy`, and no new instance either."""
    for _ in range(minutes * 2):
        for each in lab.fleet.members(GROUP):
            if each != healthy:
                lab.serving.break_(each)
        pass_time(lab, 30, step=30)


def has_stopped(report: dict[str, Any]) -> set[str]:
    """Return the members that a report says should be replaced but are not, because replacement has stopped."""
    told = findings(report, "unhealthy-for-long")
    return {each["instance_id"] for each in told if ", but replacement has stopped: " in each["because"]}


@pytest.mark.parametrize("parameters", [{}, {"AdmitTimeout": "300", "UnhealthyLaunchResult": "ABANDON"}])
def test_behind_a_firewall_mistake_a_third_is_replaced_and_then_replacement_stops_and_is_reported(
    parameters: dict[str, str],
) -> None:
    with Lab({"ReplaceUnhealthyAfter": "10"} | parameters, start=MONDAY_NOON) as lab:
        good, *bad = in_service(lab, 9)
        behind_a_mistake(lab, good, 90)
        report = audit(lab)

        assert len(marked(lab)) == 3
        assert set(marked(lab)) < set(bad)
        assert in_dns(lab) == {good, *bad} - set(marked(lab))
        assert has_stopped(report) == set(bad) - set(marked(lab))
        assert report["in_sync"] is True


def test_when_the_only_successor_is_not_healthy_either_no_other_member_is_replaced(replacing: Lab) -> None:
    bad, *good = in_service(replacing, 9)
    broken(replacing, [bad])
    repaired(replacing)
    assert marked(replacing) == [bad]
    for _ in range(80):
        for each in set(replacing.fleet.members(GROUP)) - {*good}:
            replacing.serving.break_(each)
        pass_time(replacing, 30, step=30)
    broken(replacing, good[:1])

    report = repaired(replacing)

    assert marked(replacing) == [bad]
    assert has_stopped(report) == {good[0]}


def test_in_a_pool_of_two_no_member_is_marked_because_one_is_more_than_a_third(replacing: Lab) -> None:
    bad, _ = in_service(replacing, 2)
    broken(replacing, [bad])

    repaired(replacing)

    assert marked(replacing) == []


def test_when_all_are_unhealthy_the_health_check_is_wrong_and_no_member_is_marked(replacing: Lab) -> None:
    members = in_service(replacing, 6)
    broken(replacing, members, minutes=30)

    report = repaired(replacing)

    assert findings(report, "unhealthy-for-long") == []
    assert marked(replacing) == []
    assert set(replacing.fleet.members(GROUP).values()) == {"InService"}


def test_within_its_groups_grace_period_a_member_is_not_replaced(replacing: Lab) -> None:
    bad, *_ = in_service(replacing, 4, health_grace_period=3600)
    broken(replacing, [bad])
    repaired(replacing)
    pass_time(replacing, 60)
    assert state_of(replacing, bad) == "InService"
    broken(replacing, [bad], minutes=50)
    repaired(replacing)
    pass_time(replacing, 10)

    assert state_of(replacing, bad) == "Terminating:Wait"


def test_a_member_of_a_group_whose_instances_have_weights_is_replaced(replacing: Lab) -> None:
    bad, *good = in_service_of_weight_4(replacing, 4)
    broken(replacing, [bad])

    repaired(replacing)
    assert marked(replacing) == [bad]
    pass_time(replacing, 300)

    members = replacing.fleet.members(GROUP)
    assert list(members.values()) == ["InService"] * 4
    assert in_dns(replacing) == set(members)
    assert set(good) < set(members)


def test_of_a_group_whose_instances_have_weights_no_more_than_a_third_goes_at_once(replacing: Lab) -> None:
    members = in_service_of_weight_4(replacing, 6)
    broken(replacing, members[:4])

    repaired(replacing)
    report = repaired(replacing)

    assert marked(replacing) == sorted(members[:4])[:2]
    stopped = {each["because"].rpartition(": ")[2] for each in findings(report, "unhealthy-for-long")}
    assert stopped == {"2 of 6 members are away, and never more than a third is at the same time"}


def in_service_of_weight_4(lab: Lab, count: int) -> list[str]:
    """Create a group whose instances count as four units of its capacity each, and return them when all are in DNS."""
    data = {"InstanceType": "t3.micro", "ImageId": IMAGE}
    lab.client("ec2").create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData=data)
    lab.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateName": GROUP, "Version": "$Latest"},
                "Overrides": [{"InstanceType": "t3.micro", "WeightedCapacity": "4"}],
            }
        },
        MinSize=0,
        MaxSize=100,
        DesiredCapacity=4 * count,
        AvailabilityZones=["eu-west-1a"],
        Tags=[{"Key": "fleet53:pool", "Value": "web", "PropagateAtLaunch": True}],
        LifecycleHookSpecificationList=[launch_hook().specification(), terminate_hook().specification()],
    )
    pass_time(lab, 120)
    members = list(lab.fleet.members(GROUP))
    assert (len(members), in_dns(lab)) == (count, set(members))
    return members


def test_a_member_outside_any_group_is_left_alone(replacing: Lab) -> None:
    in_service(replacing, 3)
    (bad,) = admitted(replacing, 1)
    broken(replacing, [bad])

    report = repaired(replacing)

    assert findings(report, "unhealthy-for-long") == []
    assert marked(replacing) == []
    assert replacing.fleet.describe(bad)["State"]["Name"] == "running"


@may_deny
def test_a_mark_that_auto_scaling_refuses_holds_up_no_repair_of_dns(
    replacing: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, other, *_ = in_service(replacing, 4)
    broken(replacing, [bad])
    delete_record(replacing, record_of(replacing, other))
    observe(replacing)

    def refuse(_scaling: AutoScaling, _instance_id: str, _status: str, *, respect_grace: bool) -> None:
        raise ScalingError(f"no, respect_grace={respect_grace}", "AccessDenied")

    monkeypatch.setattr(AutoScaling, "set_health", refuse)
    repaired(replacing)

    assert other in in_dns(replacing)
