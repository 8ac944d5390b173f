"""The parts of a plan: changes, held changes, and members that wait, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from fleet53.domain.alarm import AlarmConfig, AlarmRule
    from fleet53.domain.finding import Finding, FindingKind
    from fleet53.domain.health_check import CheckConfig
    from fleet53.domain.ids import CheckId, InstanceId, IPAddress, PoolName, ZoneId
    from fleet53.domain.record import Record, RecordType
    from fleet53.planning.guard import Absent


@dataclass(frozen=True, slots=True)
class CheckKey:
    """What one health check is for: the address of one record type of one member of one pool."""

    pool: PoolName
    instance_id: InstanceId
    record_type: RecordType


@dataclass(frozen=True, slots=True)
class CreateCheck:
    """Create a health check. `references` are the CallerReferences to try, in this order.

    `replaces` is the health check that the member's record names until it names the new one. `drift` is the kind of
    finding that an audit reports for the change. `alarm` is the rule of the alarm to put first, None if the alarm
    exists or there is none.
    """

    key: CheckKey
    config: CheckConfig | AlarmConfig
    references: tuple[str, ...]
    drift: FindingKind
    because: str
    replaces: CheckId | None = None
    alarm: AlarmRule | None = None


@dataclass(frozen=True, slots=True)
class PutRecord:
    """Create a record, or replace `replaces` by it, which is the record as it was read.

    Note [Only what was read]: two passes can run at the same time, and an UPSERT would overwrite what the other pass
    has written. So the batch creates the record, and deletes exactly the one that was read. Route 53 refuses it if
    another pass was first, and the pass reads and plans again.

    `new_check` is the health check that the record will name, if the same plan creates it. `admits` is whether the
    record brings a member into DNS. `instance_id` is None for the fallback.
    """

    pool: PoolName
    zone_id: ZoneId
    instance_id: InstanceId | None
    record: Record
    drift: FindingKind
    because: str
    new_check: CheckKey | None = None
    admits: bool = False
    replaces: Record | None = None

    @property
    def waits(self) -> bool:
        """Whether the change can be made only after the plan's health checks are created."""
        return self.new_check is not None


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Delete a record. `pool` is None where no pool has the record's name; `instance_id` is None for a fallback.

    A deletion that `waits` is made together with the records at the same name that name new health checks, and only if
    there is one: the fallback leaves DNS when a member comes.
    """

    pool: PoolName | None
    zone_id: ZoneId
    instance_id: InstanceId | None
    record: Record
    drift: FindingKind
    because: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class AdoptRecord:
    """Delete a foreign record whose addresses our records answer with: Note [Adoption] in adoption.py.

    It is always in the batch that creates those of our records that do not exist yet. It has no instance.
    """

    pool: PoolName
    zone_id: ZoneId
    record: Record
    because: str
    instance_id: ClassVar[None] = None
    waits: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class DeleteCheck:
    """Delete a health check that no record names after the plan's changes of records. `address` is what it checks."""

    pool: PoolName | None
    instance_id: InstanceId
    check_id: CheckId
    address: IPAddress | None
    drift: FindingKind
    because: str


@dataclass(frozen=True, slots=True)
class PutAlarm:
    """Put an alarm of ours that a health check follows: Note [Alarms] in alarms.py."""

    pool: PoolName
    instance_id: InstanceId
    name: str
    rule: AlarmRule
    drift: FindingKind
    because: str


@dataclass(frozen=True, slots=True)
class DeleteAlarm:
    """Delete an alarm of ours after the health checks `after`. `pool` is None if it is not a pool of the pass."""

    pool: PoolName | None
    instance_id: InstanceId
    name: str
    after: frozenset[CheckId]
    drift: FindingKind
    because: str


type OwnRecordChange = PutRecord | DeleteRecord
type RecordChange = OwnRecordChange | AdoptRecord
type Change = CreateCheck | RecordChange | DeleteCheck | PutAlarm | DeleteAlarm


