"""The fallback: the address of a pool's name while no member is in DNS and no foreign record answers.

Foreign records answer, for example, if a stack in another Region has its members at the same name.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fleet53.config.pools import record_type_of
from fleet53.domain.finding import FindingKind
from fleet53.domain.record import MAX_RECORDS_PER_NAME
from fleet53.planning.changes import PutRecord
from fleet53.planning.decision import Decision, deletion, finding
from fleet53.planning.records_at import multivalue_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.domain.identity import Owner
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.records_at import RecordsAtName

_MEMBER_IN_DNS: Final = "a member is in DNS"


class Answered(Enum):
    """When a member's record answers at the pool's name, in Note [Apply order]'s steps."""

    AT_ONCE = auto()
    AFTER_CHECKS = auto()
    NOT = auto()


def decide_fallback(pool: Pool, owner: Owner, found: RecordsAtName, answered: Answered) -> Iterator[Decision]:
    """Yield what to do about the fallback. `answered` is when a member's record answers.

    Its changes are at the same name as the members', so Route 53 makes them in the same batch. While the only new
    members wait for their health checks, the fallback answers. The batch that admits them deletes it.
    """
    if answered is Answered.NOT and (because := _why_empty(pool, found)) is not None:
        yield Decision(finding=finding(pool, FindingKind.EMPTY_POOL, because))
    wanted = None if answered is Answered.AT_ONCE or found.answering else _wanted(pool, owner, found)
    because = _MEMBER_IN_DNS
    if answered is Answered.NOT:
        because = "records of others answer at the name" if found.answering else "the pool has no such fallback"
    for record in found.fallbacks:
        if wanted is None or record.type != wanted.type:
            yield Decision(delete=deletion(pool, None, record, because, FindingKind.ORPHAN_RECORD))
    if wanted is None:
        return
    there = next((record for record in found.fallbacks if record == wanted), None)
    if there is None:
        replaces = next((record for record in found.fallbacks if record.type == wanted.type), None)
        drift = FindingKind.MISSING_RECORD
        because = "no member is in DNS"
        yield Decision(put=PutRecord(pool.name, pool.zone_id, None, wanted, drift, because, replaces=replaces))
    if answered is Answered.AFTER_CHECKS:
        leaves = deletion(pool, None, there or wanted, _MEMBER_IN_DNS, FindingKind.ORPHAN_RECORD)
        yield Decision(delete=replace(leaves, waits=True))


def _why_empty(pool: Pool, found: RecordsAtName) -> str | None:
    """Return what DNS answers for a pool without members in DNS.

    None if the fallback answers, or a foreign record that keeps members out, which has a finding of its own.
    """
    blocked = any(found.blocker(record_type) is not None for record_type in pool.address.record_types)
    if blocked:
        return None
    if found.answering:
        count = len(found.answering)
        others = f"{count} record{'s' if count > 1 else ''} of others answer{'' if count > 1 else 's'}"
        instead = ", and the fallback does not" if pool.fallback is not None else ""
        return f"{pool.record_name} has no member of this pool in DNS: {others}{instead}"
    if pool.fallback is not None:
        return None
    if found.answered_by_others:
        return f"{pool.record_name} has no member in DNS: the fallback of another stack answers"
    return f"{pool.record_name} has no member in DNS and no fallback: DNS queries for it get a negative answer"


def _wanted(pool: Pool, owner: Owner, found: RecordsAtName) -> Record | None:
    """Return the fallback's record, or None where the pool has no fallback or the name takes no record of its type."""
    if pool.fallback is None:
        return None
    record_type = record_type_of(pool.fallback)
    full = found.count_foreign(record_type) >= MAX_RECORDS_PER_NAME
    if full or found.blocker(record_type) is not None:
        return None
    return multivalue_record(owner, pool, record_type, pool.fallback)
