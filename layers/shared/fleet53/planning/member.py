"""One member of a pool: what is to be done about its records.

The table in plan.py, row by row. Each function takes values and returns a Decision; nothing is collected here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleet53.domain.finding import FindingKind
from fleet53.domain.record import RecordType
from fleet53.planning.changes import CheckKey, PutRecord
from fleet53.planning.decision import Decision, Seeker, deletion, finding, waiting
from fleet53.planning.membership import Membership
from fleet53.planning.records_at import describe_missing, held_address, why_not_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fleet53.domain.health_check import Check
    from fleet53.domain.ids import CheckId, InstanceId
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.membership import Assessment
    from fleet53.planning.pool_checks import PoolChecks


@dataclass(frozen=True, slots=True)
class Member:
    """An instance whose tag names the pool, or that has a record of it.

    `instance` is None where EC2 does not know the id. `records` are the member's, by record type.
    """

    id: InstanceId
    instance: Instance | None
    assessment: Assessment
    records: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class _Served:
    """One record type of a member that is served now or will be (ADMIT, PREPARE, WAIT), and the record it has."""

    instance: Instance
    assessment: Assessment
    record_type: RecordType
    record: Record | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a withdrawal that rests on absence is not made. `lasting` where the guard holds it, else it waits."""

    because: str
    lasting: bool


def decide_member(member: Member, pool: Pool, checks: PoolChecks, hold: Hold | None) -> Iterator[Decision]:
    """Yield what is to be done about a member's records, by its membership.

    `hold` is why a withdrawal that rests on absence is not made, None where it passes.
    """
    records = [member.records[record_type] for record_type in RecordType if record_type in member.records]
    if member.assessment.membership is Membership.LEAVE:
        yield from _leave(member, records, pool)
    elif member.assessment.membership is Membership.WITHDRAW or member.instance is None:
        for record in records:
            yield _withdraw(member, record, pool, hold)
        if member.assessment.passes and member.instance is not None:
            yield Decision(waiting=waiting(pool, member.instance, member.assessment.because))
    else:
        for record_type in RecordType:
            has = member.records.get(record_type)
            if record_type in pool.address.record_types:
                yield _serve(_Served(member.instance, member.assessment, record_type, has), pool, checks)
            elif has is not None:
                yield _serve_former_type(member, member.instance, has, pool, checks)


def _leave(member: Member, records: Iterable[Record], pool: Pool) -> Iterator[Decision]:
    """Keep a member's records, and report why.

    Where something could not be read, what EC2 alone decides is still done: Note [Stranger's address].
    """
    unread = member.assessment.unread
    kind = FindingKind.NOT_READ if unread else FindingKind.UNKNOWN_STATE
    yield Decision(finding=finding(pool, kind, member.assessment.because, member.id))
    for record in records:
        stranger = why_not_own(record, member.instance, pool) if unread and member.instance is not None else None
        if stranger is not None:
            yield Decision(delete=deletion(pool, member.id, record, stranger, FindingKind.STALE_RECORD))
        else:
            yield Decision(remaining=record)


def _withdraw(member: Member, record: Record, pool: Pool, hold: Hold | None) -> Decision:
    """Delete a record, unless its withdrawal rests on absence and is not to be made (yet).

    The guard does not apply if the record does not hold its instance's own address: Note [Stranger's address].
    """
    because = member.assessment.because
    if member.assessment.evidence:
        return Decision(delete=deletion(pool, member.id, record, because, FindingKind.ORPHAN_RECORD))
    stranger = why_not_own(record, member.instance, pool) if member.instance is not None else None
    if stranger is not None:
        return Decision(delete=deletion(pool, member.id, record, stranger, FindingKind.STALE_RECORD))
    if hold is not None:
        kept = deletion(pool, member.id, record, f"{because}; {hold.because}", FindingKind.ORPHAN_RECORD)
        return Decision(held=kept, remaining=record) if hold.lasting else Decision(absent=kept, remaining=record)
    return Decision(delete=deletion(pool, member.id, record, because, FindingKind.ORPHAN_RECORD))


