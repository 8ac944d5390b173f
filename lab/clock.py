"""The lab's clock: everything in this process reads the same time, and a test can move it forward."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from unittest.mock import patch

import time_machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_SLEEP = time.sleep
TICK = 0.05
"""Real seconds between two steps of a running clock."""


class Clock:
    """The time that boto3, moto and the handlers see while the clock is entered.

    Until `run_at` is called, only `advance` moves it, so that times are the same on every machine. `time.monotonic` and
    `time.sleep` stay real, so waits are real, except inside `waits`.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._travel = time_machine.travel(start or datetime.now(UTC), tick=False)
        self._traveller: time_machine.Traveller | None = None
        self._stopped = threading.Event()
        self._ticker: threading.Thread | None = None
        self.speed = 1.0

    def __enter__(self) -> Self:
        self._traveller = self._travel.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._ticker is not None:
            self._ticker.join()
            self._ticker = None
        self._travel.stop()
        self._traveller = None

    def now(self) -> datetime:
        """Return the lab's time in UTC."""
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Move the time forward by `seconds` at once."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} s")
        if self._traveller is None:
            raise RuntimeError("the clock has not been entered")
        self._traveller.shift(seconds)

    @contextlib.contextmanager
    def waits(self) -> Iterator[None]:
        """Inside the `with` block, let `time.sleep` move the clock instead of waiting.

        A test that has replaced `time.sleep` keeps its own.
        """
        if self._ticker is not None or time.sleep is not _SLEEP:
            yield
            return
        with patch.object(time, "sleep", self.advance):
            yield

    def run_at(self, speed: float) -> None:
        """Let time pass `speed` times as fast as real from now on; 1 is real time."""
        if speed < 1:
            raise ValueError(f"the lab's time runs at least as fast as real time, not {speed} times as fast")
        self.speed = speed
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="lab-clock", daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        before = time.monotonic()
        while not self._stopped.wait(TICK):
            after = time.monotonic()
            self.advance(self.speed * (after - before))
            before = after
