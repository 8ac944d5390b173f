"""A failed read limits only what depends on it: each call of the functions is denied in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import completions
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    calls,
    check_of,
    checks_of,
    findings,
    in_dns,
    launched,
    log_lines,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

INFORMING: Final = {
    "autoscaling:DescribeLifecycleHooks": "lifecycle actions of group web not read",
    "autoscaling:DescribeScalingActivities": "lifecycle actions of group web not read",
    "cloudwatch:DescribeAlarms": "alarms not read",
    "cloudwatch:GetMetricData": "health not read",
    "cloudwatch:GetMetricStatistics": "number of created health checks not read",
    "ec2:DescribeManagedPrefixLists": "reachability not checked",
    "ec2:DescribeSecurityGroups": "reachability not checked",
    "ec2:GetManagedPrefixListEntries": "reachability not checked",
    "route53:GetAccountLimit": "health check limit not read",
    "route53:GetCheckerIpRanges": "reachability not checked",
    "route53:GetHostedZoneLimit": "record limit not read",
    "route53:ListResourceRecordSetProtections": "record set protections not read",
}
"""What the audit asks only to inform, and what its report says where it is denied."""
COSMETIC: Final = {"route53:ListTagsForResources"}
"""What the audit asks for people who look at Route 53's console. The report has no line about it."""
NEEDED: Final = {
    "autoscaling:DescribeAutoScalingInstances",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
    "events:PutEvents",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "route53:ListResourceRecordSets",
    "sqs:SendMessage",
    "ssm:GetParametersByPath",
}
"""What else it asks. Tests of their own say what depends on each."""


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    """Return a lab where an audit has everything to ask and one record to withdraw.

    There are a member in a group that waits at a launch hook, a Spot instance, and one whose security group names a
    customer-managed prefix list.
    """
    with Lab({"ReplaceUnhealthyAfter": "5"}, start=MONDAY_NOON) as lab:
        groups = lab.fleet.security_groups
        office = groups.create_prefix_list("office", ["203.0.113.0/24"])
        (gone,) = admitted(lab, 1)
        admitted(lab, 1, spot=True)
        lab.fleet.create_group("web", hooks=(launch_hook(),))
        (waiting,) = launched(lab, 1, group="web")
        lab.fleet.set_lifecycle_state(waiting, "Pending:Wait")
        launched(lab, 1, security_groups=[groups.create("office", [office])])
        lab.fleet.terminate(gone, events=False)
        yield lab


