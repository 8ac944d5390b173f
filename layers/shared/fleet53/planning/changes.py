"""What a plan is made of: changes, and the reasons why some are not made. Plain data, comparable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleet53.domain.model import (
        CheckConfig,
        CheckId,
        Finding,
        FindingKind,
        InstanceId,
        IPAddress,
        PoolName,
        Record,
        RecordType,
        ZoneId,
    )


@dataclass(frozen=True, slots=True)
class CheckKey:
    """What one check is for: one address of one member of one pool."""

    pool: PoolName
    instance_id: InstanceId
    record_type: RecordType


@dataclass(frozen=True, slots=True)
class CreateCheck:
    """Make a check. `references` are the CallerReferences to try, in this order.

    `replaces` is the check that the member's record names until the new one is healthy.
    """

    key: CheckKey
    config: CheckConfig
    references: tuple[str, ...]
    drift: FindingKind
    because: str
    replaces: CheckId | None = None


@dataclass(frozen=True, slots=True)
class PutRecord:
    """Put a record into DNS or correct it (UPSERT).

    `new_check` names the check of this same plan whose id the record is to carry. `admits` is whether the
    member is not in DNS yet. `pool` is always known; `instance_id` is None for the fallback.
    """

    pool: PoolName
    zone_id: ZoneId
    instance_id: InstanceId | None
    record: Record
    drift: FindingKind
    because: str
    new_check: CheckKey | None = None
    admits: bool = False


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Take a record out of DNS. `pool` is None where no pool has the record's name any more."""

    pool: PoolName | None
    zone_id: ZoneId
    instance_id: InstanceId | None
    record: Record
    drift: FindingKind
    because: str


@dataclass(frozen=True, slots=True)
class DeleteCheck:
    """Delete a check that no record names once the plan's records are changed. `address` is what it asked."""

    pool: PoolName | None
    instance_id: InstanceId
    check_id: CheckId
    address: IPAddress | None
    drift: FindingKind
    because: str


type RecordChange = PutRecord | DeleteRecord
type Change = CreateCheck | PutRecord | DeleteRecord | DeleteCheck


@dataclass(frozen=True, slots=True)
class Waiting:
    """A member that is not in DNS yet, or not on its new check yet, and why.

    `check_id` is the check whose health decides it, where that check exists. `overdue` is the finding it
    becomes when it lasts. `launched` is the time of the instance's last launch.
    """

    pool: PoolName
    instance_id: InstanceId
    because: str
    launched: datetime
    check_id: CheckId | None = None
    overdue: FindingKind | None = None


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Who is where in a pool, as DNS and EC2 stand before the plan.

    `ready` are the members that nothing but Auto Scaling keeps out of DNS, and those that need not wait for DNS.
    """

    pool: PoolName
    record_name: str
    members: frozenset[InstanceId]
    in_dns: frozenset[InstanceId]
    pending: frozenset[InstanceId]
    standby: frozenset[InstanceId]
    ready: frozenset[InstanceId] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered difference between what should be and what is.

    Note [Apply order]: a record never names a check that does not exist, and a check outlives the last record
    that names it; Route 53 enforces only the first half (DeleteHealthCheck). So: create checks, change records
    (deletions first, so that a full name has room), delete checks.
    """

    create_checks: tuple[CreateCheck, ...] = ()
    change_records: tuple[RecordChange, ...] = ()
    delete_checks: tuple[DeleteCheck, ...] = ()
    held: tuple[DeleteRecord, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    findings: tuple[Finding, ...] = ()
    statuses: tuple[PoolStatus, ...] = ()

    @classmethod
    def merged(cls, plans: Iterable[Plan]) -> Plan:
        """Return one plan of all of `plans`, part by part and in their order."""
        several = tuple(plans)
        return cls(
            create_checks=tuple(change for plan in several for change in plan.create_checks),
            change_records=tuple(change for plan in several for change in plan.change_records),
            delete_checks=tuple(change for plan in several for change in plan.delete_checks),
            held=tuple(held for plan in several for held in plan.held),
            waiting=tuple(waiting for plan in several for waiting in plan.waiting),
            findings=tuple(finding for plan in several for finding in plan.findings),
            statuses=tuple(status for plan in several for status in plan.statuses),
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change in the order in which it is made."""
        return (*self.create_checks, *self.change_records, *self.delete_checks)

    @property
    def nothing_to_do(self) -> bool:
        """Whether nothing is to be done, to be held or to be waited for."""
        return not (self.changes or self.held or self.waiting)
