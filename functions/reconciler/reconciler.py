"""The reconciler: messages of the signals queue in, a run, the messages that must come again out."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import SQSEvent

from fleet53.aws.clients import Clients
from fleet53.aws.retrier import AWS_ERRORS, Retrier
from fleet53.config.settings import read_settings
from fleet53.domain.errors import NotUnderstoodError
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run
from fleet53.reconcile.run import reconcile
from fleet53.signals import Ignored, InstanceSignal, PoolSignal, read_signal
from fleet53.telemetry.announcements import of_run
from fleet53.telemetry.metrics import Measurement, emit, measure_run
from fleet53.telemetry.telling import tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fleet53.aws.queue import Queue

logger = Logger()
settings = read_settings(os.environ)
clients = Clients()

_FIRST_RETRY: Final = 5
_LONGEST_RETRY: Final = 300


class ReturnedError(Exception):
    """A message that goes back to the queue."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Reconcile what a batch of signals is about; return the messages that must come again."""
    retrier = Retrier(lambda: context.get_remaining_time_in_millis() / 1000, time.sleep, random.random)
    aws = clients.connect(settings, retrier)
    records = {record.message_id: record for record in SQSEvent(event).records}
    signals, returned = _read(records.values())
    measured = [Measurement("MessagesNotUnderstood", len(returned))] if returned else []
    outcome, broke_off = Outcome(), False
    try:
        reconcile(signals, Run(settings, aws, logger, _now), outcome)
    except Exception as error:  # whatever it is, the messages come again in seconds, not after the time-out
        logger.exception("run failed")
        outcome.retry |= dict.fromkeys(signals, f"{type(error).__name__}: {error}")
        broke_off = True
    returned |= outcome.retry
    measured += measure_run(outcome, signals.values(), now=_now())
    measured += [
        Measurement("RunsFailed", int(broke_off or any(_came_before(records[each]) for each in outcome.retry))),
        Measurement("Route53Calls", retrier.calls),
        Measurement("Throttled", retrier.throttled),
    ]
    emit(measured, settings.owner)
    for message_id, because in returned.items():
        logger.warning("message returned", extra={"message_id": message_id, "because": because})
        _retry_soon(records[message_id], aws.queue)
    tell(of_run(outcome.made, outcome.held, settings.owner, now=_now()), aws.bus, logger)

    def refuse_returned(record: SQSRecord) -> None:
        if record.message_id in returned:
            raise ReturnedError(returned[record.message_id])

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=refuse_returned, processor=processor, context=context)


def _now() -> datetime:
    return datetime.now(UTC)


def _read(
    records: Iterable[SQSRecord],
) -> tuple[dict[str, InstanceSignal | PoolSignal], dict[str, str]]:
    """Return the signals by message id, and the messages that are no signal with what is wrong with them."""
    signals: dict[str, InstanceSignal | PoolSignal] = {}
    returned: dict[str, str] = {}
    for record in records:
        try:
            signal = read_signal(record.body, settings.pool_tag_key)
        except NotUnderstoodError as error:
            returned[record.message_id] = f"not understood, and goes to the dead-letter queue: {error}"
            continue
        if isinstance(signal, Ignored):
            logger.info("message ignored", extra={"message_id": record.message_id, "because": signal.because})
        else:
            signals[record.message_id] = signal
    return signals, returned


def _came_before(record: SQSRecord) -> bool:
    """Whether a message came back already. One that was throttled, or overtaken by another pass, does so but once."""
    return int(record.attributes.approximate_receive_count) > 1


def _retry_soon(record: SQSRecord, queue: Queue) -> None:
    """Let a returned message come again in seconds, not after the queue's visibility time-out."""
    received = int(record.attributes.approximate_receive_count)
    seconds = min(_FIRST_RETRY * 2 ** (received - 1), _LONGEST_RETRY)
    try:
        queue.retry_in(record.receipt_handle, seconds)
    except AWS_ERRORS as error:
        logger.warning("visibility timeout not changed", extra={"because": str(error)})
