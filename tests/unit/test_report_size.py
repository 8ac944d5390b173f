"""The size of an answer: it stays below Lambda's limit, says what it leaves out, and still counts everything."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import PoolName, ZoneId
from fleet53.report.json import as_json, for_log
from fleet53.report.model import ChangeBatch, LeftOut, Quota, Quotas
from fleet53.report.page import View, write_page
from fleet53.report.size import shorten, write_within
from fleet53.report.text import as_markdown, as_text
from tests.unit.reports import finding, held, member, missing_record, pool, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet53.report.model import PoolReport, Report

LAMBDA: Final = 6_291_456
page: Final = partial(write_page, view=View("arn:aws:lambda:eu-west-1:123456789012:function:customWidget-fleet53"))
UNREAD: Final = Quotas(None, None, {})


def pools(count: int, of: int = 100, **changes: Any) -> tuple[PoolReport, ...]:
    """Return so many pools, of so many members each."""
    return tuple(
        pool(*(member(number * of + each, **changes) for each in range(of)), name=f"p{number}")
        for number in range(count)
    )


def batch(changes: int) -> ChangeBatch:
    """Return a change batch with so many changes of some 100 bytes."""
    change = {"Action": "CREATE", "ResourceRecordSet": {"Name": "app.example.com", "SetIdentifier": "i" * 40}}
    return ChangeBatch(ZoneId("Z0123456789ABC"), {"Changes": [change] * changes})


def size(answer: object) -> int:
    """Return the bytes of an answer as Lambda's runtime writes it."""
    return len(json.dumps(answer, ensure_ascii=False).encode())


# -- how large it is


def test_a_report_on_10_000_healthy_members_is_whole() -> None:
    answer = write_within(report(*pools(100), quotas=UNREAD), as_json)

    assert 3_500_000 < size(answer) < LAMBDA
    assert answer["left_out"] == {"instances": 0, "findings": 0, "pools": 0, "batches": 0}
    assert sum(len(each["instances"]) for each in answer["pools"]) == 10_000
    assert answer["headline"] == ["In sync and healthy."]


def test_a_report_on_20_000_healthy_members_stays_below_lambdas_limit_and_says_what_is_left_out() -> None:
    answer = write_within(report(*pools(200), quotas=UNREAD), as_json)

    listed = sum(len(each["instances"]) for each in answer["pools"])
    assert 5_700_000 < size({"verdict": "ok", "report": answer}) < LAMBDA
    assert answer["left_out"] == {"instances": 20_000 - listed, "findings": 0, "pools": 0, "batches": 0}
    assert sum(each["instances_left_out"] for each in answer["pools"]) == 20_000 - listed
    assert answer["headline"] == [
        "In sync and healthy.",
        f"LEFT OUT, because an answer of Lambda has at most 6 MB: {20_000 - listed} instances.",
    ]
    assert sum(each["members"] for each in answer["pools"]) == 20_000


def test_a_page_of_5_000_members_stays_below_lambdas_limit_and_says_so() -> None:
    written = write_within(report(*pools(50)), page)

    assert 5_500_000 < size(written) < LAMBDA
    assert "LEFT OUT, because an answer of Lambda has at most 6 MB: " in written
    assert " more are left out.</p>" in written


@pytest.mark.parametrize("write", [as_json, as_text, as_markdown, page])
@pytest.mark.parametrize("most", [40_000, 80_000])
def test_every_form_keeps_to_its_limit(write: Callable[[Report], object], most: int) -> None:
    findings = tuple(missing_record(number) for number in range(300))
    reasons = tuple(finding(FindingKind.NO_ADDRESS, f"reason {number} " * 10, number) for number in range(300))
    whole = report(*pools(40, of=20), findings=(*findings, *reasons), dry_run=True, batches=(batch(1000),))

    assert size(write(whole)) > most
    assert size(write_within(whole, write, most)) <= most


def test_characters_beyond_ascii_count_by_their_bytes() -> None:
    answer = write_within(report(*pools(1, because="ü" * 1000)), as_json, 100_000)
    assert size(answer) <= 100_000
    assert answer["left_out"]["instances"] > 0


# -- what is left out first


def test_members_that_are_well_are_left_out_before_those_that_are_not() -> None:
    sick = tuple(member(number, percent_healthy=0.0) for number in range(50, 60))
    whole = report(pool(*(member(number) for number in range(50)), *sick))

    (shortened,) = shorten(whole, 1 + 15).pools
    assert [each.well for each in shortened.instances] == [True] * 5 + [False] * 10
    assert shortened.left_out == 45
    assert shorten(whole, 16).left_out == LeftOut(instances=45)


def test_findings_stay_while_there_are_members_to_leave_out() -> None:
    findings = tuple(missing_record(number) for number in range(5000))
    answer = write_within(report(*pools(200), findings=findings), as_json)

    assert size(answer) < LAMBDA
    assert len(answer["findings"]) == 5000
    assert answer["left_out"]["findings"] == 0
    assert answer["left_out"]["instances"] > 5000


