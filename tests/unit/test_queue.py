from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet53.aws.queue import Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass
class Sqs:
    """An SQS client that keeps what it is asked for."""

    requests: list[dict[str, Any]] = field(default_factory=list)

    def send_message(self, **request: Any) -> None:
        self.requests.append(request)

    def change_message_visibility(self, **request: Any) -> None:
        self.requests.append(request)


@pytest.mark.parametrize(("delay", "sent"), [(0, 0), (0.1, 1), (899.1, 900), (901, 900)])
def test_a_message_is_sent_as_json_with_a_delay_that_sqs_takes(delay: float, sent: int) -> None:
    sqs = Sqs()
    Queue(cast("SQSClient", sqs), "signals").send({"source": "fleet53"}, delay=timedelta(seconds=delay))
    (request,) = sqs.requests
    assert (request["QueueUrl"], request["DelaySeconds"]) == ("signals", sent)
    assert json.loads(request["MessageBody"]) == {"source": "fleet53"}


def test_a_received_message_comes_again_when_it_is_asked_to() -> None:
    sqs = Sqs()
    Queue(cast("SQSClient", sqs), "signals").retry_in("handle", 30)
    assert sqs.requests == [{"QueueUrl": "signals", "ReceiptHandle": "handle", "VisibilityTimeout": 30}]
