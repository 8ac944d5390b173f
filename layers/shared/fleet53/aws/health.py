"""Health: what Route 53's checkers see, read from CloudWatch.

CloudWatch has it in us-east-1 only, and costs nothing of Route 53's five requests a second. Its metrics lag by a
minute or more, so for a few new checks Route 53 is asked itself; GetHealthCheckStatus is not meant for higher
rates.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from fleet53.aws.route53 import Route53
    from fleet53.model import CheckId

REGION: Final = "us-east-1"
HEALTHY_ABOVE: Final = 18.0
"""Percent of checkers above which Route 53 counts an endpoint healthy (Route 53 Developer Guide, How Amazon
Route 53 determines whether a health check is healthy)."""
MOST_ASKED: Final = 10
"""How many checks without a datapoint Route 53 itself is asked about in one pass."""
_QUERIES: Final = 500  # GetMetricData, MetricDataQueries
_PERIOD: Final = timedelta(minutes=1)
_LEAST_COVERED: Final = 0.8
_WINDOW: Final = timedelta(minutes=10)


class Health:
    """What Route 53 sees of checks."""

    def __init__(self, client: CloudWatchClient, route53: Route53) -> None:
        self._client = client
        self._route53 = route53

    def percentages(self, check_ids: Iterable[CheckId], *, now: datetime) -> dict[CheckId, float]:
        """Return the newest share of checkers (percent) that see each check healthy; none without a datapoint."""
        series = self._series(check_ids, now - _WINDOW, now + _PERIOD)
        return {check_id: values[0] for check_id, values in series.items() if values}

    def unhealthy_throughout(
        self, check_ids: Iterable[CheckId], window: timedelta, *, now: datetime
    ) -> frozenset[CheckId]:
        """Return the checks that no datapoint of the whole `window` up to now shows healthy.

        A window with many gaps says nothing.
        """
        fewest = _LEAST_COVERED * (window / _PERIOD)
        return frozenset(
            check_id
            for check_id, values in self._series(check_ids, now - window, now).items()
            if len(values) >= fewest and max(values) <= HEALTHY_ABOVE
        )

    def _series(self, check_ids: Iterable[CheckId], start: datetime, end: datetime) -> dict[CheckId, list[float]]:
        """Return each check's datapoints, the newest first."""
        series: dict[CheckId, list[float]] = {}
        for ids in batched(sorted(check_ids), _QUERIES, strict=False):
            names = {f"m{place}": check_id for place, check_id in enumerate(ids)}
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[_query(name, check_id) for name, check_id in names.items()],
                StartTime=start,
                EndTime=end,
                ScanBy="TimestampDescending",
            )
            for page in pages:
                for result in page["MetricDataResults"]:
                    series.setdefault(names[result["Id"]], []).extend(result["Values"])
        return series

    def seen(self, check_ids: Iterable[CheckId], *, now: datetime) -> dict[CheckId, bool]:
        """Return whether each check is healthy by its newest datapoint; one without a datapoint is missing."""
        shares = self.percentages(check_ids, now=now)
        return {check_id: share > HEALTHY_ABOVE for check_id, share in shares.items()}

    def read(self, check_ids: Iterable[CheckId], *, now: datetime) -> dict[CheckId, bool]:
        """Return whether Route 53 sees each check healthy; one that has no data yet is missing.

        Where CloudWatch has nothing yet and at most MOST_ASKED checks are concerned, Route 53 itself decides.
        """
        wanted = frozenset(check_ids)
        seen = self.seen(wanted, now=now)
        unseen = sorted(wanted - seen.keys())
        if len(unseen) > MOST_ASKED:
            return seen
        asked = {check_id: self._route53.percent_healthy(check_id) for check_id in unseen}
        return seen | {check_id: share > HEALTHY_ABOVE for check_id, share in asked.items() if share is not None}


def _query(name: str, check_id: CheckId) -> MetricDataQueryTypeDef:
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Route53",
                "MetricName": "HealthCheckPercentageHealthy",
                "Dimensions": [{"Name": "HealthCheckId", "Value": check_id}],
            },
            "Period": int(_PERIOD.total_seconds()),
            "Stat": "Average",
        },
    }
