"""The stacks of a lab: its own, and others beside it, whose functions run in the same account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.stack.sources import drain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.stack.functions import Functions
    from lab.stack.life import Stack


@dataclass(slots=True)
class Stacks:
    """All stacks in the order of their creation; the first is the lab's own.

    `create` takes a stack's name, its parameters and what its functions' permissions are filed under.
    """

    create: Callable[..., Stack]
    all: list[Stack] = field(default_factory=list)

    @property
    def own(self) -> Stack:
        """The lab's own stack."""
        return self.all[0]

    def add(self, name: str, parameters: Mapping[str, str]) -> Stack:
        """Create a stack, except for its custom resources."""
        stack = self.create(name, parameters, permitted_as=f"{name}/" if self.all else "")
        self.all.append(stack)
        return stack

    def having(self, function: str) -> Functions:
        """Return the functions of the stack that has one of this name or ARN; those of the lab's own if none has it."""
        return next((each.functions for each in self.all if each.functions.has(function)), self.own.functions)

    def settle(self) -> int:
        """Run what was started, and handle what is in the queues. Return how many batches that were."""
        for each in self.all:
            each.functions.run_started()
        return drain(tuple(poller for each in self.all for poller in each.pollers))

    def fire_due(self) -> None:
        """Invoke the functions whose schedules are due now."""
        for each in self.all:
            for timer in each.timers:
                timer.fire_if_due()
