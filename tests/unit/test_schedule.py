"""The seconds that alarms count in, from when the audit runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.config.schedule import PERIODS, audit_period


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(15 minutes)", 900),
        ("rate(1 hour)", 3600),
        ("rate(36 hours)", 129_600),
        ("rate(2 days)", 172_800),
        ("rate(7 days)", 201_600),
        ("rate(0 minutes)", 60),
        ("cron(0/15 * * * ? *)", 86_400),
        ("cron(0 3 ? * * *)", 86_400),
        ("cron(0 3 ? * MON-FRI *)", 201_600),
        ("cron(0 3 1 * ? *)", 201_600),
        ("", 86_400),
    ],
)
def test_a_schedule_brings_an_audit_within_a_period(schedule: str, seconds: int) -> None:
    assert audit_period(schedule) == seconds


@given(st.integers(1, 10**9), st.sampled_from(["minutes", "hours", "days"]))
def test_any_rate_is_a_period_that_cloudwatch_takes(number: int, unit: str) -> None:
    period = audit_period(f"rate({number} {unit})")
    assert period % 60 == 0
    assert 60 <= period * PERIODS <= (86_400 if period < 3_600 else 604_800)


@pytest.mark.parametrize(("days", "together"), [(3, True), (4, True), (5, False), (7, False)])
def test_two_audits_are_in_two_periods_in_a_row_if_they_are_less_than_five_days_apart(
    days: int, *, together: bool
) -> None:
    """An alarm evaluates two periods that end now. The template and the runbook say which schedules that leaves out."""
    assert (days * 86_400 < 2 * audit_period(f"rate({days} days)")) is together
