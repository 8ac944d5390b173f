"""Health: what Route 53 sees of health checks, read from CloudWatch.

Route 53 puts its metrics into us-east-1 only. Reading them takes no request to Route 53. The metrics lag by a minute or
more.

A health check of an endpoint has a share of checkers that see it healthy. A health check of an alarm has only a status,
1 or 0, which counts here as 100 or 0 percent (Route 53 Developer Guide, Monitoring health checks using CloudWatch).
"""

from __future__ import annotations

from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Final

from fleet53.domain.health_check import HEALTHY_ABOVE, HISTORY, HealthObservation

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from fleet53.domain.ids import CheckId

REGION: Final = "us-east-1"
_QUERIES: Final = 500  # GetMetricData, MetricDataQueries
_PERIOD: Final = timedelta(minutes=1)
LEAST_COVERED: Final = 0.8
"""The part of a window for which a health check must have datapoints, so that they stand for the whole window."""
_WINDOW: Final = timedelta(minutes=10)
_FEWEST_OF_ALARM: Final = 2
"""How many datapoints a health check of an alarm needs before they count. The first may only mean that the health check
is new: it counts as healthy until Route 53 has looked at its metric (Route 53 Developer Guide, How Amazon Route 53
determines whether a health check is healthy)."""

type _Datapoints = list[tuple[datetime, float]]
"""Times and percentages, the newest first."""


class Health:
    """The calls that return the status of health checks. `by_alarm` are those that follow an alarm."""

    def __init__(self, client: CloudWatchClient) -> None:
        self._client = client

    def history(
        self, check_ids: Iterable[CheckId], by_alarm: Container[CheckId] = (), *, now: datetime
    ) -> dict[CheckId, HealthObservation]:
        """Return what Route 53 sees of each health check, and since when in HISTORY; none without new data."""
        return {
            check_id: _read_history(datapoints)
            for check_id, datapoints in self._series(check_ids, by_alarm, now - HISTORY, now + _PERIOD)
            if datapoints[0][0] > now - _WINDOW
        }

    def unhealthy_throughout(
        self, check_ids: Iterable[CheckId], window: timedelta, by_alarm: Container[CheckId] = (), *, now: datetime
    ) -> frozenset[CheckId]:
        """Return the health checks that no datapoint of the whole `window` up to now shows healthy.

        A health check with datapoints for less than 80 % of the window is not returned.
        """
        fewest = LEAST_COVERED * (window / _PERIOD)
        return frozenset(
            check_id
            for check_id, datapoints in self._series(check_ids, by_alarm, now - window, now)
            if len(datapoints) >= fewest and max(percent for _, percent in datapoints) <= HEALTHY_ABOVE
        )

    def _series(
        self, check_ids: Iterable[CheckId], by_alarm: Container[CheckId], start: datetime, end: datetime
    ) -> Iterator[tuple[CheckId, _Datapoints]]:
        """Yield each health check that has datapoints. Only those of one request are in memory at any time."""
        for ids in batched(sorted(check_ids), _QUERIES, strict=False):
            series: dict[CheckId, _Datapoints] = {}
            names = {f"m{place}": check_id for place, check_id in enumerate(ids)}
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[
                    _query(name, check_id, by_alarm=check_id in by_alarm) for name, check_id in names.items()
                ],
                StartTime=start.replace(second=0, microsecond=0),  # datapoints begin at full minutes
                EndTime=end,
                ScanBy="TimestampDescending",
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    check_id = names[result["Id"]]
                    values = result["Values"]
                    if check_id in by_alarm:
                        values = [100 * value for value in values]
                    series.setdefault(check_id, []).extend(zip(result["Timestamps"], values, strict=True))
            for check_id, datapoints in series.items():
                if len(datapoints) >= (_FEWEST_OF_ALARM if check_id in by_alarm else 1):
                    yield check_id, datapoints

    def seen(
        self, check_ids: Iterable[CheckId], by_alarm: Container[CheckId] = (), *, now: datetime
    ) -> dict[CheckId, bool]:
        """Return whether each health check is healthy by its newest datapoint. One without a datapoint is missing."""
        series = self._series(check_ids, by_alarm, now - _WINDOW, now + _PERIOD)
        return {check_id: datapoints[0][1] > HEALTHY_ABOVE for check_id, datapoints in series}


def _read_history(datapoints: _Datapoints) -> HealthObservation:
    since, percent = datapoints[0]
    healthy = percent > HEALTHY_ABOVE
    for at, earlier in datapoints:
        if (earlier > HEALTHY_ABOVE) is not healthy:
            return HealthObservation(percent, since=since, changed=True)
        since = at
    return HealthObservation(percent, since=since, changed=False)


def _query(name: str, check_id: CheckId, *, by_alarm: bool) -> MetricDataQueryTypeDef:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Route53",
                "MetricName": "HealthCheckStatus" if by_alarm else "HealthCheckPercentageHealthy",
                "Dimensions": [{"Name": "HealthCheckId", "Value": check_id}],
            },
            "Period": int(_PERIOD.total_seconds()),
            "Stat": "Minimum" if by_alarm else "Average",
        },
    }
