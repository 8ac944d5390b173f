"""The report: what an audit found, as values. Other modules write it as JSON, text or a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fleet53 import __version__
from fleet53.domain.health_check import HEALTHY_ABOVE
from fleet53.planning.membership import Membership
from fleet53.report.verdict import Verdict, judge, judge_pool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fleet53.domain.finding import Finding
    from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId


@dataclass(frozen=True, slots=True)
class MemberReport:
    """One member of a pool, or an instance that still has a record of it.

    `state` is EC2's, None where EC2 does not know the id; `lifecycle_state` is Auto Scaling's, None outside a group.
    `addresses` are those the pool would answer with. `membership` is as in planning/membership.py. `because` says why
    it is in DNS or not, and what is about to change. `percent_healthy` is the least share (percent) of checkers that
    see one of its health checks healthy, None without data; `seen_since` is since when that has been on the same side
    of Route 53's threshold, as far as was looked, and `changed` whether it was on the other side before.
    """

    instance_id: InstanceId
    state: str | None
    lifecycle_state: str | None
    group: str | None
    addresses: tuple[str, ...]
    launched: datetime | None
    membership: Membership
    in_dns: bool
    because: str
    check_ids: tuple[CheckId, ...] = ()
    percent_healthy: float | None = None
    seen_since: datetime | None = None
    changed: bool = False

    @property
    def well(self) -> bool:
        """Whether it is as it should be: DNS answers with it, or it is out of DNS because it does not serve."""
        if not self.in_dns:
            return self.membership is Membership.WITHDRAW
        answered = self.percent_healthy is None or self.percent_healthy > HEALTHY_ABOVE
        return answered and self.membership is Membership.ADMIT


@dataclass(frozen=True, slots=True)
class PoolReport:
    """One pool. `instances` has a row for each of the `members`, and for each other instance with a record.

    `healthy` are those in DNS that Route 53 answers with, `pending` those that wait for it, `standby` those that find
    no place. `answered` is whether any record, ours or a foreign one, is at the pool's name. Without `health_known`,
    the health of members could not be read, and all count as healthy. `left_out` is how many rows an answer has no room
    for: size.py.
    """

    name: PoolName
    record_name: str
    members: int
    in_dns: int
    healthy: int
    pending: int
    standby: int
    instances: tuple[MemberReport, ...] = ()
    answered: bool = True
    health_known: bool = True
    left_out: int = 0

    @property
    def verdict(self) -> Verdict:
        """How the pool is doing."""
        return judge_pool(
            in_dns=self.in_dns, healthy=self.healthy, answered=self.answered, health_known=self.health_known
        )

    @property
    def lost(self) -> bool:
        """Whether the pool is unanswered although it has instances, ended ones too, and none of them waits.

        A pool without instances, or that waits for one, is not lost: a stack that was just deployed has such pools.
        """
        has_instances = bool(self.instances) or self.left_out > 0
        return self.verdict is Verdict.UNANSWERED and has_instances and not self.pending


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a limit of Route 53's is used."""

    used: int
    limit: int

    @property
    def percent(self) -> float:
        """The share that is used, in percent."""
        return 100 * self.used / self.limit if self.limit else 100.0


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits of Route 53's that this stack can reach.

    `records` is of each hosted zone that was read, `check_creations` of the last 24 hours (this stack's own; Route 53
    counts the account's), `names` of each pool's name: its records of one type, ours and foreign ones. A quota that was
    not read is None, or missing.
    """

    health_checks: Quota | None
    check_creations: Quota | None
    records: Mapping[ZoneId, Quota]
    names: Mapping[str, Quota] = field(default_factory=dict)

    @property
    def by_words(self) -> dict[str, Quota | None]:
        """Each of the quotas, by words that say what it counts."""
        return {
            "health checks of the account": self.health_checks,
            "health checks created in 24 hours": self.check_creations,
            **{f"records in {zone_id}": quota for zone_id, quota in self.records.items()},
            **{f"records of {name}": quota for name, quota in self.names.items()},
        }

    @property
    def percent(self) -> float | None:
        """The percentage of the most used quota, None if none was read."""
        return max((quota.percent for quota in self.by_words.values() if quota is not None), default=None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What this stack costs in US dollars a month: its `checks` health checks, and its monitoring.

    The monitoring is metrics, alarms, the dashboard and the audits' reads of health, without CloudWatch's free tier.
    """

    checks: int
    usd_a_month: float
    monitoring_usd_a_month: float = 0.0


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes of records in a hosted zone: `changes` is a ChangeBatch of ChangeResourceRecordSets, as JSON's values."""

    zone_id: ZoneId
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many rows of a report an answer has no room for: size.py. `batches` counts those in `undo` too."""

    instances: int = 0
    findings: int = 0
    pools: int = 0
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What one audit found. `whole` is whether it looked at all pools, `queued` how many signals a repair queued.

    `version` is the version of fleet53 that made the report. A `dry_run` has the change `batches` that a repair would
    make now. `undo` are those that put back the records that an adoption deletes. `findings` are all findings,
    including those that are `left_out`.
    """

    owner: str
    at: datetime
    pools: tuple[PoolReport, ...]
    findings: tuple[Finding, ...]
    quotas: Quotas
    cost: Cost
    queued: int = 0
    whole: bool = True
    version: str = __version__
    dry_run: bool = False
    batches: tuple[ChangeBatch, ...] = ()
    undo: tuple[ChangeBatch, ...] = ()
    left_out: LeftOut = LeftOut()

    @property
    def listed(self) -> tuple[Finding, ...]:
        """The findings that have a row. Those that a repair does not fix are left out first, held ones last."""
        if not self.left_out.findings:
            return self.findings
        by_weight = sorted(self.findings, key=lambda finding: finding.weight)
        return tuple(by_weight[: len(by_weight) - self.left_out.findings])

    @property
    def worst_first(self) -> list[PoolReport]:
        """The pools, those with the worst verdict first."""
        return sorted(self.pools, key=lambda pool: pool.verdict.weight)

    @property
    def drift(self) -> tuple[Finding, ...]:
        """The findings that a repair would fix, including those that the guard holds."""
        return tuple(finding for finding in self.findings if finding.drift)

    @property
    def in_sync(self) -> bool:
        """Whether DNS is as it should be."""
        return not self.drift

    @property
    def verdict(self) -> Verdict:
        """The worst verdict on everything that the audit looked at."""
        return judge((pool.verdict for pool in self.pools), self.findings, self.quotas.percent)

    @property
    def summary(self) -> dict[str, int]:
        """How many findings of each kind there are."""
        return dict(sorted(Counter(finding.kind.value for finding in self.findings).items()))
