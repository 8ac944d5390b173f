"""Cost: what a stack's health checks, metrics, alarms and dashboard cost in a month. Pure.

The prices are those of us-east-1 in November 2026, for endpoints in AWS (Amazon Route 53 pricing, Amazon CloudWatch
pricing). Lambda, SQS and EventBridge cost cents, and DNS queries cost the same without fleet53.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.domain.health_check import CheckConfig
from fleet53.report.model import Cost

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet53.domain.alarm import AlarmConfig

_BASIC: Final = 0.50
"""US dollars a month for a health check."""
_FEATURE: Final = 1.00
"""US dollars a month for each optional feature: HTTPS, string matching, the fast interval, latency."""
_FREE: Final = 50
"""Health checks of an account that are free. Their optional features are not."""
_FAST: Final = 10
METRICS: Final = 12
"""Custom metrics that every stack has, apart from those of its pools: those that alarms watch, and counts of
requests."""
METRICS_OF_POOL: Final = 9
"""Custom metrics of each pool: its members by state, admissions and withdrawals."""
ALARM_METRICS: Final = 11
"""Metrics that the stack's alarms watch. An alarm is billed for each metric (Amazon CloudWatch pricing)."""
_METRIC: Final = 0.30
"""US dollars a month for a custom metric. While there are findings, their metrics come in addition."""
_ALARM: Final = 0.10
"""US dollars a month for a metric that an alarm watches."""
_DASHBOARD: Final = 3.00
READ: Final = 0.01 / 1000
"""US dollars for a metric that GetMetricData reads."""
_AUDITS: Final = 4 * 24 * 30
"""Audits a month, at the default schedule. Each reads a metric of every health check."""


def cost_of(
    ours: Collection[CheckConfig | AlarmConfig], *, in_account: int, pools: int, member_alarms: int = 0
) -> Cost:
    """Return what a stack with `pools` pools, the health checks `ours` and the alarms of its members costs a month.

    `in_account` is how many health checks the account has, ours included. CloudWatch's free tier is not taken into
    account, because it is the account's.
    """
    paid = min(len(ours), max(0, in_account - _FREE))
    features = sum(_features(config) for config in ours)
    monitoring = (
        (METRICS + METRICS_OF_POOL * pools) * _METRIC
        + (ALARM_METRICS + member_alarms) * _ALARM
        + _DASHBOARD
        + len(ours) * _AUDITS * READ
    )
    return Cost(len(ours), paid * _BASIC + features * _FEATURE, round(monitoring, 2))


def _features(config: CheckConfig | AlarmConfig) -> int:
    if not isinstance(config, CheckConfig):
        return 0
    return sum(
        (
            config.settings.protocol == "https",
            config.settings.search_string is not None,
            config.settings.interval == _FAST,
            config.measure_latency,
        )
    )
