"""Names: where a warm function saw the records of its stack when it last read whole hosted zones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from fleet53.domain.ids import CheckId, InstanceId
    from fleet53.domain.pool import Place

KNOWN: Final = timedelta(hours=1)
"""How long the names that a sweep found are used. They are wrong only if a pool moves away and back meanwhile."""


@dataclass(slots=True)
class Names:
    """What the last sweep of a warm function found: Note [Named checks] in planning/plan.py.

    A pass puts records only where its pool is. So while all pools are where they were at the sweep, our records are at
    no other names than then. `former` are the instances with a record at a name that no pool has.
    """

    former: frozenset[InstanceId] = frozenset()
    _swept_at: datetime | None = None
    _places: frozenset[Place] = frozenset()
    _named_at: Mapping[CheckId, Collection[Place]] = field(default_factory=dict)

    def note(
        self,
        places: frozenset[Place],
        named_at: Mapping[CheckId, Collection[Place]],
        former: frozenset[InstanceId],
        *,
        now: datetime,
    ) -> None:
        """Remember a sweep: the places of all pools, and those of the records that name each health check."""
        self._swept_at, self._places, self._named_at, self.former = now, places, named_at, former

    def are_known(self, *, now: datetime) -> bool:
        """Whether a recent sweep has shown where our records are."""
        return self._swept_at is not None and now - self._swept_at <= KNOWN

    def only_at(
        self, here: Collection[Place], check_ids: Collection[CheckId], places: frozenset[Place], *, now: datetime
    ) -> bool:
        """Whether it is known that no record at a place other than `here` names one of these health checks.

        `places` are those of all pools now.
        """
        if not self.are_known(now=now) or self._places != places:
            return False
        return all(place in here for check_id in check_ids for place in self._named_at.get(check_id, ()))
