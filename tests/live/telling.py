"""Telling: what a story expects at each step, and what it sees."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from tests.live.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.place import Place

_EVERY: Final = 5.0
"""Seconds between two looks."""


class StepEndedError(Exception):
    """A step cannot go on; the message says why."""


@dataclass(slots=True)
class Telling:
    """A story at a place; `outcomes` are what was expected and seen so far, and `say` prints a line.

    `_beside` is called whenever a step waits: for what a story watches while its other steps go on.
    """

    place: Place
    outcomes: list[Outcome] = field(default_factory=list)
    say: Callable[[str], None] = lambda _: None
    _step: str = ""
    _beside: Callable[[], None] = lambda: None

    def _take(self, act: Callable[[Self], None]) -> bool:
        """Take the present step, note why if it cannot go on, and return whether it went on to its end."""
        self.say(self._step)
        try:
            act(self)
        except (StepEndedError, BotoCoreError, ClientError, subprocess.SubprocessError) as error:
            self._note("the step goes on to its end", str(error) or repr(error), differs=True)
            return False
        return True

    def _note(self, expected: str, seen: str, *, differs: bool) -> None:
        self.outcomes.append(Outcome(self._step, expected, seen, differs))
        self.say(f"  {'DIFFERS' if differs else 'as expected'}: {expected}: {seen}")

    def _expect(self, expected: str, seen: list[Any]) -> None:
        """Note that there is something, and end the step if there is nothing."""
        self._note(expected, ", ".join(map(str, seen)) or "none", differs=not seen)
        if not seen:
            raise StepEndedError(f"not seen: {expected}")

    def _eventually[Seen](self, expected: str, look: Callable[[], Seen | None], within: float) -> Seen:
        """Look until there is something, note how long that took, and end the step if it takes too long."""
        began = self.place.now()
        while not (seen := look()):
            if self.place.now() - began >= within:
                self._note(f"{expected} within {within:.0f} s", "not in this time", differs=True)
                raise StepEndedError(f"not seen: {expected}")
            self.place.pause(_EVERY)
            self._beside()
        self._note(f"{expected} within {within:.0f} s", f"after {self.place.now() - began:.0f} s", differs=False)
        return seen
