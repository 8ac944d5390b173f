"""The forms of the audit's answer: an object for programs, text and Markdown for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.views import admitted, audit, delete_record, launched, log_lines, record_of

if TYPE_CHECKING:
    from lab.world import Lab


def answer(lab: Lab, event: dict[str, Any]) -> Any:
    """Invoke the audit and return its answer as it is."""
    invocation = lab.invoke("AuditFunction", event)
    assert invocation.error is None
    return invocation.result


def test_text_says_to_a_person_what_is_wrong(lab: Lab) -> None:
    first, second = admitted(lab, 2)
    delete_record(lab, record_of(lab, first))
    lines = answer(lab, {"format": "text"}).splitlines()

    assert lines[0].startswith("fleet53.eu-west-1.123456789012, 2026-01-05 12:")
    assert lines[1] == "NOT IN SYNC: 1 drifted. Nothing is queued."
    assert lines[5] == f"  drift  missing-record, pool web: {first}"
    assert lines[6] == "         EC2 says running; Route 53 sees it healthy"
    (row,) = [line for line in lines if line.startswith(first)]
    address = lab.fleet.address(first)
    assert row.split(maxsplit=6) == [
        first,
        address,
        "running",
        "-",
        "100",
        "%",
        "no: is to be admitted: EC2 says running; Route 53 sees",  # and on the next line: it healthy
    ]
    assert [line.endswith("yes: EC2 says running") for line in lines if line.startswith(second)] == [True]


def test_markdown_has_the_same_as_tables(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, first))
    said = answer(lab, {"format": "markdown"})

    assert said.startswith("## `fleet53.eu-west-1.123456789012`, 2026-01-05 12:")
    (row,) = [line for line in said.splitlines() if line.startswith("| drift")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["drift", "missing-record", "`web`", f"`{first}`", "`EC2 says running; Route 53 sees it healthy`"]


def test_the_answer_is_json_by_default_and_on_request(lab: Lab) -> None:
    admitted(lab, 1)
    report = audit(lab)

    assert report["in_sync"] is True
    assert answer(lab, {"format": "json"}).keys() == report.keys()


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_a_form_changes_neither_the_repair_nor_the_log(lab: Lab, form: str) -> None:
    first, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, first))
    said = answer(lab, {"repair": True, "format": form})

    assert "NOT IN SYNC: 1 drifted. A repair is queued." in said
    (line,) = log_lines(lab, "audit")
    assert (line["report"]["summary"], line["report"]["queued"]) == ({"missing-record": 1}, 1)


def test_a_tag_cannot_control_the_terminal(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    lab.fleet.retag(first, ("web", "\x9b2Jred"))  # what ESC [ is in one character; EC2's XML cannot hold ESC
    lab.settle()
    said = answer(lab, {"format": "text"})

    assert "unknown-pool, pool \\x9b2Jred" in said
    assert "\x9b" not in said


# -- the verdict


def verdict(lab: Lab) -> tuple[str, str]:
    """Return the verdict on everything and on pool web."""
    report = audit(lab)
    return report["verdict"], report["pools"][0]["verdict"]


def test_a_fleet_in_order_is_ok_also_where_cloudwatch_has_no_data_of_members_just_admitted(lab: Lab) -> None:
    admitted(lab, 2)
    lab.put_pool("api", admit_when="running")
    launched(lab, 1, pools=("api",))

    assert verdict(lab) == ("ok", "ok")
    assert [(pool["in_dns"], pool["healthy"]) for pool in audit(lab)["pools"]] == [(1, 1), (2, 2)]


def test_a_pool_whose_members_all_ended_is_unanswered_while_dns_is_in_sync(lab: Lab) -> None:
    for instance_id in admitted(lab, 2):
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert verdict(lab) == ("unanswered", "unanswered")
    assert (audit(lab)["in_sync"], audit(lab)["pools"][0]["members"]) == (True, 0)


def test_a_pool_that_only_its_fallback_answers_for_has_no_member(lab: Lab) -> None:
    lab.put_pool("web", fallback="52.95.9.9")
    (only,) = admitted(lab, 1)
    lab.fleet.terminate(only)
    lab.settle()

    assert verdict(lab) == ("no-member", "no-member")


def test_a_report_with_unhealthy_members_is_not_green(lab: Lab) -> None:
    seen = []
    for instance_id in admitted(lab, 3):
        lab.clock.advance(60)  # into another minute: CloudWatch shows the average of each
        lab.report_health(instance_id, 0)
        seen.append(verdict(lab))

    assert seen == [(each, each) for each in ("some-unhealthy", "mostly-unhealthy", "none-healthy")]


def test_the_verdict_comes_with_the_report_in_any_form_where_it_is_asked_for(lab: Lab) -> None:
    admitted(lab, 1)

    said = answer(lab, {"format": "text", "verdict": True})
    assert (said["verdict"], said["report"].splitlines()[1]) == ("ok", "In sync and healthy. Nothing is queued.")
    assert answer(lab, {"verdict": True})["report"].keys() == audit(lab).keys()
