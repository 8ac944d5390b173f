"""Health checks that follow CloudWatch alarms: ours on EC2's status checks, and alarms that the operator keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.faults import Fault, Kill
from lab.moto import cloudwatch
from lab.moto.cloud import ROUTE53_METRICS_REGION
from lab.route53.check_config import REGIONS
from tests.functional.views import (
    OWNER,
    audit,
    check_of,
    checks,
    checks_of,
    findings,
    in_dns,
    kinds,
    launched,
    log_lines,
    record_of,
    records,
    signal,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

STATUS: dict[str, Any] = {"alarm": "ec2-status"}
KEPT: dict[str, Any] = {"alarm": "app-{instance_id}-down"}


def be_private(lab: Lab, health_check: dict[str, Any] = STATUS) -> None:
    """Let the first pool answer with private addresses, whose health checks follow alarms."""
    lab.put_pool("web", address="private-ipv4", health_check=health_check)
    lab.settle()


def address_of(lab: Lab, instance_id: str) -> str:
    return str(lab.fleet.describe(instance_id)["PrivateIpAddress"])


def our_alarm(instance_id: str) -> str:
    return f"fleet53/{OWNER}/web/{instance_id}"


def our_alarms() -> set[str]:
    return {name for name in cloudwatch.alarms() if name.startswith("fleet53/")}


def keep_alarm(lab: Lab, instance_id: str, **differs: Any) -> str:
    """Create an alarm of an application's own metric, as its owner does, and return its name."""
    settings = {
        "AlarmName": f"app-{instance_id}-down",
        "Namespace": "app",
        "MetricName": "Down",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    } | differs
    lab.client("cloudwatch").put_metric_alarm(**settings)
    return str(settings["AlarmName"])


def report_down(lab: Lab, instance_id: str, value: float) -> None:
    """Report the application's own metric of an instance."""
    datum = {
        "MetricName": "Down",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Timestamp": lab.clock.now(),
        "Value": value,
        "Unit": "Count",
    }
    cloudwatch.publish_metrics("app", [datum])


def minutes(lab: Lab, count: int, **down: float) -> None:
    """Let minutes pass in which the applications report whether they are down."""
    for _ in range(count):
        for instance_id, value in down.items():
            report_down(lab, instance_id.replace("_", "-"), value)
        lab.run(60, step=20)


def admitted(lab: Lab, count: int) -> tuple[str, ...]:
    """Launch instances, and return their ids when their status checks have brought them into DNS."""
    instance_ids = launched(lab, count)
    minutes(lab, 6)
    assert set(instance_ids) <= in_dns(lab)
    return instance_ids


# -- alarms of ours


def test_a_private_member_is_answered_when_its_status_checks_have_passed(lab: Lab) -> None:
    be_private(lab)

    (web,) = launched(lab, 1)

    assert our_alarms() == {our_alarm(web)}
    (check,) = checks(lab).values()
    assert check["HealthCheckConfig"] == {
        "Type": "CLOUDWATCH_METRIC",
        "AlarmIdentifier": {"Region": "eu-west-1", "Name": our_alarm(web)},
        "InsufficientDataHealthStatus": "Unhealthy",
        "Inverted": False,
        "Disabled": False,
    }
    assert check["CloudWatchAlarmConfiguration"]["MetricName"] == "StatusCheckFailed"
    assert check["CloudWatchAlarmConfiguration"]["Dimensions"] == [{"Name": "InstanceId", "Value": web}]
    assert in_dns(lab) == set()

    minutes(lab, 6)

    assert in_dns(lab) == {web}
    assert record_of(lab, web)["HealthCheckId"] == check["Id"]
    assert lab.answers() == {address_of(lab, web)}
    assert audit(lab)["in_sync"]


@pytest.mark.parametrize("parameters", [{"AddressType": "private-ipv4", "HealthCheckAlarm": "ec2-status"}])
def test_the_stacks_first_pool_can_have_private_members(lab: Lab) -> None:
    (web,) = admitted(lab, 1)

    assert lab.answers() == {address_of(lab, web)}