def test_what_the_guard_holds_is_left_out_last_of_the_findings() -> None:
    findings = (finding(FindingKind.POOL_FULL, "full", 1), missing_record(2), held(3), held(4))
    whole = report(pool(member(0)), findings=findings)

    assert [each.kind for each in shorten(whole, 3).listed] == ["withdrawal-held", "withdrawal-held", "missing-record"]
    assert shorten(whole, 2).left_out == LeftOut(instances=1, findings=2, pools=1)


def test_pools_stay_before_members_and_the_worst_of_them_before_the_others() -> None:
    sick = pool(member(0, percent_healthy=0.0), name="sick")
    whole = report(*pools(3, of=2), sick, *pools(1, of=2))

    assert [each.name for each in shorten(whole, 1).pools] == ["sick"]
    assert shorten(whole, 5).left_out == LeftOut(instances=9)


def test_the_limits_of_pools_that_are_left_out_are_left_out_too() -> None:
    names = {"p0.example.com": Quota(1, 100), "p1.example.com": Quota(2, 100)}
    whole = report(*pools(2, of=1), quotas=Quotas(None, None, {}, names))
    assert shorten(whole, 1).quotas.names == {"p0.example.com": Quota(1, 100)}


def test_a_change_batch_is_there_as_a_whole_or_left_out() -> None:
    whole = report(pool(), dry_run=True, batches=(batch(100), batch(100)), undo=(batch(50),))
    answer = write_within(whole, as_json, 25_000)

    assert [len(each["change_batch"]["Changes"]) for each in answer["batches"]] == [100]
    assert [len(each["change_batch"]["Changes"]) for each in answer["undo"]] == [50]
    assert answer["left_out"] == {"instances": 0, "findings": 0, "pools": 0, "batches": 1}
    assert answer["headline"][-1] == "LEFT OUT, because an answer of Lambda has at most 6 MB: 1 change batch."


# -- what it still says of the whole


def test_the_verdict_and_every_number_count_what_is_left_out_too() -> None:
    findings = (*(missing_record(number) for number in range(3000)), *(held(number) for number in range(3000, 3010)))
    whole = report(*pools(2), findings=findings)
    answer = write_within(whole, as_json, 100_000)

    assert len(answer["findings"]) < 3010
    assert answer["left_out"]["findings"] == 3010 - len(answer["findings"])
    assert answer["summary"] == {"missing-record": 3000, "withdrawal-held": 10}
    assert (answer["in_sync"], answer["verdict"]) == (False, "withdrawals-held")
    assert answer["headline"][:2] == ["WITHDRAWALS HELD: 10 until you decide.", "NOT IN SYNC: 3000 drifted."]


def test_an_unanswered_pool_is_still_reported_without_its_rows() -> None:
    gone = pool(member(0, in_dns=False), pending=0, answered=False)
    assert shorten(report(gone), 1).pools[0].lost


def test_people_see_how_many_members_of_a_pool_are_left_out() -> None:
    whole = report(pool(*(member(number) for number in range(8))))

    assert "\n6 more are left out.\n" in as_text(shorten(whole, 3))
    assert "\n8 more are left out.\n" in as_text(shorten(whole, 1))
    assert "None." not in as_text(shorten(whole, 1))
    assert "No member" not in page(shorten(whole, 1))


# -- the log


def test_the_log_has_all_findings_in_parts_that_fit_into_one_event() -> None:
    findings = tuple(missing_record(number) for number in range(5000))
    parts = list(for_log(as_json(report(*pools(2), findings=findings))))

    assert [list(part) for part in parts[1:]] == [["pools", "findings"]] * (len(parts) - 1)
    assert max(map(size, parts)) <= 240_000
    assert len(parts) < 10
    assert parts[0]["summary"] == {"missing-record": 5000}
    assert sum(len(part["findings"]) for part in parts) == 5000


def test_a_report_that_fits_is_one_part_of_the_log_without_rows_of_members_and_records() -> None:
    whole = report(*pools(2), findings=(missing_record(1),), dry_run=True, batches=(batch(1),), undo=(batch(1),))
    (part,) = for_log(as_json(whole))

    assert part.keys() == as_json(whole).keys() - {"batches", "undo"}
    assert [each["name"] for each in part["pools"]] == ["p0", "p1"]
    assert not any(key.startswith("instances") for each in part["pools"] for key in each)


def test_the_log_has_every_pool_once_however_many_there_are() -> None:
    invalid = tuple(
        Finding(FindingKind.INVALID_POOL, "ttl=0 is refused", PoolName(f"bad{number}")) for number in range(100)
    )
    parts = list(for_log(as_json(report(*pools(100, of=1), findings=invalid)), 10_000))

    assert len(parts) > 3
    assert set(Counter(each["name"] for part in parts for each in part["pools"]).values()) == {1}
    assert sum(len(part["pools"]) for part in parts) == 100
    assert sum(len(part["findings"]) for part in parts) == 100
