"""The lab's alarms: CloudWatch's examples of missing data, and the lab's evaluation of moto's data points."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lab.moto.cloudwatch import metric_data, publish_metrics
from lab.stack.alarms import State, judge
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.world import Lab

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
RETAIN = "retain"


def judged(points: str, to_alarm: int, missing: str, before: State) -> State:
    """Judge the last three of five data points, the newest last: X breaches, 0 does not, - is missing."""
    newest_first = [{"X": True, "0": False, "-": None}[point] for point in reversed(points)]
    return judge(newest_first, periods=3, to_alarm=to_alarm, missing=missing, state=before)


@pytest.mark.parametrize("before", [State.OK, State.ALARM])
@pytest.mark.parametrize(
    ("points", "to_alarm", "after"),
    [
        ("0-X-X", 3, ("OK", "OK", "OK", "OK")),
        ("----0", 3, ("OK", "OK", "OK", "OK")),
        ("-----", 3, ("INSUFFICIENT_DATA", RETAIN, "ALARM", "OK")),
        ("0XX-X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", 3, ("ALARM", RETAIN, "ALARM", "OK")),
        ("----X", 3, (RETAIN, RETAIN, "ALARM", "OK")),
        ("0-X-X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
        ("----0", 2, ("OK", "OK", "ALARM", "OK")),
        ("XXX00", 2, ("OK", "OK", "OK", "OK")),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    points: str, to_alarm: int, after: tuple[str, ...], before: State
) -> None:
    expected = [before if state == RETAIN else state for state in after]
    assert [judged(points, to_alarm, missing, before) for missing in TREATMENTS] == expected


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with bare_lab(tmp_path, start=NOON) as lab:
        yield lab


def put_alarm(lab: Lab, **differs: Any) -> None:
    usual: dict[str, Any] = {
        "AlarmName": "fleet53-Heat",
        "Namespace": "test",
        "MetricName": "Heat",
        "Dimensions": [{"Name": "Room", "Value": "one"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10,
        "TreatMissingData": "notBreaching",
    }
    put = {key: value for key, value in (usual | differs).items() if value is not None}
    lab.client("cloudwatch").put_metric_alarm(**put)


def measure(value: float, at: datetime, name: str = "Heat", room: str = "one") -> None:
    dimensions = [{"Name": "Room", "Value": room}]
    publish_metrics("test", [{"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value}])


def minute(lab: Lab, count: int = 1) -> str:
    """Let full minutes pass; return the state of the alarm."""
    for _ in range(count):
        lab.run(60, step=60)
    return lab.alarms.states()["Heat"]


def test_an_alarm_has_insufficient_data_until_its_first_evaluation_and_keeps_its_state_when_it_is_put_again(
    lab: Lab,
) -> None:
    put_alarm(lab)
    assert lab.alarms.states() == {"Heat": "INSUFFICIENT_DATA"}
    measure(11, lab.clock.now())
    assert minute(lab) == "ALARM"
    put_alarm(lab, Threshold=5)
    assert lab.alarms.states() == {"Heat": "ALARM"}
    (described,) = lab.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert described["StateValue"] == "ALARM"
    lab.client("cloudwatch").delete_alarms(AlarmNames=["fleet53-Heat"])
    assert lab.alarms.states() == {}


def test_a_health_check_of_a_metric_follows_the_data_of_the_alarm_and_not_its_state(lab: Lab) -> None:
    put_alarm(lab)
    config = {
        "Type": "CLOUDWATCH_METRIC",
        "AlarmIdentifier": {"Region": "eu-west-1", "Name": "fleet53-Heat"},
        "InsufficientDataHealthStatus": "Unhealthy",
    }
    created = lab.client("route53").create_health_check(CallerReference="heat", HealthCheckConfig=config)
    check = created["HealthCheck"]["Id"]
    assert lab.route53.is_healthy(check)
    minute(lab)
    assert not lab.route53.is_healthy(check)
    measure(9, lab.clock.now())
    minute(lab)
    assert lab.route53.is_healthy(check)
    state = {"AlarmName": "fleet53-Heat", "StateValue": "ALARM", "StateReason": "by hand"}
    lab.client("cloudwatch").set_alarm_state(**state)
    lab.run(1)
    assert lab.route53.is_healthy(check)
    measure(11, lab.clock.now())
    minute(lab)
    assert not lab.route53.is_healthy(check)
    statuses = [each.value for each in metric_data("us-east-1") if each.name == "HealthCheckStatus"]
    assert statuses == [1, 0, 1]  # published before Route 53 looks at the metric


def of_alarm(lab: Lab, name: str = "fleet53-Heat", reference: str = "heat") -> str:
    """Create a health check of an alarm, and return its id."""
    config = {
        "Type": "CLOUDWATCH_METRIC",
        "AlarmIdentifier": {"Region": "eu-west-1", "Name": name},
        "InsufficientDataHealthStatus": "Unhealthy",
    }
    created = lab.client("route53").create_health_check(CallerReference=reference, HealthCheckConfig=config)
    return str(created["HealthCheck"]["Id"])


def test_a_health_check_does_not_follow_a_changed_alarm_until_it_names_it_again(lab: Lab) -> None:
    put_alarm(lab)
    check = of_alarm(lab)
    put_alarm(lab, Threshold=20)
    measure(15, lab.clock.now())
    assert minute(lab) == "OK"
    assert not lab.route53.is_healthy(check)
    alarm = {"Region": "eu-west-1", "Name": "fleet53-Heat"}
    lab.client("route53").update_health_check(HealthCheckId=check, AlarmIdentifier=alarm)
    minute(lab)
    assert lab.route53.is_healthy(check)


def test_a_health_check_takes_missing_data_as_missing_independently_of_the_alarm(lab: Lab) -> None:
    put_alarm(lab, TreatMissingData="notBreaching")
    check = of_alarm(lab)
    assert minute(lab) == "OK"
    assert not lab.route53.is_healthy(check)


TOTAL = [
    {"Id": "total", "Expression": "FILL(a, 0)"},
    {
        "Id": "a",
        "ReturnData": False,
        "MetricStat": {"Metric": {"Namespace": "rooms", "MetricName": "Heat"}, "Period": 60, "Stat": "Sum"},
    },
]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(None, id="no alarm of the name"),
        pytest.param({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, id="M out of N"),
        pytest.param({"Period": 10}, id="high resolution"),
        pytest.param({"Statistic": None, "ExtendedStatistic": "p99"}, id="extended statistic"),
        pytest.param(
            dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period")) | {"Metrics": TOTAL},
            id="metric math",
        ),
    ],
)
def test_a_health_check_of_an_alarm_that_route53_does_not_follow_is_refused(
    lab: Lab, settings: dict[str, Any] | None
) -> None:
    if settings is not None:
        put_alarm(lab, **settings)
    with pytest.raises(ClientError) as refused:
        of_alarm(lab)
    assert refused.value.response["Error"]["Code"] == "InvalidInput"


@pytest.mark.parametrize(
    ("statistic", "threshold", "state"),
    [("Sum", 10, "ALARM"), ("Maximum", 10, "OK"), ("Minimum", 3, "ALARM"), ("Average", 5, "ALARM")],
)
def test_the_statistic_is_of_one_metric_with_these_dimensions(
    lab: Lab, statistic: str, threshold: float, state: str
) -> None:
    put_alarm(lab, Statistic=statistic, Threshold=threshold)
    measure(4, lab.clock.now())
    measure(7, lab.clock.now())
    measure(100, lab.clock.now(), room="two")
    measure(100, lab.clock.now(), name="Cold")
    assert minute(lab) == state


def test_a_period_ends_at_each_full_minute(lab: Lab) -> None:
    put_alarm(lab, Period=300, Statistic="Maximum")
    states = []
    for value in (11, 0, 0, 0, 0, 0, 0):
        measure(value, lab.clock.now())
        states.append(minute(lab))
    assert states == ["ALARM"] * 5 + ["OK"] * 2


@pytest.mark.parametrize(
    ("comparison", "state"),
    [
        ("GreaterThanThreshold", "OK"),
        ("GreaterThanOrEqualToThreshold", "ALARM"),
        ("LessThanThreshold", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM"),
    ],
)
def test_a_value_is_compared_as_the_alarm_says(lab: Lab, comparison: str, state: str) -> None:
    put_alarm(lab, ComparisonOperator=comparison)
    measure(10, lab.clock.now())
    assert minute(lab) == state


def test_m_of_n_data_points_have_to_breach(lab: Lab) -> None:
    put_alarm(lab, EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (11, 0, 0, 11, 0, 11, 0, 0):
        measure(value, lab.clock.now())
        states.append(minute(lab))
    assert states == ["OK", "OK", "OK", "OK", "OK", "ALARM", "OK", "OK"]


def query(name: str, metric: str, **differs: Any) -> dict[str, Any]:
    watched = {"Namespace": "test", "MetricName": metric, "Dimensions": [{"Name": "Room", "Value": "one"}]}
    return {"Id": name, "MetricStat": {"Metric": watched, "Period": 60, "Stat": "Sum"}, "ReturnData": False} | differs


def test_a_sum_of_filled_metrics_has_data_while_one_of_them_has_none(lab: Lab) -> None:
    of_metric = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    total = {"Id": "total", "Expression": "FILL(a, 0) + FILL(b, 0)", "ReturnData": True}
    put_alarm(lab, **of_metric, Metrics=[query("a", "Heat"), query("b", "Cold"), total], TreatMissingData="breaching")
    assert minute(lab) == "OK"
    measure(11, lab.clock.now(), name="Cold")
    assert minute(lab) == "ALARM"


def test_an_error_names_an_expression_that_the_lab_does_not_compute(lab: Lab) -> None:
    of_metric = dict.fromkeys(("Namespace", "MetricName", "Dimensions", "Statistic", "Period"))
    total = {"Id": "total", "Expression": "a * 2", "ReturnData": True}
    put_alarm(lab, **of_metric, Metrics=[query("a", "Heat"), total])
    with pytest.raises(NotImplementedError, match=r"a \* 2"):
        minute(lab)


def test_actions_run_on_a_state_change_and_only_then(lab: Lab) -> None:
    sns, sqs = lab.client("sns"), lab.client("sqs")
    url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:mailbox")
    put_alarm(lab, AlarmActions=[topic])
    for value in (0, 11, 11, 0, 11):
        measure(value, lab.clock.now())
        minute(lab)
    told = [
        json.loads(json.loads(message["Body"])["Message"])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    assert [(each["OldStateValue"], each["NewStateValue"]) for each in told] == [("OK", "ALARM")] * 2


def metric(lab: Lab, namespace: str, name: str, statistic: str) -> list[float]:
    """Return what was published of every metric of a name in the last minutes."""
    cloudwatch, now = lab.client("cloudwatch"), lab.clock.now()
    found = cloudwatch.list_metrics(Namespace=namespace, MetricName=name)["Metrics"]
    values = []
    for each in found:
        stat = {"Metric": each, "Period": 600, "Stat": statistic}
        (result,) = cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": stat}],
            StartTime=now - timedelta(minutes=9),
            EndTime=now + timedelta(minutes=1),
        )["MetricDataResults"]
        values += result["Values"]
    return values


def test_sqs_publishes_the_number_of_visible_messages_and_the_age_of_the_oldest(lab: Lab) -> None:
    url = lab.deployment.queue_url("Signals")
    put_alarm(lab)
    for body in ("one", "two"):
        lab.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    lab.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)
    minute(lab, 2)

    assert metric(lab, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum") == [1.0]
    (age,) = metric(lab, "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum")
    assert age >= 60
