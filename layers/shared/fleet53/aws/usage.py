"""Usage: reads the stack's own metrics from CloudWatch."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

    from fleet53.domain.identity import Owner

_NAMESPACE: Final = "fleet53"  # POWERTOOLS_METRICS_NAMESPACE in the template
_DAY: Final = timedelta(days=1)
_PERIOD: Final = timedelta(hours=1)


class Usage:
    """What the stack of `owner` has used of a quota, by its own metrics."""

    def __init__(self, client: CloudWatchClient, owner: Owner) -> None:
        self._client = client
        self._owner = owner

    def check_creations(self, *, now: datetime) -> int:
        """Return how many health checks were created in the last 24 hours."""
        answer = self._client.get_metric_statistics(
            Namespace=_NAMESPACE,
            MetricName="ChecksCreated",
            Dimensions=[{"Name": "Owner", "Value": self._owner.name}],
            StartTime=now - _DAY,
            EndTime=now + _PERIOD,
            Period=int(_PERIOD.total_seconds()),
            Statistics=["Sum"],
        )
        return round(sum(datapoint["Sum"] for datapoint in answer["Datapoints"]))
