"""The plan: the ordered difference between what should be in Route 53 and what is. Pure; every change says why.

ADMIT puts a member into DNS; PREPARE only creates its health check; WITHDRAW takes it out of DNS; WAIT and LEAVE change
nothing. For one member and one record type:

| membership        | record in DNS                         | no record                                            |
| ----------------- | ------------------------------------- | ---------------------------------------------------- |
| ADMIT             | correct it where it differs           | a seat, then a health check, then (healthy) a record |
| PREPARE           | withdraw it, keep its health check    | a seat, then a health check                          |
| WAIT              | keep it                               | nothing                                              |
| WITHDRAW          | withdraw it, delete its health checks | delete its health checks                             |
| WITHDRAW, held    | keep it                               | delete its health checks                             |
| WITHDRAW, not yet | keep it                               | delete its health checks                             |
| LEAVE             | keep it                               | nothing, and report it                               |

"Held" and "not yet" are withdrawals that rest on absence (guard.py). A seat is one of the places that a name has for
records of a type (seats.py).

Note [Stranger's address]: a record that does not hold, or no longer holds, an address of its own instance is deleted at
once, with every membership but LEAVE, because a released address may belong to another customer a minute later. The
instance is admitted again like a new member, with a health check of its new address. A changed setting of the health
check is different: the record stays with its old health check until the new one is healthy, so a wrong path never
empties a pool.

Note [Gone check]: DeleteHealthCheck says that the health of a record whose health check is deleted cannot be predicted,
so such a record may be in every answer, whether or not its server works. It names a new health check as soon as that
is created, and does not wait until it is healthy: the member is in DNS already, and a server that does not work leaves
the answers only by its new health check. Only a record that is to hold another address waits.

Note [Another kind]: a pool can be given another type of address. The addresses in its records are still their
instances' own then, so each record stays until there is a new one. A record whose type the pool still has moves to the
new address when the health check of that address is healthy. A record of another type is deleted when the member's new
records are in DNS.

Note [Named checks]: no health check is deleted while a record of ours names it, at any name and in any pool. After a
pool was renamed, its records at the former name may be held, and they name the health checks of the records at the new
name. So a plan keeps the health check of every record that was read and stays. A pass that is not a sweep reads only
the names that its pools have now. Before it deletes health checks, it must know all other names from an earlier sweep,
or sweep itself (passes.py). After a sweep that could not read a hosted zone, only the health checks of the records that
the plan deletes or moves are deleted.

Note [Children]: a calculated health check of another owner may count health checks of ours. Route 53 refuses to delete
the child of a calculated health check, and only its owner can take it out. So such a health check is not deleted, but
reported.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.domain.alarm import AlarmSettings
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.words import some
from fleet53.planning.alarms import alarms_to_delete, alarms_to_put
from fleet53.planning.changes import DeleteCheck, Plan, PutRecord
from fleet53.planning.membership import Membership
from fleet53.planning.orphans import plan_orphans
from fleet53.planning.pool import plan_pool
from fleet53.planning.pool_checks import PoolChecks, checks_by_pool, owned_checks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from fleet53.domain.identity import Reference
    from fleet53.domain.ids import CheckId
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.changes import RecordChange
    from fleet53.planning.guard import Guard
    from fleet53.planning.pool_checks import OwnedChecks
    from fleet53.planning.situation import Situation


def make_plan(situation: Situation, guard: Guard) -> Plan:
    """Return the smallest plan after which Route 53 has exactly the records and health checks that the pools need.

    Where `situation.checks` is None, the health check that a record names is taken to be right. Such a plan is not
    applied: its `nothing_to_do` says whether the health checks must be read before anything can be decided.
    """
    owned = owned_checks(situation)
    pools = [plan_pool(situation, pool, guard, checks) for pool, checks in _pool_checks(situation, owned)]
    orphans = plan_orphans(situation, guard)
    merged = Plan.merged([*(pool.plan for pool in pools), orphans])
    needed: set[CheckId | None] = {check_id for pool in pools for check_id in pool.needed_checks}
    left = {(change.zone_id, record) for change in merged.change_records if (record := _left(change)) is not None}
    needed |= {record.check_id for zone_id, record in situation.own_records() if (zone_id, record) not in left}
    freed = situation.freed.union(record.check_id for _, record in left if record.check_id)
    unneeded = _unneeded_checks(situation, owned, needed, freed)
    if situation.blind:
        unneeded = _named(unneeded, freed)
    plan = _without_children(replace(merged, delete_checks=tuple(unneeded)), situation)
    put, deleted = alarms_to_put(situation, owned, plan), alarms_to_delete(situation, owned, plan)
    return replace(plan, put_alarms=tuple(put), delete_alarms=tuple(deleted))


def _left(change: RecordChange) -> Record | None:
    """Return the record that a change takes out of DNS, None if it only creates one."""
    return change.replaces if isinstance(change, PutRecord) else change.record


def _named(unneeded: Iterable[DeleteCheck], named: Collection[CheckId | None]) -> Iterator[DeleteCheck]:
    """Yield the deletions of those health checks that a record named: Note [Named checks]."""
    return (change for change in unneeded if change.check_id in named)


def _without_children(plan: Plan, situation: Situation) -> Plan:
    """Return the plan with a finding for each health check that Route 53 would not delete: Note [Children]."""
    parents: defaultdict[CheckId, list[CheckId]] = defaultdict(list)
    for check in (situation.checks or {}).values():
        for child in check.children:
            parents[child].append(check.id)
    deleted = tuple(change for change in plan.delete_checks if change.check_id not in parents)
    kept = (change for change in plan.delete_checks if change.check_id in parents)
    findings = (_kept(change, sorted(parents[change.check_id])) for change in kept)
    return replace(plan, delete_checks=deleted, findings=(*plan.findings, *findings))


def _kept(change: DeleteCheck, parents: Sequence[CheckId]) -> Finding:
    because = f"{change.because}; Route 53 does not delete it, because calculated health checks count it"
    check_id = change.check_id
    return Finding(change.drift, f"{because}: {some(parents)}", change.pool, change.instance_id, check_id=check_id)


def _pool_checks(situation: Situation, owned: OwnedChecks) -> Iterator[tuple[Pool, PoolChecks]]:
    """Yield each pool of the pass with what is known about its health checks."""
    by_pool = checks_by_pool(owned)
    for pool in situation.pools:
        mine = by_pool.get(situation.owner.pool_hash(pool.name), {})
        healthy, late, alarms = situation.healthy, situation.late, situation.alarms
        yield pool, PoolChecks(situation.owner, pool, situation.checks, mine, healthy, late, alarms)


def _unneeded_checks(
    situation: Situation, owned: OwnedChecks, needed: Collection[CheckId | None], freed: Collection[CheckId]
) -> Iterator[DeleteCheck]:
    """Yield the deletions of our health checks that nothing needs.

    These are health checks of the pass's pools. Health checks of deleted pools are among them after a sweep, and where
    a record has stopped naming them (`freed`): a pool that was given another name moves its records to health checks of
    its own.
    """
    by_hash = {situation.owner.pool_hash(pool.name): pool for pool in situation.pools}
    declared = {situation.owner.pool_hash(name) for name in situation.declared}
    for check, reference in owned:
        if check.id in needed:
            continue
        pool = by_hash.get(reference.pool_hash)
        if pool is not None:
            because = _why_unneeded(situation, pool, reference)
        elif reference.pool_hash not in declared and (situation.swept or check.id in freed):
            because = "its pool is not declared any more"
        else:
            because = None
        if because is not None:
            name = pool.name if pool is not None else None
            yield DeleteCheck(name, reference.instance_id, check.id, check.address, FindingKind.ORPHAN_CHECK, because)


def _why_unneeded(situation: Situation, pool: Pool, reference: Reference) -> str | None:
    """Return why a pool does not need a health check that no record names, or None where it must stay.

    WAIT and LEAVE neither add nor remove. Without the alarms that a pool's health checks follow, it is not known which
    health checks its members need.
    """
    assessment = situation.assess(reference.instance_id, pool.name)
    unknown = situation.alarms is None and isinstance(pool.check, AlarmSettings)
    match assessment.membership:
        case Membership.WAIT | Membership.LEAVE:
            return None
        case Membership.ADMIT | Membership.PREPARE if unknown:
            return None
        case Membership.ADMIT:
            return "no record needs it"
        case Membership.PREPARE | Membership.WITHDRAW:
            return assessment.because
