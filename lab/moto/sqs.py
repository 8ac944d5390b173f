"""SQS in moto, with the metrics that SQS publishes about each queue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from moto.sqs.models import sqs_backends
from moto.sqs.responses import SQSResponse

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.cloudwatch import publish_metrics
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from datetime import datetime

_OFTEN: Final = 3
"""Receives after which a message does not count as the oldest (SQS Developer Guide, available CloudWatch metrics)."""


def gaps() -> tuple[Gap, ...]:
    """Return how moto's SQS is corrected."""
    return (_keep_trace_header(),)


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


def can_receive(url: str) -> bool:
    """Tell whether a queue that exists has a message that is visible now."""
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
