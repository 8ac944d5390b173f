"""Metrics: what an audit measured."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.metrics import MetricUnit

from fleet53.domain.finding import FindingKind
from fleet53.report.verdict import NOT_LOOKED_AT, Verdict
from fleet53.telemetry.metrics import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.report.model import Report


_NO_ALARM: Final = frozenset({FindingKind.EMPTY_POOL, FindingKind.UNKNOWN_POOL})
"""Findings that FindingsAlarm leaves out. An empty pool has its own alarm; a tag may name a pool of another stack."""


def measure_audit(report: Report) -> list[Measurement]:
    """Return what an audit measured: the state of each pool, and its findings by kind.

    Alarms watch metrics of the whole stack, so only an audit of all pools measures those.
    """
    measured = [
        Measurement(name, value, pool.name)
        for pool in report.pools
        for name, value in (
            ("Members", pool.members),
            ("InDns", pool.in_dns),
            ("Healthy", pool.healthy if pool.health_known else None),
            ("Pending", pool.pending),
            ("Standby", pool.standby),
        )
        if value is not None
    ]
    # Each value of a dimension costs money, and anyone who may tag an instance can name pools that do not exist.
    kinds = Counter(
        (None if finding.kind is FindingKind.UNKNOWN_POOL else finding.pool, finding.kind.value)
        for finding in report.findings
    )
    measured += [Measurement("Findings", count, pool, kind) for (pool, kind), count in kinds.items()]
    if (checks := report.quotas.health_checks) is not None:
        measured.append(Measurement("HealthChecksUsed", checks.used))
        measured.append(Measurement("HealthChecksAllowed", checks.limit))
    if report.whole:
        measured.append(Measurement("Audits", 1))
        held = sum(finding.held for finding in report.findings)
        measured.append(Measurement("Drift", len(report.drift) - held))  # what is held has an alarm of its own
        measured.append(Measurement("WithdrawalsHeld", held))
        measured += _measure_health(report)
        if (percent := report.quotas.percent) is not None:
            measured.append(Measurement("QuotaUsed", percent, unit=MetricUnit.Percent))
    return measured


def _measure_health(report: Report) -> Iterator[Measurement]:
    """Yield the metrics that the alarms on unanswered pools, unhealthy members and findings watch.

    An unanswered pool that waits for a member, or that has no instances, starts no alarm, because a new stack has such
    pools. It ends no alarm either: about an hour after an outage began, EC2 no longer shows the instances that ended.
    """
    lost = sum(pool.lost for pool in report.pools)
    if lost or _all_answered(report):
        yield Measurement("PoolsUnanswered", lost)
    if all(pool.health_known for pool in report.pools):
        shares = (100 * (pool.in_dns - pool.healthy) / pool.in_dns for pool in report.pools if pool.in_dns)
        yield Measurement("UnhealthyPercent", max(shares, default=0.0), unit=MetricUnit.Percent)
    others = [each for each in report.findings if not each.drift and each.kind not in _NO_ALARM]
    yield Measurement("FindingsForAPerson", len(others))


def _all_answered(report: Report) -> bool:
    """Whether every pool was looked at, and a record is at the name of each."""
    not_looked_at = {finding.pool for finding in report.findings if finding.kind in NOT_LOOKED_AT}
    unseen = not_looked_at - {pool.name for pool in report.pools} - {None}
    return not unseen and all(pool.verdict is not Verdict.UNANSWERED for pool in report.pools)
