"""What `make live` reports: for each expectation, what AWS did, and whether that differs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation of a step in words, what was seen, and whether that is something else."""

    step: str
    expected: str
    seen: str
    differs: bool


def table(outcomes: Sequence[Outcome], where: str = "AWS") -> str:
    """Return a Markdown table of all outcomes, and a line that counts those that differ. `where` is what was seen."""
    rows = [(each.step, each.expected, each.seen, "YES" if each.differs else "no") for each in outcomes]
    headings = ("step", "expected", where, "differs")
    cells = [tuple(" ".join(cell.split()).replace("|", "\\|") for cell in row) for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    differ = Counter(each.differs for each in outcomes)[True]
    return "\n".join([*lines, "", f"{differ} of {len(outcomes)} expectations differ.", ""])
