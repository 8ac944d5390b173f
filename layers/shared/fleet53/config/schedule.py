"""Schedule: the period of the audit's alarms, in seconds, from the schedule expression of the audit's rule."""

from __future__ import annotations

import re
from typing import Final

PERIODS: Final = 3
"""The most audits that one alarm evaluates."""

_UNITS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
_DAY: Final = 86_400
_LONGEST: Final = 604_800 // PERIODS
"""The longest period, in seconds. An alarm evaluates at most seven days, or one day where its period is under an hour
(PutMetricAlarm, Period); PERIODS periods of less than an hour never reach a day."""
_ANY: Final = frozenset({"*", "?"})


def audit_period(schedule: str) -> int:
    """Return the seconds within which a `rate(…)` or `cron(…)` brings at least one audit.

    The number is a multiple of 60, as an alarm's Period must be. A `cron` expression counts as one day, or as the
    longest period where it leaves out days. A schedule with a longer period than the longest counts as the longest.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if rate is not None:
        return max(60, min(int(rate[1]) * _UNITS[rate[2]], _LONGEST))
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    return _LONGEST if set(fields[2:]) - _ANY else _DAY
