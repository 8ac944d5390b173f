"""Batch: one invocation of the reconciler. It takes messages of the signals queue and returns those that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleet53.aws.retrier import AWS_ERRORS, REFUSED_HERE, Limits, is_denied
from fleet53.domain.errors import NotUnderstoodError
from fleet53.reconcile.behind import send_again
from fleet53.reconcile.metrics import measure_run
from fleet53.reconcile.names import name_checks
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run
from fleet53.reconcile.returned import find_not_final
from fleet53.reconcile.run import reconcile
from fleet53.signals.model import Ignored, InstanceSignal, PoolSignal
from fleet53.signals.read import read_signal
from fleet53.telemetry.metrics import Measurement, emit, measure_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.aws.connection import Connection
    from fleet53.aws.queue import Queue
    from fleet53.domain.log import Log
    from fleet53.signals.model import MessageId, Signals

_FIRST_RETRY: Final = 5
_LONGEST_RETRY: Final = 300
_LAST: Final = Limits(tries=2, reserve=1.0, hurried=True)
"""Messages are returned within the reserve of Retrier, and the events come after them."""

type BatchResponse = dict[str, list[dict[str, str]]]
"""The messages of a batch that SQS should deliver again (Lambda Developer Guide, ReportBatchItemFailures)."""


def handle_batch(event: dict[str, Any], connection: Connection[Aws], log: Log) -> BatchResponse:
    """Reconcile the pools that a batch of messages is about, and return the messages that failed, as Lambda expects.

    SQS delivers a failed message again, and Lambda deletes the others (ReportBatchItemFailures).
    """
    records: dict[MessageId, Mapping[str, Any]] = {record["messageId"]: record for record in event["Records"]}
    signals, returned = _read_signals(records.values(), connection.settings.pool_tag_key, log)
    measured = [Measurement("MessagesNotUnderstood", len(returned))] if returned else []
    outcome = Outcome()
    received = {message_id: _received(record) for message_id, record in records.items()}
    run = Run(connection.settings, connection.aws, log, connection.now, received)
    failed = _reconcile(signals, run, outcome)
    again = {each: delay for each, delay in outcome.again.items() if each not in outcome.retry}
    bodies = {message_id: record["body"] for message_id, record in records.items()}
    outcome.retry |= send_again(again, bodies, connection.aws.queue, log)
    returned |= outcome.retry
    failed = failed or any(received[message_id] > 1 for message_id in outcome.retry.keys() - outcome.denied_at_first)
    measured += measure_run(outcome, signals.values(), now=connection.now())
    # A message that was throttled, or whose records another pass changed first, is returned once. That is not a
    # failure.
    measured += [Measurement("RunsFailed", int(failed))]
    emit(measured, connection.settings.owner)
    for message_id, because in returned.items():
        log.warning("message returned", extra={"message_id": message_id, "because": because})
        with connection.retrier.within(_LAST):
            _retry_soon(records[message_id], connection.aws.queue, log)
    _send_events(outcome, connection, log)
    name_checks(signals.values(), run, outcome)
    emit(measure_requests(connection.retrier), connection.settings.owner)
    return {"batchItemFailures": [{"itemIdentifier": each} for each in records if each in returned]}


def _reconcile(signals: Signals, run: Run, outcome: Outcome) -> bool:
    """Reconcile the pools that the signals are about, and return whether that failed.

    An error that is not AWS's may concern one signal only. So each signal is then handled alone, and the others do not
    wait for it. An error of AWS concerns all of them: a permission is missing, a service does not answer, or no time is
    left.
    """
    try:
        reconcile(signals, run, outcome)
    except Exception as error:  # after any error the messages come again in seconds, not after the visibility timeout
        run.log.exception("run failed", extra={"messages": sorted(signals)})
        if len(signals) > 1 and (isinstance(error, REFUSED_HERE) or not isinstance(error, AWS_ERRORS)):
            for message, signal in signals.items():
                _reconcile({message: signal}, run, outcome)
        else:
            outcome.retry |= dict.fromkeys(signals, f"{type(error).__name__}: {error}")
            if is_denied(error):
                outcome.denied_at_first |= find_not_final(signals, run)
                return not outcome.denied_at_first >= signals.keys()
        return True
    return False


def _send_events(outcome: Outcome, connection: Connection[Aws], log: Log) -> None:
    """Send the events of what the run has changed and held. A pool is emptied or filled by a change only."""
    held = outcome.newly_held
    if not outcome.made and not held:
        return
    # Few runs send events, and DNS is as it should be by then. So a cold start does not load their models.
    from fleet53.telemetry.events import run_events, send_events  # noqa: PLC0415

    owner, now = connection.settings.owner, connection.now()
    events = run_events(outcome.made, held, owner, now=now, emptied=outcome.emptied, filled=outcome.filled)
    send_events(events, connection.aws.bus, log)


def _read_signals(
    records: Iterable[Mapping[str, Any]], pool_tag_key: str, log: Log
) -> tuple[dict[MessageId, InstanceSignal | PoolSignal], dict[MessageId, str]]:
    """Return the signals by message id, and for each message that cannot be read the reason."""
    signals: dict[MessageId, InstanceSignal | PoolSignal] = {}
    returned: dict[MessageId, str] = {}
    for record in records:
        try:
            signal = read_signal(record["body"], pool_tag_key)
        except NotUnderstoodError as error:
            because = f"not understood, and returned until SQS moves it to the dead-letter queue: {error}"
            returned[record["messageId"]] = because
            continue
        except Exception as error:  # an unexpected error about one message must not delay the others
            log.exception("message not read", extra={"message_id": record["messageId"]})
            returned[record["messageId"]] = f"{type(error).__name__}: {error}"
            continue
        if isinstance(signal, Ignored):
            log.info("message ignored", extra={"message_id": record["messageId"], "because": signal.because})
        else:
            signals[record["messageId"]] = signal
    return signals, returned


def _received(record: Mapping[str, Any]) -> int:
    """Return how often a message was received, including this time."""
    return int(record["attributes"]["ApproximateReceiveCount"])


def _retry_soon(record: Mapping[str, Any], queue: Queue, log: Log) -> None:
    """Make a returned message visible again in seconds, and later each time."""
    seconds = min(_FIRST_RETRY * 2 ** (_received(record) - 1), _LONGEST_RETRY)
    try:
        queue.retry_in(record["receiptHandle"], seconds)
    except AWS_ERRORS as error:
        log.warning("visibility timeout not changed", extra={"because": str(error)})
