"""The scope of a pass: which pools it is about, and how much of them it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.domain.ids import InstanceId, PoolName


@dataclass(frozen=True, slots=True)
class Scope:
    """Which pools a pass is about: `pools`, or all where it is None.

    With `checks`, the account's health checks are always read. Without it, they are read only if the records alone show
    something to do. A `sweep` also reads whole hosted zones, and so finds records of ours that no pool has. A `repair`
    also makes Auto Scaling groups replace members that are unhealthy for too long. `about` are the instances that the
    pass was asked for, None where it is about all members: Note [Each its own] in planning/own.py.
    """

    pools: frozenset[PoolName] | None = None
    checks: bool = False
    sweep: bool = False
    repair: bool = False
    about: frozenset[InstanceId] | None = None

    def covers(self, pool: PoolName) -> bool:
        """Whether the pass is about `pool`."""
        return self.pools is None or pool in self.pools

    @classmethod
    def union(cls, scopes: Iterable[Scope]) -> Scope:
        """Return the scope that covers all of `scopes`."""
        several = tuple(scopes)
        everything = any(scope.pools is None for scope in several)
        pools = frozenset(pool for scope in several for pool in scope.pools or ())
        whole = any(scope.about is None for scope in several)
        return cls(
            None if everything else pools,
            checks=any(scope.checks for scope in several),
            sweep=any(scope.sweep for scope in several),
            repair=any(scope.repair for scope in several),
            about=None if whole else frozenset(each for scope in several for each in scope.about or ()),
        )
