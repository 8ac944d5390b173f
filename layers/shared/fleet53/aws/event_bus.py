"""EventBridge: events put on the account's default bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from fleet53.aws.retrier import UNREACHED, Limits
from fleet53.domain.errors import OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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
_LIMITS: Final = Limits(tries=2, reserve=1.0, hurried=True)
"""Events are sent last, when only the reserve of Retrier may be left. A bus that does not answer is not tried again."""
_ENOUGH: Final = 4.0
"""Seconds that one try can take: its time-outs, and the reserve of _LIMITS."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `detail` is JSON, and `at` is the time at which its subject happened."""

    source: str
    detail_type: str
    detail: str
    at: datetime


class EventBus:
    """The default event bus. `client` returns its client."""

    def __init__(self, client: Callable[[], EventBridgeClient], retrier: Retrier) -> None:
        self._client = client
        self._retrier = retrier

    def put(self, events: Iterable[Event]) -> list[str]:
        """Put events on the bus, and return the reasons why some were not accepted.

        An event that the bus refuses is sent three times in all. If the bus does not answer, all further events are
        dropped with one reason. No AWS error is raised.
        """
        batches = list(_batches(_entry(event) for event in events))
        reasons: list[str] = []
        for place, batch in enumerate(batches):
            try:
                with self._retrier.within(_LIMITS):
                    reasons += self._put(batch)
            except (TryLaterError, *UNREACHED) as error:
                dropped = sum(len(each) for each in batches[place:])
                return [*reasons, f"{dropped} events dropped: {error}"]
        return reasons

    def _put(self, batch: list[PutEventsRequestEntryTypeDef]) -> list[str]:
        """Put one batch. Raises an error if the bus does not answer, or if no time is left."""
        reasons: list[str] = []
        for attempt in range(_TRIES):
            if attempt:
                self._retrier.wait(_PAUSE * attempt, "for events", then=_ENOUGH)
            elif self._retrier.remaining() < _ENOUGH:
                raise OutOfTimeError("no time left")
            try:
                answered = self._client().put_events(Entries=batch)["Entries"]
            except ClientError as error:
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
