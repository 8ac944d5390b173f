"""Metrics: what a run of the reconciler measured."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from fleet53.planning.changes import CreateCheck, DeleteRecord, PutRecord
from fleet53.signals.model import first_heard
from fleet53.telemetry.metrics import Measurement

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from fleet53.domain.ids import InstanceId
    from fleet53.reconcile.outcome import Outcome
    from fleet53.signals.model import InstanceSignal, PoolSignal


def measure_run(
    outcome: Outcome, signals: Collection[InstanceSignal | PoolSignal], *, now: datetime
) -> list[Measurement]:
    """Return what a run measured. A duration counts from the first event about the instance, if there was one.

    The members of a pool are counted only if EC2 listed them.
    """
    measured = [
        measurement
        for pool, status in outcome.statuses.items()
        if pool not in outcome.unlisted
        for measurement in (
            Measurement("Members", len(status.members), pool),
            Measurement("InDns", len(outcome.in_dns(pool)), pool),
            Measurement("Pending", len({wait.instance_id for wait in outcome.waiting.get(pool, ())}), pool),
            Measurement("Standby", len(status.standby), pool),
        )
    ]
    heard = first_heard(signals)
    for change in outcome.made:
        if isinstance(change, PutRecord) and change.admits:
            measured += _one_change("Admitted", "SecondsToAdmit", change, heard, now)
        elif isinstance(change, DeleteRecord) and change.instance_id is not None:
            measured += _one_change("Withdrawn", "SecondsToWithdraw", change, heard, now)
    if created := sum(isinstance(change, CreateCheck) for change in outcome.made):
        measured.append(Measurement("ChecksCreated", created))
    if held := sum(len(deletions) for deletions in outcome.held.values()):
        # Never 0: a run looks at some pools only, and a 0 would end an alarm that is about another pool.
        measured.append(Measurement("WithdrawalsHeld", held))
    measured += _measure_answers(outcome)
    for result, count in Counter(step.result.value for step in outcome.completed).items():
        measured.append(Measurement("HooksCompleted", count, kind=result))
    for pool, findings in outcome.findings.items():
        for kind, count in Counter(finding.kind.value for finding in findings).items():
            measured.append(Measurement("Findings", count, pool, kind))
    return measured


def _measure_answers(outcome: Outcome) -> Iterator[Measurement]:
    """Yield how many pools the run left without a record, so that an alarm goes off in minutes.

    It is 0 only if all pools that the run passed are answered, and the run passed all pools or filled one that was
    unanswered before. Then it has also read the records of the other pools that have instances (answers.py). So a pool
    that never had a member does not keep an alarm about another pool.
    """
    emptied = len(outcome.emptied)
    all_passed = outcome.declared and outcome.statuses.keys() >= outcome.declared
    answered_again = any(outcome.pools[status.pool].fallback is None for status in outcome.filled)
    if emptied or ((all_passed or answered_again) and not outcome.unanswered):
        yield Measurement("PoolsUnanswered", emptied)


def _one_change(
    count: str,
    seconds: str,
    change: PutRecord | DeleteRecord,
    heard: Mapping[InstanceId, datetime],
    now: datetime,
) -> list[Measurement]:
    measured = [Measurement(count, 1, change.pool)]
    first = heard.get(change.instance_id) if change.instance_id is not None else None
    if first is not None:
        measured.append(Measurement(seconds, (now - first).total_seconds(), change.pool, unit=MetricUnit.Seconds))
    return measured
