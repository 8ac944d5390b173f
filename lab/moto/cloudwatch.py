"""CloudWatch in moto: the alarms, and the metrics that AWS services publish, which PutMetricData refuses to others."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore.validate import validate_parameters
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.utils import get_service_model

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from datetime import datetime


def gaps() -> tuple[Gap, ...]:
    """Return how moto's CloudWatch is corrected."""
    return _look_up_metrics(), _begin_without_data()


def _begin_without_data() -> Gap:
    """Begin a new alarm with INSUFFICIENT_DATA, and keep the state of one that is put again (PutMetricAlarm).

    moto begins each with OK.
    """
    put_as_moto = CloudWatchBackend.put_metric_alarm

    def put_metric_alarm(backend: Any, name: str, *settings: Any, **named: Any) -> Any:
        before = backend.alarms.get(name)
        alarm = put_as_moto(backend, name, *settings, **named)
        alarm.state_value = "INSUFFICIENT_DATA" if before is None else before.state_value
        return alarm

    return Gap(CloudWatchBackend, "put_metric_alarm", put_metric_alarm)


def _look_up_metrics() -> Gap:
    """Search only the data points of a metric; moto searches all data points, once for each period of each metric."""
    read_as_moto = CloudWatchBackend.get_metric_data

    def get_metric_data(
        backend: Any, queries: list[dict[str, Any]], start_time: datetime, end_time: datetime, **settings: Any
    ) -> Any:
        metrics = [query.get("MetricStat", {}).get("Metric", {}) for query in queries]
        if not all(metric.get("Dimensions") for metric in metrics):
            return read_as_moto(backend, queries, start_time, end_time, **settings)
        first, data = start_time.replace(microsecond=0), defaultdict[Any, list[Any]](list)
        for each in backend.get_all_metrics():
            if each.timestamp >= first:
                data[each.name, frozenset((of.name, of.value) for of in each.dimensions)].append(each)
        found: list[Any] = []
        for query, metric in zip(queries, metrics, strict=True):
            dimensions = frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
            own = data.get((metric["MetricName"], dimensions), [])
            with patch.object(backend, "get_all_metrics", lambda own=own: own):
                found += read_as_moto(backend, [query], start_time, end_time, **settings)
        return found

    return Gap(CloudWatchBackend, "get_metric_data", get_metric_data)


def alarms() -> dict[str, Any]:
    """Return every metric alarm by its name."""
    alarms = cloudwatch_backends[ACCOUNT][REGION].alarms
    return {name: alarm for name, alarm in alarms.items() if alarm.rule is None}


def described_alarm(region: str, name: str) -> dict[str, Any] | None:
    """Return what Route 53 reads of a metric alarm, as DescribeAlarms lists it; None if there is no such alarm."""
    alarm = cloudwatch_backends[ACCOUNT][region].alarms.get(name)
    if alarm is None or alarm.rule is not None:
        return None
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "Statistic": alarm.statistic,
        "Dimensions": [{"Name": each.name, "Value": each.value} for each in alarm.dimensions],
        "Period": alarm.period and int(alarm.period),
        "EvaluationPeriods": int(alarm.evaluation_periods),
        "DatapointsToAlarm": alarm.datapoints_to_alarm and int(alarm.datapoints_to_alarm),
        "Threshold": alarm.threshold and float(alarm.threshold),
        "ComparisonOperator": alarm.comparison_operator,
        "Metrics": alarm.metric_data_queries,
    }


def put_alarm(settings: dict[str, Any]) -> None:
    """Create or replace an alarm; `settings` are checked as boto3 checks the parameters of PutMetricAlarm."""
    validate_parameters(settings, get_service_model("cloudwatch").operation_model("PutMetricAlarm").input_shape)
    request = CloudWatchResponse()
    request.params, request.uri_match = settings, {}
    request.current_account, request.region = ACCOUNT, REGION
    request.put_metric_alarm()


def put_dashboard(name: str, body: str) -> None:
    """Create or replace a dashboard."""
    cloudwatch_backends[ACCOUNT][REGION].put_dashboard(name, body)


def delete_alarm(name: str) -> None:
    """Delete an alarm, if there is one of that name."""
    cloudwatch_backends[ACCOUNT][REGION].delete_alarms([name])


def metric_data(region: str = REGION) -> list[Any]:
    """Return every data point of a region, in the order in which they were published."""
    data: list[Any] = cloudwatch_backends[ACCOUNT][region].metric_data
    return data


def publish_metrics(namespace: str, data: list[dict[str, Any]], region: str = REGION) -> None:
    """Publish metrics as an AWS service does: PutMetricData refuses a namespace `AWS/...` to other callers."""
    # moto keeps times without a zone, and compares them with what its API has read.
    plain = [{**each, "Timestamp": each["Timestamp"].astimezone(UTC).replace(tzinfo=None)} for each in data]
    cloudwatch_backends[ACCOUNT][region].put_metric_data(namespace, plain)
