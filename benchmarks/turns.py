"""Turns: several functions run at the same time, in virtual time.

Each function has a thread, but only one thread runs at any moment: a function gives its turn away where it sleeps or
waits for AWS, and gets it back when the lab's clock shows that the wait is over. So a run of minutes takes seconds, and
two runs of a benchmark are the same.
"""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from unittest.mock import patch

from fleet53.aws.session import TRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.clock import Clock


@dataclass(slots=True)
class _Task:
    """A function that runs in a thread of its own."""

    run: Callable[[], None]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@dataclass(slots=True)
class Turns:
    """Gives turns to functions by the lab's clock. `sleep` is what waits, in a function or outside."""

    clock: Clock
    _due: list[tuple[float, int, _Task | Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _given_back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _running: _Task | None = None

    @property
    def now(self) -> float:
        """The lab's time in seconds."""
        return self.clock.now().timestamp()

    @property
    def in_function(self) -> bool:
        """Whether a function has the turn."""
        return self._running is not None

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Make every `time.sleep` a wait in virtual time."""
        with patch.object(time, "sleep", self.sleep):
            yield

    def sleep(self, seconds: float) -> None:
        """Wait: others have their turns meanwhile."""
        task = self._running
        if task is None:
            self.clock.advance(seconds)
            return
        retrier = TRIES.retrier  # a process of Lambda's has one invocation, and this process has several
        heapq.heappush(self._due, (self.now + seconds, next(self._order), task))
        self._given_back.release()
        task.go.acquire()
        TRIES.retrier = retrier

    def start(self, run: Callable[[], None]) -> None:
        """Start a function now."""
        task = _Task(run)
        heapq.heappush(self._due, (self.now, next(self._order), task))

        def body() -> None:
            task.go.acquire()
            try:
                task.run()
            finally:
                self._given_back.release()

        threading.Thread(target=body, daemon=True).start()

    def every(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` in every turn of so many seconds from now on. It must not wait."""

        def again() -> None:
            act()
            heapq.heappush(self._due, (self.now + seconds, next(self._order), again))

        heapq.heappush(self._due, (self.now + seconds, next(self._order), again))

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Call `act` at a moment. It must not wait."""
        heapq.heappush(self._due, (moment, next(self._order), act))

    def run(self, until: Callable[[], bool], *, longest: float) -> None:
        """Give turns until something is so, or raise TimeoutError after so many virtual seconds."""
        end = self.now + longest
        while not until():
            moment, _, who = heapq.heappop(self._due)
            if moment > end:
                raise TimeoutError(f"not so after {longest:.0f} s")
            self.clock.advance(max(0.0, moment - self.now))
            if isinstance(who, _Task):
                self._running = who
                who.go.release()
                self._given_back.acquire()
                self._running = None
            else:
                who()
