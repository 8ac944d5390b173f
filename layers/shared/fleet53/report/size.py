"""Size: shortens a report so that Lambda takes the answer. Pure.

An answer shows a report as rows. If all of them do not fit, it has those that come first in this order:

1. the change batches that undo an adoption
2. findings: those that the guard holds, those that a repair fixes, the others
3. pools, the worst verdict first
4. the change batches of a dry run
5. members that are not well
6. members that are well

The other rows are left out, and the answer says how many: `left_out`. What a report says of the whole, such as its
verdict and the number of findings of each kind, counts all rows.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet53.report.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fleet53.report.model import ChangeBatch, PoolReport, Report

MOST: Final = 6_000_000
"""Bytes of an answer as JSON. Lambda takes 6 MB, which are 6,291,456 bytes (Lambda Developer Guide, Lambda quotas:
invocation payload, synchronous). The rest is for what is around the report."""
_CLOSER: Final = 0.98
"""How much of the rows that should fit are tried, because rows differ in size."""


def write_within[Form](report: Report, write: Callable[[Report], Form], most: int = MOST) -> Form:
    """Return what `write` makes of a report, without the last rows if it has more than `most` bytes as JSON.

    Only a form without rows can be larger than that.
    """
    rows = _count(report)
    written = write(report)
    while rows and (size := _size(written)) > most:
        rows = int(rows * most / size * _CLOSER)
        written = write(shorten(report, rows))
    return written


def shorten(report: Report, rows: int) -> Report:
    """Return a report with its first `rows` rows. A change batch counts as many rows as it has changes."""
    undo = tuple(_first(report.undo, rows))
    rows -= sum(map(_changes, undo))
    findings = min(len(report.findings), rows)
    rows -= findings
    pools = _worst(report, rows)
    rows -= len(pools)
    batches = tuple(_first(report.batches, rows))
    rows -= sum(map(_changes, batches))
    pools = _with_members(pools, rows)
    names = {pool.record_name for pool in pools}
    used = {name: quota for name, quota in report.quotas.names.items() if name in names}
    return replace(
        report,
        pools=pools,
        quotas=replace(report.quotas, names=used),
        batches=batches,
        undo=undo,
        left_out=LeftOut(
            instances=sum(len(pool.instances) for pool in report.pools) - sum(len(pool.instances) for pool in pools),
            findings=len(report.findings) - findings,
            pools=len(report.pools) - len(pools),
            batches=len(report.undo) - len(undo) + len(report.batches) - len(batches),
        ),
    )


def _count(report: Report) -> int:
    members = sum(len(pool.instances) for pool in report.pools)
    return members + len(report.pools) + len(report.findings) + sum(map(_changes, (*report.undo, *report.batches)))


def _changes(batch: ChangeBatch) -> int:
    return len(batch.changes["Changes"])


def _first(batches: Iterable[ChangeBatch], rows: int) -> Iterator[ChangeBatch]:
    """Yield the first batches that have at most so many changes together. A part of a batch would be useless."""
    for batch in batches:
        rows -= _changes(batch)
        if rows < 0:
            return
        yield batch


def _worst(report: Report, most: int) -> tuple[PoolReport, ...]:
    """Return the pools with the worst verdicts, in the order of the report."""
    kept = {pool.name for pool in report.worst_first[:most]}
    return tuple(pool for pool in report.pools if pool.name in kept)


def _with_members(pools: tuple[PoolReport, ...], most: int) -> tuple[PoolReport, ...]:
    """Return the pools with so many of their members, those that are not well first, in the order of the report."""
    members = [(member.well, pool.name, member.instance_id) for pool in pools for member in pool.instances]
    kept = {(name, instance_id) for _, name, instance_id in sorted(members, key=lambda each: each[0])[:most]}
    shortened = []
    for pool in pools:
        instances = tuple(member for member in pool.instances if (pool.name, member.instance_id) in kept)
        shortened.append(replace(pool, instances=instances, left_out=len(pool.instances) - len(instances)))
    return tuple(shortened)


def _size(written: object) -> int:
    """Return the bytes of an answer as JSON, at most: Lambda writes characters beyond ASCII as they are."""
    return len(json.dumps(written))