def test_a_new_health_check_that_counts_as_healthy_without_data_admits_no_member(lab: Lab) -> None:
    be_private(lab)
    launched(lab, 1)
    lab.health.publish()
    seen = [each.value for each in cloudwatch.metric_data(ROUTE53_METRICS_REGION) if each.name == "HealthCheckStatus"]
    assert seen[-1] == 1

    lab.clock.advance(31)
    lab.settle()

    assert in_dns(lab) == set()
    report = audit(lab)
    assert "missing-record" not in kinds(report)
    (member,) = report["pools"][0]["instances"]
    assert member["because"] == "Route 53 has not seen it yet"


def test_a_member_whose_status_checks_never_pass_is_not_admitted_and_is_reported(lab: Lab) -> None:
    be_private(lab)
    (web,) = launched(lab, 1)
    lab.status_checks.failing.add(web)

    minutes(lab, 24)

    assert in_dns(lab) == set()
    (finding,) = findings(audit(lab), "not-healthy-in-time")
    assert finding["because"].startswith("Route 53 does not see it healthy")


def test_route53_is_never_asked_for_the_status_of_a_check_of_an_alarm(lab: Lab) -> None:
    be_private(lab)
    launched(lab, 1)

    minutes(lab, 3)

    assert "GetHealthCheckStatus" not in {call.operation for call in lab.route53.calls}


def test_a_member_whose_status_check_fails_is_not_answered_and_keeps_its_record(lab: Lab) -> None:
    be_private(lab)
    web, api = admitted(lab, 2)

    lab.status_checks.failing.add(web)
    minutes(lab, 4)

    assert lab.answers() == {address_of(lab, api)}
    assert in_dns(lab) == {web, api}
    assert audit(lab)["pools"][0]["healthy"] == 1

    lab.status_checks.failing.clear()
    minutes(lab, 3)

    assert lab.answers() == {address_of(lab, web), address_of(lab, api)}


def test_a_terminated_member_leaves_no_record_no_check_and_no_alarm_and_they_go_in_this_order(lab: Lab) -> None:
    be_private(lab)
    web, api = admitted(lab, 2)
    lab.invocations.clear()

    lab.fleet.terminate(web)
    lab.settle()

    assert in_dns(lab) == {api}
    assert set(checks(lab)) == {check_of(lab, api)}
    assert our_alarms() == {our_alarm(api)}
    done = [
        line["message"]
        for each in lab.invocations
        for line in each.logs
        if line.get("message") in {"record deleted", "health check deleted", "alarm deleted"}
    ]
    assert done == ["record deleted", "health check deleted", "alarm deleted"]


def test_many_alarms_are_deleted(lab: Lab) -> None:
    be_private(lab)
    fleet = launched(lab, 5)

    for each in fleet:
        lab.fleet.terminate(each, events=False)
    signal(lab, "web", sweep=True)

    assert checks(lab) == {}
    assert our_alarms() == set()


def test_a_restarted_member_waits_for_its_status_checks_again(lab: Lab) -> None:
    be_private(lab)
    (web,) = admitted(lab, 1)
    before = check_of(lab, web)
    lab.fleet.stop(web)
    wait(lab, 61)
    assert (in_dns(lab), our_alarms()) == (set(), set())

    lab.fleet.start(web)
    lab.settle()

    assert check_of(lab, web) != before
    assert in_dns(lab) == set()
    minutes(lab, 6)
    assert in_dns(lab) == {web}


def test_public_addresses_can_have_checks_of_alarms_too(lab: Lab) -> None:
    lab.put_pool("web", health_check=STATUS)
    lab.settle()

    (web,) = admitted(lab, 1)

    assert lab.answers() == {lab.fleet.address(web)}
    assert "unreachable-by-checkers" not in kinds(audit(lab))


@pytest.mark.parametrize("parameters", [{"AdmitWhen": "running"}])
def test_a_pool_that_admits_running_members_names_the_check_of_the_alarm(lab: Lab) -> None:
    be_private(lab)

    (web,) = launched(lab, 1)

    assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)


