"""Holders: the instances that a warm function has seen in the records of its stack (decision 6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from fleet53.domain.ids import InstanceId, PoolName

FRESH: Final = timedelta(minutes=5)
"""How long the records of a pool that were read still show which instances have one."""


@dataclass(slots=True)
class Holders:
    """Which instances had a record in which pool when its records were last read. It is only a hint where to look.

    A function keeps it while it is warm, and every pass renews it at no cost. An instance that lost its record stays
    for FRESH, so that changes by other passes do not hide it.
    """

    _declared: frozenset[PoolName] | None = None
    _declared_at: datetime | None = None
    _read_at: dict[PoolName, datetime] = field(default_factory=dict)
    _seen: dict[tuple[InstanceId, PoolName], datetime] = field(default_factory=dict)

    def note(
        self, holders: Mapping[PoolName, Collection[InstanceId]], declared: frozenset[PoolName], *, now: datetime
    ) -> None:
        """Remember the holders of the pools that were read, and which pools are declared."""
        self._declared, self._declared_at = declared, now
        self._read_at |= dict.fromkeys(holders, now)
        self._seen = {place: at for place, at in self._seen.items() if place[1] not in holders or now - at < FRESH}
        self._seen |= {(instance_id, pool): now for pool, ids in holders.items() for instance_id in ids}

    def pools_of(self, instance_ids: Collection[InstanceId]) -> frozenset[PoolName]:
        """Return the pools in whose records one of the instances was seen."""
        return frozenset(pool for instance_id, pool in self._seen if instance_id in instance_ids)

    def unread(self, *, now: datetime) -> frozenset[PoolName] | None:
        """Return the declared pools whose records were not read lately, None if the declared pools are not known."""
        if self._declared is None or self._declared_at is None or now - self._declared_at > FRESH:
            return None
        return frozenset(pool for pool in self._declared if not self._is_fresh(pool, now))

    def _is_fresh(self, pool: PoolName, now: datetime) -> bool:
        read_at = self._read_at.get(pool)
        return read_at is not None and now - read_at <= FRESH
