"""CloudWatch in moto: the alarms, and the metrics that AWS services publish, which PutMetricData refuses to others."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from unittest.mock import patch

from botocore.validate import validate_parameters
from moto.cloudwatch.models import CloudWatchBackend, cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.utils import get_service_model

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap


def gaps() -> tuple[Gap, ...]:
    """Return how moto's CloudWatch is corrected."""
    return (_look_up_metrics(),)


def _look_up_metrics() -> Gap:
    """Look through the data points of a metric only; moto looks for each through all, once for each of its periods."""
    read_as_moto = CloudWatchBackend.get_metric_data

    def get_metric_data(backend: Any, queries: list[dict[str, Any]], *times: Any, **settings: Any) -> Any:
        metrics = [query.get("MetricStat", {}).get("Metric", {}) for query in queries]
        if not all(metric.get("Dimensions") for metric in metrics):
            return read_as_moto(backend, queries, *times, **settings)
        data: dict[Any, list[Any]] = {}
        for each in backend.get_all_metrics():
            data.setdefault((each.name, frozenset((of.name, of.value) for of in each.dimensions)), []).append(each)
        found: list[Any] = []
        for query, metric in zip(queries, metrics, strict=True):
            dimensions = frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"])
            own = data.get((metric["MetricName"], dimensions), [])
            with patch.object(backend, "get_all_metrics", lambda own=own: own):
                found += read_as_moto(backend, [query], *times, **settings)
        return found

    return Gap(CloudWatchBackend, "get_metric_data", get_metric_data)


def alarms() -> dict[str, Any]:
    """Return every metric alarm by its name."""
    return dict(cloudwatch_backends[ACCOUNT][REGION].alarms)


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
    """Publish metrics as an AWS service does: PutMetricData refuses a namespace `AWS/...` to everybody else."""
    # moto keeps times without a zone, and compares them with what its API has read.
    plain = [{**each, "Timestamp": each["Timestamp"].astimezone(UTC).replace(tzinfo=None)} for each in data]
    cloudwatch_backends[ACCOUNT][region].put_metric_data(namespace, plain)
