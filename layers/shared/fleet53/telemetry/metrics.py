"""Metrics: what a run and an audit measured, as CloudWatch metrics in their logs (embedded metric format)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from fleet53.planning.changes import CreateCheck, DeleteRecord, PutRecord
from fleet53.signals import first_heard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import InstanceId
    from fleet53.reconcile.outcome import Outcome
    from fleet53.report.model import Report
    from fleet53.signals import InstanceSignal, PoolSignal


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `pool` and `kind` are dimensions, None where they do not apply."""

    name: str
    value: float
    pool: str | None = None
    kind: str | None = None
    unit: MetricUnit = field(default=MetricUnit.Count)


def measure_run(
    outcome: Outcome, signals: Collection[InstanceSignal | PoolSignal], *, now: datetime
) -> list[Measurement]:
    """Return what a run measured. Times count from the event that first told of the change, where there was one."""
    measured = [
        measurement
        for pool, status in outcome.statuses.items()
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
        # Never 0: a run looks at some pools only, and must not call an alarm off that is about another.
        measured.append(Measurement("WithdrawalsHeld", held))
    for result, count in Counter(step.result.value for step in outcome.completed).items():
        measured.append(Measurement("HooksCompleted", count, kind=result))
    for pool, findings in outcome.findings.items():
        for kind, count in Counter(finding.kind.value for finding in findings).items():
            measured.append(Measurement("Findings", count, pool, kind))
    return measured


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


def measure_audit(report: Report) -> list[Measurement]:
    """Return what an audit measured: each pool as it is, and its findings by kind.

    What stands for the whole stack is measured only where the whole was looked at: alarms go by it.
    """
    measured = [
        Measurement(name, value, pool.name)
        for pool in report.pools
        for name, value in (
            ("Members", pool.members),
            ("InDns", pool.in_dns),
            ("Healthy", pool.healthy),
            ("Pending", pool.pending),
            ("Standby", pool.standby),
        )
    ]
    kinds = Counter((finding.pool, finding.kind.value) for finding in report.findings)
    measured += [Measurement("Findings", count, pool, kind) for (pool, kind), count in kinds.items()]
    measured.append(Measurement("HealthChecksUsed", report.quotas.health_checks.used))
    measured.append(Measurement("HealthChecksAllowed", report.quotas.health_checks.limit))
    if report.whole:
        measured.append(Measurement("Audits", 1))
        measured.append(Measurement("Drift", len(report.drift)))
        measured.append(Measurement("WithdrawalsHeld", sum(finding.held for finding in report.findings)))
        measured.append(Measurement("QuotaUsed", report.quotas.percent, unit=MetricUnit.Percent))
    return measured


def emit(measurements: Iterable[Measurement], owner: Owner) -> None:
    """Write measurements to the log, one line for each set of dimensions. The namespace is Powertools' setting."""
    lines: dict[tuple[str | None, str | None], EphemeralMetrics] = {}
    for measurement in measurements:
        place = measurement.pool, measurement.kind
        if place not in lines:
            lines[place] = EphemeralMetrics(service="")  # no dimension beyond these
            lines[place].add_dimension("Owner", owner.name)
            for name, value in (("Pool", measurement.pool), ("Kind", measurement.kind)):
                if value is not None:
                    lines[place].add_dimension(name, value)
        lines[place].add_metric(measurement.name, measurement.unit, measurement.value)
    for line in lines.values():
        line.flush_metrics()
