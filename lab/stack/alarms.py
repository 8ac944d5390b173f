"""CloudWatch's alarms: evaluates each at every full minute, by the data points that moto holds.

It follows the CloudWatch User Guide (Alarm evaluation; Configuring how alarms treat missing data): periods end at the
full minute, older data points count if the newest are missing, M out of N data points breach, missing data is treated
in four ways, and a state change causes actions. The only metric math it computes is a sum of FILL(id, 0).
"""

from __future__ import annotations

import json
import operator
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, cloudwatch, sqs
from lab.stack.data_points import DataPoints, read_dimensions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lab.stack.data_points import Metric, Points

_MINUTE: Final = timedelta(minutes=1)
_FURTHER: Final = 2
"""How many periods are evaluated beyond the alarm's own: the guide's example evaluates five for an alarm of three."""
OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "Average": lambda values: sum(values) / len(values),
    "SampleCount": len,
}
_FILLED: Final = re.compile(r"FILL\((\w+), ?0\)")


class State(StrEnum):
    """The state of an alarm (DescribeAlarms, StateValue)."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of an alarm. `terms` are metrics with a statistic; `filled` is their sum, 0 where one has no data."""

    terms: tuple[tuple[Metric, str], ...]
    filled: bool
    period: timedelta
    periods: int
    to_alarm: int
    breaches: Callable[[float], bool]
    missing: str

    def value(self, points: Mapping[Metric, Points], end: datetime) -> float | None:
        """Return the rule's value in the window that ends at `end`; None is no data."""
        values = [_statistic(statistic, points[metric], end - self.period, end) for metric, statistic in self.terms]
        return sum(each or 0.0 for each in values) if self.filled else values[0]

    def evaluate(self, points: Mapping[Metric, Points], now: datetime, state: State) -> State:
        """Return the state that follows `state` at a full minute."""
        ends = [now - number * self.period for number in range(self.periods + _FURTHER)]
        values = [self.value(points, end) for end in ends]
        return judge(
            [None if value is None else self.breaches(value) for value in values],
            periods=self.periods,
            to_alarm=self.to_alarm,
            missing=self.missing,
            state=state,
        )


def judge(breaches: Sequence[bool | None], *, periods: int, to_alarm: int, missing: str, state: State) -> State:
    """Return the state of an alarm with these data points, the newest first; None is one that is missing.

    `breaches` reaches further back than `periods`: older data points replace missing ones. If there are too few of
    them, `missing` says how the alarm treats missing data.
    """
    known = [breach for breach in breaches if breach is not None][:periods]
    lacking = periods - len(known)
    if sum(known) + (lacking if missing == "breaching" else 0) >= to_alarm:
        return State.ALARM
    if not lacking or missing in {"breaching", "notBreaching"} or not all(known):
        return State.OK
    if missing == "ignore":
        return state
    if not known:
        return State.INSUFFICIENT_DATA
    oldest = max(place for place, breach in enumerate(breaches[:periods], 1) if breach)
    return State.ALARM if oldest >= to_alarm else state


def _statistic(name: str, points: Points, start: datetime, end: datetime) -> float | None:
    chosen = points[bisect_left(points, (start, float("-inf"))) : bisect_left(points, (end, float("-inf")))]
    return _STATISTICS[name]([value for _, value in chosen]) if chosen else None


def read_rule(alarm: Any) -> Rule:
    """Return the rule of one of moto's alarms; a NotImplementedError names what the lab does not evaluate."""
    terms, filled, seconds = _read_metrics(alarm)
    compare = OPERATORS[alarm.comparison_operator]
    return Rule(
        terms=terms,
        filled=filled,
        period=timedelta(seconds=seconds),
        periods=int(alarm.evaluation_periods),
        to_alarm=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        breaches=lambda value: compare(value, float(alarm.threshold)),
        missing=alarm.treat_missing_data or "missing",
    )


