"""Orphans: our records at names that no pool has, and which of them may be deleted.

Note [Superseded]: a pool that is given another place leaves its records behind. Such a record stays until its instance
has a record at its pool's new place. Then it is superseded. This is evidence, so neither the guard nor a fault of
another pool holds the deletion. The record's health check shows the pool, because its CallerReference has the hash of
the pool's name. Without that, the instance's tag shows it: the instance must have records in all pools of its tag. The
record of a deleted pool is not superseded, even if its instance is in other pools.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from itertools import groupby
from typing import TYPE_CHECKING

from fleet53.domain.finding import FindingKind
from fleet53.domain.words import some
from fleet53.planning.changes import DeleteRecord, Plan
from fleet53.planning.membership import EC2, Membership, why_going

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import OrphanRecord, Situation


def plan_orphans(situation: Situation, guard: Guard) -> Plan:
    """Return the deletions of our records at names that no pool has, and those that are held.

    A forced repair of named pools does not cover records outside them.
    """
    guard = replace(guard, force=guard.force and situation.whole)

    def place(orphan: OrphanRecord) -> tuple[str, str]:
        return orphan.zone_id, orphan.record.name

    names = groupby(sorted(situation.orphans, key=place), key=place)
    return Plan.merged(_plan_name(list(orphans), situation, guard) for _, orphans in names)


def _plan_name(orphans: Sequence[OrphanRecord], situation: Situation, guard: Guard) -> Plan:
    """Decide about the records at one name. The guard counts them as it counts the members of a pool.

    A record whose instance EC2 does not show counts as absent, because no pool has its name.
    """
    hidden = {orphan.record.identifier for orphan in orphans if _is_hidden(orphan, situation)}
    decided = [_deletion(orphan, situation) for orphan in orphans if orphan.record.identifier not in hidden]
    certain = tuple(deletion for deletion, why in decided if why is _Why.EVIDENCE)
    moving = tuple(deletion for deletion, why in decided if why is _Why.MOVES)
    absent = tuple(deletion for deletion, why in decided if why is _Why.ABSENT)
    if guard.force:
        certain, moving = certain + moving, ()
    leaving = len(hidden.union(deletion.record.identifier for deletion in absent))
    holders = len({orphan.record.identifier for orphan in orphans})
    holds = [(each, _hold(each, situation, guard, absent=leaving, in_dns=holders)) for each in absent]
    passing = tuple(each for each, hold in holds if hold is None)
    held = tuple(replace(each, because=f"{each.because}; {hold}") for each, hold in holds if hold is not None)
    guarded = frozenset((None, each.instance_id) for each in held if each.instance_id is not None)
    # A fault of a pool holds records only while it lasts.
    remembered = guarded & guard.held if situation.faults else guarded
    return Plan(change_records=certain + passing, held=held, absent=moving, remembered=remembered)


def _is_hidden(orphan: OrphanRecord, situation: Situation) -> bool:
    """Whether EC2 did not show the instance of a record, because it lists no instances now."""
    instance_id = situation.owner.instance(orphan.record.identifier)
    return not situation.listed and instance_id is not None and instance_id not in situation.instances


class _Why(Enum):
    """Why an orphan is deleted: evidence, the absence of its pool, or a move that is not finished."""

    EVIDENCE = auto()
    ABSENT = auto()
    MOVES = auto()


def _deletion(orphan: OrphanRecord, situation: Situation) -> tuple[DeleteRecord, _Why]:
    """Return the deletion of a record, and why it is deleted."""
    record = orphan.record
    instance_id = situation.owner.instance(record.identifier)
    instance = situation.instances.get(instance_id) if instance_id is not None else None
    why, because = _Why.ABSENT, f"no pool has the name {record.name}"
    if (evidence := _evidence(instance, record, situation)) is not None:
        why, because = _Why.EVIDENCE, evidence
    elif instance is not None and (pools := _moved(instance, record, situation)):
        where = " and ".join(f"{pool.record_name} ({pool.zone_id})" for pool in pools)
        if all(_stands(instance, record, pool, situation) for pool in pools):
            why, because = _Why.EVIDENCE, f"superseded: its pool moved, and the instance has a record at {where}"
        else:
            why, because = _Why.MOVES, f"its pool moved, and it stays until the instance has a record at {where}"
    deletion = DeleteRecord(None, orphan.zone_id, instance_id, record, FindingKind.ORPHAN_RECORD, because)
    return deletion, why


def _moved(instance: Instance, record: Record, situation: Situation) -> tuple[Pool, ...]:
    """Return the valid pools that a record can be of, if the instance is still a member of them: Note [Superseded]."""
    pools = {pool.name: pool for pool in situation.valid}
    check = situation.checks.get(record.check_id) if situation.checks is not None and record.check_id else None
    reference = situation.owner.read_reference(check.reference) if check is not None else None
    if reference is not None:
        names = frozenset(
            name
            for name in (*pools, *instance.pools)
            if situation.owner.pool_hash(name) == reference.pool_hash and name in instance.pools
        )
    else:
        names = instance.pools
    return tuple(pools[name] for name in sorted(names)) if names <= pools.keys() else ()


def _stands(instance: Instance, record: Record, pool: Pool, situation: Situation) -> bool:
    """Whether an instance has a record with its own address at the place of `pool`, of this type if the pool has it."""
    own = {str(address) for address in instance.all_addresses}
    types = {record.type}.intersection(pool.address.record_types) or set(pool.address.record_types)
    return any(
        (zone_id, other.name) == pool.place
        and other.identifier == record.identifier
        and other.type in types
        and own.issuperset(other.values)
        for zone_id, other in situation.own_records()
    )


def _evidence(instance: Instance | None, record: Record, situation: Situation) -> str | None:
    """Return the evidence that a record's instance is going or has another address; None if there is none."""
    if instance is None:
        return None
    own = {str(address) for address in instance.all_addresses}
    if own.issuperset(record.values):
        if EC2.get(instance.state) is Membership.WITHDRAW:
            return f"EC2 says {instance.state}"
        return why_going(situation.lifecycle_states.get(instance.id), situation.spot.get(instance.id))
    return f"its record holds {', '.join(record.values)}, which is not an address of its instance ({instance.state})"


def _hold(deletion: DeleteRecord, situation: Situation, guard: Guard, *, absent: int, in_dns: int) -> str | None:
    """Return why a deletion that rests on absence is held, or None where it may be made.

    The absence need not have lasted: a pool does not disappear because an event about a member was lost.
    """
    if situation.faults:
        faulty = some([fault.name for fault in situation.faults])
        return f"held: it may be a record of a pool that is not valid now ({faulty})"
    if deletion.instance_id is not None:
        return guard.why_held((None, deletion.instance_id), absent=absent, in_dns=in_dns)
    return guard.reason(absent=absent, in_dns=in_dns) if guard.holds(absent=absent, in_dns=in_dns) else None
