"""Entries: the findings of a report for people. Findings that say the same are one entry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.domain.finding import Finding

RUNBOOK: Final = "docs/runbook.md says what to do about each kind"
"""The pointer to the runbook in every form of the report."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Findings that differ only in what they are about.

    `mark` is "held", "drift" or, if a repair does not fix them, empty. `pool` is empty if they are about no pool.
    `about` has instance ids, else names of records, else health checks.
    """

    mark: str
    kind: str
    pool: str
    because: str
    about: tuple[str, ...]


def entries_of(findings: Iterable[Finding]) -> list[Entry]:
    """Return the findings, first those that are held, then those that a repair fixes, then the others."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda each: each.weight):
        mark = "held" if finding.held else "drift" if finding.drift else ""
        about = found.setdefault((mark, finding.kind.value, finding.pool or "", finding.because), [])
        check = f"health check {finding.check_id}" if finding.check_id else None
        subject = finding.instance_id or finding.record_name or check
        if subject and subject not in about:
            about.append(subject)
    return [Entry(*said, tuple(about)) for said, about in found.items()]
