"""Schedule: from EventBridge's text for when the audit runs to the seconds that the audit's alarms count in."""

from __future__ import annotations

import re
from typing import Final

PERIODS: Final = 3
"""The most audits that one alarm looks back at."""

_UNITS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
_DAY: Final = 86_400
_LONGEST: Final = 604_800 // PERIODS
"""An alarm looks back at seven days at most, and at one day where its period is under an hour (PutMetricAlarm, Period),
which PERIODS of them never reach."""
_ANY: Final = frozenset({"*", "?"})


def audit_period(schedule: str) -> int:
    """Return the seconds within which a `rate(…)` or `cron(…)` brings at least one audit.

    It is a whole number of minutes, as an alarm's Period has to be. A `cron` expression counts as one day, or as the
    longest period that there is where it leaves out days. A schedule slower than that period is watched as if it were
    as fast.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if rate is not None:
        return max(60, min(int(rate[1]) * _UNITS[rate[2]], _LONGEST))
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    return _LONGEST if set(fields[2:]) - _ANY else _DAY
