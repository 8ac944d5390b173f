"""Alarms: the metric alarms that health checks follow, in the stack's own region."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from fleet53.aws.retrier import reason_of
from fleet53.domain.alarm import Alarm, AlarmRule
from fleet53.domain.errors import CheckRefusedError, OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import PutMetricAlarmInputTypeDef

_AT_ONCE: Final = 100  # DescribeAlarms and DeleteAlarms, AlarmNames
_STANDARD_RESOLUTION: Final = 60
"""The shortest period of an alarm in seconds that needs no high-resolution metric (PutMetricAlarm, Period)."""
_COMPARISONS: Final = frozenset(
    {
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
    }
)
"""What a health check can compare (HealthCheck, CloudWatchAlarmConfiguration, ComparisonOperator)."""


class Alarms:
    """The calls that read, put and delete alarms. Composite alarms are not read: Route 53 follows none."""

    def __init__(self, client: CloudWatchClient) -> None:
        self._client = client

    def starting_with(self, prefix: str) -> dict[str, Alarm]:
        """Return every metric alarm whose name starts with `prefix`, by name."""
        return dict(self._read(AlarmNamePrefix=prefix))

    def named(self, names: Iterable[str]) -> dict[str, Alarm]:
        """Return those of the named alarms that exist, by name."""
        found: dict[str, Alarm] = {}
        for some in batched(sorted(set(names)), _AT_ONCE, strict=False):
            found |= self._read(AlarmNames=list(some))
        return found

    def _read(self, **which: Any) -> Iterator[tuple[str, Alarm]]:
        pages = self._client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"], **which)
        for page in pages:
            for listed in page["MetricAlarms"]:
                yield listed["AlarmName"], _read_alarm(listed)

    def put(self, name: str, rule: AlarmRule, description: str) -> None:
        """Create an alarm without actions, or change its rule. Raises CheckRefusedError."""
        request = {
            "AlarmName": name,
            "AlarmDescription": description,
            "ActionsEnabled": False,
            "Namespace": rule.namespace,
            "MetricName": rule.metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(rule.dimensions)],
            "Statistic": rule.statistic,
            "ComparisonOperator": rule.comparison,
            "Threshold": rule.threshold,
            "Period": rule.period,
            "EvaluationPeriods": rule.periods,
            "TreatMissingData": "missing",
        }
        try:
            self._client.put_metric_alarm(**cast("PutMetricAlarmInputTypeDef", request))
        except ClientError as error:
            raise CheckRefusedError(f"alarm {name}: {reason_of(error)}") from error
        except OutOfTimeError:
            raise
        except (BotoCoreError, TryLaterError) as error:
            raise CheckRefusedError(f"alarm {name}: {error}") from error

    def delete(self, names: Iterable[str]) -> None:
        """Delete alarms. An alarm that is already deleted is not an error (DeleteAlarms)."""
        for some in batched(sorted(names), _AT_ONCE, strict=False):
            try:
                self._client.delete_alarms(AlarmNames=list(some))
            except self._client.exceptions.ResourceNotFound:
                continue


def _read_alarm(listed: Mapping[str, Any]) -> Alarm:
    refused = why_refused(listed)
    rule = None
    if refused is None:
        rule = AlarmRule(
            namespace=listed["Namespace"],
            metric=listed["MetricName"],
            dimensions=frozenset((each["Name"], each["Value"]) for each in listed.get("Dimensions", ())),
            statistic=listed["Statistic"],
            comparison=listed["ComparisonOperator"],
            threshold=float(listed["Threshold"]),
            period=listed["Period"],
            periods=listed["EvaluationPeriods"],
        )
    return Alarm(listed["AlarmName"], is_ok=listed.get("StateValue") == "OK", rule=rule, refused=refused)


def why_refused(listed: Mapping[str, Any]) -> str | None:
    """Return why no health check can follow an alarm as DescribeAlarms lists it, or None.

    Source: Route 53 Developer Guide, Values that you specify when you create or update health checks, Monitoring a
    CloudWatch alarm.
    """
    if listed.get("Metrics") or not listed.get("MetricName"):
        return "it does not watch one metric, but an expression or several metrics"
    if not listed.get("Statistic"):
        return f"its statistic {listed.get('ExtendedStatistic')} is none of Average, Minimum, Maximum, Sum, SampleCount"
    if listed["Period"] < _STANDARD_RESOLUTION:
        return f"its period of {listed['Period']} s needs a high-resolution metric"
    to_alarm = listed.get("DatapointsToAlarm") or listed["EvaluationPeriods"]
    if to_alarm != listed["EvaluationPeriods"]:
        return f"it goes off when {to_alarm} of {listed['EvaluationPeriods']} datapoints breach, instead of all"
    if listed["ComparisonOperator"] not in _COMPARISONS:
        return f"it compares by {listed['ComparisonOperator']}"
    return None
