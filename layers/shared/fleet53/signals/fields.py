"""Fields of a message, each read with an error that names the event, the field and its value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.lifecycle import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_text(fields: Mapping[str, Any], key: str, what: str = "event") -> str:
    """Return a field that has to be a non-empty string."""
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise NotUnderstoodError(f"{what}: {key} is {value!r}, not a non-empty string")
    return value


def read_time(text: object) -> datetime | None:
    """Return an event's time, None where it has none that can be read. Without it only a metric is missing."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_transition(text: str, what: str) -> Transition:
    """Return the transition that a lifecycle action names."""
    try:
        return Transition(text)
    except ValueError:
        known = " or ".join(Transition)
        raise NotUnderstoodError(f"{what}: the transition is {text!r}, not {known}") from None
