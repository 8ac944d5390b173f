"""Absences: which members a warm function has seen held by the guard (Note [Held stays held] in planning/guard.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from fleet53.domain.ids import PoolName
    from fleet53.planning.guard import Absent

KEPT: Final = timedelta(minutes=6)
"""How long a held withdrawal is remembered without another look: longer than the time between two looks."""


@dataclass(slots=True)
class Absences:
    """What the guard held when a warm function last looked.

    It is for a run that has no message about the members that are held.
    """

    _held: dict[Absent, datetime] = field(default_factory=dict)

    def note(self, held: Collection[Absent], looked_at: Collection[PoolName | None], *, now: datetime) -> None:
        """Remember what is held now. In the pools that were looked at, nothing else is held any more."""
        self._held = {who: at for who, at in self._held.items() if who[0] not in looked_at}
        self._held |= dict.fromkeys(held, now)

    def held(self, *, now: datetime) -> frozenset[Absent]:
        """Return what was held not long ago."""
        return frozenset(who for who, at in self._held.items() if now - at <= KEPT)