def _serve_former_type(member: Member, instance: Instance, record: Record, pool: Pool, checks: PoolChecks) -> Decision:
    """Keep a record of a type that the pool does not have any more until the member's new records stand.

    Note [Another kind] in plan.py. It gets no other health check, so a deletion of its own by hand is reported.
    """
    stranger = why_not_own(record, instance, pool)
    if stranger is not None:
        return Decision(delete=deletion(pool, member.id, record, stranger, FindingKind.STALE_RECORD))
    if member.assessment.membership is Membership.PREPARE:
        return Decision(delete=deletion(pool, member.id, record, member.assessment.because, FindingKind.ORPHAN_RECORD))
    if all(_stands(member.records.get(each), instance, pool) for each in pool.address.record_types):
        because = f"the pool has no {record.type} records any more"
        return Decision(delete=deletion(pool, member.id, record, because, FindingKind.STALE_RECORD))
    because = f"its {record.type} record stays until its new records are in DNS"
    gone = f"its record refers to health check {record.check_id}, which is gone; {because}"
    return Decision(
        remaining=record,
        waiting=waiting(pool, instance, because),
        finding=finding(pool, FindingKind.DEAD_CHECK_REFERENCE, gone, instance.id, record.check_id)
        if checks.gone(record.check_id)
        else None,
    )


def _stands(record: Record | None, instance: Instance, pool: Pool) -> bool:
    """Whether a member has a record that holds an address of its own, of the kind that the pool answers with."""
    if record is None or why_not_own(record, instance, pool) is not None:
        return False
    return held_address(record, instance, pool) is not None


def _serve(served: _Served, pool: Pool, checks: PoolChecks) -> Decision:
    """Delete a record that does not hold the instance's own address, and decide as if the member had none."""
    instance, record = served.instance, served.record
    stranger = why_not_own(record, instance, pool) if record is not None else None
    if record is None or stranger is None:
        return _serve_own(served, pool, checks)
    without = _serve_own(replace(served, record=None), pool, checks)
    return replace(without, delete=deletion(pool, instance.id, record, stranger, FindingKind.STALE_RECORD))


def _serve_own(served: _Served, pool: Pool, checks: PoolChecks) -> Decision:
    """Decide about a member whose record, if it has one, holds one of the instance's own addresses.

    That address stays, even if another one would be chosen now: Note [Which address] in aws/ec2.py. An address of
    another kind than the pool's is replaced: Note [Another kind] in plan.py. WAIT keeps the record. PREPARE deletes it
    and seeks a place again, ADMIT renews it. Without one, both seek a place.
    """
    instance, assessment, record = served.instance, served.assessment, served.record
    if assessment.membership is Membership.WAIT:
        kept = _keep(instance.id, record, record.check_id, pool, checks) if record is not None else Decision()
        return replace(kept, waiting=waiting(pool, instance, assessment.because))
    held = held_address(record, instance, pool) if record is not None else None
    address = held or instance.address(pool, served.record_type)
    if address is None:
        return replace(_without_address(instance, served.record_type, pool), remaining=record)
    seeker = Seeker(instance, served.record_type, address, assessment)
    if record is None:
        return Decision(seeker=seeker)
    if assessment.membership is Membership.PREPARE:
        left = deletion(pool, instance.id, record, assessment.because, FindingKind.ORPHAN_RECORD)
        return Decision(delete=left, seeker=seeker)
    return _renew(seeker, record, pool, checks)


def _without_address(instance: Instance, record_type: RecordType, pool: Pool) -> Decision:
    """Wait for an address. A member that has none of any type the pool has is not ready."""
    because = f"running without {describe_missing(instance, pool, record_type)}"
    has_none = all(instance.address(pool, each) is None for each in pool.address.record_types)
    return Decision(
        waiting=waiting(pool, instance, because, overdue=FindingKind.NO_ADDRESS),
        unready=instance.id if has_none else None,
    )


