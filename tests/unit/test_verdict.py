"""The verdict: the worst of what an audit found, as one of the values that others rely on."""

from __future__ import annotations

import pytest

from fleet53.domain.finding import Finding, FindingKind
from fleet53.report.verdict import Verdict, judge, judge_pool

HELD = Finding(FindingKind.WITHDRAWAL_HELD, "gone", drift=True, held=True)
DRIFT = Finding(FindingKind.MISSING_RECORD, "running", drift=True)
INVALID = Finding(FindingKind.INVALID_POOL, "ttl=0")
UNREACHABLE = Finding(FindingKind.UNREACHABLE_BY_CHECKERS, "no rule")


@pytest.mark.parametrize(
    ("in_dns", "healthy", "answered", "verdict"),
    [
        (0, 0, False, "unanswered"),
        (0, 0, True, "no-member"),
        (1, 0, True, "none-healthy"),
        (9, 4, True, "mostly-unhealthy"),
        (8, 4, True, "some-unhealthy"),
        (9, 8, True, "some-unhealthy"),
        (9, 9, True, "ok"),
    ],
)
def test_a_pool_is_judged_by_the_records_that_answer_for_it(
    in_dns: int, healthy: int, answered: bool, verdict: str
) -> None:
    assert judge_pool(in_dns=in_dns, healthy=healthy, answered=answered) == verdict


@pytest.mark.parametrize(
    ("findings", "percent", "verdict"),
    [
        ((), None, "ok"),
        ((), 80.0, "ok"),
        ((), 80.1, "near-limit"),
        ((UNREACHABLE,), 100.0, "findings"),
    ],
)
def test_a_quota_that_has_an_alarm_needs_a_person(
    findings: tuple[Finding, ...], percent: float | None, verdict: str
) -> None:
    assert judge((Verdict.OK,), findings, percent) == verdict


@pytest.mark.parametrize(("in_dns", "verdict"), [(0, "no-member"), (3, "not-read")])
def test_a_pool_of_whose_health_nothing_is_known_is_not_ok(in_dns: int, verdict: str) -> None:
    assert judge_pool(in_dns=in_dns, healthy=in_dns, answered=True, health_known=False) == verdict


@pytest.mark.parametrize(
    ("pools", "findings", "verdict"),
    [
        ((), (), "ok"),
        ((), (UNREACHABLE,), "findings"),
        ((Verdict.SOME_UNHEALTHY,), (UNREACHABLE,), "some-unhealthy"),
        ((Verdict.SOME_UNHEALTHY,), (DRIFT,), "drift"),
        ((Verdict.OK,), (DRIFT, HELD), "withdrawals-held"),
        ((Verdict.OK,), (INVALID, HELD), "not-read"),
        ((Verdict.MOSTLY_UNHEALTHY,), (INVALID,), "mostly-unhealthy"),
        ((Verdict.OK, Verdict.NO_MEMBER, Verdict.NONE_HEALTHY), (INVALID,), "none-healthy"),
        ((Verdict.NONE_HEALTHY, Verdict.UNANSWERED), (), "unanswered"),
    ],
)
def test_the_worst_decides(pools: tuple[Verdict, ...], findings: tuple[Finding, ...], verdict: str) -> None:
    assert judge(pools, findings) == verdict
