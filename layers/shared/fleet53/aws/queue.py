"""SQS: the signals queue. Its delayed messages are fleet53's timers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from datetime import datetime

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_WAITING: Final[QueueAttributeNameType] = "ApproximateNumberOfMessages"
_IN_FLIGHT: Final[QueueAttributeNameType] = "ApproximateNumberOfMessagesNotVisible"
MAX_DELAY: Final = 900
"""The longest delay of a message, in seconds (SendMessage, DelaySeconds)."""
_SKEW: Final = timedelta(seconds=5)
"""A look that is due within this time may have started, because the clocks of SQS and of the function may differ."""


@dataclass(slots=True)
class Looks:
    """The times of the looks that a warm function has queued: Note [Looks merge] in planning/looks.py.

    They only save messages. A function that starts cold knows none and queues a second message, and the two merge
    later.
    """

    _due: dict[Hashable, datetime] = field(default_factory=dict)

    def covers(self, key: Hashable, due: datetime, *, now: datetime) -> bool:
        """Return whether a look at `key` is queued that comes no later than `due`."""
        queued = self._due.get(key)
        return queued is not None and now + _SKEW < queued <= due

    def note(self, keys: Iterable[Hashable], due: datetime, *, now: datetime) -> None:
        """Remember that a look is queued, and forget the looks that were due before now."""
        self._due = {key: at for key, at in self._due.items() if at > now} | dict.fromkeys(keys, due)

    def forget(self, key: Hashable) -> None:
        """Forget the look that is queued at `key`, because it is not needed any more."""
        self._due.pop(key, None)


@dataclass(frozen=True, slots=True)
class Load:
    """Approximate numbers of messages: `waiting` can be received now, `in_flight` are received and not deleted yet."""

    waiting: int
    in_flight: int


class Queue:
    """The signals queue at `url`. `looks` outlives the invocation where the function keeps it."""

    def __init__(self, client: SQSClient, url: str, looks: Looks | None = None) -> None:
        self._client = client
        self._url = url
        self.looks = Looks() if looks is None else looks

    def send(self, message: Mapping[str, Any], *, delay: timedelta = timedelta()) -> None:
        """Queue `message`, to be delivered after `delay` in whole seconds, not earlier and MAX_DELAY at most."""
        seconds = min(math.ceil(delay.total_seconds()), MAX_DELAY)
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message), DelaySeconds=seconds)

    def load(self) -> Load:
        """Return how many messages wait and how many are in flight (GetQueueAttributes)."""
        read = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[_WAITING, _IN_FLIGHT])[
            "Attributes"
        ]
        return Load(waiting=int(read[_WAITING]), in_flight=int(read[_IN_FLIGHT]))

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        """Make a received message visible again after `seconds`."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