def _renew(member: Seeker, record: Record, pool: Pool, checks: PoolChecks) -> Decision:
    """Keep the record of a member that is admitted, and see that it names the health check that fits."""
    instance = member.instance
    holds = str(member.address)
    if not checks.wanted:
        return _keep(instance.id, record, None, pool, checks, holds=holds)
    if not checks.known:
        kept = _keep(instance.id, record, record.check_id, pool, checks)
        if record.check_id is not None and record.values == (holds,):
            return kept
        return replace(kept, waiting=waiting(pool, instance, "its health check is not read yet"))
    if (why := checks.why_none(instance)) is not None:
        kept = _keep(instance.id, record, record.check_id, pool, checks)
        return replace(kept, finding=finding(pool, FindingKind.CHECK_REFUSED, why, instance.id, record.check_id))
    check = checks.fitting(instance, member.record_type, member.address, prefer=record.check_id)
    if checks.gone(record.check_id) and record.values == (holds,):
        return _replace_gone_check(member, record, check, pool, checks)
    if check is not None and (check.id == record.check_id or checks.healthy.get(check.id)):
        return _keep(instance.id, record, check.id, pool, checks, holds=holds)
    return _change_check(member, record, check, pool, checks)


def _replace_gone_check(
    member: Seeker, record: Record, check: Check | None, pool: Pool, checks: PoolChecks
) -> Decision:
    """Let a record whose health check is gone name the fitting `check` (None: to be created): Note [Gone check]."""
    instance = member.instance
    drift, fault = checks.fault(record, instance, member.record_type, member.address)
    right = replace(record, ttl=pool.ttl, check_id=check.id if check is not None else None)
    put = PutRecord(pool.name, pool.zone_id, instance.id, right, drift, fault, replaces=record)
    if check is not None:
        return Decision(put=put, remaining=right, keeps_check=check.id)
    creation = checks.creation(
        instance, member.record_type, member.address, drift=drift, because=fault, replaces=record.check_id
    )
    put = replace(put, new_check=CheckKey(pool.name, instance.id, member.record_type))
    return Decision(create_check=creation, put=put, remaining=right)


def _change_check(member: Seeker, record: Record, check: Check | None, pool: Pool, checks: PoolChecks) -> Decision:
    """Keep the record with its old health check until the fitting `check` (None: to be created) is healthy."""
    instance = member.instance
    drift, fault = checks.fault(record, instance, member.record_type, member.address)
    kept = replace(
        _keep(instance.id, record, record.check_id, pool, checks),
        waiting=waiting(
            pool,
            instance,
            f"{fault}; the record moves when its new health check is healthy",
            check_id=check.id if check is not None else None,
            overdue=FindingKind.NOT_HEALTHY_IN_TIME,
            serves=True,
        ),
    )
    if check is None:
        creation = checks.creation(
            instance, member.record_type, member.address, drift=drift, because=fault, replaces=record.check_id
        )
        return replace(kept, create_check=creation)
    # A changed setting is not drift once its health check exists. An edit of the old health check by hand is reported.
    told = drift is not FindingKind.STALE_RECORD
    return replace(
        kept,
        keeps_check=check.id,
        finding=finding(pool, drift, fault, instance.id, record.check_id) if told else None,
    )


def _keep(
    instance_id: InstanceId,
    record: Record,
    check_id: CheckId | None,
    pool: Pool,
    checks: PoolChecks,
    *,
    holds: str | None = None,
) -> Decision:
    """Keep a record, and correct it where it differs from the pool's TTL, from `check_id` or from `holds`.

    A record whose health check is gone stays as it is: Route 53 refuses a batch that puts it (ChangeResourceRecordSets,
    NoSuchHealthCheck).
    """
    values = record.values if holds is None else (holds,)
    differs = []
    if record.ttl != pool.ttl:
        differs.append(f"TTL {record.ttl} s, not {pool.ttl} s")
    if record.check_id != check_id:
        differs.append(f"health check {record.check_id or 'none'}, not {check_id or 'none'}")
    if record.values != values:
        differs.append(f"address {', '.join(record.values)}, not {holds}")
    if not differs or checks.gone(check_id):
        return Decision(remaining=record)
    right = replace(record, ttl=pool.ttl, check_id=check_id, values=values)
    because = f"its record has {' and '.join(differs)}"
    put = PutRecord(pool.name, pool.zone_id, instance_id, right, FindingKind.STALE_RECORD, because, replaces=record)
    return Decision(put=put, remaining=right)
