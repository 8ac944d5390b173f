"""A decision: what to do about one record of one member, about the fallback or about the pool, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.domain.finding import Finding
from fleet53.planning.changes import DeleteRecord, Waiting

if TYPE_CHECKING:
    from fleet53.domain.finding import FindingKind
    from fleet53.domain.ids import CheckId, InstanceId, IPAddress
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record, RecordType
    from fleet53.planning.changes import CreateCheck, PutRecord
    from fleet53.planning.membership import Assessment


@dataclass(frozen=True, slots=True)
class Seeker:
    """A member without a record of this type that may get one, if the name has a free place.

    `address` is what the record will hold. `assessment` is ADMIT or PREPARE, with its reason.
    """

    instance: Instance
    record_type: RecordType
    address: IPAddress
    assessment: Assessment


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, what to wait for and what to report. A part that does not apply is None.

    `held` is a deletion that the guard holds, `absent` one that waits until the absence has lasted. `remaining` is the
    member's record once the changes are made. `keeps_check` is a health check that the member needs, whether or not a
    record names it. `seeker` is set if the member needs a place. The last three are the member's id: `unready` if
    something other than Auto Scaling keeps it out of DNS, `unhealthy` if Route 53 sees it unhealthy, `standby` if the
    name has no place for it.
    """

    create_check: CreateCheck | None = None
    put: PutRecord | None = None
    delete: DeleteRecord | None = None
    held: DeleteRecord | None = None
    absent: DeleteRecord | None = None
    waiting: Waiting | None = None
    finding: Finding | None = None
    remaining: Record | None = None
    keeps_check: CheckId | None = None
    seeker: Seeker | None = None
    unready: InstanceId | None = None
    unhealthy: InstanceId | None = None
    standby: InstanceId | None = None


def deletion(
    pool: Pool, instance_id: InstanceId | None, record: Record, because: str, drift: FindingKind
) -> DeleteRecord:
    """Return the deletion of a record at the pool's name; `instance_id` is None for the fallback."""
    return DeleteRecord(pool.name, pool.zone_id, instance_id, record, drift, because)


def waiting(
    pool: Pool,
    instance: Instance,
    because: str,
    *,
    check_id: CheckId | None = None,
    overdue: FindingKind | None = None,
    serves: bool = False,
) -> Waiting:
    """Return that a member of the pool waits, and why."""
    return Waiting(pool.name, instance.id, because, instance.launched, check_id, overdue, serves)


def finding(
    pool: Pool,
    kind: FindingKind,
    because: str,
    instance_id: InstanceId | None = None,
    check_id: CheckId | None = None,
) -> Finding:
    """Return a finding about the pool, or about one of its members."""
    return Finding(kind, because, pool.name, instance_id, pool.record_name, check_id)
