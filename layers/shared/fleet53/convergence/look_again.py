"""Look again: reads once more what decided the changes of a pass. Note [Look again] in passes.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.config.claims import read_pools
from fleet53.convergence.instances import add_states, read_named
from fleet53.domain.errors import ZoneUnansweredError, ZoneUnreadableError
from fleet53.domain.record import RecordType
from fleet53.domain.scope import Scope
from fleet53.planning.changes import DeleteRecord, PutRecord
from fleet53.planning.membership import EC2, ENDED, Membership
from fleet53.planning.records_at import records_at

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import InstanceId
    from fleet53.domain.pool import Pool
    from fleet53.planning.changes import DeleteCheck, OwnRecordChange
    from fleet53.planning.situation import Situation


def find_overtaken(
    made: Collection[OwnRecordChange], situation: Situation, settings: Settings, aws: Aws
) -> Scope | None:
    """Return the pools in which what decided an admission or a withdrawal differs now, None if there is none.

    It reads nothing from Route 53, and nothing at all if no member was admitted and only terminated instances left.
    """
    admissions = [change for change in made if isinstance(change, PutRecord) and change.admits]
    withdrawals = [change for change in made if isinstance(change, DeleteRecord) and _may_come_back(change, situation)]
    changed: list[OwnRecordChange] = [*admissions, *withdrawals]
    ids = {change.instance_id for change in changed if change.instance_id is not None}
    if not ids:
        return None
    instances, _ = read_named(ids, aws)
    now = add_states(replace(situation, instances=instances), aws)
    back = {change.pool for change in withdrawals if _membership(change, now) is Membership.ADMIT}
    looks = _find_overtaken_admissions(admissions, situation, now, settings, aws), Scope(frozenset(filter(None, back)))
    found = Scope.union(looks)
    return found if found.pools else None


def _find_overtaken_admissions(
    admissions: Collection[PutRecord], situation: Situation, now: Situation, settings: Settings, aws: Aws
) -> Scope:
    """Return the pools in which an admission is wrong now, as a sweep if one of them has moved."""
    if not admissions:
        return Scope(frozenset())
    read = read_pools(aws.parameters.read(), settings.allowed)
    declared = {pool.name: pool for pool in read.candidates}
    pools = {pool.name: pool for pool in situation.pools}
    again = {
        change.pool
        for change in admissions
        if declared.get(change.pool) != pools[change.pool] or not _holds(change, pools[change.pool], now)
    }
    moved = any(name not in declared or declared[name].place != pools[name].place for name in again)
    return Scope(frozenset(again), sweep=moved)


def _may_come_back(change: DeleteRecord, situation: Situation) -> bool:
    """Whether the withdrawn instance can be a member again. A terminated instance never runs again."""
    instance = situation.instances.get(change.instance_id) if change.instance_id is not None else None
    ended = instance is not None and instance.state in ENDED
    return not ended and _membership(change, situation) is Membership.WITHDRAW


def _membership(change: DeleteRecord, situation: Situation) -> Membership | None:
    """Return the membership of the instance in the pool of a change; None for the fallback and a record of no pool."""
    if change.instance_id is None or change.pool is None:
        return None
    return situation.assess(change.instance_id, change.pool).membership


def _holds(admission: PutRecord, pool: Pool, now: Situation) -> bool:
    """Whether an instance must still be in DNS, and the address of its record is still its own."""
    instance = now.instances.get(admission.instance_id) if admission.instance_id is not None else None
    if instance is None or now.assess(instance.id, pool.name).membership is not Membership.ADMIT:
        return False
    own = instance.own_addresses(pool, RecordType(admission.record.type))
    return {str(address) for address in own}.issuperset(admission.record.values)


def find_wrong_fallbacks(made: Collection[OwnRecordChange], situation: Situation, aws: Aws) -> Scope | None:
    """Return the pools whose fallback does not fit their other records, None if there is none.

    It reads only the records of pools that have a fallback and may have been overtaken.
    """
    again = [pool for pool in situation.pools if _may_be_overtaken(pool, made) and not _is_right(pool, situation, aws)]
    return Scope(frozenset(pool.name for pool in again), checks=True) if again else None


def _may_be_overtaken(pool: Pool, made: Collection[OwnRecordChange]) -> bool:
    """Whether another pass may have made the pool's fallback wrong by changing other records at the same time.

    If this pass deleted the fallback, the other pass could not delete it too, and Route 53 refused its batch.
    """
    if pool.fallback is None:
        return False
    changes = [each for each in made if each.pool == pool.name]
    if any(isinstance(each, DeleteRecord) and each.instance_id is None for each in changes):
        return False
    return any(isinstance(each, DeleteRecord) or each.admits or each.instance_id is None for each in changes)


def find_dangling(deleted: Collection[DeleteCheck], situation: Situation, settings: Settings, aws: Aws) -> Scope | None:
    """Return the pools whose records may name health checks that a pass has `deleted`, None if there is none.

    Another pass may have put such a record meanwhile. If the health checks belonged to a pool that was not declared,
    the pool may be declared now. It reads nothing if the instances of the health checks have ended.
    """
    again = {pool.name for pool in situation.pools if _may_dangle(pool, deleted, situation, aws)}
    if any(each.pool is None and _goes_on(each.instance_id, situation) for each in deleted):
        declared = read_pools(aws.parameters.read(), settings.allowed)
        again |= {pool.name for pool in declared.candidates} - situation.declared
    return Scope(frozenset(again), checks=True) if again else None


def _may_dangle(pool: Pool, deleted: Collection[DeleteCheck], situation: Situation, aws: Aws) -> bool:
    gone = {each.check_id for each in deleted if each.pool == pool.name and _goes_on(each.instance_id, situation)}
    if not gone:
        return False
    try:
        return any(record.check_id in gone for record in aws.route53.records_at(*pool.place))
    except (ZoneUnreadableError, ZoneUnansweredError):
        return True


def _goes_on(instance_id: InstanceId, situation: Situation) -> bool:
    """Whether an instance may still need its health checks. After a new launch it needs others."""
    instance = situation.instances.get(instance_id)
    return instance is not None and EC2.get(instance.state) is not Membership.WITHDRAW


def _is_right(pool: Pool, situation: Situation, aws: Aws) -> bool:
    """Whether either the fallback or another record answers. Records that cannot be read are not right."""
    try:
        records = aws.route53.records_at(*pool.place)
    except (ZoneUnreadableError, ZoneUnansweredError):
        return False
    found = records_at(replace(situation, records={pool.name: records}), pool)
    return bool(found.members or found.answering) is not bool(found.fallbacks)
