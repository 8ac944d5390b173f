"""Findings: the problems that an audit or a run of the reconciler reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet53.domain.ids import CheckId, InstanceId, PoolName


class FindingKind(StrEnum):
    """What an audit can report. Others rely on the kinds: one may be added, none renamed."""

    MISSING_RECORD = "missing-record"
    MISSING_CHECK = "missing-check"
    STALE_RECORD = "stale-record"
    ORPHAN_RECORD = "orphan-record"
    ORPHAN_CHECK = "orphan-check"
    DEAD_CHECK_REFERENCE = "dead-check-reference"
    CHECK_MISMATCH = "check-mismatch"
    FOREIGN_RECORD_IN_THE_WAY = "foreign-record-in-the-way"
    INVALID_POOL = "invalid-pool"
    UNKNOWN_POOL = "unknown-pool"
    EMPTY_POOL = "empty-pool"
    NO_ADDRESS = "no-address"
    POOL_FULL = "pool-full"
    WITHDRAWAL_HELD = "withdrawal-held"
    ZONE_UNREADABLE = "zone-unreadable"
    NOT_HEALTHY_IN_TIME = "not-healthy-in-time"
    UNKNOWN_STATE = "unknown-state"
    CHECK_QUOTA = "check-quota"
    CHECK_REFUSED = "check-refused"
    CHANGE_REFUSED = "change-refused"
    STUCK_HOOK = "stuck-hook"
    UNHEALTHY_FOR_LONG = "unhealthy-for-long"
    UNREACHABLE_BY_CHECKERS = "unreachable-by-checkers"
    DUPLICATE_ADDRESS = "duplicate-address"
    PROTECTED_RECORD = "protected-record"
    ZONE_NOT_DELEGATED = "zone-not-delegated"
    NAME_DELEGATED = "name-delegated"
    PUBLIC_CHECKS_IN_PRIVATE_ZONE = "public-checks-in-private-zone"
    NOT_READ = "not-read"
    ADOPTABLE_RECORD = "adoptable-record"
    ADOPTION_REFUSED = "adoption-refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `because` says what is wrong and why, with the values.

    `drift` is whether a repair would change something about it, `held` whether the guard holds that change. A part that
    does not apply is None.
    """

    kind: FindingKind
    because: str
    pool: PoolName | None = None
    instance_id: InstanceId | None = None
    record_name: str | None = None
    check_id: CheckId | None = None
    drift: bool = False
    held: bool = False

    @property
    def weight(self) -> int:
        """Its place among findings: 0 what the guard holds, 1 what a repair fixes, 2 the others."""
        return 0 if self.held else 1 if self.drift else 2