@pytest.fixture
def lab(one_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return that lab without faults, in which waits take no real time."""
    wait_in_lab_time(one_lab, monkeypatch)
    one_lab.functions.cold_start()
    one_lab.faults.end()
    one_lab.faults.forget()
    return one_lab


def repair(lab: Lab) -> dict[str, Any]:
    """Invoke the audit with a repair, and return its report."""
    return lab.audit({"repair": True})


def test_the_table_has_every_call_of_an_audit(lab: Lab) -> None:
    repair(lab)

    assert set(lab.faults.asked) == NEEDED | INFORMING.keys() | COSMETIC


@pytest.mark.parametrize(("operation", "failed"), INFORMING.items())
def test_a_denied_read_that_only_informs_is_a_line_in_the_report_and_ends_neither_audit_nor_repair(
    lab: Lab, operation: str, failed: str
) -> None:
    lab.faults.order(Fault.DENIED, operation)
    report = repair(lab)

    assert lab.faults.asked.count(operation) >= 1
    assert {each["because"].split(":")[0] for each in findings(report, "not-read")} >= {failed}
    assert operation.split(":")[1] in str(findings(report, "not-read"))
    assert len(findings(report, "orphan-record")) == 1
    assert report["queued"] == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.SERVER_ERROR, Fault.HANG, Fault.UNREACHABLE, Fault.RESET])
def test_a_repair_is_queued_even_if_reads_that_only_inform_fail(lab: Lab, fault: Fault) -> None:
    for operation in (*INFORMING, *COSMETIC):
        lab.faults.order(fault, operation)
    report = repair(lab)

    assert len(findings(report, "orphan-record")) == 1
    assert report["queued"] == 1
    assert report["quotas"].pop("names").keys() == {"app.example.com"}
    assert report["quotas"] == {"health_checks": None, "check_creations_last_day": None, "records": {}}


@pytest.fixture
def two_groups() -> Iterator[Lab]:
    """Return a lab with two groups, in each of which a member waits at a launch hook whose event was lost."""
    with Lab(start=MONDAY_NOON) as lab:
        for name in ("api", "web"):
            lab.fleet.create_group(name, hooks=(launch_hook(heartbeat=7200),))
            (waiting,) = launched(lab, 1, group=name)
            lab.fleet.set_lifecycle_state(waiting, "Pending:Wait")
        yield lab


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.THROTTLED, Fault.SERVER_ERROR, Fault.RESET])
@pytest.mark.parametrize("operation", ["autoscaling:DescribeLifecycleHooks", "autoscaling:DescribeScalingActivities"])
def test_a_group_that_cannot_be_read_is_a_line_in_the_report_and_hides_no_other_group(
    two_groups: Lab, monkeypatch: pytest.MonkeyPatch, operation: str, fault: Fault
) -> None:
    lab = two_groups
    wait_in_lab_time(lab, monkeypatch)
    lab.clock.advance(1800)
    lab.faults.order(fault, operation, about="AutoScalingGroupName=api")
    report = audit(lab)

    (line,) = findings(report, "not-read")
    assert line["because"].startswith("lifecycle actions of group api not read: ")
    (stuck,) = findings(report, "stuck-hook")
    assert stuck["instance_id"] in lab.fleet.members("web")


def test_a_group_that_cannot_be_read_keeps_no_other_group_waiting(
    two_groups: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = two_groups
    wait_in_lab_time(lab, monkeypatch)
    asked = completions(monkeypatch)
    lab.clock.advance(1800)
    lab.faults.order(Fault.SERVER_ERROR, "autoscaling:DescribeLifecycleHooks", about="AutoScalingGroupName=api")
    lab.audit({"repair": True})
    lab.settle()

    assert [one.instance_id for one in asked] == list(lab.fleet.members("web"))
    (line, *_) = log_lines(lab, "Auto Scaling follow-up failed")
    assert line["group"] == "api"


# -- what decides about some members only


def test_without_auto_scaling_members_of_groups_are_left_as_they_are_and_the_others_go_on() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        lab.fleet.create_group("web")
        (stays,) = admitted(lab, 1, group="web")
        (alone,) = admitted(lab, 1)
        lab.faults.order(Fault.DENIED, "autoscaling:DescribeAutoScalingInstances")
        lab.fleet.set_lifecycle_state(stays, "Standby")
        lab.fleet.terminate(alone)
        late = lab.fleet.launch(group="web")
        lab.settle()

        assert in_dns(lab) == {stays}
        assert checks_of(lab, late) == []
        reasons = {line["because"] for line in log_lines(lab, "message returned")}
        assert any("because Auto Scaling could not be read: " in because for because in reasons)
        left = {each["instance_id"]: each["because"] for each in findings(audit(lab), "not-read")}
        assert left.keys() == {stays, late}
        assert left[stays].startswith(
            "left as it is, because Auto Scaling could not be read: An error occurred (Access"
        )

        lab.faults.end()
        lab.run(20, step=5)
        assert in_dns(lab) == set()
        assert len(checks_of(lab, late)) == 1


def test_without_spot_requests_spot_instances_are_left_as_they_are_and_the_others_go_on() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        (spot,) = admitted(lab, 1, spot=True)
        (alone,) = admitted(lab, 1)
        lab.faults.order(Fault.DENIED, "ec2:DescribeSpotInstanceRequests")
        lab.fleet.terminate(alone)
        new = lab.fleet.launch(spot=True)
        lab.settle()

        assert in_dns(lab) == {spot}
        assert checks_of(lab, new) == []
        lab.fleet.terminate(spot)
        lab.settle()
        assert in_dns(lab) == set()


def test_without_auto_scaling_a_record_with_a_strangers_address_is_still_deleted() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        lab.fleet.create_group("web")
        (web,) = admitted(lab, 1, group="web")
        lab.faults.order(Fault.DENIED, "autoscaling:*")
        lab.fleet.associate_address(web)
        lab.settle()

        assert in_dns(lab) == set()


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.HANG])
def test_without_metrics_nothing_waits_and_route_53_itself_says_which_members_are_healthy(
    monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        (gone,) = admitted(lab, 1)
        new = launched(lab, 1)
        lab.faults.order(fault, "cloudwatch:GetMetricData")
        lab.report_health(new[0])
        lab.fleet.terminate(gone)
        lab.clock.advance(31)
        lab.settle()

        assert in_dns(lab) == set(new)
        report = audit(lab)
        assert [each["because"].split(":")[0] for each in findings(report, "not-read")] == ["health not read"]


def test_without_metrics_ten_checks_are_asked_for_in_a_pass_and_others_in_the_next() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        ids = launched(lab, 25)
        lab.faults.order(Fault.DENIED, "cloudwatch:GetMetricData")
        for instance_id in ids:
            lab.report_health(instance_id)
        lab.route53.reset_calls()
        wait(lab)
        assert calls(lab)["GetHealthCheckStatus"] == 10
        assert len(in_dns(lab)) == 10
        wait(lab)
        assert len(in_dns(lab)) == 20
        wait(lab, 61)
        assert in_dns(lab) == set(ids)


def test_without_health_no_member_is_reported_as_overdue() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        launched(lab, 1)
        lab.clock.advance(3600)
        assert len(findings(audit(lab), "not-healthy-in-time")) == 1
        lab.faults.order(Fault.DENIED, "cloudwatch:GetMetricData")

        assert findings(audit(lab), "not-healthy-in-time") == []


def test_without_health_no_pool_with_health_checks_is_said_or_measured_to_be_healthy() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        lab.put_pool("api", health_check=None, admit_when="running")
        launched(lab, 1, pools=("api",))
        (ill,) = admitted(lab, 1)
        lab.report_health(ill, 0)
        wait(lab, 60)
        assert [pool["verdict"] for pool in audit(lab)["pools"]] == ["ok", "none-healthy"]
        lab.faults.order(Fault.DENIED, "cloudwatch:GetMetricData")
        report = audit(lab)

        assert [pool["verdict"] for pool in report["pools"]] == ["ok", "not-read"]
        assert report["headline"] == [
            "HEALTH NOT KNOWN: web (app.example.com).",
            "NOT EVERYTHING WAS READ: 1 read failed.",
        ]
        measured = lab.invocations[-1]
        assert measured.metric("UnhealthyPercent") == measured.metric("Healthy", Pool="web") == []
        assert measured.metric("Healthy", Pool="api") == [1]


def test_without_the_list_of_health_checks_records_are_withdrawn_and_the_messages_come_again() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        (gone,) = admitted(lab, 1)
        lab.faults.order(Fault.DENIED, "route53:ListHealthChecks")
        lab.fleet.terminate(gone)
        lab.settle()

        assert in_dns(lab) == set()
        assert len(checks_of(lab, gone)) == 1
        assert findings(audit(lab), "not-read")[0]["because"].startswith("health checks not read: ")
        lab.faults.end()
        lab.run(10, step=5)
        assert checks_of(lab, gone) == []


BESIDE_RECORDS: Final = (
    "ChangeTagsForResource",
    "CreateHealthCheck",
    "DeleteHealthCheck",
    "GetHealthCheckStatus",
    "GetHostedZone",
    "ListHealthChecks",
)
"""What the reconciler asks Route 53 beside listings and changes of records."""


@pytest.mark.parametrize("cold", [False, True])
def test_while_route_53_takes_nothing_but_records_a_member_that_ends_leaves_dns_and_the_rest_follows_later(
    monkeypatch: pytest.MonkeyPatch, *, cold: bool
) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        one, two = admitted(lab, 2)
        if cold:
            lab.functions.cold_start()
        for operation in BESIDE_RECORDS:
            lab.faults.order(Fault.UNREACHABLE, f"route53:{operation}")
        lab.faults.order(Fault.UNREACHABLE, "cloudwatch:*")
        lab.fleet.terminate(one)
        lab.run(20)
        assert in_dns(lab) == {two}

        lab.run(1_800, step=15)
        assert (in_dns(lab), len(checks_of(lab, one))) == ({two}, 1)
        lab.faults.end()
        lab.run(900, step=15)
        assert (in_dns(lab), checks_of(lab, one)) == ({two}, [])


def test_spot_warnings_of_many_members_are_one_request_before_they_leave_dns() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        warned = admitted(lab, 5, spot=True)
        for instance_id in warned:
            lab.fleet.spot.warn(instance_id)
        lab.faults.forget()
        lab.settle()

        before = lab.faults.asked[: lab.faults.asked.index("route53:ListResourceRecordSets")]
        assert before.count("ec2:DescribeSpotInstanceRequests") == 1
        assert in_dns(lab) == set()


def test_a_health_check_whose_status_is_not_answered_does_not_delay_other_members(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        members = {check_of(lab, each): each for each in launched(lab, 2)}
        lab.faults.order(Fault.DENIED, "cloudwatch:GetMetricData")
        first = min(members)  # it is asked for first
        lab.faults.order(Fault.SERVER_ERROR, "route53:GetHealthCheckStatus", about=first)
        for instance_id in members.values():
            lab.report_health(instance_id)
        wait(lab)

        assert in_dns(lab) == {members[max(members)]}
