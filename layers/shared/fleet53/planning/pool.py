"""One pool's plan: its members, then the free places of its name, then its fallback.

The rules stand in plan.py. Members are decided in member.py, foreign records in adoption.py, places in seats.py, the
fallback in fallback.py; this module puts their decisions together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.planning.adoption import plan_adoptions
from fleet53.planning.changes import Plan, PoolStatus
from fleet53.planning.fallback import Answered, decide_fallback
from fleet53.planning.member import Hold, Member, decide_member
from fleet53.planning.membership import Membership
from fleet53.planning.records_at import records_at
from fleet53.planning.seats import decide_seats

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from fleet53.domain.ids import CheckId, InstanceId
    from fleet53.domain.pool import Pool
    from fleet53.planning.adoption import Adoptions
    from fleet53.planning.decision import Decision
    from fleet53.planning.guard import Guard
    from fleet53.planning.pool_checks import PoolChecks
    from fleet53.planning.records_at import RecordsAtName
    from fleet53.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """The plan of one pool, and the health checks that must outlast it because a member or a record needs them."""

    plan: Plan
    needed_checks: frozenset[CheckId]


def plan_pool(situation: Situation, pool: Pool, guard: Guard, checks: PoolChecks) -> PoolPlan:
    """Return what is to be done for one pool. It deletes no health check: that depends on all pools together."""
    found = records_at(situation, pool)
    members = _members(situation, pool, found)
    holds = _holds(members, pool, guard, in_dns=len(found.members), listed=situation.listed)
    decided = [each for member in members for each in decide_member(member, pool, checks, holds.get(member.id))]
    adoptions = plan_adoptions(pool, found, members, decided, checks, adopt=guard.adopt)
    seated = list(_seats(decided, adoptions, pool, checks))
    fallback = decide_fallback(pool, situation.owner, found, _answered((*decided, *seated)))
    decisions = (*decided, *seated, *fallback)
    deletions = tuple(decision.delete for decision in decisions if decision.delete is not None)
    puts = tuple(decision.put for decision in decisions if decision.put is not None)
    plan = Plan(
        create_checks=tuple(decision.create_check for decision in decisions if decision.create_check is not None),
        change_records=deletions + adoptions.changes + puts,  # a full name has room only after the deletions
        held=tuple(decision.held for decision in decisions if decision.held is not None),
        absent=tuple(decision.absent for decision in decisions if decision.absent is not None),
        remembered=frozenset((pool.name, member) for member, hold in holds.items() if hold.lasting),
        waiting=(*(decision.waiting for decision in decisions if decision.waiting is not None), *adoptions.waiting),
        findings=(*(decision.finding for decision in decisions if decision.finding is not None), *adoptions.findings),
        statuses=(_status(pool, members, found, decisions),),
    )
    return PoolPlan(plan, frozenset(_needed_checks(decisions)))


def _members(situation: Situation, pool: Pool, found: RecordsAtName) -> Sequence[Member]:
    """Return the instances that have a record at the pool's name or a tag that names the pool, by id."""
    return [
        Member(
            id=instance_id,
            instance=situation.instances.get(instance_id),
            assessment=situation.assess(instance_id, pool.name),
            records=found.members.get(instance_id, {}),
        )
        for instance_id in sorted(found.members.keys() | situation.tagged_for(pool.name))
    ]


def _holds(
    members: Collection[Member], pool: Pool, guard: Guard, *, in_dns: int, listed: bool
) -> dict[InstanceId, Hold]:
    """Return the members whose withdrawal rests on absence and does not pass now, each with the reason."""
    absent = [
        member.id
        for member in members
        if member.assessment.membership is Membership.WITHDRAW and not member.assessment.evidence and member.records
    ]
    holds: dict[InstanceId, Hold] = {}
    for instance_id in absent:
        who = pool.name, instance_id
        if (because := guard.why_held(who, absent=len(absent), in_dns=in_dns)) is not None:
            holds[instance_id] = Hold(because, lasting=True)
        elif (because := guard.why_not_yet(who, in_dns=in_dns, listed=listed)) is not None:
            holds[instance_id] = Hold(because, lasting=False)
    return holds


def _seats(decided: Collection[Decision], adoptions: Adoptions, pool: Pool, checks: PoolChecks) -> Iterator[Decision]:
    """Yield what becomes of the members that seek a place, for one record type after the other."""
    remaining = Counter(decision.remaining.type for decision in decided if decision.remaining is not None)
    seekers = [decision.seeker for decision in decided if decision.seeker is not None]
    for record_type in pool.address.record_types:
        here = [seeker for seeker in seekers if seeker.record_type is record_type]
        yield from decide_seats(
            here,
            record_type,
            adoptions.found,
            pool,
            checks,
            adoption=adoptions.by_type[record_type],
            remaining=remaining[record_type],
        )


def _answered(decisions: Collection[Decision]) -> Answered:
    """Return when a member answers at the pool's name: later, if its new record waits for a health check."""
    remaining = [decision for decision in decisions if decision.remaining is not None]
    if any(decision.put is None or not decision.put.waits or decision.put.replaces for decision in remaining):
        return Answered.AT_ONCE
    return Answered.AFTER_CHECKS if remaining else Answered.NOT


def _needed_checks(decisions: Collection[Decision]) -> Iterator[CheckId]:
    for decision in decisions:
        if decision.keeps_check is not None:
            yield decision.keeps_check
        if decision.remaining is not None and decision.remaining.check_id is not None:
            yield decision.remaining.check_id


def _status(
    pool: Pool, members: Collection[Member], found: RecordsAtName, decisions: Collection[Decision]
) -> PoolStatus:
    """Return which members are in DNS, wait or have no place, before the plan is applied."""
    in_dns = frozenset(found.members)
    waiting = frozenset(decision.waiting.instance_id for decision in decisions if decision.waiting is not None)
    unready = frozenset(decision.unready for decision in decisions if decision.unready is not None)
    standby = frozenset(decision.standby for decision in decisions if decision.standby is not None)
    serving = {Membership.ADMIT, Membership.PREPARE}
    answered = _answered(decisions) is not Answered.NOT
    depends = bool(standby) or (pool.fallback is not None and not answered)
    return PoolStatus(
        pool=pool.name,
        record_name=pool.record_name,
        members=frozenset(
            member.id for member in members if member.instance is not None and pool.name in member.instance.pools
        ),
        in_dns=in_dns,
        pending=waiting - in_dns - standby,
        standby=standby,
        ready=frozenset(member.id for member in members if member.assessment.membership in serving) - unready,
        unhealthy=frozenset(decision.unhealthy for decision in decisions if decision.unhealthy is not None),
        answered=answered or pool.fallback is not None or found.answered_by_others,
        shared=found.shared and depends,
    )
