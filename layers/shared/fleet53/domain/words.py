"""Words: how a list and a number of things are written in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED: Final = 5
"""How many things a sentence names."""


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def count(number: int, what: str) -> str:
    """Return a number of things, with the plural where there is not one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
