"""A process that a test starts: what it prints is in a file, and it is ended by its id."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

_PAUSE: Final = 0.05
_PEAK: Final = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_END_WITHIN: Final = 20.0
"""Real seconds that a process may take to end after it was asked to."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, where, and with which environment, which is all of it."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


class Child:
    """A running program in a session of its own, while entered; `output` holds all that it prints."""

    def __init__(self, program: Program, output: Path) -> None:
        self._program = program
        self._output = output

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, and a test's own command
                self._program.command,
                cwd=self._program.folder,
                env=dict(self._program.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGTERM)

    def printed(self) -> str:
        """Return what the program has printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait_until[HealthObservation](
        self, claim: str, look: Callable[[], HealthObservation | None], seconds: float
    ) -> HealthObservation:
        """Return the first thing that `look` sees; it is an error if the program ends or the time does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = look()
            if seen:
                return seen
            if self._process.poll() is not None:
                raise AssertionError(f"the program ended before {claim}; it printed:\n{self.printed()}")
            time.sleep(_PAUSE)
        raise AssertionError(f"after {seconds:g} s it is not true that {claim}; printed:\n{self.printed()}")

    def end(self, number: signal.Signals) -> int:
        """Send the program a signal, if it still runs, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"did not end on {number.name}; it printed:\n{self.printed()}") from None

    def most_memory(self) -> float:
        """Return the most memory, in MB, that one process of the program's session has had; only Linux tells."""
        texts = [Path(f"/proc/{each}/status").read_text(encoding="utf-8") for each in self._rest()]
        return max(int(kb) for text in texts for kb in _PEAK.findall(text)) * 1024 / 1_000_000

    def left_something_running(self) -> bool:
        """Say whether any process of the program's session still runs; only Linux shows its processes."""
        return any(self._rest())

    def end_rest(self) -> None:
        """Kill every process of the program's session that still runs."""
        for process in self._rest():
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(process, signal.SIGKILL)

    def _rest(self) -> Iterator[int]:
        processes = (int(each.name) for each in Path("/proc").glob("[0-9]*"))
        return (each for each in processes if _session(each) == self._process.pid)


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except ProcessLookupError:  # it ended just now
        return None
