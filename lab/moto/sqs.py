"""SQS in moto, with the metrics that SQS publishes about each queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from moto.sqs.models import sqs_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.cloudwatch import publish_metrics

if TYPE_CHECKING:
    from datetime import datetime

_OFTEN: Final = 3
"""Receives after which a message does not count as the oldest (SQS Developer Guide, available CloudWatch metrics)."""


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
