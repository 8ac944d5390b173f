"""Behind: messages that are queued again because AWS does not yet show what their event says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE
from fleet53.domain.claim import Claim
from fleet53.domain.source import Source
from fleet53.planning.behind import (
    FORMER_ADDRESSES,
    next_look,
    why_behind,
    why_parameter_is_behind,
    why_tag_is_behind,
)
from fleet53.signals.model import InstanceSignal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from fleet53.aws.queue import Queue
    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.domain.log import Log
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import MessageId, PoolSignal, Signals


def find_behind(signals: Signals, run: Run, outcome: Outcome) -> dict[MessageId, timedelta]:
    """Return how long to wait before the next look at each signal that AWS does not yet show.

    Note [EC2 is behind] and Note [Parameters are late] in planning/behind.py.
    """
    again: dict[MessageId, timedelta] = {}
    spot = _spot_statuses(signals, run, outcome)
    changed = _changed_parameters(signals, run)
    for message, signal in signals.items():
        delay = next_look(run.now() - signal.at, signal.claim) if signal.at is not None else None
        because = _why_behind(signal, spot, changed, run, outcome) if delay is not None else None
        if delay is not None and because is not None:
            again[message] = delay
            run.log.info("event looked at again", extra={"message_id": message, "because": because})
    return again


def _spot_statuses(signals: Signals, run: Run, outcome: Outcome) -> Mapping[InstanceId, str]:
    """Return the status of the Spot request of each of our instances that an event says is interrupted.

    Without an answer there are none: the passes do not depend on them, and the messages are queued again.
    """
    warned = (each for signal in signals.values() if signal.claim is Claim.INTERRUPTED for each in signal.instance_ids)
    ours = {each for each in warned if _is_ours(each, run, outcome)}
    try:
        with run.aws.retrier.within(DISPENSABLE):
            return run.aws.ec2.spot_status(ours)
    except AWS_ERRORS as error:
        run.log.warning("not read", extra={"source": Source.SPOT.value, "because": str(error)})
        return {}


def _changed_parameters(signals: Signals, run: Run) -> Mapping[PoolName, datetime] | None:
    """Return when each pool's parameter was changed last, if an event is about one; None if that is not known."""
    if not any(signal.claim in {Claim.DECLARED, Claim.UNDECLARED} for signal in signals.values()):
        return None
    try:
        with run.aws.retrier.within(DISPENSABLE):
            return run.aws.parameters.changed()
    except AWS_ERRORS as error:
        run.log.warning("not read", extra={"source": "parameters", "because": str(error)})
        return None


def _is_ours(instance_id: InstanceId, run: Run, outcome: Outcome) -> bool:
    instance = outcome.instances.get(instance_id)
    return instance is not None and bool(instance.pools or _is_in_dns(instance_id, run))


def _is_in_dns(instance_id: InstanceId, run: Run) -> bool:
    """Whether a warm function has seen the instance in our records (decision 6)."""
    return bool(run.aws.holders.pools_of({instance_id}))


def _why_behind(
    signal: InstanceSignal | PoolSignal,
    spot: Mapping[InstanceId, str],
    changed: Mapping[PoolName, datetime] | None,
    run: Run,
    outcome: Outcome,
) -> str | None:
    if isinstance(signal, InstanceSignal):
        return _why_claim_is_behind(signal, spot, run, outcome)
    if signal.claim is Claim.ADDRESSED:
        return FORMER_ADDRESSES
    if signal.changed and signal.at is not None and changed is not None:
        (pool,) = signal.changed
        return why_parameter_is_behind(signal.claim, changed.get(pool), at=signal.at)
    if signal.tagged is None:
        return None
    (instance_id,) = signal.instance_ids
    return why_tag_is_behind(signal.tagged, outcome.instances.get(instance_id))


def _why_claim_is_behind(
    signal: InstanceSignal, spot: Mapping[InstanceId, str], run: Run, outcome: Outcome
) -> str | None:
    claim, at = signal.claim, signal.at
    if claim is None or at is None:
        return None
    reasons = (
        why_behind(claim, outcome.instances.get(each), spot=spot.get(each), at=at, in_dns=_is_in_dns(each, run))
        for each in sorted(signal.instance_ids)
    )
    return next((because for because in reasons if because is not None), None)


def send_again(
    again: Mapping[MessageId, timedelta], bodies: Mapping[MessageId, str], queue: Queue, log: Log
) -> dict[MessageId, str]:
    """Queue a copy of each of these messages. Return those that could not be queued, with the reason.

    They are not returned, because nothing has failed: SQS moves a message to the dead-letter queue when it was received
    eight times, and a message that is returned twice counts as a failed run.
    """
    failed: dict[MessageId, str] = {}
    for message, delay in again.items():
        try:
            queue.send(json.loads(bodies[message]), delay=delay)
        except AWS_ERRORS as error:
            log.warning("event not queued again", extra={"message_id": message, "because": str(error)})
            failed[message] = str(error)
    return failed
