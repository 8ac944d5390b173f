"""The metrics that health checks of alarms follow: Route 53 judges them by the rule that it copied from the alarm.

Route 53 Developer Guide, How Route 53 determines the status of health checks that monitor CloudWatch alarms: it
monitors the data stream and not the alarm's state. What it copied has neither DatapointsToAlarm nor TreatMissingData
(HealthCheck, CloudWatchAlarmConfiguration), so all periods have to breach, and missing data is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lab.stack.alarms import OPERATORS, Rule, State, full_minute
from lab.stack.data_points import DataPoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Streams:
    """What the metrics of health checks say. `turn` judges each health check once a minute."""

    now: Callable[[], datetime]
    _next: datetime = field(init=False)
    _states: dict[str, State] = field(default_factory=dict)
    _points: DataPoints = field(default_factory=DataPoints)

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
        self._points.watch({metric for rule in rules.values() for metric, _ in rule.terms})
        self._points.sort_in()
        at = full_minute(now)
        self._states = {
            check_id: rule.evaluate(self._points.by_metric, at, self._states.get(check_id, State.INSUFFICIENT_DATA))
            for check_id, rule in rules.items()
        }
        self._next = at + _MINUTE
        return {check_id: str(state) for check_id, state in self._states.items()}


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
