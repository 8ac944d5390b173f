"""The alarms that health checks follow: which ones Route 53 refuses, and what it copies of the others.

Sources: Route 53 Developer Guide, Values that you specify when you create or update health checks, Monitoring a
CloudWatch alarm; Updating health checks when you change CloudWatch alarm settings; Route 53 API Reference,
CloudWatchAlarmConfiguration. Neither says how Route 53 refuses an alarm: InvalidInput is the only error of the
operations that fits, and the texts are the lab's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lab.route53.error import invalid_input

type FindAlarm = Callable[[str, str], Mapping[str, Any] | None]
"""Returns the alarm in a region with a name, as DescribeAlarms lists it."""

_STANDARD_RESOLUTION: Final = 60
_COPIED: Final = (
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "Period",
    "MetricName",
    "Namespace",
    "Statistic",
    "Dimensions",
)


def any_alarm(_region: str, _name: str) -> Mapping[str, Any]:
    """Return an alarm for any name."""
    return {
        "MetricName": "Heat",
        "Namespace": "rooms",
        "Statistic": "Maximum",
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def copy_alarm(config: Mapping[str, Any], find: FindAlarm) -> dict[str, Any] | None:
    """Return what Route 53 copies of the alarm that a health check names, None for a health check of another type.

    Raise Route53Error if Route 53 does not follow such an alarm.
    """
    if config["Type"] != "CLOUDWATCH_METRIC":
        return None
    region, name = config["AlarmIdentifier"]["Region"], config["AlarmIdentifier"]["Name"]
    alarm = find(region, name)
    if alarm is None:
        raise invalid_input(f"Alarm {name} does not exist in {region}.")
    if alarm.get("Metrics") or not alarm.get("MetricName"):
        raise invalid_input(f"Alarm {name} uses metric math.")
    if not alarm.get("Statistic"):
        raise invalid_input(f"Alarm {name} has an extended statistic.")
    if alarm["Period"] < _STANDARD_RESOLUTION:
        raise invalid_input(f"Alarm {name} watches a high-resolution metric.")
    if (alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]) != alarm["EvaluationPeriods"]:
        raise invalid_input(f"Alarm {name} is an M out of N alarm.")
    return {key: alarm[key] for key in _COPIED}
