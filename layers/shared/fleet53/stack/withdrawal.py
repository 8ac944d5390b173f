"""Withdrawal: the deletions in Route 53 and CloudWatch when a stack is deleted, and a text about those left. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.finding import FindingKind
from fleet53.domain.words import some
from fleet53.planning.changes import DeleteAlarm, DeleteCheck, DeleteRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet53.domain.health_check import Check
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import CheckId, ZoneId
    from fleet53.domain.record import Record
    from fleet53.planning.changes import Change

type Deletion = DeleteRecord | DeleteCheck | DeleteAlarm

_BECAUSE: Final = "its stack is deleted"


@dataclass(slots=True)
class Withdrawal:
    """The deletions `made`, those `left`, and the `reasons`. Without reasons the withdrawal is complete."""

    made: list[Change] = field(default_factory=list)
    left: list[Deletion] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def record_deletions(owner: Owner, records: Mapping[ZoneId, Iterable[Record]]) -> tuple[DeleteRecord, ...]:
    """Return the deletion of every record that `owner` has in the zones."""
    return tuple(
        DeleteRecord(
            pool=None,
            zone_id=zone_id,
            instance_id=owner.instance(record.identifier),
            record=record,
            drift=FindingKind.ORPHAN_RECORD,
            because=_BECAUSE,
        )
        for zone_id, found in records.items()
        for record in found
        if owner.holder(record.identifier) is not None
    )


def check_deletions(owner: Owner, checks: Mapping[CheckId, Check]) -> tuple[DeleteCheck, ...]:
    """Return the deletion of every health check that `owner` has."""
    return tuple(
        DeleteCheck(
            pool=None,
            instance_id=reference.instance_id,
            check_id=check.id,
            address=check.address,
            drift=FindingKind.ORPHAN_CHECK,
            because=_BECAUSE,
        )
        for check in checks.values()
        if (reference := owner.read_reference(check.reference)) is not None
    )


def alarm_deletions(owner: Owner, names: Iterable[str]) -> tuple[DeleteAlarm, ...]:
    """Return the deletion of every alarm of a member that `owner` has."""
    return tuple(
        DeleteAlarm(None, held[1], name, frozenset(), FindingKind.ORPHAN_CHECK, _BECAUSE)
        for name in names
        if (held := owner.read_alarm_name(name)) is not None
    )


def followed_alarms(checks: Mapping[CheckId, Check], withdrawal: Withdrawal) -> frozenset[str]:
    """Return the names of the alarms that are followed by health checks which this withdrawal has not deleted."""
    left = {deletion.check_id for deletion in withdrawal.left if isinstance(deletion, DeleteCheck)}
    configs = (checks[check_id].config for check_id in left)
    return frozenset(config.alarm for config in configs if isinstance(config, AlarmConfig))


def safe_deletions(
    deletions: Iterable[DeleteCheck], withdrawal: Withdrawal, *, all_read: bool
) -> tuple[DeleteCheck, ...]:
    """Return the deletions of health checks that no record of ours names any more: Note [Apply order].

    If a zone could not be read, only health checks whose records this withdrawal deleted are safe to delete.
    """
    named, freed = _checks_of(withdrawal.left), _checks_of(withdrawal.made)
    return tuple(
        deletion
        for deletion in deletions
        if deletion.check_id not in named and (all_read or deletion.check_id in freed)
    )


def _checks_of(changes: Iterable[Change]) -> frozenset[CheckId]:
    named = (change.record.check_id for change in changes if isinstance(change, DeleteRecord))
    return frozenset(check_id for check_id in named if check_id is not None)


def describe_left(left: Iterable[Deletion]) -> str:
    """Return what is left as part of a sentence: the names of records and alarms, and the ids of health checks."""
    records: Counter[str] = Counter()
    checks: list[str] = []
    alarms: list[str] = []
    for deletion in left:
        match deletion:
            case DeleteRecord():
                records[f"{deletion.record.name} {deletion.record.type} in {deletion.zone_id}"] += 1
            case DeleteCheck():
                checks.append(deletion.check_id)
            case DeleteAlarm():
                alarms.append(deletion.name)
    parts = []
    if records:
        named = [f"{count} of {place}" for place, count in sorted(records.items())]
        parts.append(f"{records.total()} records ({some(named)})")
    if checks:
        parts.append(f"{len(checks)} health checks ({some(sorted(checks))})")
    if alarms:
        parts.append(f"{len(alarms)} alarms ({some(sorted(alarms))})")
    return " and ".join(parts)
