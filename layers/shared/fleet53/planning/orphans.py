"""Orphans: our records at names that no pool has, and which of them may be deleted."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from fleet53.domain.finding import FindingKind
from fleet53.planning.changes import DeleteRecord, Plan
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet53.domain.instance import Instance
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
    """Decide about the records at one name. The guard counts them as it counts the members of a pool."""
    decided = [_deletion(orphan, situation) for orphan in orphans]
    certain = tuple(deletion for deletion, evidence in decided if evidence)
    absent = tuple(deletion for deletion, evidence in decided if not evidence)
    leaving = len({deletion.record.identifier for deletion in absent})
    holders = len({orphan.record.identifier for orphan in orphans})
    holds = [(each, _hold(each, situation, guard, absent=leaving, in_dns=holders)) for each in absent]
    passing = tuple(each for each, hold in holds if hold is None)
    held = tuple(replace(each, because=f"{each.because}; {hold}") for each, hold in holds if hold is not None)
    guarded = frozenset((None, each.instance_id) for each in held if each.instance_id is not None)
    # A fault of a pool holds records only while it lasts.
    remembered = guarded & guard.held if situation.faults else guarded
    return Plan(change_records=certain + passing, held=held, remembered=remembered)


def _deletion(orphan: OrphanRecord, situation: Situation) -> tuple[DeleteRecord, bool]:
    """Return the deletion of a record, and whether there is evidence for it rather than the absence of a pool."""
    record = orphan.record
    instance_id = situation.owner.instance(record.identifier)
    instance = situation.instances.get(instance_id) if instance_id is not None else None
    evidence = _evidence(instance, record, situation)
    because = evidence or f"no pool has the name {record.name}"
    deletion = DeleteRecord(None, orphan.zone_id, instance_id, record, FindingKind.ORPHAN_RECORD, because)
    return deletion, evidence is not None


def _evidence(instance: Instance | None, record: Record, situation: Situation) -> str | None:
    """Return how AWS shows that a record's address is going or is not its instance's own; None where it does not."""
    if instance is None:
        return None
    own = {str(address) for address in instance.all_addresses}
    if own.issuperset(record.values):
        if EC2.get(instance.state) is Membership.WITHDRAW:
            return f"EC2 says {instance.state}"
        verdicts = (situation.verdict(instance.id, pool) for pool in sorted(instance.pools))
        leaving = (each for each in verdicts if each.membership is Membership.WITHDRAW and each.evidence)
        return next((verdict.because for verdict in leaving), None)
    return f"its record holds {', '.join(record.values)}, which is not an address of its instance ({instance.state})"


def _hold(deletion: DeleteRecord, situation: Situation, guard: Guard, *, absent: int, in_dns: int) -> str | None:
    """Return why a deletion that rests on absence is held, or None where it may be made.

    It need not have lasted: a pool that is gone is no event that may have been lost about one of its members.
    """
    if situation.faults:
        faulty = ", ".join(fault.name for fault in situation.faults)
        return f"held: it may be a record of a pool that is not valid now ({faulty})"
    if deletion.instance_id is not None:
        return guard.why_held((None, deletion.instance_id), absent=absent, in_dns=in_dns)
    return guard.reason(absent=absent, in_dns=in_dns) if guard.holds(absent=absent, in_dns=in_dns) else None
