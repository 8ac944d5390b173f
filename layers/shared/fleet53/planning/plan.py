"""The plan: the ordered difference between what should be and what is. Pure; every step says why.

For one member and one record type, with the membership that the table gives it:

| membership        | record in DNS                  | no record                                     |
| ----------------- | ------------------------------ | --------------------------------------------- |
| ADMIT             | correct it where it differs    | a seat, then a check, then (healthy) a record |
| PREPARE           | withdraw it, keep its check    | a seat, then a check                          |
| WAIT              | keep it                        | nothing                                       |
| WITHDRAW          | withdraw it, delete its checks | delete its checks                             |
| WITHDRAW, held    | keep it                        | delete its checks                             |
| LEAVE             | keep it                        | nothing, and report it                        |

Note [Stranger's address]: a record whose address is not, or no longer, its instance's own is withdrawn at once,
whatever the membership (LEAVE excepted), because a released address may serve somebody else the next minute.
The instance comes back through the gate with a check of its new address. A setting is different: the old
record stays until the check of the new setting has proven itself, so a wrong path never empties a pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.domain.model import FindingKind
from fleet53.planning.changes import DeleteCheck, Plan
from fleet53.planning.membership import Membership
from fleet53.planning.orphans import plan_orphans
from fleet53.planning.pool import PoolPlan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fleet53.domain.model import CheckId
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import Situation


def make_plan(situation: Situation, guard: Guard) -> Plan:
    """Return the smallest plan after which DNS holds exactly what the pools of `situation` owe their members.

    Where `situation.checks` is None, a record's check is taken to be right, and only `Plan.nothing_to_do` says
    something: whether the checks must be read before anything can be decided.
    """
    pools = [PoolPlan(situation, pool, guard) for pool in situation.pools]
    orphans = plan_orphans(situation, guard)
    kept = {check_id for pool in pools for check_id in pool.kept_checks}
    kept |= {record.check_id for pool in pools for record in pool.remaining if record.check_id is not None}
    kept |= {held.record.check_id for held in orphans.held if held.record.check_id is not None}
    return Plan(
        create_checks=tuple(change for pool in pools for change in pool.create_checks),
        change_records=(*(change for pool in pools for change in pool.change_records), *orphans.change_records),
        delete_checks=tuple(_unneeded_checks(situation, kept)),
        held=(*(held for pool in pools for held in pool.held), *orphans.held),
        waiting=tuple(waiting for pool in pools for waiting in pool.waiting),
        findings=tuple(finding for pool in pools for finding in pool.findings),
        statuses=tuple(pool.status() for pool in pools),
    )


def _unneeded_checks(situation: Situation, kept: Collection[CheckId]) -> Iterator[DeleteCheck]:
    """Yield our checks that nothing needs: of the pass's pools, and after a sweep of pools that are gone."""
    by_hash = {situation.owner.pool_hash(pool.name): pool.name for pool in situation.pools}
    declared = {situation.owner.pool_hash(name) for name in situation.declared}
    for check in (situation.checks or {}).values():
        reference = situation.owner.read_reference(check.reference)
        if reference is None or check.id in kept:
            continue
        pool = by_hash.get(reference.pool_hash)
        if pool is not None:
            verdict = situation.verdict(reference.instance_id, pool)
            if verdict.membership in {Membership.WAIT, Membership.LEAVE}:
                continue  # neither adds nor removes
            because = "no record needs it" if verdict.membership is Membership.ADMIT else verdict.because
        elif situation.swept and reference.pool_hash not in declared:
            because = "its pool is not declared any more"
        else:
            continue
        address = check.config.address
        yield DeleteCheck(pool, reference.instance_id, check.id, address, FindingKind.ORPHAN_CHECK, because)
