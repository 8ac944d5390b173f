"""Tables: what benchmarks print. They print to a stream of their own, because functions print to the usual one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES: Final = Path(__file__).parent / "figures.json"
"""What plots.py draws."""
_OUT = sys.stdout


def say(text: str) -> None:
    """Print a line."""
    _OUT.write(f"{text}\n")
    _OUT.flush()


def row(title: object, *values: object) -> None:
    """Print a row of a table."""
    say(f"{title!s:32}" + "".join(f"{value!s:>9}" for value in values))


def keep(benchmark: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the figures of a benchmark in FIGURES, in place of the former ones."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    figures[benchmark] = rows
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
