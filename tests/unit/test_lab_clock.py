from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from lab.clock import TICK, Clock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_time_stays_at_the_start_until_the_clock_is_moved() -> None:
    with Clock(NOON) as clock:
        time.sleep(0.01)
        assert datetime.now(UTC) == clock.now() == NOON


def test_advance_moves_the_time_of_the_whole_process_at_once() -> None:
    with Clock(NOON) as clock:
        clock.advance(3600)
        assert datetime.now(UTC) - NOON == timedelta(hours=1)


def test_sleep_and_monotonic_time_stay_real() -> None:
    with Clock(NOON) as clock:
        before = time.monotonic()
        clock.advance(3600)
        assert time.monotonic() - before < 5


def test_a_running_clock_moves_by_itself() -> None:
    with Clock(NOON) as clock:
        clock.run_at(1)
        time.sleep(10 * TICK)
        assert clock.now() > NOON


def test_a_faster_clock_runs_ahead_of_real_time() -> None:
    with Clock(NOON) as clock:
        clock.run_at(100)
        time.sleep(20 * TICK)
        assert clock.now() - NOON > timedelta(seconds=10)


def test_time_does_not_run_backwards() -> None:
    with Clock(NOON) as clock, pytest.raises(ValueError, match="-1"):
        clock.advance(-1)


def test_the_real_time_is_back_when_the_clock_is_left() -> None:
    with Clock(NOON - timedelta(days=3650)):
        pass
    assert datetime.now(UTC).year >= 2026
