"""Strays: our records at names that no pool has, and what may be done about them."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from fleet53.domain.model import FindingKind
from fleet53.planning.changes import DeleteRecord, Plan
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from fleet53.domain.model import Instance, Record
    from fleet53.planning.changes import RecordChange
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import OrphanRecord, Situation


def plan_orphans(situation: Situation, guard: Guard) -> Plan:
    """Withdraw our records at names that no pool has, as far as the guard and faulty pools allow.

    Who forces some pools has not said anything about these.
    """
    guard = replace(guard, force=guard.force and situation.whole)
    deletions: list[RecordChange] = []
    held: list[DeleteRecord] = []

    def place(orphan: OrphanRecord) -> tuple[str, str]:
        return orphan.zone_id, orphan.record.name

    for (_, name), group in groupby(sorted(situation.orphans, key=place), key=place):
        orphans = list(group)
        absent: list[DeleteRecord] = []
        for orphan in orphans:
            instance_id = situation.owner.instance(orphan.record.identifier)
            instance = situation.instances.get(instance_id) if instance_id is not None else None
            gone = _positively_gone(instance, orphan.record)
            because = gone or f"no pool has the name {name}"
            deletion = DeleteRecord(
                None, orphan.zone_id, instance_id, orphan.record, FindingKind.ORPHAN_RECORD, because
            )
            (deletions if gone else absent).append(deletion)
        holders = len({orphan.record.identifier for orphan in orphans})
        leaving = len({deletion.record.identifier for deletion in absent})
        reason = None
        if absent and situation.faults:
            faulty = ", ".join(fault.name for fault in situation.faults)
            reason = f"held: it may be a record of a pool that is not valid now ({faulty})"
        elif guard.holds(absent=leaving, in_dns=holders):
            reason = guard.reason(absent=leaving, in_dns=holders)
        if reason is None:
            deletions.extend(absent)
        else:
            held.extend(replace(deletion, because=f"{deletion.because}; {reason}") for deletion in absent)
    return Plan(change_records=tuple(deletions), held=tuple(held))


def _positively_gone(instance: Instance | None, record: Record) -> str | None:
    """Return the evidence that a record's address is going, or not its instance's own; None without any."""
    if instance is None:
        return None
    own = {str(address) for address in (instance.public_ipv4, instance.private_ipv4, instance.ipv6) if address}
    if own.issuperset(record.values):
        return f"EC2 says {instance.state}" if EC2.get(instance.state) is Membership.WITHDRAW else None
    return f"its record holds {', '.join(record.values)}, which is no address of its instance ({instance.state})"
