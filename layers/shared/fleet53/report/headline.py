"""Headline: the first sentences of a report, the worst first. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.domain.finding import FindingKind
from fleet53.domain.words import count, some
from fleet53.report.verdict import NEARLY_USED_UP, NOT_LOOKED_AT, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fleet53.report.model import LeftOut, PoolReport, Report

TROUBLE: Final[Mapping[Verdict, str]] = {
    Verdict.UNANSWERED: "NOT ANSWERED: {}. DNS queries get a negative answer.",
    Verdict.NONE_HEALTHY: "NO MEMBER HEALTHY: {}. Route 53 answers with all of them.",
    Verdict.NO_MEMBER: "NO MEMBER IN DNS: {}. Only the fallback or other people's records answer.",
    Verdict.MOSTLY_UNHEALTHY: "MOST MEMBERS UNHEALTHY: {}.",
    Verdict.NOT_READ: "HEALTH NOT KNOWN: {}.",
    Verdict.SOME_UNHEALTHY: "Some members are unhealthy: {}.",
}
"""The sentence about the pools with a verdict, with a placeholder for their names."""
_TITLES: Final[Mapping[Verdict, str]] = {
    Verdict.UNANSWERED: "Not answered",
    Verdict.NONE_HEALTHY: "No member healthy",
    Verdict.NO_MEMBER: "No member in DNS",
    Verdict.MOSTLY_UNHEALTHY: "Most members unhealthy",
    Verdict.NOT_READ: "Not everything could be read",
    Verdict.SOME_UNHEALTHY: "Some members unhealthy",
    Verdict.NEAR_LIMIT: "Near a limit",
    Verdict.OK: "In sync and healthy",
}


def state(verdict: Verdict) -> str:
    """Return the words for the verdict on a pool."""
    return "healthy" if verdict is Verdict.OK else verdict.replace("-", " ")


def headlines(report: Report, name: Callable[[str], str] = str) -> Iterator[str]:
    """Yield sentences about the report, in the order of Verdict. The first one is the worst.

    `name` writes a name of a pool or of a record, which come from outside.
    """
    said = [*_trouble(report, name)]
    if not said and report.verdict is not Verdict.NEAR_LIMIT:
        said = [f"{title(report)}."]
    yield from said
    yield from _near_limits(report, name)
    yield from _left_out(report.left_out)


def _trouble(report: Report, name: Callable[[str], str]) -> Iterator[str]:
    for verdict, sentence in TROUBLE.items():
        if verdict is Verdict.SOME_UNHEALTHY:
            yield from _not_as_it_should_be(report, name)
        pools = [pool for pool in report.pools if pool.verdict is verdict]
        if pools:
            yield sentence.format(_name(pools, name))


def _not_as_it_should_be(report: Report, name: Callable[[str], str]) -> Iterator[str]:
    """Yield what could not be read, what is held and what drifted."""
    unread = [finding.pool for finding in report.findings if finding.kind in NOT_LOOKED_AT]
    if unread:
        yield f"NOT LOOKED AT: {some([name(pool) if pool else 'a hosted zone' for pool in unread])}."
    if failed := sum(finding.kind is FindingKind.NOT_READ for finding in report.findings):
        yield f"NOT EVERYTHING WAS READ: {count(failed, 'read')} failed."
    drift, held = len(report.drift), sum(finding.held for finding in report.findings)
    if held:
        yield f"WITHDRAWALS HELD: {held} until you decide."
    if drift > held:
        yield f"NOT IN SYNC: {drift - held} drifted."


def _near_limits(report: Report, name: Callable[[str], str]) -> Iterator[str]:
    """Yield the sentence about the quotas that are nearly used up."""
    near = [
        f"{quota.used:,} of {quota.limit:,} {name(words)}"
        for words, quota in report.quotas.by_words.items()
        if quota is not None and quota.percent > NEARLY_USED_UP
    ]
    if near:
        yield f"NEAR A LIMIT: {some(near)}."


def _left_out(left_out: LeftOut) -> Iterator[str]:
    """Yield the sentence that says what the answer has no room for."""
    rows = {"instance": left_out.instances, "finding": left_out.findings, "pool": left_out.pools}
    said = [count(number, what) for what, number in rows.items() if number]
    if left_out.batches:
        said.append("1 change batch" if left_out.batches == 1 else f"{left_out.batches} change batches")
    if said:
        yield f"LEFT OUT, because an answer of Lambda has at most 6 MB: {', '.join(said)}."


def title(report: Report) -> str:
    """Return the verdict in a few words."""
    drift, held = len(report.drift), sum(finding.held for finding in report.findings)
    match report.verdict:
        case Verdict.HELD:
            return f"{count(held, 'withdrawal')} held: decide"
        case Verdict.DRIFT:
            return f"{drift} drifted"
        case Verdict.FINDINGS:
            return f"In sync, with {count(len(report.findings), 'finding')} that a repair does not fix"
        case verdict:
            return _TITLES[verdict]


def _name(pools: list[PoolReport], name: Callable[[str], str]) -> str:
    """Return the pools with their names in DNS, and how many of their members are healthy where they have any."""
    return some(
        [
            f"{name(pool.name)} ({name(pool.record_name)}"
            f"{f', {pool.healthy} of {pool.in_dns} healthy' if pool.in_dns and pool.health_known else ''})"
            for pool in pools
        ]
    )