def _read_metrics(alarm: Any) -> tuple[tuple[tuple[Metric, str], ...], bool, int]:
    """Return an alarm's terms, whether they are filled, and the seconds of a period."""
    if not alarm.metric_data_queries:
        metric = (alarm.namespace, alarm.metric_name, read_dimensions(alarm.dimensions))
        return ((metric, alarm.statistic),), False, int(alarm.period)
    stats = {each.id: each.metric_stat for each in alarm.metric_data_queries if each.metric_stat is not None}
    (expression,) = (each.expression for each in alarm.metric_data_queries if each.metric_stat is None)
    named = _FILLED.findall(expression)
    periods = {int(stats[name].period) for name in named}
    if " + ".join(f"FILL({name},0)" for name in named) != re.sub(", ", ",", expression) or len(periods) != 1:
        raise NotImplementedError(f"{alarm.name}: the lab computes sums of FILL(id, 0), not {expression}")
    terms = tuple(
        ((each.metric.namespace, each.metric.metric_name, read_dimensions(each.metric.dimensions)), each.stat)
        for each in map(stats.__getitem__, named)
    )
    return terms, True, periods.pop()


@dataclass(slots=True)
class Alarms:
    """The alarms of a stack. `turn` publishes what SQS does and evaluates every alarm, each once a minute."""

    stack_name: str
    now: Callable[[], datetime]
    _next: datetime = field(init=False)
    _states: dict[str, State] = field(default_factory=dict)
    _rules: dict[str, tuple[Any, Rule]] = field(default_factory=dict)
    _points: DataPoints = field(default_factory=DataPoints)

    def __post_init__(self) -> None:
        self._next = full_minute(self.now()) + _MINUTE

    def states(self) -> dict[str, str]:
        """Return the state of each alarm by its logical id."""
        self._follow()
        return {self._logical_id(name): str(state) for name, state in self._states.items()}

    def ringing(self) -> set[str]:
        """Return the logical ids of the alarms that are in ALARM."""
        return {name for name, state in self.states().items() if state == State.ALARM}

    def turn(self) -> None:
        """Evaluate the alarms at each full minute that has passed since the last turn."""
        now = self.now()
        if now < self._next:
            return
        self._follow()
        self._points.sort_in()
        while self._next <= now:
            for name, (alarm, rule) in self._rules.items():
                self._change(alarm, rule.evaluate(self._points.by_metric, self._next, self._states[name]), self._next)
            self._next += _MINUTE
        sqs.publish_queue_metrics(now)

    def _logical_id(self, name: str) -> str:
        return name.removeprefix(f"{self.stack_name}-")

    def _follow(self) -> None:
        """Read which alarms exist. A new alarm has no state yet; an alarm that is put again keeps its state."""
        there = cloudwatch.alarms()
        changed = {name: alarm for name, alarm in there.items() if self._rules.get(name, (None,))[0] is not alarm}
        if not changed and len(there) == len(self._rules):
            return
        self._rules = {name: (alarm, read_rule(alarm)) for name, alarm in there.items()}
        self._states = {name: self._states.get(name, State.INSUFFICIENT_DATA) for name in there}
        for name, alarm in changed.items():
            alarm.state_value = str(self._states[name])
        self._points.watch({metric for _, rule in self._rules.values() for metric, _ in rule.terms})

    def _change(self, alarm: Any, state: State, at: datetime) -> None:
        before = self._states[alarm.name]
        if state is before:
            return
        self._states[alarm.name] = state
        reason = f"evaluated at {at:%H:%M}"
        alarm.update_state(reason, "{}", str(state))
        actions: dict[State, Sequence[str]] = {
            State.ALARM: alarm.alarm_actions,
            State.OK: alarm.ok_actions,
            State.INSUFFICIENT_DATA: alarm.insufficient_data_actions,
        }
        for topic in actions[state] if alarm.actions_enabled else ():
            self._tell(topic, alarm, before, state, at)

    def _tell(self, topic: str, alarm: Any, before: State, state: State, at: datetime) -> None:
        """Publish a state change in CloudWatch's form."""
        message = {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": cloud.ACCOUNT,
            "NewStateValue": str(state),
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": at.isoformat(timespec="milliseconds"),
            "Region": cloud.REGION,
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": str(before),
        }
        # SNS takes fewer than 100 characters (SNS API Reference, Publish, Subject).
        subject = f'{state}: "{alarm.name}" in {cloud.REGION}'[:99]
        cloud.client("sns").publish(TopicArn=topic, Subject=subject, Message=json.dumps(message))


def full_minute(moment: datetime) -> datetime:
    """Return the last full minute before a moment."""
    return moment.replace(second=0, microsecond=0)
