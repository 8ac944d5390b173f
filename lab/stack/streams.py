"""The metrics that health checks of alarms follow: Route 53 judges them by the rule that it copied from the alarm.

Route 53 Developer Guide, How Route 53 determines the status of health checks that monitor CloudWatch alarms: it
monitors the data stream and not the alarm's state. What it copied has neither DatapointsToAlarm nor TreatMissingData
(HealthCheck, CloudWatchAlarmConfiguration), so all periods have to breach, and missing data is missing.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from lab.moto import cloudwatch
from lab.stack.alarms import OPERATORS, Rule, State, full_minute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lab.stack.alarms import Metric, Points

_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Streams:
    """What the metrics of health checks say. `turn` judges each health check once a minute."""

    now: Callable[[], datetime]
    _next: datetime = field(init=False)
    _states: dict[str, State] = field(default_factory=dict)
    _points: dict[Metric, Points] = field(default_factory=dict)
    _read: int = 0
    """How many of moto's data points have been sorted into `_points`."""

    def __post_init__(self) -> None:
        self._next = full_minute(self.now()) + _MINUTE

    def turn(self, copied: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Return the state of the metric of each health check, if a full minute has passed since the last turn.

        `copied` are the CloudWatchAlarmConfigurations of health checks by id.
        """
        now = self.now()
        if now < self._next:
            return {}
        rules = {check_id: _rule(each) for check_id, each in copied.items()}
        self._sort_in({metric for rule in rules.values() for metric, _ in rule.terms})
        at = full_minute(now)
        self._states = {
            check_id: rule.evaluate(self._points, at, self._states.get(check_id, State.INSUFFICIENT_DATA))
            for check_id, rule in rules.items()
        }
        self._next = at + _MINUTE
        return {check_id: str(state) for check_id, state in self._states.items()}

    def _sort_in(self, watched: set[Metric]) -> None:
        if not watched:
            return
        if watched - self._points.keys():
            self._points, self._read = {metric: [] for metric in watched}, 0
        data = cloudwatch.metric_data()
        for each in data[self._read :]:
            metric = (each.namespace, each.name, frozenset((of.name, of.value) for of in each.dimensions))
            if metric in self._points:
                insort(self._points[metric], (each.timestamp.replace(tzinfo=UTC), each.value))
        self._read = len(data)


def _rule(copied: Mapping[str, Any]) -> Rule:
    dimensions = frozenset((each["Name"], each["Value"]) for each in copied.get("Dimensions", ()))
    compare, threshold = OPERATORS[copied["ComparisonOperator"]], float(copied["Threshold"])
    return Rule(
        terms=(((copied["Namespace"], copied["MetricName"], dimensions), copied["Statistic"]),),
        filled=False,
        period=timedelta(seconds=copied["Period"]),
        periods=copied["EvaluationPeriods"],
        to_alarm=copied["EvaluationPeriods"],
        breaches=lambda value: compare(value, threshold),
        missing="missing",
    )
