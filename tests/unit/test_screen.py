"""The screen of `make status`: it fits, the worst comes first, and it says how much is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import PoolName
from fleet53.report.json import as_json
from fleet53.report.verdict import Verdict
from tests.unit import reports
from tools.screen import ORDER, lines_of

if TYPE_CHECKING:
    from fleet53.report.model import Report

REPORTS: Final = {
    name: made()
    for name, made in vars(reports).items()
    if name in {"crowd", "drifted", "empty", "guarded", "many_findings", "outage", "unreadable"}
}


def shown(report: Report, width: int = 80, height: int = 23) -> list[str]:
    return [line.plain for line in lines_of(as_json(report), width, height)]


def pools(count: int, **changes: Any) -> list[Any]:
    return [reports.pool(reports.member(number), name=f"pool-{number}", **changes) for number in range(count)]


@pytest.mark.parametrize("size", [(80, 24), (60, 24), (60, 12), (120, 50), (20, 3), (80, 0)])
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_it_fits_the_terminal(name: str, size: tuple[int, int]) -> None:
    width, height = size
    lines = lines_of(as_json(REPORTS[name]), width, height)

    assert len(lines) <= height
    assert [line.plain for line in lines if line.cell_len > width] == []


def test_it_begins_with_the_worst() -> None:
    first, said, *_ = shown(REPORTS["outage"])

    assert first == "fleet53.eu-west-1.123456789012, 2026-11-20 10:05:12 UTC"
    assert said == "NOT ANSWERED: web (app.example.com). DNS queries get a negative answer."


def test_the_pools_with_trouble_come_first() -> None:
    ill = reports.pool(reports.member(1, percent_healthy=0.0), name="zoo")
    lines = shown(reports.report(*pools(30), ill))

    head = next(number for number, line in enumerate(lines) if line.startswith("pool "))
    assert lines[head + 1].split() == ["zoo", "1", "1", "0", "0", "none", "healthy", "zoo.example.com"]


def test_it_says_how_many_of_each_kind_are_left_out() -> None:
    ill = [reports.member(number, percent_healthy=0.0) for number in range(40)]
    found = [Finding(FindingKind.INVALID_POOL, f"ttl=-{each} is refused", PoolName(f"p{each}")) for each in range(20)]
    lines = shown(reports.report(reports.pool(*ill), *pools(10), findings=tuple(found)))

    assert len(lines) == 22  # a finding has two lines, so one is left
    assert [line for line in lines if line.startswith("…")] == [
        "… 28 more pools",
        "… 18 more findings",
        "… 37 more members",
    ]


def test_findings_that_say_the_same_are_one_and_the_members_with_the_worst_health_come_first() -> None:
    lines = shown(REPORTS["guarded"], width=100)

    held = lines.index("held   withdrawal-held, pool web: i-13c6ef372fe94f82a and 2 more")
    assert lines[held + 1].startswith("       EC2 does not know the instance; held by the guard: 3 of 4 members")
    sick = [reports.member(1, in_dns=False), reports.member(2, percent_healthy=7.0), reports.member(3)]
    *_, first, second = shown(reports.report(reports.pool(*sick)))
    assert first.split()[:6] == [reports.instance_id(2), "web", "in", "DNS", "7", "%"]
    assert second.split()[:5] == [reports.instance_id(1), "web", "not", "in", "DNS"]


def test_a_pool_that_could_not_be_looked_at_is_a_row_without_numbers() -> None:
    assert "api         -       -        -        -  zone unreadable" in shown(REPORTS["unreadable"])


def test_a_pool_whose_health_could_not_be_read_is_not_shown_as_healthy() -> None:
    unseen = reports.pool(reports.member(1, percent_healthy=None), health_known=False)

    assert "web         1       1        -        0  not read          app.example.com" in shown(reports.report(unseen))


def test_it_says_where_to_read_what_to_do_about_a_finding() -> None:
    assert "findings: docs/runbook.md says what to do about each kind" in shown(REPORTS["guarded"])


def test_a_quota_that_is_nearly_used_up_is_reported() -> None:
    said = shown(REPORTS["guarded"], width=200)[1]

    assert said.startswith(
        "WITHDRAWALS HELD: 3 until you decide. NEAR A LIMIT: 187 of 200 health checks of the account"
    )


def test_a_fleet_that_is_well_shows_its_pools_and_nothing_else() -> None:
    well = reports.report(reports.pool(reports.member(1)))

    assert shown(well) == [
        "fleet53.eu-west-1.123456789012, 2026-11-20 10:05:12 UTC",
        "In sync and healthy.",
        "",
        "pool  members  in DNS  healthy  pending  state             record name",
        "web         1       1        1        0  healthy           app.example.com",
    ]


def test_texts_from_outside_cannot_control_the_terminal() -> None:
    hostile = Finding(FindingKind.INVALID_POOL, "a\x1b[2Jb\r\nc\u202ed", PoolName("x\x07"), record_name="\x1b]0;t\x07")
    lines = shown(reports.report(reports.pool(reports.member(1)), findings=(hostile,)))

    assert all(line.isprintable() for line in lines)
    assert r"       a\x1b[2Jb\r\nc\u202ed" in lines


def test_every_verdict_has_its_place_and_one_that_is_not_known_counts_as_the_worst() -> None:
    assert tuple(Verdict) == ORDER
    written = as_json(reports.report(*pools(3)))
    written["pools"][2]["verdict"] = "on-fire"

    lines = [line.plain for line in lines_of(written, 80, 23)]
    assert lines[4].startswith("pool-2")
