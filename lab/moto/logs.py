"""CloudWatch Logs in moto, with what functions write to their log groups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from moto.logs import models
from moto.logs.models import logs_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_TERM: Final = re.compile(r'([?-]?)(?:"([^"]*)"|(\S+))')


def write(group: str, stream: str, messages: Iterable[str], at: datetime) -> None:
    """Write messages to a log stream, which is created if it does not exist; without its group they are lost."""
    backend = logs_backends[ACCOUNT][REGION]
    events = [{"timestamp": int(at.timestamp() * 1000), "message": each} for each in messages]
    if events and group in backend.groups:
        backend.ensure_log_stream(group, stream)
        backend.groups[group].put_log_events(stream, events)


def gaps() -> tuple[Gap, ...]:
    """Return how moto's CloudWatch Logs is corrected."""
    return (_filter_by_terms(),)


def _filter_by_terms() -> Gap:
    """Filter log events by terms that all, or of which one, have to be there; moto does not filter by `?term`.

    Source: CloudWatch Logs User Guide, "Filter pattern syntax", match terms in unstructured log events. Patterns for
    JSON fields, which begin with a brace, are not played: they are refused.
    """

    def prepare(event_filter: Any, pattern: str | None) -> None:
        if (pattern or "").startswith(("{", "[", "%")):
            raise NotImplementedError(f"the lab filters log events by terms, not by {pattern}")
        event_filter.terms = [(sign, quoted or plain) for sign, quoted, plain in _TERM.findall(pattern or "")]

    def matches(event_filter: Any, message: str) -> bool:
        any_of = [text in message for sign, text in event_filter.terms if sign == "?"]
        return (
            all(text in message for sign, text in event_filter.terms if not sign)
            and not any(text in message for sign, text in event_filter.terms if sign == "-")
            and (any(any_of) or not any_of)
        )

    kind = type("TermFilter", (), {"__init__": prepare, "matches": matches})
    return Gap(models, "EventMessageFilter", kind)
