"""Fields of a message, each read with an error that names the event, the field and its value.

Anyone who may send to the queue can write these fields, and some become part of a request to AWS. So those must have
the form that AWS documents: an id with a wildcard would match every instance, and a text that is not Unicode cannot be
sent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import INSTANCE_ID, INTERFACE_ID, InstanceId, InterfaceId
from fleet53.domain.lifecycle import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP_NAME: Final = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]{1,255}")
HOOK_NAME: Final = re.compile(r"[A-Za-z0-9_/-]{1,255}")
ACTION_TOKEN: Final = re.compile(r"[!-~]{36}")
"""The forms of CompleteLifecycleAction's parameters (Auto Scaling API Reference)."""
_LONGEST_SHOWN: Final = 200
_YEARS: Final = range(2000, 2200)
"""The years of an event's time: EC2 is younger, and a sum with a time in them is still a time."""


def shown(value: object) -> str:
    """Return a value from outside as a log line shows it: one line of at most 200 printable characters."""
    try:
        text = value if isinstance(value, str) and value.isprintable() else repr(value)
    except RecursionError:
        return "a value that is nested too deeply"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def quoted(value: object) -> str:
    """Return a value from outside as `shown` does, with quotes around a text."""
    return shown(repr(value) if isinstance(value, str) else value)


def read_text(fields: Mapping[str, Any], key: str, what: str = "event") -> str:
    """Return a field that has to be a non-empty string of Unicode characters."""
    value = fields.get(key)
    if not is_text(value) or not value:
        raise NotUnderstoodError(f"{what}: {key} is {quoted(value)}, not a non-empty string")
    return str(value)


def is_text(value: object) -> bool:
    """Whether a value is a string that can be encoded: JSON can also write a lone half of a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def read_form(fields: Mapping[str, Any], key: str, form: re.Pattern[str], what: str) -> str:
    """Return a field that has to be a string of the form that AWS documents for it."""
    value = read_text(fields, key, what)
    if form.fullmatch(value) is None:
        raise NotUnderstoodError(f"{what}: {key} is {quoted(value)}, which does not match {form.pattern!r}")
    return value


def read_instance_id(value: object, key: str, what: str) -> InstanceId:
    """Return an instance's id, which the message has as `key`."""
    if not isinstance(value, str) or INSTANCE_ID.fullmatch(value) is None:
        raise NotUnderstoodError(
            f"{what}: {key} is {quoted(value)}, not an instance id (i- and 8 to 17 hexadecimal digits)"
        )
    return InstanceId(value)


def read_interface_id(value: object, key: str, what: str) -> InterfaceId:
    """Return a network interface's id, which the message has as `key`."""
    if not isinstance(value, str) or INTERFACE_ID.fullmatch(value) is None:
        raise NotUnderstoodError(
            f"{what}: {key} is {quoted(value)}, not a network interface id (eni- and 8 to 17 hexadecimal digits)"
        )
    return InterfaceId(value)


def read_time(text: object) -> datetime | None:
    """Return an event's time in UTC, None if it has none or it cannot be read."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _YEARS else None


def read_transition(text: str, what: str) -> Transition:
    """Return the transition that a lifecycle action names."""
    try:
        return Transition(text)
    except ValueError:
        known = " or ".join(Transition)
        raise NotUnderstoodError(f"{what}: the transition is {quoted(text)}, not {known}") from None
