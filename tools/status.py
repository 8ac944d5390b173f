#!/usr/bin/env python3
"""`make status`: asks a stack's audit how things are, and shows it on one screen, the worst first.

It repairs nothing, and it writes no metrics and no events. The exit code is that of `make audit`'s tool. With --watch,
it asks again and again, until Ctrl-C, and the exit code is 0.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tools.audit import INTERRUPTED, NoReportError, audited, complain, exit_code, one_line, progress
from tools.screen import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import ConsoleOptions, RenderResult

EVENT: Final = {"format": "json", "verdict": True, "publish": False}
SHORTEST: Final = 5
"""Seconds. An audit takes some of the requests that Route 53 allows the account."""
HEIGHT: Final = 24
"""The lines where the output is not a terminal."""


def main() -> int:
    """Show the status, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="status", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help=f"ask again after so many seconds, {SHORTEST} or more"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False)
    if arguments.watch is not None:
        return watch(arguments.stack, arguments.watch, console)
    try:
        with progress() as tell:
            verdict, report = audited(arguments.stack, EVENT, tell)
    except NoReportError as error:
        return complain(str(error), error.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print(View(report))
    return exit_code(verdict)


def watch(stack: str, seconds: int, console: Console) -> int:
    """Show the status again and again until Ctrl-C or SIGTERM. An error is one line, and the next try follows.

    A shell's background job starts with SIGINT ignored, and Python leaves it so.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    view = View()
    try:
        if console.is_terminal:
            with Live(view, console=console, screen=True, refresh_per_second=2):
                _ask_for_ever(stack, seconds, view, shown=lambda: None)
        else:
            _ask_for_ever(stack, seconds, view, shown=lambda: _print(view, console))
    except KeyboardInterrupt:
        view.tell("")
        if console.is_terminal and view.report is not None:
            console.print(view)  # the terminal's other screen is gone
    return 0


def _print(view: View, console: Console) -> None:
    """Print the view of a new report, or the error in whole."""
    if view.error:
        sys.stderr.write(f"{view.error}\n")
    else:
        console.print(view)


def _ask_for_ever(stack: str, seconds: int, view: View, shown: Callable[[], None]) -> None:
    while True:
        try:
            _verdict, view.report = audited(stack, EVENT, view.tell)
            view.error = ""
        except NoReportError as error:
            view.error = f"{datetime.now(UTC):%H:%M:%S} UTC: {one_line(str(error))}"
        view.tell("Asking again", seconds)
        shown()
        time.sleep(seconds)


@dataclass(slots=True)
class View:
    """What is shown: the last report, the error of the last try, and what is waited for.

    rich asks for its lines whenever it draws, so they follow the terminal's size.
    """

    report: dict[str, Any] | None = None
    error: str = ""
    _task: str = field(default="", init=False)
    _due: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)

    def tell(self, task: str, due: int = 0) -> None:
        """Say what is waited for from now on, and for how many seconds if that is known."""
        self._task, self._due, self._began = task, due, time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        # A line is left for the prompt, so that the first line stays in sight.
        height = (console.height if console.is_terminal else HEIGHT) - 1
        below = list(self._below()) if console.is_terminal else []
        for line in below:
            line.truncate(width, overflow="ellipsis")
        if self.report is not None:
            yield from lines_of(self.report, width, height - len(below))
        yield from below

    def _below(self) -> Iterator[Text]:
        """Yield the last lines: the error, and what is waited for."""
        if self.error:
            yield Text(self.error, style="bold red")
        if self._task:
            elapsed = int(time.monotonic() - self._began)
            when = f"in {max(self._due - elapsed, 0)} s" if self._due else f"for {elapsed} s"
            yield Text(f"{self._task} {when}. Ctrl-C ends.", style="dim")


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) < SHORTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, {SHORTEST} or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
