"""Tables: what benchmarks print. They print to a stream of their own, because functions print to the usual one."""

from __future__ import annotations

import sys

_OUT = sys.stdout


def say(text: str) -> None:
    """Print a line."""
    _OUT.write(f"{text}\n")
    _OUT.flush()


def row(title: object, *values: object) -> None:
    """Print a row of a table."""
    say(f"{title!s:32}" + "".join(f"{value!s:>9}" for value in values))
