"""SQS: the signals queue. Its delayed messages are fleet53's timers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

MAX_DELAY: Final = 900
"""The longest delay of a message, in seconds (SendMessage, DelaySeconds)."""


class Queue:
    """The signals queue at `url`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Mapping[str, Any], *, delay: int = 0) -> None:
        """Queue `message`, to be delivered after `delay` seconds (MAX_DELAY at most)."""
        self._client.send_message(
            QueueUrl=self._url, MessageBody=json.dumps(message), DelaySeconds=min(delay, MAX_DELAY)
        )

    def in_flight(self) -> int:
        """Return the approximate number of messages in flight: received, and not yet deleted or visible again."""
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def waiting(self) -> int:
        """Return the approximate number of messages that can be received now."""
        return self._count("ApproximateNumberOfMessages")

    def _count(self, name: QueueAttributeNameType) -> int:
        read = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(read["Attributes"][name])

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        """Make a received message visible again after `seconds`."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
