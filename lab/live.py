"""A lab that runs by itself: AWS acts in one thread, fleet53's functions run in another."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Final, Self

from lab.route53.dns import NameServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from lab.world import Lab

_PAUSE: Final = 0.1
"""Real seconds between two looks at what is due."""


class Live:
    """A lab's threads and its DNS server, while entered; time passes `speed` times as fast as real.

    An error in a thread ends that thread, and is raised by `check`. With `report` it is reported once, and the thread
    goes on.
    """

    def __init__(
        self, lab: Lab, speed: float, dns_port: int = 0, *, report: Callable[[BaseException], None] | None = None
    ) -> None:
        self._lab = lab
        self._report = report
        self.speed = speed
        self._stopped = threading.Event()
        self._stack = contextlib.ExitStack()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._repeat, args=(self._turn,), name="lab-world"),
            threading.Thread(target=self._repeat, args=(lab.work,), name="lab-functions"),
        ]
        self.name_server = NameServer(lab.route53, random.Random(), dns_port)

    def __enter__(self) -> Self:
        self._lab.clock.run_at(self.speed)
        self._stack.enter_context(self.name_server)
        self._stack.callback(self._stop)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raise the error that ended one of the threads, if there is one."""
        if self._errors:
            raise RuntimeError("the lab stopped working") from self._errors[0]

    def _stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _turn(self) -> None:
        """Let AWS act, and send the events of changes that were made through its API."""
        self._lab.turn()
        self._lab.fleet.emit_changes()
        self._lab.pools.emit_changes()

    def _repeat(self, action: Callable[[], None]) -> None:
        reported = ""
        while not self._stopped.wait(_PAUSE):
            try:
                action()
            except Exception as error:  # noqa: BLE001 - the main thread has to know every error
                if self._report is None:
                    self._errors.append(error)
                    return
                if repr(error) != reported:
                    self._report(error)
                reported = repr(error)
