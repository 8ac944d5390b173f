"""A continuous stream of DNS queries: what every answer is compared with, in every turn of the lab."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.world import Lab


@dataclass(slots=True)
class Queries:
    """Queries in every turn, for each of these names and record types, and every answer that is wrong.

    `strangers` are addresses in answers that no member has. `negative` are the times at which none of the queries had
    an answer although a member serves. The checkers see in every turn which instances serve. `others` are further
    addresses that are right: private ones, and those of foreign records.
    """

    lab: Lab
    names: tuple[str, ...]
    members: tuple[str, ...]
    record_types: tuple[str, ...] = ("A",)
    others: frozenset[str] = frozenset()
    asked: int = 0
    strangers: list[str] = field(default_factory=list)
    negative: list[str] = field(default_factory=list)

    def turn(self) -> None:
        """Ask once."""
        self.lab.report_serving()
        self.asked += 1
        asked = product(self.names, self.record_types)
        answered = frozenset[str]().union(*(self.lab.answers(name, record_type) for name, record_type in asked))
        reachable = self.lab.fleet.reachable_addresses()
        own = {address for member in self.members for address in reachable.get(member, ())}
        at = self.lab.clock.now().strftime("%H:%M:%S")
        self.strangers += (f"{at} {address}" for address in sorted(answered - own - self.others))
        if not answered and any(self.lab.serving.serves(member) for member in self.members):
            self.negative.append(at)

    @property
    def wrong(self) -> list[str]:
        """All wrong answers: addresses that no member has, and answers without an address."""
        return [*self.strangers, *(f"{at} negative" for at in self.negative)]


def asking(
    lab: Lab,
    name: str,
    members: Iterable[str],
    *,
    also: Sequence[str] = (),
    record_types: Sequence[str] = ("A",),
    others: Iterable[str] = (),
) -> Queries:
    """Ask for a name in every turn of the lab from now on. It is enough if it or one of `also` is answered."""
    queries = Queries(lab, (name, *also), tuple(members), tuple(record_types), frozenset(others))
    lab.crowds.append(queries)
    return queries
