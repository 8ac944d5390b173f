"""Copies of what requests and answers hold, because neither side may see what the other changes later."""

from __future__ import annotations

from typing import cast


def copied[T](value: T) -> T:
    """Return a copy of dictionaries and lists, whose other values cannot be changed.

    `copy.deepcopy` takes several times as long, and every listing and every recorded call is copied.
    """
    if isinstance(value, dict):
        return cast("T", {key: copied(each) for key, each in value.items()})
    if isinstance(value, list):
        return cast("T", [copied(each) for each in value])
    return value
