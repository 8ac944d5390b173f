"""The metrics that Route 53 publishes of each health check every minute, always in us-east-1."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloudwatch
from lab.moto.cloud import ROUTE53_METRICS_REGION
from lab.route53.check_config import REGIONS, is_of_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from lab.route53.api import Route53

PERIOD: Final = timedelta(minutes=1)


def every_check(route53: Route53) -> tuple[dict[str, Any], ...]:
    """Return all health checks of the account, without a call that `calls` records."""
    checks: list[dict[str, Any]] = []
    page: dict[str, Any] = {"NextMarker": None}
    while "NextMarker" in page:
        # Route 53's own checkers do not go through its API, nor through its request rate.
        page = route53._checks.page({"Marker": page["NextMarker"], "MaxItems": "1000"})  # noqa: SLF001
        checks += page["HealthChecks"]
    return tuple(checks)


@dataclass(slots=True)
class HealthMetrics:
    """Publishes each health check's metrics (Route 53 Developer Guide, monitoring-cloudwatch) while it has data.

    `before_results` is the HealthCheckPercentageHealthy of a health check of an endpoint before its checkers have
    results: None for no data. AWS does not document it. It only says that a new health check counts as healthy until
    there is enough data (dns-failover-determining-health-of-endpoints), so it may also be 100.
    """

    route53: Route53
    now: Callable[[], datetime]
    before_results: float | None = None
    _due: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.now()

    def see(self, check_id: str, percent: float) -> None:
        """Let that share of the regions see a health check as healthy, and the others not."""
        passing = round(len(REGIONS) * percent / 100)
        for index, region in enumerate(REGIONS):
            succeeded = index < passing
            status = "Success: HTTP Status Code 200, OK" if succeeded else "Failure: Connection timed out."
            self.route53.observe(check_id, region, succeeded, status)

    def publish_due(self) -> None:
        """Publish if a minute has passed since the last time."""
        if self.now() >= self._due:
            self.publish()

    def publish(self) -> None:
        """Publish now, and again in a minute."""
        self._due = self.now() + PERIOD
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "HealthCheckId", "Value": check["Id"]}],
                "Timestamp": self.now(),
                "Value": value,
                "Unit": unit,
            }
            for check in every_check(self.route53)
            for name, value, unit in self._metrics(check)
        ]
        if data:
            cloudwatch.publish_metrics("AWS/Route53", data, ROUTE53_METRICS_REGION)

    def _metrics(self, check: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
        """Yield the name, value and unit of each metric that a health check has now."""
        check_id = check["Id"]
        percent = self.route53.percent_healthy(check_id)
        if percent is None and is_of_endpoint(check["HealthCheckConfig"]):
            percent = self.before_results
        if percent is not None:
            yield "HealthCheckPercentageHealthy", percent, "Percent"
        children = self.route53.healthy_children(check_id)
        if children is not None:
            yield "ChildHealthCheckHealthyCount", float(children), "None"
        if percent is not None or not is_of_endpoint(check["HealthCheckConfig"]):
            yield "HealthCheckStatus", float(self.route53.is_healthy(check_id)), "None"
