"""Record order: where ListResourceRecordSets lists the record sets of a name."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[a-z0-9._-]*")


def order(name: str) -> str:
    """Return what ListResourceRecordSets sorts by: the labels from right to left, each with a dot after it."""
    return "".join(f"{label}." for label in reversed(name.split(".")))


def is_between(first: str, name: str, end: str | None) -> bool:
    """Whether a listing from one name up to another, or to the end of the zone, has all record sets at `name`.

    Only of plain names is it known where they are: Route 53 writes other characters in octal.
    """
    if not all(map(_PLAIN.fullmatch, (first, name, end or ""))):
        return False
    return order(first) <= order(name) and (end is None or order(name) < order(end))
