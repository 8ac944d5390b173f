"""The tools of the demo's steps: printing, asking the lab's DNS server, and waiting until a claim is true."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.live import Live as Spinning
from rich.rule import Rule
from rich.spinner import Spinner
from rich.text import Text

from lab import dig
from lab.world import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.console import Console

    from lab.live import Live
    from lab.world import Lab

WIDTH: Final = 80
"""The columns that the demo uses, of a terminal that has as many."""
TIMEOUT: Final = 40.0
"""Real seconds that a step may take to come true."""


class NotTrueError(Exception):
    """A claim of the demo is not true; the message says what was expected and what was seen."""


@dataclass(slots=True)
class Stage:
    """The lab of the demo, its DNS server, and the terminal that the demo prints to."""

    lab: Lab
    live: Live
    console: Console
    names: dict[str, str] = field(default_factory=dict)

    # -- printing

    def step(self, title: str) -> None:
        """Print the title of a step."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="dim"))

    def say(self, text: str) -> None:
        """Print what happens."""
        self.console.print(Text(textwrap.fill(text, self.console.width - 2)), soft_wrap=True)

    def come_true(self, text: str) -> None:
        """Print a claim that has come true."""
        told = textwrap.fill(text, self.console.width - 2, initial_indent="  ✓ ", subsequent_indent="    ")
        self.console.print(Text(told, style="green"), soft_wrap=True)

    def find(self, text: str) -> None:
        """Print a finding of the audit."""
        told = textwrap.fill(text, self.console.width - 2, initial_indent="  ! ", subsequent_indent="    ")
        self.console.print(Text(told, style="yellow"), soft_wrap=True)

    def ask(self) -> frozenset[str]:
        """Ask the name server, print question and answer, and return the addresses."""
        server = self.live.name_server
        question = f"  $ {dig.command(server.host, server.port, RECORD)}"
        self.console.print(Text(question, style="bold cyan"), soft_wrap=True)
        for line in dig.shown(server.host, server.port, RECORD):
            self.console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
        return self.answer()

    # -- seeing

    def answer(self) -> frozenset[str]:
        """Return the addresses that the name server answers now."""
        return dig.ask(self.live.name_server.host, self.live.name_server.port, RECORD).addresses

    def recorded(self) -> set[str]:
        """Return the addresses that Route 53 holds a record of, healthy or not."""
        records = self.lab.route53.records(RECORD, "A")
        return {value["Value"] for each in records for value in each["ResourceRecords"]}

    def state(self) -> tuple[str, ...]:
        """Return a line for each instance: its EC2 state, address, health check, record and whether DNS answers it."""
        answered, recorded = self.answer(), self.recorded()
        lines = []
        for name, instance_id in self.names.items():
            described = self.lab.fleet.describe(instance_id)
            state, address = described["State"]["Name"], described.get("PublicIpAddress", "no address")
            record = "record" if address in recorded else "no record"
            dns = "answered" if address in answered else "not answered"
            lines.append(f"{name:6}{state:8}{address:12}{self._health(address):17}{record:10}{dns}")
        return tuple(lines)

    def wait(
        self,
        expected: str,
        true: Callable[[], bool],
        *,
        state: Callable[[], tuple[str, ...]] | None = None,
        timeout: float = TIMEOUT,
    ) -> float:
        """Wait until `true` returns True, and print each change of `state`; return how many lab seconds that took.

        `timeout` is in real seconds.
        """
        began, give_up = self.lab.clock.now(), time.monotonic() + timeout
        told: tuple[str, ...] = ()
        waiting = Text(f"waiting: {expected}", style="dim", no_wrap=True, overflow="ellipsis")
        spinner = Spinner("dots", waiting)
        # While a handler runs, the lab redirects sys.stdout; the spinner must not redirect it as well.
        with Spinning(spinner, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False):
            while True:
                self.live.check()
                self._refuse_early(self.answer())
                passed = (self.lab.clock.now() - began).total_seconds()
                done = true()
                seen = (state or self.state)()
                for line in seen:
                    if line not in told:
                        self.console.print(Text(timed(passed, line, self.console.width), style="dim"), soft_wrap=True)
                told = seen
                if done:
                    return passed
                if time.monotonic() > give_up:
                    raise NotTrueError(f"expected: {expected}\nseen: {'; '.join(seen)}{self._failures()}")
                time.sleep(0.1)

    def _health(self, address: str) -> str:
        percents = [self.lab.route53.percent_healthy(check) for check in self.lab.checks_of(address)]
        if not percents:
            return "no health check"
        return "healthy: no data" if percents[0] is None else f"healthy: {percents[0]:.0f} %"

    def _refuse_early(self, answered: Iterable[str]) -> None:
        """Raise NotTrueError if an answer holds an address that no checker has seen healthy."""
        for address in answered:
            percents = [self.lab.route53.percent_healthy(check) for check in self.lab.checks_of(address)]
            if percents and all(percent is None for percent in percents):
                raise NotTrueError(f"{address} was answered before any checker had seen it healthy")

    def _failures(self) -> str:
        errors = [f"{each.function}: {each.error!r}" for each in self.lab.invocations if each.error is not None]
        logged = [line for each in self.lab.invocations for line in each.logs if "because" in line]
        last = [f"{line['message']}: {line['because']}" for line in logged[-3:]]
        return "".join(f"\n{line}" for line in (*errors[-1:], *last))


def timed(seconds: float, line: str, width: int) -> str:
    """Return a line with its time before it; where a terminal is narrow, it goes on in the next line between words."""
    return textwrap.fill(line, width, initial_indent=f"  {seconds:4.0f} s  ", subsequent_indent=" " * 10)


def expect(claim: str, *, true: bool, seen: object) -> None:
    """Raise NotTrueError unless a claim is true; `seen` is what was seen instead."""
    if not true:
        raise NotTrueError(f"expected: {claim}\nseen: {seen}")
