"""Verdict: the state of a pool, or of everything that an audit looked at, in one word. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fleet53.domain.finding import FindingKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fleet53.domain.finding import Finding

NOT_LOOKED_AT = frozenset({FindingKind.INVALID_POOL, FindingKind.ZONE_UNREADABLE})
"""Findings about a pool that could not be looked at, so that the report has no members of it."""
NEARLY_USED_UP: Final = 80.0
"""The percentage of a quota above which it is nearly used up. QuotaAlarm in the template has the same."""
_NOT_READ = NOT_LOOKED_AT | {FindingKind.NOT_READ}


class Verdict(StrEnum):
    """The verdicts, the worst first. With OK there is nothing to do.

    Others rely on the values: one may be added, none renamed.
    """

    UNANSWERED = "unanswered"
    """No record is at the pool's name, so DNS queries get a negative answer."""
    NONE_HEALTHY = "none-healthy"
    """No member in DNS is healthy. Route 53 then answers with all of them (Route 53 Developer Guide, How Amazon Route
    53 chooses records when health checking is configured)."""
    NO_MEMBER = "no-member"
    """No member is in DNS. The fallback answers, or a record that is not this stack's."""
    MOSTLY_UNHEALTHY = "mostly-unhealthy"
    """Fewer than half of the members in DNS are healthy."""
    NOT_READ = "not-read"
    """A pool is invalid, or something could not be read. Of a pool: the health of its members."""
    HELD = "withdrawals-held"
    """The guard holds withdrawals until a person decides."""
    DRIFT = "drift"
    """A repair would change something."""
    SOME_UNHEALTHY = "some-unhealthy"
    """At least half of the members in DNS are healthy, but not all."""
    FINDINGS = "findings"
    """There are findings that a repair does not fix."""
    NEAR_LIMIT = "near-limit"
    """A quota of Route 53's is nearly used up."""
    OK = "ok"
    """DNS is as it should be, and every member in DNS is healthy."""

    @property
    def weight(self) -> int:
        """The place in the order above: the worst has 0."""
        return list(Verdict).index(self)


def judge_pool(*, in_dns: int, healthy: int, answered: bool, health_known: bool = True) -> Verdict:
    """Return the verdict on a pool with so many members in DNS, of which so many are healthy.

    `answered` is whether any record is at the pool's name, `health_known` whether the health of members could be read.
    """
    if not answered:
        return Verdict.UNANSWERED
    if in_dns == 0:
        return Verdict.NO_MEMBER
    if not health_known:
        return Verdict.NOT_READ
    if healthy == 0:
        return Verdict.NONE_HEALTHY
    if healthy * 2 < in_dns:
        return Verdict.MOSTLY_UNHEALTHY
    return Verdict.SOME_UNHEALTHY if healthy < in_dns else Verdict.OK


def judge(pools: Iterable[Verdict], findings: Collection[Finding], quota_percent: float | None = None) -> Verdict:
    """Return the worst of the verdicts on the pools, on the findings and on the most used quota.

    `quota_percent` is how much of that quota is used, None where none was read.
    """
    quota = Verdict.NEAR_LIMIT if (quota_percent or 0) > NEARLY_USED_UP else Verdict.OK
    verdicts = [*pools, *map(_judge_finding, findings), quota]
    return min(verdicts, key=lambda each: each.weight)


def _judge_finding(finding: Finding) -> Verdict:
    if finding.kind in _NOT_READ:
        return Verdict.NOT_READ
    if finding.kind is FindingKind.UNKNOWN_POOL:
        return Verdict.OK  # the tag may name a pool of another stack
    if finding.held:
        return Verdict.HELD
    return Verdict.DRIFT if finding.drift else Verdict.FINDINGS
