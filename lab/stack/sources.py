"""What invokes functions by itself: SQS event source mappings and schedules."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lab.moto import awslambda, cloud, events, sqs
from lab.stack.functions import publish_dropped
from lab.stack.recursion import ALLOW, MOST_INVOCATIONS, longest_chain

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.stack.deploy import EventSource, Schedule
    from lab.stack.functions import Functions, Invocation

_RECEIVE_AT_ONCE: Final = 10
"""The most messages that one ReceiveMessage returns (SQS API)."""


@dataclass(slots=True)
class Poller:
    """One event source mapping: it receives batches, invokes its function, and deletes or returns each message.

    While it is disabled, messages wait in the queue (Lambda Developer Guide, UpdateEventSourceMapping, Enabled).

    Lambda invokes up to MaximumConcurrency batches at once, each in an environment of its own. The lab has
    one environment, so it invokes them one after another.
    """

    source: EventSource
    functions: Functions
    _sqs: Any = field(init=False)

    def __post_init__(self) -> None:
        self._sqs = cloud.client("sqs")

    def poll_once(self) -> Invocation | None:
        """Invoke the function with one batch of messages; return None if no message can be received now."""
        if not awslambda.polls(self.source.uuid):
            return None
        messages, chain = self._receive_for_invocation()
        if not messages:
            return None
        event = {"Records": [self._record(message) for message in messages]}
        invocation = self.functions.invoke(self.source.function, event, chain=chain)
        failed = self._failures(invocation, {message["MessageId"] for message in messages})
        for message in messages:
            if message["MessageId"] not in failed:
                sqs.delete(self.source.queue_url, message["ReceiptHandle"])
        return invocation

    def _receive_for_invocation(self) -> tuple[list[dict[str, Any]], int]:
        """Return a batch of messages, and how long the invocation makes their chain.

        A batch whose chain is a recursive loop stays in the queue, so that it comes again until it has been received
        too often.
        """
        function = self.functions.deployment.functions[self.source.function]
        while messages := self._receive():
            chain = longest_chain(messages, function.arn) + 1
            if chain <= MOST_INVOCATIONS or function.recursive_loop == ALLOW:
                return messages, chain
            publish_dropped(function, datetime.now(UTC))
        return [], 0

    def _receive(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while len(messages) < self.source.batch_size and sqs.can_receive(self.source.queue_url):
            received = self._sqs.receive_message(
                QueueUrl=self.source.queue_url,
                MaxNumberOfMessages=min(_RECEIVE_AT_ONCE, self.source.batch_size - len(messages)),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not received:
                break
            messages += received
        return messages

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message as Lambda puts it into an event (Lambda Developer Guide, with-sqs)."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
                for name, attribute in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.source.queue_arn,
            "awsRegion": cloud.REGION,
        }

    def _failures(self, invocation: Invocation, batch: set[str]) -> set[str]:
        """Return the ids to leave in the queue (Lambda Developer Guide, ReportBatchItemFailures).

        An error fails the whole batch, and so does an answer that is malformed or names an unknown message.
        """
        if invocation.error is not None:
            return batch
        if not self.source.partial_failures or not invocation.result:
            return set()
        if not isinstance(invocation.result, dict):
            return batch
        failures = invocation.result.get("batchItemFailures") or []
        try:
            named = {failure["itemIdentifier"] for failure in failures}
        except (KeyError, TypeError):
            return batch
        return batch if named - batch else named


@dataclass(slots=True)
class Timer:
    """One schedule: invokes its function whenever its period has passed by the lab's clock."""

    schedule: Schedule
    functions: Functions
    now: Callable[[], datetime]
    _due: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.now() + self.schedule.every

    def fire_if_due(self) -> Invocation | None:
        """Invoke the function if its time has come; if the clock skipped several periods, it is invoked once.

        A rule that is disabled at that time does not invoke it.
        """
        if self.now() < self._due:
            return None
        while self._due <= self.now():
            self._due += self.schedule.every
        if self.schedule.rule is not None and not events.rule_is_enabled(self.schedule.rule):
            return None
        return self.functions.invoke(self.schedule.function, self.schedule.payload)


def drain(pollers: tuple[Poller, ...], limit: int = 200) -> int:
    """Poll until nothing can be received now; return how many batches that took.

    More than `limit` batches are an error, because a function may send messages to its own queue for ever.
    """
    batches = 0
    while taken := sum(poller.poll_once() is not None for poller in pollers):
        batches += taken
        if batches > limit:
            queues = ", ".join(poller.source.queue_url for poller in pollers)
            raise RuntimeError(f"not empty after {limit} batches: {queues}")
    return batches