def test_another_health_check_setting_moves_the_record_and_then_deletes_the_alarm(lab: Lab) -> None:
    lab.put_pool("web", health_check=STATUS)
    lab.settle()
    (web,) = admitted(lab, 1)
    of_alarm = check_of(lab, web)

    lab.put_pool("web", health_check={"url": "http://:80/"})
    lab.settle()

    assert record_of(lab, web)["HealthCheckId"] == of_alarm
    assert our_alarms() == {our_alarm(web)}
    (new,) = set(checks_of(lab, web)) - {of_alarm}
    for region in REGIONS:
        lab.route53.observe(new, region, True, "Success: HTTP Status Code 200, OK")  # noqa: FBT003
    lab.run(95, step=5)
    assert record_of(lab, web)["HealthCheckId"] == new
    assert checks_of(lab, web) == [new]
    assert our_alarms() == set()


@pytest.mark.parametrize("kill", Kill)
def test_a_run_that_ends_between_the_alarm_and_the_check_is_completed_by_the_next(lab: Lab, kill: Kill) -> None:
    be_private(lab)
    lab.faults.order(kill, "cloudwatch:PutMetricAlarm", calls=1)

    (web,) = launched(lab, 1)
    assert checks_of(lab, web) == []
    lab.audit({"repair": True})
    lab.settle()

    assert our_alarms() == {our_alarm(web)}
    assert len(checks_of(lab, web)) == 1


def test_an_alarm_that_cannot_be_put_is_a_finding_and_stops_no_other_pool(lab: Lab) -> None:
    be_private(lab)
    lab.put_pool("api", record_name="api.example.com", address="public-ipv4", health_check={"url": "http://:80/"})
    lab.settle()
    lab.faults.order(Fault.DENIED, "cloudwatch:PutMetricAlarm", calls=1)

    web = lab.fleet.launch(["web"])
    api = lab.fleet.launch(["api"])
    lab.settle()

    assert len(checks_of(lab, api)) == 1
    (line,) = log_lines(lab, "health check not created")
    assert (line["instance_id"], line["kind"]) == (web, "check-refused")
    assert line["because"].find(f"alarm {our_alarm(web)}: AccessDenied") > 0
    wait(lab)
    assert len(checks_of(lab, web)) == 1


def test_while_alarms_cannot_be_read_members_are_withdrawn_and_none_is_admitted(lab: Lab) -> None:
    be_private(lab)
    (web,) = admitted(lab, 1)
    lab.faults.order(Fault.DENIED, "cloudwatch:DescribeAlarms")

    lab.fleet.stop(web)
    new = lab.fleet.launch()
    lab.settle()

    assert in_dns(lab) == set()
    assert checks_of(lab, new) == []
    report = lab.audit()
    assert [each["because"].partition(":")[0] for each in findings(report, "not-read")] == ["alarms not read"]
    lab.faults.end()
    minutes(lab, 8)
    assert in_dns(lab) == {new}


# -- what a person does to our alarms


@pytest.mark.parametrize("deleted", [True, False])
def test_an_alarm_that_was_deleted_or_edited_by_hand_is_put_again_by_a_repair(lab: Lab, *, deleted: bool) -> None:
    be_private(lab)
    (web,) = admitted(lab, 1)
    right = lab.client("cloudwatch").describe_alarms(AlarmNames=[our_alarm(web)])["MetricAlarms"][0]
    lab.client("cloudwatch").delete_alarms(AlarmNames=[our_alarm(web)])
    if not deleted:
        edited = {key: right[key] for key in ("Namespace", "MetricName", "Dimensions", "Statistic", "Period")}
        edited |= {"EvaluationPeriods": 9, "Threshold": 1.0, "ComparisonOperator": right["ComparisonOperator"]}
        lab.client("cloudwatch").put_metric_alarm(AlarmName=our_alarm(web), **edited)

    report = audit(lab, {"repair": True})
    lab.settle()

    (finding,) = findings(report, "check-mismatch")
    what = "does not exist" if deleted else "was edited by hand"
    assert (finding["instance_id"], finding["because"]) == (web, f"its alarm {our_alarm(web)} {what}")
    (again,) = lab.client("cloudwatch").describe_alarms(AlarmNames=[our_alarm(web)])["MetricAlarms"]
    assert again["EvaluationPeriods"] == 2
    assert in_dns(lab) == {web}
    assert len(checks_of(lab, web)) == 1


