"""Look again: read once more what decided the admissions of a pass. Note [Look again] in passes.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.config.pools import read_pools
from fleet53.convergence.instances import add_states
from fleet53.domain.record import RecordType
from fleet53.domain.scope import Scope
from fleet53.planning.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.pool import Pool
    from fleet53.planning.changes import PutRecord
    from fleet53.planning.situation import Situation


def find_overtaken(admissions: Sequence[PutRecord], situation: Situation, settings: Settings, aws: Aws) -> Scope | None:
    """Return the pools to pass again, because what decided one of their admissions differs now; None if none.

    Reads nothing from Route 53, and nothing at all where nobody was admitted.
    """
    if not admissions:
        return None
    instances = aws.ec2.by_id({change.instance_id for change in admissions if change.instance_id is not None})
    declared = {pool.name: pool for pool in read_pools(aws.parameters.read(), settings.allowed).pools}
    now = add_states(replace(situation, instances=instances), aws)
    pools = {pool.name: pool for pool in situation.pools}
    again = {
        change.pool
        for change in admissions
        if declared.get(change.pool) != pools[change.pool] or not _holds(change, pools[change.pool], now)
    }
    moved = any(name not in declared or _place(declared[name]) != _place(pools[name]) for name in again)
    return Scope(frozenset(again), sweep=moved) if again else None


def _holds(admission: PutRecord, pool: Pool, now: Situation) -> bool:
    """Whether an instance still belongs into DNS, and the address of its record is still its own."""
    instance = now.instances.get(admission.instance_id) if admission.instance_id is not None else None
    if instance is None or now.verdict(instance.id, pool.name).membership is not Membership.ADMIT:
        return False
    own = instance.own_addresses(pool.address, RecordType(admission.record.type))
    return {str(address) for address in own}.issuperset(admission.record.values)


def _place(pool: Pool) -> tuple[str, str]:
    return pool.zone_id, pool.record_name
