"""A continuous stream of DNS queries: what every answer is compared with, in every turn of the lab."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.world import Lab


@dataclass(slots=True)
class Queries:
    """Queries for one name, one in every turn, and every answer that is wrong.

    `strangers` are addresses in answers that no member has, `negative` the times at which there was no answer although
    a member serves. The checkers see in every turn which instances serve.
    """

    lab: Lab
    name: str
    members: tuple[str, ...]
    record_type: str = "A"
    asked: int = 0
    strangers: list[str] = field(default_factory=list)
    negative: list[str] = field(default_factory=list)

    def turn(self) -> None:
        """Ask once."""
        self.lab.report_serving()
        self.asked += 1
        answered = self.lab.answers(self.name, self.record_type)
        fleet = self.lab.fleet
        own = {
            address
            for member in self.members
            if fleet.describe(member)["State"]["Name"] == "running"
            for address in fleet.addresses(member)
        }
        at = self.lab.clock.now().strftime("%H:%M:%S")
        self.strangers += (f"{at} {address}" for address in sorted(answered - own))
        if not answered and any(self.lab.serving.serves(member) for member in self.members):
            self.negative.append(at)

    @property
    def wrong(self) -> list[str]:
        """All wrong answers: addresses that are no member's, and answers without an address."""
        return [*self.strangers, *(f"{at} negative" for at in self.negative)]


def asking(lab: Lab, name: str, members: Iterable[str], record_type: str = "A") -> Queries:
    """Ask for a name in every turn of the lab from now on."""
    queries = Queries(lab, name, tuple(members), record_type)
    lab.crowds.append(queries)
    return queries