def test_an_alarm_that_no_member_needs_is_found_by_the_audit_and_deleted_by_its_repair(lab: Lab) -> None:
    be_private(lab)
    (web,) = admitted(lab, 1)
    left = f"fleet53/{OWNER}/web/i-0123456789abcdef0"
    gone = f"fleet53/{OWNER}/former/{web}"
    others = ["fleet53/other.eu-west-1.123456789012/web/i-0123456789abcdef0", "fleet53-Heat"]
    for name in (left, gone, *others):
        keep_alarm(lab, web, AlarmName=name)

    report = audit(lab, {"repair": True})
    lab.settle()

    orphans = {each["instance_id"]: each["because"] for each in findings(report, "orphan-check")}
    assert orphans == {
        "i-0123456789abcdef0": "it has an alarm; EC2 does not know the instance",
        web: "it has an alarm of a pool that is not declared any more",
    }
    assert our_alarms() == {our_alarm(web), others[0]}
    assert "fleet53-Heat" in cloudwatch.alarms()
    assert in_dns(lab) == {web}


def test_the_report_counts_the_alarms_in_the_cost_and_the_checks_in_the_quota(lab: Lab) -> None:
    be_private(lab)
    before = audit(lab)

    launched(lab, 3)

    report = audit(lab)
    assert report["quotas"]["health_checks"]["used"] == 3
    assert report["cost"]["checks"] == 3
    reads = 3 * 2880 * 0.00001
    grown = report["cost"]["monitoring_usd_a_month"] - before["cost"]["monitoring_usd_a_month"]
    assert grown == pytest.approx(0.30 + reads, abs=0.01)


def test_a_stack_without_checks_of_alarms_asks_for_alarms_in_sweeps_only(lab: Lab) -> None:
    lab.faults.order(Fault.DENIED, "cloudwatch:DescribeAlarms")

    (web,) = launched(lab, 1)
    lab.report_health(web)
    wait(lab)

    assert in_dns(lab) == {web}
    assert log_lines(lab, "not read") == []
    assert len(findings(lab.audit(), "not-read")) == 1


# -- alarms that the operator keeps


def test_a_member_follows_the_alarm_that_the_operator_keeps_for_it(lab: Lab) -> None:
    be_private(lab, KEPT)
    web, api = (lab.fleet.launch(events=False) for _ in range(2))
    for each in (web, api):
        keep_alarm(lab, each)
    signal(lab, "web")
    assert our_alarms() == set()

    minutes(lab, 4, **{web: 0, api: 1})

    assert in_dns(lab) == {web}
    assert lab.answers() == {address_of(lab, web)}
    minutes(lab, 3, **{web: 0, api: 0})
    assert lab.answers() == {address_of(lab, web), address_of(lab, api)}
    minutes(lab, 2, **{web: 1, api: 0})
    assert lab.answers() == {address_of(lab, api)}


def test_an_alarm_that_is_ok_without_data_admits_no_member(lab: Lab) -> None:
    be_private(lab, KEPT)
    web = lab.fleet.launch(events=False)
    name = keep_alarm(lab, web, TreatMissingData="notBreaching")
    lab.run(120, step=60)
    signal(lab, "web")

    lab.run(120, step=5)

    (described,) = lab.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert described["StateValue"] == "OK"
    assert in_dns(lab) == set()
    minutes(lab, 3, **{web: 0})
    assert in_dns(lab) == {web}


def test_the_alarm_that_the_operator_keeps_stays_when_the_member_ends(lab: Lab) -> None:
    be_private(lab, KEPT)
    web = lab.fleet.launch(events=False)
    name = keep_alarm(lab, web)
    signal(lab, "web")
    assert len(checks_of(lab, web)) == 1

    lab.fleet.terminate(web)
    lab.settle()
    lab.audit({"repair": True})
    lab.settle()

    assert checks(lab) == {}
    assert name in cloudwatch.alarms()