@dataclass(frozen=True, slots=True)
class Waiting:
    """A member that waits to enter DNS, or waits for its new health check, and why.

    `check_id` is the health check whose health it waits for, if that exists. `overdue` is the kind of finding that an
    audit reports when the wait is too long. `launched` is the time of the instance's last launch. `serves` is whether
    it is in DNS and waits for another health check.
    """

    pool: PoolName
    instance_id: InstanceId
    because: str
    launched: datetime
    check_id: CheckId | None = None
    overdue: FindingKind | None = None
    serves: bool = False


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """The members of a pool before the plan is applied: which are in DNS, which wait, and which have no place.

    `members` are the instances whose tag names the pool. `pending` wait and are not in DNS. `standby` have no place,
    because the name is full. `ready` may continue at a launch hook: only Auto Scaling keeps them out of DNS, or waiting
    would not bring them into DNS. `unhealthy` have no record, and Route 53 sees their health check unhealthy; members
    of unknown health are not among them. `answered` is whether any record, of fleet53 or not, will be at the pool's
    name when the plan is applied. `shared` is whether the pool's fallback or a place depends on the records of another
    stack: Note [Shared names] in convergence/pool_looks.py.
    """

    pool: PoolName
    record_name: str
    members: frozenset[InstanceId]
    in_dns: frozenset[InstanceId]
    pending: frozenset[InstanceId]
    standby: frozenset[InstanceId]
    ready: frozenset[InstanceId] = frozenset()
    unhealthy: frozenset[InstanceId] = frozenset()
    answered: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered difference between what should be and what is.

    Note [Apply order]: a record never names a health check that does not exist, and a health check outlives the last
    record that names it; Route 53 enforces only the first half (DeleteHealthCheck). A withdrawal never waits for the
    creation of health checks: a hundred take minutes. So: change the records that need no new health check (deletions
    first, so that a full name has room), create health checks, change the records that waited for them, delete health
    checks. A health check's alarm is put before the health check and deleted after it (Note [Alarms] in alarms.py).

    `held` are deletions that the guard holds, and `absent` those that are made when the absence has lasted.
    `remembered` are the instances that later runs must hold too: Note [Held stays held] in guard.py.
    """

    create_checks: tuple[CreateCheck, ...] = ()
    change_records: tuple[RecordChange, ...] = ()
    delete_checks: tuple[DeleteCheck, ...] = ()
    put_alarms: tuple[PutAlarm, ...] = ()
    delete_alarms: tuple[DeleteAlarm, ...] = ()
    held: tuple[DeleteRecord, ...] = ()
    absent: tuple[DeleteRecord, ...] = ()
    remembered: frozenset[Absent] = frozenset()
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
            absent=tuple(absent for plan in several for absent in plan.absent),
            remembered=frozenset(each for plan in several for each in plan.remembered),
            waiting=tuple(waiting for plan in several for waiting in plan.waiting),
            findings=tuple(finding for plan in several for finding in plan.findings),
            statuses=tuple(status for plan in several for status in plan.statuses),
        )

    @property
    def full_names(self) -> bool:
        """Whether a member has no place."""
        return any(status.standby for status in self.statuses)

    @property
    def records_at_once(self) -> tuple[RecordChange, ...]:
        """The changes of records that need no new health check: every withdrawal is one of them."""
        return tuple(change for change in self.change_records if not change.waits)

    @property
    def records_after_checks(self) -> tuple[RecordChange, ...]:
        """The changes of records that wait for the plan's new health checks."""
        return tuple(change for change in self.change_records if change.waits)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change in the order in which it is made."""
        return (
            *self.records_at_once,
            *self.put_alarms,
            *self.create_checks,
            *self.records_after_checks,
            *self.delete_checks,
            *self.delete_alarms,
        )

    def without(self, pools: Collection[PoolName | None]) -> Plan:
        """Return the plan without the changes of `pools`; None is a change of no pool."""
        return replace(
            self,
            create_checks=tuple(change for change in self.create_checks if change.key.pool not in pools),
            change_records=tuple(change for change in self.change_records if change.pool not in pools),
            delete_checks=tuple(change for change in self.delete_checks if change.pool not in pools),
            put_alarms=tuple(change for change in self.put_alarms if change.pool not in pools),
            delete_alarms=tuple(change for change in self.delete_alarms if change.pool not in pools),
        )

    @property
    def nothing_to_do(self) -> bool:
        """Whether the plan has no change, and no member is held or waits."""
        return not (self.changes or self.held or self.absent or self.waiting)
