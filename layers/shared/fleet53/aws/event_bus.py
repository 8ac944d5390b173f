"""EventBridge: events put on the account's default bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from fleet53.aws.retrier import Retrier

_ENTRIES: Final = 10
"""Events of one call (PutEvents, Entries)."""
_SIZE: Final = 256_000
"""Bytes of all events of one call (Amazon EventBridge User Guide, PutEvents event entry size)."""
_TRIES: Final = 3
_PAUSE: Final = 0.2
_ENOUGH: Final = 7.0
"""Seconds that one call can take, with its timeouts and its one retry."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its source, its detail type, its detail as JSON, and the time of what it is about."""

    source: str
    detail_type: str
    detail: str
    at: datetime


class EventBus:
    """The default event bus."""

    def __init__(self, client: EventBridgeClient, retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def put(self, events: Iterable[Event]) -> list[str]:
        """Put events on the bus, and return the reason for each event that the bus did not accept.

        A refused event is sent three times in all. No AWS error is raised.
        """
        entries = (_entry(event) for event in events)
        return [reason for batch in _batches(entries) for reason in self._put(batch)]

    def _put(self, batch: list[PutEventsRequestEntryTypeDef]) -> list[str]:
        reasons: list[str] = []
        for attempt in range(_TRIES):
            if self._retrier.remaining() < _ENOUGH:
                return [_lost(entry, "no time left") for entry in batch]
            if attempt:
                self._retrier.sleep(_PAUSE * attempt)
            try:
                answered = self._client.put_events(Entries=batch)["Entries"]
            except AWS_ERRORS as error:  # boto3 has retried it
                return [_lost(entry, str(error)) for entry in batch]
            refused = [pair for pair in zip(batch, answered, strict=True) if pair[1].get("ErrorCode")]
            if not refused:
                return []
            batch = [entry for entry, _ in refused]
            reasons = [
                _lost(entry, f"{answer.get('ErrorCode')}: {answer.get('ErrorMessage')}") for entry, answer in refused
            ]
        return reasons


def _entry(event: Event) -> PutEventsRequestEntryTypeDef:
    return {"Source": event.source, "DetailType": event.detail_type, "Detail": event.detail, "Time": event.at}


def _batches(entries: Iterable[PutEventsRequestEntryTypeDef]) -> Iterator[list[PutEventsRequestEntryTypeDef]]:
    """Yield the entries in batches that fit into one call."""
    batch: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        weight = len(entry["Detail"].encode()) + len(entry["DetailType"]) + len(entry["Source"]) + 14  # and the time
        if batch and (len(batch) == _ENTRIES or size + weight > _SIZE):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch


def _lost(entry: PutEventsRequestEntryTypeDef, because: str) -> str:
    return f"{entry['DetailType']}: {because}"