def test_a_member_without_its_alarm_waits_and_is_reported_and_the_others_go_on(lab: Lab) -> None:
    be_private(lab, KEPT)
    web, api = (lab.fleet.launch(events=False) for _ in range(2))
    keep_alarm(lab, api)
    signal(lab, "web")

    minutes(lab, 17, **{api: 0})

    assert in_dns(lab) == {api}
    report = audit(lab)
    (finding,) = findings(report, "check-refused")
    because = f"there is no metric alarm 'app-{web}-down' in eu-west-1, which its health check is to follow"
    assert finding["instance_id"] == web
    assert finding["because"].startswith(because)
    assert report["in_sync"]

    keep_alarm(lab, web)
    signal(lab, "web")
    minutes(lab, 4, **{web: 0, api: 0})
    assert in_dns(lab) == {web, api}


def test_an_alarm_that_comes_minutes_after_the_launch_is_followed_within_half_a_minute(lab: Lab) -> None:
    be_private(lab, KEPT)
    (web,) = launched(lab, 1)
    lab.run(400, step=20)
    assert checks_of(lab, web) == []

    keep_alarm(lab, web)
    lab.run(31, step=1)

    assert len(checks_of(lab, web)) == 1


@pytest.mark.parametrize(
    ("differs", "because"),
    [
        (
            {"EvaluationPeriods": 3, "DatapointsToAlarm": 2},
            "it goes off when 2 of 3 datapoints breach, instead of all",
        ),
        ({"Period": 10}, "its period of 10 s needs a high-resolution metric"),
    ],
)
def test_a_member_whose_alarm_route53_does_not_follow_is_reported_and_keeps_its_record(
    lab: Lab, differs: dict[str, Any], because: str
) -> None:
    be_private(lab, KEPT)
    web = lab.fleet.launch(events=False)
    keep_alarm(lab, web)
    signal(lab, "web")
    minutes(lab, 4, **{web: 0})
    assert in_dns(lab) == {web}
    check = check_of(lab, web)

    keep_alarm(lab, web, **differs)
    report = audit(lab, {"repair": True})
    lab.settle()

    (finding,) = findings(report, "check-refused")
    assert (finding["health_check_id"], finding["drift"]) == (check, False)
    assert finding["because"] == f"Route 53 does not follow alarm 'app-{web}-down': {because}"
    assert record_of(lab, web)["HealthCheckId"] == check
    assert checks_of(lab, web) == [check]


def test_a_changed_alarm_gives_the_member_a_new_check_that_follows_it(lab: Lab) -> None:
    be_private(lab, KEPT)
    web = lab.fleet.launch(events=False)
    keep_alarm(lab, web)
    signal(lab, "web")
    minutes(lab, 4, **{web: 0})
    before = check_of(lab, web)
    keep_alarm(lab, web, Threshold=5.0)
    minutes(lab, 3, **{web: 2})
    assert not lab.route53.is_healthy(before)

    report = audit(lab, {"repair": True})
    lab.settle()

    (drift,) = [each for each in report["findings"] if each["drift"]]
    assert drift["because"] == f"its health check {before} was created for an earlier launch or setting"
    assert record_of(lab, web)["HealthCheckId"] == before
    minutes(lab, 3, **{web: 2})
    (after,) = checks_of(lab, web)
    assert after != before
    assert record_of(lab, web)["HealthCheckId"] == after
    assert lab.route53.is_healthy(after)
    assert records(lab).keys() == {f"{OWNER}/{web}"}


# -- the stack's deletion


def test_the_deletion_of_the_stack_deletes_its_alarms_and_no_other(lab: Lab) -> None:
    be_private(lab)
    web, _ = admitted(lab, 2)
    kept = keep_alarm(lab, web)
    other = keep_alarm(lab, web, AlarmName="fleet53/other.eu-west-1.123456789012/web/i-0123456789abcdef0")

    assert lab.delete_stack() == "DELETE_COMPLETE"

    assert checks(lab) == {}
    assert our_alarms() == {other}
    assert kept in cloudwatch.alarms()


def test_an_alarm_that_cannot_be_deleted_fails_the_deletion_of_the_stack(lab: Lab) -> None:
    be_private(lab)
    (web,) = admitted(lab, 1)
    lab.faults.order(Fault.DENIED, "cloudwatch:DeleteAlarms")

    assert lab.delete_stack() == "DELETE_FAILED"

    assert our_alarms() == {our_alarm(web)}
    assert in_dns(lab) == set()
