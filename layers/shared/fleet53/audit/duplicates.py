"""Duplicates: addresses that several records or members of one pool have. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fleet53.domain.addresses import normal_address
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.identity import FALLBACK, is_fallback
from fleet53.domain.record import RecordType
from fleet53.planning.changes import PutRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import PoolName
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.changes import Plan
    from fleet53.planning.situation import Situation


def find_duplicate_addresses(situation: Situation, plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each address of a pool that has several holders after the plan is applied."""
    for pool in situation.pools:
        for address, holders in sorted(_holders(situation, plan, pool).items()):
            if len(holders) > 1:
                because = (
                    f"{address} is the address of {' and of '.join(sorted(holders))}; only one of them should have it"
                )
                yield Finding(FindingKind.DUPLICATE_ADDRESS, because, pool.name, record_name=pool.record_name)


def _holders(situation: Situation, plan: Plan, pool: Pool) -> dict[str, set[str]]:
    """Return the holders of each address: the records after the plan is applied, and the members that wait."""
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for record in _left_by(plan, pool.name, situation.records[pool.name]):
        if record.multivalue and record.type in RecordType:
            for value in record.values:
                holders[normal_address(value)].add(_whose(situation.owner, record))
    for instance_id in {waiting.instance_id for waiting in plan.waiting if waiting.pool == pool.name}:
        for record_type in pool.address.record_types:
            address = situation.instances[instance_id].address(pool, record_type)
            if address is not None:
                holders[str(address)].add(instance_id)
    return holders


def _left_by(plan: Plan, pool: PoolName, records: Iterable[Record]) -> Collection[Record]:
    """Return a pool's records after the plan is applied."""
    left = {(record.type, record.identifier): record for record in records}
    for change in plan.change_records:
        place = change.record.type, change.record.identifier
        if change.pool == pool and isinstance(change, PutRecord):
            left[place] = change.record
        elif change.pool == pool:
            left.pop(place, None)
    return left.values()


def _whose(owner: Owner, record: Record) -> str:
    """Return the holder of a record's address. Equal fallbacks of stacks that share a name are one holder."""
    holder = owner.holder(record.identifier)
    if holder == FALLBACK or is_fallback(record.identifier):
        return "the fallback"
    return holder if holder is not None else f"record {record.identifier!r}, which is not ours"
