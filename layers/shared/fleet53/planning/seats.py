"""Seats: which members get the free places of a name, and what is done next for a member with a place.

A name has at most MAX_RECORDS_PER_NAME multivalue records of a type. Members that have a record keep it. The others are
on standby where no place is left.

Note [Turns]: a place is taken from the creation of a health check on, so members that never become healthy could take
all places permanently. A member has had its turn when its health check had data for AdmitTimeout and was not healthy in
that time. The free places go to the members in this order, and among equals to the oldest launch:

1. members with a health check that have not had their turn, healthy ones first;
2. members without a health check;
3. members that have had their turn.

A member on standby keeps its health check, which shows that it has had its turn, and brings it back when it is healthy.
It gets no new one. So a health check is created once for each member, and not again and again. Because health checks
have a quota, no turn begins while the name has MOST_CHECKS of them.

A member whose address is held by a foreign record that can be adopted gets its health check without a place: Note
[Adoption] in adoption.py. When the record is adopted, its members come before all others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet53.domain.finding import FindingKind
from fleet53.domain.pool import AdmitWhen
from fleet53.domain.record import MAX_RECORDS_PER_NAME
from fleet53.planning.changes import CheckKey, PutRecord
from fleet53.planning.decision import Decision, finding, waiting
from fleet53.planning.membership import Membership
from fleet53.planning.records_at import multivalue_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fleet53.domain.health_check import Check
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import RecordType
    from fleet53.planning.adoption import Adoption
    from fleet53.planning.decision import Seeker
    from fleet53.planning.pool_checks import PoolChecks
    from fleet53.planning.records_at import RecordsAtName

MOST_CHECKS: Final = MAX_RECORDS_PER_NAME * 3 // 2
"""The most health checks of one type at a name while members take turns. Route 53 allows an account 200 by default."""


def decide_seats(
    seekers: Collection[Seeker],
    record_type: RecordType,
    found: RecordsAtName,
    pool: Pool,
    checks: PoolChecks,
    *,
    adoption: Adoption,
    remaining: int,
) -> Iterator[Decision]:
    """Yield what to do about the members that need a place of this type.

    `remaining` is how many members' records of the type stay in DNS. `found` is without the records that `adoption`
    replaces.
    """
    blocker = found.blocker(record_type)
    if blocker is not None:
        whose = f" {blocker.identifier!r}" if blocker.identifier else ""
        because = (
            f"{blocker.name} has a record of type {blocker.type}{whose} that is not ours and not multivalue; "
            "remove it or give the pool another name"
        )
        outlook = f"{because}; {adoption.outlook(blocker, pool)}"
        yield Decision(finding=finding(pool, FindingKind.FOREIGN_RECORD_IN_THE_WAY, outlook))
        for seeker in seekers:
            instance = seeker.instance
            blocked = Decision(waiting=waiting(pool, instance, because), unready=instance.id)
            yield _check_ahead(seeker, blocked, pool, checks) if instance.id in adoption.expected else blocked
        return
    free = max(0, MAX_RECORDS_PER_NAME - remaining - found.count_foreign(record_type))
    first = [seeker for seeker in seekers if seeker.instance.id in adoption.coming]
    others = [seeker for seeker in seekers if seeker.instance.id not in adoption.coming]
    queue = [*first, *_queue(others, checks, free=free - len(first), remaining=remaining + len(first))]
    for seeker in queue[:free]:
        yield _admit(seeker, pool, checks)
    for seeker in queue[free:]:
        standby = _stand_by(seeker, pool, checks, of_others=found.count_foreign(record_type))
        expected = seeker.instance.id in adoption.expected
        yield _check_ahead(seeker, standby, pool, checks) if expected else standby


def _check_ahead(seeker: Seeker, decision: Decision, pool: Pool, checks: PoolChecks) -> Decision:
    """Let a member without a place have its health check: Note [Adoption] in adoption.py."""
    step = _admit(seeker, pool, checks)
    return replace(
        decision,
        create_check=step.create_check,
        keeps_check=step.keeps_check,
        waiting=step.waiting or decision.waiting,
        unready=seeker.instance.id,
        unhealthy=step.unhealthy,
    )


def _queue(seekers: Collection[Seeker], checks: PoolChecks, *, free: int, remaining: int) -> list[Seeker]:
    """Return the members in the order in which they get the places: Note [Turns]."""
    by_launch = sorted(seekers, key=lambda each: (each.instance.launched, each.instance.id))
    new = [each for each in by_launch if each.instance.id not in checks.by_instance]
    checked = [each for each in by_launch if each.instance.id in checks.by_instance]
    late = [each for each in checked if _had_turn(each, checks)]
    ids = {each.instance.id for each in late}
    current = sorted(
        (each for each in checked if each.instance.id not in ids), key=lambda each: not _is_healthy(each, checks)
    )
    turns = max(free - len(checked), MOST_CHECKS - remaining - len(checked), 0)
    return [*current, *new[:turns], *late, *new[turns:]]


def _is_healthy(seeker: Seeker, checks: PoolChecks) -> bool:
    check = checks.fitting(seeker.instance, seeker.record_type, seeker.address)
    return check is not None and checks.healthy.get(check.id, False)


def _had_turn(seeker: Seeker, checks: PoolChecks) -> bool:
    check = checks.fitting(seeker.instance, seeker.record_type, seeker.address)
    return check is not None and check.id in checks.late


def _stand_by(seeker: Seeker, pool: Pool, checks: PoolChecks, *, of_others: int) -> Decision:
    """Leave a member without a place. `of_others` are the records of the type at the name that are not ours."""
    whose = f" ({of_others} of others)" if of_others else ""
    because = (
        f"{pool.record_name} has {MAX_RECORDS_PER_NAME} {seeker.record_type} records{whose}, "
        "counting members that are about to get one, and Route 53 allows no more"
    )
    instance = seeker.instance
    late = _had_turn(seeker, checks)
    if late:
        because = f"it was not healthy within AdmitTimeout, so members that have not had their turn go first; {because}"
    standby = Decision(finding=finding(pool, FindingKind.POOL_FULL, because, instance.id), standby=instance.id)
    check = checks.fitting(instance, seeker.record_type, seeker.address)
    if check is None:
        return standby
    return replace(
        standby,
        keeps_check=check.id,
        waiting=waiting(pool, instance, because, check_id=check.id),
        unready=instance.id if late else None,
        unhealthy=instance.id if late else None,
    )


def _admit(seeker: Seeker, pool: Pool, checks: PoolChecks) -> Decision:
    """Take the next step for a member with a place: create its health check, await its health, or create its record."""
    if not checks.wanted:
        return _answer_or_prepare(seeker, None, seeker.assessment.because, pool, checks)
    if not checks.known:
        instance = seeker.instance
        return Decision(waiting=waiting(pool, instance, "its health check is not read yet"), unready=instance.id)
    if (why := checks.why_none(seeker.instance)) is not None:
        waits = waiting(pool, seeker.instance, why, overdue=FindingKind.CHECK_REFUSED)
        return Decision(waiting=waits, unready=seeker.instance.id)
    check = checks.fitting(seeker.instance, seeker.record_type, seeker.address)
    step = _after_check(seeker, check, pool, checks)
    if check is not None:
        return replace(step, keeps_check=check.id)
    creation = checks.creation(
        seeker.instance,
        seeker.record_type,
        seeker.address,
        drift=FindingKind.MISSING_CHECK,
        because=f"{seeker.assessment.because}; it has no health check",
    )
    return replace(step, create_check=creation)


def _after_check(seeker: Seeker, check: Check | None, pool: Pool, checks: PoolChecks) -> Decision:
    """Decide about a member whose health check is `check`, or is only about to be created."""
    because = seeker.assessment.because
    if pool.admit_when is AdmitWhen.RUNNING:
        return _answer_or_prepare(seeker, check, because, pool, checks)
    if check is not None and checks.healthy.get(check.id):
        return _answer_or_prepare(seeker, check, f"{because}; Route 53 sees it healthy", pool, checks)
    return _wait_for_health(seeker, check, pool, checks)


def _wait_for_health(seeker: Seeker, check: Check | None, pool: Pool, checks: PoolChecks) -> Decision:
    seen = check is not None and check.id in checks.healthy
    return Decision(
        waiting=waiting(
            pool,
            seeker.instance,
            "Route 53 does not see it healthy" if seen else "Route 53 has not seen it yet",
            check_id=check.id if check is not None else None,
            overdue=FindingKind.NOT_HEALTHY_IN_TIME,
        ),
        unready=seeker.instance.id,
        unhealthy=seeker.instance.id if seen else None,
    )


def _answer_or_prepare(seeker: Seeker, check: Check | None, because: str, pool: Pool, checks: PoolChecks) -> Decision:
    """Put a member's record where it is to be admitted; only wait where it is to be prepared."""
    instance = seeker.instance
    if seeker.assessment.membership is Membership.PREPARE:
        return Decision(waiting=waiting(pool, instance, seeker.assessment.because))
    record = multivalue_record(
        checks.owner,
        pool,
        seeker.record_type,
        seeker.address,
        holder=instance.id,
        check_id=check.id if check is not None else None,
    )
    awaits_check = checks.wanted and check is None
    put = PutRecord(
        pool=pool.name,
        zone_id=pool.zone_id,
        instance_id=instance.id,
        record=record,
        drift=FindingKind.MISSING_RECORD,
        because=because,
        new_check=CheckKey(pool.name, instance.id, seeker.record_type) if awaits_check else None,
        admits=True,
    )
    return Decision(put=put, remaining=record)
