"""Alarms: the CloudWatch alarms that health checks follow. Route 53's checkers cannot reach a private address.

Such a health check has the type CLOUDWATCH_METRIC (Route 53 API Reference, CreateHealthCheck). When it is created,
Route 53 copies the alarm's rule, and then follows the metric and not the alarm's state (Route 53 Developer Guide, How
Route 53 determines the status of health checks that monitor CloudWatch alarms).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.domain.ids import CheckId, InstanceId, IPAddress

EC2_STATUS: Final = "ec2-status"
"""The alarm in a pool's settings that stands for an alarm on StatusCheckFailed, which fleet53 creates for each
member."""
INSTANCE_ID: Final = "{instance_id}"
"""The placeholder for the member's instance id in the name of an alarm in a pool's settings."""
OWN_PREFIX: Final = "fleet53/"
"""The prefix of the names of all alarms that fleet53 stacks create."""
UNHEALTHY: Final = "Unhealthy"
"""The status that Route 53 gives a health check while its metric has too little data (HealthCheckConfig,
InsufficientDataHealthStatus). So a member without data is left out of DNS answers, like one that is booting. If no
member has data, Route 53 answers with all of them."""


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """A health check of each member that follows an alarm.

    `name` is the name, with {instance_id}, of alarms that the operator keeps. It is None for EC2_STATUS.
    """

    name: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """What Route 53 copies of an alarm (HealthCheck, CloudWatchAlarmConfiguration), with CloudWatch's values.

    `period` is in seconds, and `periods` is how many of them in a row decide.
    """

    namespace: str
    metric: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    comparison: str
    threshold: float
    period: int
    periods: int

    def reference_parts(self) -> tuple[object, ...]:
        """Return the rule as CallerReferences are made of it, as JSON's values in an order that never changes."""
        return (
            self.namespace,
            self.metric,
            sorted(self.dimensions),
            self.statistic,
            self.comparison,
            self.threshold,
            self.period,
            self.periods,
        )


def status_rule(instance_id: InstanceId) -> AlarmRule:
    """Return the rule of EC2_STATUS: a status check of the instance failed in two minutes in a row.

    EC2 reports the metric every minute, 0 or 1 (Amazon EC2 User Guide, Status check metrics).
    """
    return AlarmRule(
        namespace="AWS/EC2",
        metric="StatusCheckFailed",
        dimensions=frozenset({("InstanceId", instance_id)}),
        statistic="Maximum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=1.0,
        period=60,
        periods=2,
    )


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm in the stack's region.

    `is_ok` is whether CloudWatch says OK. Where Route 53 cannot follow the alarm, `rule` is None and `refused` says
    why.
    """

    name: str
    is_ok: bool
    rule: AlarmRule | None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class AlarmConfig:
    """The whole configuration of a Route 53 health check of an alarm, so that an edit of any part of it is noticed.

    `rule` and `address` say for which rule of the alarm and which address of the member the health check is. They are a
    part of its CallerReference, and Route 53 does not list them. So they do not count when configurations are compared.
    """

    alarm: str
    region: str
    insufficient_data: str = UNHEALTHY
    inverted: bool = False
    disabled: bool = False
    rule: AlarmRule | None = field(default=None, compare=False)
    address: IPAddress | None = field(default=None, compare=False)

    def reference_parts(self) -> tuple[object, ...]:
        """Return the configuration as CallerReferences are made of it, as JSON's values."""
        rule = self.rule.reference_parts() if self.rule is not None else ()
        return ("CLOUDWATCH_METRIC", self.alarm, self.region, self.insufficient_data, *rule)


def confirmed(
    healthy: Mapping[CheckId, bool], followed: Mapping[CheckId, str], alarms: Mapping[str, Alarm] | None
) -> dict[CheckId, bool]:
    """Return `healthy` without the health checks of alarms that Route 53 may call healthy because they have no data.

    `followed` are the health checks of alarms, each with the name of its alarm. Route 53 considers a new health check
    healthy until there is enough data (Route 53 Developer Guide, the page named above), and says so in its metric.
    CloudWatch begins a new alarm with INSUFFICIENT_DATA (PutMetricAlarm), so an alarm that is OK has data.
    """
    known = alarms or {}
    return {
        check_id: is_healthy
        for check_id, is_healthy in healthy.items()
        if not is_healthy
        or (name := followed.get(check_id)) is None
        or ((alarm := known.get(name)) is not None and alarm.is_ok)
    }
