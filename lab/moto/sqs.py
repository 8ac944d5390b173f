"""SQS in moto, with the metrics that SQS publishes about each queue."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from moto.core.responses import ActionResult
from moto.sqs.models import SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.cloudwatch import publish_metrics
from lab.moto.gap import Gap
from lab.moto.refusals import Refusal

if TYPE_CHECKING:
    from datetime import datetime

_OFTEN: Final = 3
"""Receives after which a message does not count as the oldest (SQS Developer Guide, available CloudWatch metrics)."""


_NAME_IS_TAKEN: Final = 60
"""Seconds for which the name of a deleted queue cannot be used again."""


def gaps() -> tuple[Gap, ...]:
    """Return how moto's SQS is corrected."""
    return _keep_trace_header(), _move_messages(), *_refuse_recent_names()


def _keep_trace_header() -> Gap:
    """Keep the trace header of a request with the message that it sends; moto ignores the header.

    Source: SQS Developer Guide, "Amazon SQS message metadata" (AWSTraceHeader).
    """
    send_as_moto = SQSResponse.send_message

    def send_message(response: Any) -> Any:
        answer = send_as_moto(response)
        header = response.headers.get("X-Amzn-Trace-Id")
        if header:
            queue = response.sqs_backend.get_queue(response._get_queue_name())  # noqa: SLF001 - moto's own look-up
            sent = (each for each in reversed(queue._messages) if each.id == answer.result["MessageId"])  # noqa: SLF001 - the queue's messages, whether visible or delayed
            kept = {"DataType": "String", "StringValue": header}
            next(sent).system_attributes = {"AWSTraceHeader": kept}
        return answer

    return Gap(SQSResponse, "send_message", send_message)


def _move_messages() -> Gap:
    """Move the messages of a dead-letter queue to another queue, or to the one that they came from; moto cannot.

    They are moved at once, as new messages: SQS needs some time for it. Source: SQS API Reference,
    StartMessageMoveTask; Developer Guide, "Configure a dead-letter queue redrive".
    """

    def start_message_move_task(response: Any) -> Any:
        queues = response.sqs_backend.queues
        by_arn = {queue.queue_arn: queue for queue in queues.values()}
        source = by_arn.get(response._get_param("SourceArn"))  # noqa: SLF001 - moto's own look-up
        if source is None:
            raise Refusal("ResourceNotFoundException", "The source queue does not exist.")
        before = [queue for queue in queues.values() if queue.dead_letter_queue is source]
        if not before:
            raise Refusal("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        chosen = response._get_param("DestinationArn")  # noqa: SLF001 - as above
        destination = before[0] if chosen is None else by_arn.get(chosen)
        if destination is None:
            raise Refusal("ResourceNotFoundException", "The destination queue does not exist.")
        moved = source.messages
        source._messages = [each for each in source._messages if each not in moved]  # noqa: SLF001 - no receipt handle
        for message in moved:
            response.sqs_backend.send_message(
                destination.name, message.body, message_attributes=message.message_attributes
            )
        return ActionResult({"TaskHandle": str(uuid.uuid4())})

    return Gap(SQSResponse, "start_message_move_task", start_message_move_task)


def _refuse_recent_names() -> tuple[Gap, Gap]:
    """Refuse to create a queue with the name of one that was deleted in the last 60 seconds; moto creates it.

    Source: SQS API Reference, CreateQueue (QueueDeletedRecently) and DeleteQueue. CloudFormation is not refused: what
    it does meanwhile is not documented.
    """
    create_as_moto, delete_as_moto = SQSResponse.create_queue, SQSBackend.delete_queue
    deleted: dict[str, float] = {}

    def create_queue(response: Any) -> Any:
        name = response._get_param("QueueName")  # noqa: SLF001 - moto's own look-up
        if time.time() - deleted.get(name, float("-inf")) < _NAME_IS_TAKEN:
            raise Refusal(
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            )
        return create_as_moto(response)

    def delete_queue(backend: Any, queue_name: str) -> None:
        delete_as_moto(backend, queue_name)
        deleted[queue_name] = time.time()

    return Gap(SQSResponse, "create_queue", create_queue), Gap(SQSBackend, "delete_queue", delete_queue)


# -- queues


def url_of(name: str) -> str:
    """Return the URL by which clients know a queue."""
    queue = sqs_backends[ACCOUNT][REGION].get_queue(name)
    return str(queue.url(urlsplit(os.environ["AWS_ENDPOINT_URL"])))


def policy_of(name: str) -> str:
    """Return a queue's policy, JSON; one without statements if it has none."""
    return str(sqs_backends[ACCOUNT][REGION].get_queue(name).policy or '{"Statement": []}')


def put_policy(url: str, policy: str) -> None:
    """Change a queue's policy."""
    sqs_backends[ACCOUNT][REGION].set_queue_attributes(url.rsplit("/", 1)[1], {"Policy": policy})


def send(name: str, body: str) -> None:
    """Send a message to a queue, as an AWS service does."""
    sqs_backends[ACCOUNT][REGION].send_message(name, body)


def delete(url: str, receipt_handle: str) -> None:
    """Delete a message that was received, as an AWS service does."""
    sqs_backends[ACCOUNT][REGION].delete_message(url.rsplit("/", 1)[1], receipt_handle)


def can_receive(url: str) -> bool:
    """Return whether a queue that exists has a message that is visible now."""
    queue = sqs_backends[ACCOUNT][REGION].queues.get(url.rsplit("/", 1)[1])
    return queue is None or bool(queue.messages)


def publish_queue_metrics(now: datetime) -> None:
    """Publish the metrics of each queue that alarms need, as SQS does every minute; moto publishes none."""
    data = []
    for queue in list(sqs_backends[ACCOUNT][REGION].queues.values()):
        sent = [each.sent_timestamp for each in queue._messages if each.approximate_receive_count <= _OFTEN]  # noqa: SLF001 - moto counts them, but gives no ages
        age = now.timestamp() - min(sent) / 1000 if sent else 0.0
        data += [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                "Timestamp": now,
                "Value": value,
                "Unit": unit,
            }
            for name, value, unit in (
                ("ApproximateNumberOfMessagesVisible", queue.approximate_number_of_messages, "Count"),
                ("ApproximateAgeOfOldestMessage", age, "Seconds"),
            )
        ]
    if data:
        publish_metrics("AWS/SQS", data)
