"""The alarms: each watches a metric that is published, notifies the topic, and says what to do."""

from __future__ import annotations

import ast
import re
from itertools import chain
from typing import Any, Final

import pytest

from fleet53.config.schedule import PERIODS
from tests.template.stack import ROOT, stack

ALARMS: Final = (
    "DeadLettersAlarm",
    "DriftAlarm",
    "FindingsAlarm",
    "NoAuditAlarm",
    "PoolUnansweredAlarm",
    "QuotaAlarm",
    "ReconcilerErrorsAlarm",
    "SignalAgeAlarm",
    "UnhealthyMembersAlarm",
    "WithdrawalsHeldAlarm",
)
OWNER: Final = {"Name": "Owner", "Value": "fleet53.eu-west-1.123456789012"}
AUDIT_PERIOD: Final = "StackLifecycle.AuditPeriod"
OF_AWS: Final = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"Name": "QueueName", "Value": "DeadLetters.QueueName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"Name": "QueueName", "Value": "Signals.QueueName"},
    ("AWS/Lambda", "Errors"): {"Name": "FunctionName", "Value": "ReconcilerFunction"},
}
"""What AWS publishes of this stack, and by which dimension (SQS and Lambda Developer Guides)."""


def watched(alarm: str) -> list[dict[str, Any]]:
    """Return the metrics that an alarm watches, each with its Period and Stat."""
    properties = stack().properties(alarm)
    if "Metrics" not in properties:
        return [properties | {"Stat": properties["Statistic"]}]
    stats = [query["MetricStat"] for query in properties["Metrics"] if "MetricStat" in query]
    return [stat["Metric"] | stat for stat in stats]


def emitted() -> set[str]:
    """Return every name of a metric that the functions write."""
    sources = [*(ROOT / "layers/shared/fleet53").rglob("*.py"), *(ROOT / "functions").glob("*/*.py")]
    nodes = chain.from_iterable(ast.walk(ast.parse(source.read_text(encoding="utf-8"))) for source in sources)
    return {
        node.args[0].value
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Measurement"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_these_are_all_alarms() -> None:
    assert sorted(name for name, _ in stack().of_type("AWS::CloudWatch::Alarm")) == sorted(ALARMS)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_notifies_the_topic_when_it_goes_off_and_when_it_ends(alarm: str) -> None:
    properties = stack().properties(alarm)
    assert (properties["AlarmActions"], properties["OKActions"]) == (["Alarms"], ["Alarms"])


def test_the_alarm_on_unhealthy_members_goes_off_at_the_percentage_that_the_parameter_names_and_0_is_never() -> None:
    condition = stack().template["Conditions"]["HasUnhealthyAlarm"]
    assert stack().template["Resources"]["UnhealthyMembersAlarm"]["Condition"] == "HasUnhealthyAlarm"
    assert str(stack(UnhealthyAlarmPercent="20").properties("UnhealthyMembersAlarm")["Threshold"]) == "20"
    assert stack(UnhealthyAlarmPercent="20").scope.holds(condition)
    assert not stack(UnhealthyAlarmPercent="0").scope.holds(condition)


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_says_what_it_means_what_to_do_first_and_where_to_read_on(alarm: str) -> None:
    description = stack().properties(alarm)["AlarmDescription"]
    assert re.fullmatch(r"[A-Z].+\. First .+\. docs/runbook\.md#" + alarm.lower(), description)
    assert len(description) <= 1024


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_watches_a_published_metric_with_its_namespace_and_dimension(alarm: str) -> None:
    for metric in watched(alarm):
        if metric["Namespace"] == "fleet53":
            assert metric["MetricName"] in emitted()
            assert metric["Dimensions"] == [OWNER]
        else:
            assert metric["Dimensions"] == [OF_AWS[metric["Namespace"], metric["MetricName"]]]


def test_our_metrics_are_in_the_namespace_that_alarms_watch() -> None:
    for function in ("AuditFunction", "ReconcilerFunction"):
        told = stack().properties(function)["Environment"]["Variables"]
        assert (told["POWERTOOLS_METRICS_NAMESPACE"], told["FLEET53_OWNER"]) == ("fleet53", OWNER["Value"])


def test_an_alarm_whose_periods_are_those_of_the_audit_takes_them_from_its_schedule() -> None:
    follows = {alarm for alarm in ALARMS for metric in watched(alarm) if metric["Period"] == AUDIT_PERIOD}
    assert follows == {"DriftAlarm", "FindingsAlarm", "NoAuditAlarm", "UnhealthyMembersAlarm"}
    assert {stack().properties(alarm)["EvaluationPeriods"] for alarm in follows} == {2, PERIODS}


@pytest.mark.parametrize("alarm", ["WithdrawalsHeldAlarm", "QuotaAlarm", "PoolUnansweredAlarm"])
def test_an_alarm_that_only_an_audit_can_end_lasts_while_there_is_no_data(alarm: str) -> None:
    assert stack().properties(alarm)["TreatMissingData"] == "ignore"


def test_the_reconcilers_alarm_adds_what_lambda_counts_and_what_only_we_know() -> None:
    properties = stack().properties("ReconcilerErrorsAlarm")
    (expression,) = (query for query in properties["Metrics"] if "Expression" in query)
    assert expression["Expression"] == "FILL(crashed, 0) + FILL(failed, 0)"
    assert [query["ReturnData"] for query in properties["Metrics"]] == [False, False, True]
    assert [metric["MetricName"] for metric in watched("ReconcilerErrorsAlarm")] == ["Errors", "RunsFailed"]


def test_alarms_are_mailed_only_where_an_address_is_given() -> None:
    subscription = stack().template["Resources"]["AlarmsByMail"]
    condition = stack().template["Conditions"][subscription["Condition"]]
    assert not stack().scope.holds(condition)
    assert stack(AlarmEmail="ops@example.com").scope.holds(condition)
    assert stack(AlarmEmail="ops@example.com").properties("AlarmsByMail")["Endpoint"] == "ops@example.com"
