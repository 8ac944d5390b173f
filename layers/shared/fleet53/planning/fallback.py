"""The fallback: the address that a pool answers with exactly while it has no member in DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.config.pools import record_type_of
from fleet53.domain.model import MAX_RECORDS_PER_NAME, FindingKind
from fleet53.planning.changes import PutRecord
from fleet53.planning.decision import Decision, deletion, finding
from fleet53.planning.records_at import multivalue_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.domain.identity import Owner
    from fleet53.domain.model import Pool, Record
    from fleet53.planning.records_at import RecordsAtName


def decide_fallback(pool: Pool, owner: Owner, found: RecordsAtName, *, answered: bool) -> Iterator[Decision]:
    """Yield what is to be done about the fallback. `answered` is whether a member stays or comes into DNS.

    Its changes are of the same name as the members', so Route 53 makes them in the same batch.
    """
    if not answered and pool.fallback is None:
        because = f"{pool.record_name} has no member in DNS and no fallback: it is answered negatively"
        yield Decision(finding=finding(pool, FindingKind.EMPTY_POOL, because))
    wanted = None if answered else _wanted(pool, owner, found)
    because = "a member is in DNS" if answered else "the pool has no such fallback"
    for record in found.fallbacks:
        if wanted is None or record.type != wanted.type:
            yield Decision(delete=deletion(pool, None, record, because, FindingKind.ORPHAN_RECORD))
    if wanted is not None and wanted not in found.fallbacks:
        drift = FindingKind.MISSING_RECORD
        yield Decision(put=PutRecord(pool.name, pool.zone_id, None, wanted, drift, "no member is in DNS"))


def _wanted(pool: Pool, owner: Owner, found: RecordsAtName) -> Record | None:
    """Return the fallback's record, or None where the pool has no fallback or the name takes no record of its type."""
    if pool.fallback is None:
        return None
    record_type = record_type_of(pool.fallback)
    full = found.count_foreign(record_type) >= MAX_RECORDS_PER_NAME
    if full or found.blocker(record_type) is not None:
        return None
    return multivalue_record(owner, pool, record_type, pool.fallback)
