"""The report for people: what it says first, that it fits, and that what comes from outside stays in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from markdown_it import MarkdownIt

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.planning.membership import Membership
from fleet53.report.model import Cost, MemberReport, PoolReport, Quota, Quotas, Report
from fleet53.report.text import as_markdown, as_text
from tests.unit.build import LAUNCHED, NOW

if TYPE_CHECKING:
    from collections.abc import Callable

WEB: Final = PoolName("web")
MISSING: Final = Finding(FindingKind.MISSING_RECORD, "EC2 says running", WEB, InstanceId("i-0a"), drift=True)
HELD: Final = Finding(
    FindingKind.WITHDRAWAL_HELD, "EC2 does not know the instance", WEB, InstanceId("i-0b"), drift=True, held=True
)
FULL: Final = Finding(FindingKind.POOL_FULL, "Route 53 takes no more", WEB, InstanceId("i-0c"))
UNREAD: Final = Finding(FindingKind.NOT_READ, "health not read: a test")
INVALID: Final = Finding(FindingKind.INVALID_POOL, "ttl=0 is refused", PoolName("api"))
FORMS: Final = [as_text, as_markdown]

type Form = Callable[[Report], str]


def member(instance_id: str = "i-0a", **differs: Any) -> MemberReport:
    """Return a member in DNS that every checker sees healthy."""
    usual = MemberReport(
        instance_id=InstanceId(instance_id),
        state="running",
        lifecycle_state="InService",
        group="web-fleet",
        addresses=("52.94.0.1",),
        launched=LAUNCHED,
        membership=Membership.ADMIT,
        in_dns=True,
        because="Auto Scaling says InService",
        check_ids=(CheckId("c-1"),),
        percent_healthy=100.0,
        seen_since=LAUNCHED,
    )
    return replace(usual, **differs)


def pool(*members: MemberReport, **differs: Any) -> PoolReport:
    """Return pool web with these members."""
    count = len(members)
    usual = PoolReport(WEB, "app.example.com", count, count, count, 0, 0, members)
    return replace(usual, **differs)


def report(*findings: Finding, **differs: Any) -> Report:
    """Return a report on pool web, which has one well member."""
    usual = Report(
        owner="fleet53.eu-west-1.123456789012",
        at=NOW,
        pools=(pool(member()),),
        findings=findings,
        quotas=Quotas(Quota(2, 200), Quota(3, 1000), {ZoneId("Z0123456789ABC"): Quota(7, 10_000)}),
        cost=Cost(2, 1.5, 10.4),
        version="0.1.0",
    )
    return replace(usual, **differs)


def tables(page: str) -> list[list[list[str]]]:
    """Return the cells of each table of a Markdown page as a reader sees them; they hold text and code."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level == 4:
            assert {child.type for child in token.children or ()} <= {"text", "code_inline"}
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


# -- what it says


def test_text_says_all_there_is_of_a_small_pool() -> None:
    gone = member(
        "i-0b",
        lifecycle_state=None,
        addresses=(),
        in_dns=False,
        because="no address",
        check_ids=(),
        percent_healthy=None,
    )
    whole = report(MISSING, FULL, pools=(pool(member(), gone, members=2, in_dns=1, healthy=1, pending=1),))

    assert as_text(whole) == (
        """\
fleet53.eu-west-1.123456789012, 2026-11-20 10:00:00 UTC, fleet53 0.1.0
NOT IN SYNC: 1 drifted. 1 finding that a repair does not fix. Nothing is queued.

Findings: docs/runbook.md says what to do about each kind

  drift  missing-record, pool web: i-0a
         EC2 says running
         pool-full, pool web: i-0c
         Route 53 takes no more

Pools

pool  members  in DNS  healthy  pending  no place  state    record name
web         2       1        1        1         0  healthy  app.example.com

Members of web

instance  address    EC2      Auto Scaling  checkers  in DNS, or why not
i-0a      52.94.0.1  running  InService        100 %  yes: Auto Scaling says InService
i-0b      none       running  -                    -  no: no address

Quotas

quota                              used  limit  percent
health checks of the account          2    200      1 %
health checks created in 24 hours     3   1000      0 %
records in Z0123456789ABC             7  10000      0 %

Cost a month: 2 health checks about $1.50; metrics, alarms and the dashboard about $10.40, less CloudWatch's free tier.
"""
    )


def test_markdown_has_a_table_of_the_findings_and_of_each_part() -> None:
    findings, pools, members, quotas = tables(as_markdown(report(MISSING)))

    assert findings == [
        ["", "kind", "pool", "about", "because"],
        ["drift", "missing-record", "web", "i-0a", "EC2 says running"],
    ]
    assert pools[1] == ["web", "1", "1", "1", "0", "0", "healthy", "app.example.com"]
    assert members[1] == ["i-0a", "52.94.0.1", "running", "InService", "100 %", "yes: Auto Scaling says InService"]
    assert quotas[1] == ["health checks of the account", "2", "200", "1 %"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (report(), "In sync and healthy. Nothing is queued."),
        (
            report(quotas=Quotas(Quota(187, 200), None, {}, {"x.example": Quota(81, 100)})),
            "NEAR A LIMIT: 187 of 200 health checks of the account, 81 of 100 records of x.example. Nothing is queued.",
        ),
        (report(FULL), "In sync, with 1 finding that a repair does not fix. Nothing is queued."),
        (report(MISSING, queued=1), "NOT IN SYNC: 1 drifted. A repair is queued."),
        (report(HELD), "WITHDRAWALS HELD: 1 until you decide. Nothing is queued."),
        (
            report(MISSING, HELD),
            "WITHDRAWALS HELD: 1 until you decide. NOT IN SYNC: 1 drifted. Nothing is queued.",
        ),
        (report(whole=False), "In sync and healthy. Nothing is queued. Not all pools were looked at."),
        (
            report(pools=(pool(answered=False),)),
            "NOT ANSWERED: web (app.example.com). DNS queries get a negative answer. Nothing is queued.",
        ),
        (
            report(pools=(pool(member(), member("i-0b"), healthy=1),)),
            "Some members are unhealthy: web (app.example.com, 1 of 2 healthy). Nothing is queued.",
        ),
        (
            report(INVALID),
            "NOT LOOKED AT: api. 1 finding that a repair does not fix. Nothing is queued.",
        ),
        (
            report(UNREAD),
            "NOT EVERYTHING WAS READ: 1 read failed. 1 finding that a repair does not fix. Nothing is queued.",
        ),
        (
            report(pools=(pool(member(percent_healthy=None), health_known=False),)),
            "HEALTH NOT KNOWN: web (app.example.com). Nothing is queued.",
        ),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_the_second_line_says_whether_all_is_as_it_should_be(said: Report, verdict: str, form: Form) -> None:
    lines = [line for line in form(said).splitlines() if line]
    assert lines[1].replace("`", "") == verdict


def test_a_pool_that_could_not_be_looked_at_is_in_the_table_of_pools() -> None:
    pools = tables(as_markdown(report(INVALID)))[1]

    assert pools[1] == ["api", "-", "-", "-", "-", "-", "invalid-pool", ""]


def test_a_pool_whose_health_could_not_be_read_is_not_shown_as_healthy() -> None:
    unseen = pool(member(percent_healthy=None), member("i-0b", percent_healthy=None), health_known=False)
    pools = tables(as_markdown(report(UNREAD, pools=(unseen,))))[1]

    assert pools[1] == ["web", "2", "2", "-", "0", "0", "not read", "app.example.com"]


@pytest.mark.parametrize("form", FORMS)
def test_the_pools_with_the_worst_verdict_come_first(form: Form) -> None:
    well = replace(pool(member()), name=PoolName("a-well"))
    ill = replace(pool(member(percent_healthy=0.0), healthy=0), name=PoolName("zoo"))
    said = form(report(INVALID, pools=(well, ill))).replace("`", "")

    rows = said.split("Pools\n")[1].split("Members of")[0]
    assert rows.index("zoo") < rows.index("api") < rows.index("a-well")
    assert said.index("Members of zoo") < said.index("Members of a-well")


@pytest.mark.parametrize("form", FORMS)
def test_the_same_reason_for_many_held_members_is_listed_once(form: Form) -> None:
    because = "its tag does not name pool web; held by the guard: 2 of 4 members would be withdrawn"
    held = [replace(HELD, because=because, instance_id=InstanceId(each)) for each in ("i-0a", "i-0b")]
    members = [member(each, because=because, membership=Membership.WITHDRAW) for each in ("i-0a", "i-0b")]
    said = form(report(*held, pools=(pool(*members),)))

    assert said.count("2 of 4 members would be withdrawn") == 1
    assert said.count("yes: held by the guard, see Findings") == 2


@pytest.mark.parametrize("form", FORMS)
def test_it_says_where_to_read_what_to_do_about_a_finding(form: Form) -> None:
    assert "docs/runbook.md says what to do about each kind" in form(report(FULL))
    assert "docs/runbook.md" not in form(report())


@pytest.mark.parametrize("form", FORMS)
def test_held_findings_come_first_then_drift_then_the_others(form: Form) -> None:
    said = form(report(FULL, MISSING, HELD))
    assert said.index("withdrawal-held") < said.index("missing-record") < said.index("pool-full")


def test_findings_with_the_same_text_are_listed_once() -> None:
    said = as_text(report(MISSING, replace(MISSING, instance_id=InstanceId("i-0b"))))

    assert "missing-record, pool web: i-0a, i-0b\n" in said
    assert said.count("EC2 says running\n") == 1


def test_a_member_with_two_findings_that_say_the_same_is_named_once() -> None:
    assert "missing-record, pool web: i-0a\n" in as_text(report(MISSING, replace(MISSING, check_id=CheckId("c-2"))))


def test_no_word_is_broken_at_its_hyphen() -> None:
    said = as_text(report(replace(FULL, because="not-healthy-in-time " * 40)))
    assert said.count("not-healthy-in-time") == 40


def test_a_finding_without_an_instance_names_its_record_or_its_check() -> None:
    orphan = Finding(FindingKind.ORPHAN_CHECK, "no pool", check_id=CheckId("c-9"), drift=True)
    stray = Finding(FindingKind.ORPHAN_RECORD, "no pool", record_name="old.example.com", drift=True)
    said = as_text(report(orphan, stray))

    assert "orphan-check: health check c-9\n" in said
    assert "orphan-record: old.example.com\n" in said


def test_a_member_that_route_53_does_not_answer_with_says_for_how_long() -> None:
    ill = member(percent_healthy=18.0, seen_since=NOW - timedelta(minutes=25))
    assert "18 %  yes, but unhealthy for 25 min or more: Auto" in as_text(report(pools=(pool(ill),)))
    assert " unhealthy for 5 h or more:" in as_text(
        report(pools=(pool(replace(ill, seen_since=NOW - timedelta(hours=5))),))
    )
    assert " unhealthy: Auto" in as_text(report(pools=(pool(replace(ill, seen_since=None)),)))


# -- a large pool


def crowd(count: int) -> list[MemberReport]:
    return [member(f"i-{number:017x}") for number in range(count)]


@pytest.mark.parametrize("form", FORMS)
def test_a_pool_of_twenty_is_listed_whole(form: Form) -> None:
    said = form(report(pools=(pool(*crowd(20)),)))
    assert said.count("i-00000") == 20


@pytest.mark.parametrize("form", FORMS)
def test_of_a_larger_pool_those_with_trouble_are_listed(form: Form) -> None:
    members = crowd(30)
    members[3] = replace(members[3], in_dns=False)
    members[4] = replace(members[4], percent_healthy=18.0)
    members[5] = replace(members[5], membership=Membership.WITHDRAW)
    named = replace(FULL, instance_id=members[6].instance_id, because="named")
    said = form(report(named, pools=(pool(*members),)))
    rows = [line for line in said.splitlines() if "running" in line]

    assert [next(each for each in members if each.instance_id in row) for row in rows] == members[3:7]
    assert "26 more are well, in DNS or rightly out of it." in said


@pytest.mark.parametrize("form", FORMS)
def test_of_a_larger_pool_that_is_well_no_member_is_listed(form: Form) -> None:
    members = crowd(21)
    members[0] = replace(members[0], in_dns=False, membership=Membership.WITHDRAW)  # it has stopped
    said = form(report(pools=(pool(*members),)))

    assert "i-00000" not in said
    assert "21 are well, in DNS or rightly out of it." in said


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_pool_says_so(form: Form) -> None:
    assert "Members of web\n\nNone.\n" in form(report(pools=(pool(),))).replace("`", "")


# -- what comes from outside

HOSTILE: Final = [
    "a | b",
    "a \\| b",
    "ends with \\",
    "`code` ``more``",
    "<script>alert(1)</script>",
    "*bold* _slanted_ ~~struck~~ **",
    "[link](javascript:alert(1)) ![image](x)",
    "&lt;b&gt; &#124; &amp;",
    "# no heading $x$ {brace}",
    "1e5",
    "007",
    "---|---",
    "Zürich 東京",
]


def everywhere(text: str) -> Report:
    """Return a report that has a text in each place that is not fleet53's own."""
    hostile = member(
        text,
        state=text,
        lifecycle_state=text,
        addresses=(text,),
        in_dns=False,
        because=text,
    )
    finding = Finding(FindingKind.UNKNOWN_POOL, text, PoolName(text), InstanceId(text))
    hostile_pool = pool(hostile, name=PoolName(text), record_name=text)
    quotas = Quotas(Quota(2, 200), Quota(3, 1000), {ZoneId(text): Quota(1, 2)})
    return report(finding, owner=text, pools=(hostile_pool,), quotas=quotas)


@pytest.mark.parametrize("text", HOSTILE)
def test_in_markdown_a_value_stays_in_its_cell_as_it_is(text: str) -> None:
    findings, pools, members, quotas = tables(as_markdown(everywhere(text)))
    text = text.replace("\\|", "\\\\x7c")  # renderers differ about a backslash before a pipe

    assert findings[1:] == [["", "unknown-pool", text, text, text]]
    assert pools[1:] == [[text, "1", "1", "1", "0", "0", "healthy", text]]
    assert members[1:] == [[text, text, text, text, "100 %", f"no: {text}"]]
    assert [row[0] for row in quotas[1:]][-1] == f"records in {text}"


@pytest.mark.parametrize("text", HOSTILE)
def test_in_markdown_a_value_is_not_markup_outside_of_tables_either(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(as_markdown(everywhere(text)))
    headings = [after.children or [] for each, after in pairwise(tokens) if each.type == "heading_open"]

    said = ["".join(child.content for child in children) for children in headings]
    assert f"{text}, 2026-11-20 10:00:00 UTC, fleet53 0.1.0" in said
    assert f"Members of {text}" in said
    assert {child.type for children in headings for child in children} == {"text", "code_inline"}


@pytest.mark.parametrize("text", HOSTILE)
def test_in_markdown_the_names_of_pools_in_the_verdict_are_not_markup(text: str) -> None:
    name = PoolName(text)
    unanswered = replace(pool(answered=False), name=name, record_name=text)
    page = as_markdown(report(replace(INVALID, pool=name), pools=(unanswered,)))
    _, verdict, *_ = (token for token in MarkdownIt("commonmark").enable("table").parse(page) if token.children)

    said = [child.content for child in verdict.children or () if child.type == "code_inline"]
    assert {child.type for child in verdict.children or ()} == {"text", "code_inline"}
    assert said == [" ".join(text.split())] * 3


def test_in_markdown_nothing_from_outside_is_a_link_a_mention_or_a_reference() -> None:
    outside = "https://example.net @octocat octocat/hello#1 GH-1"
    inline = [
        token
        for token in MarkdownIt("commonmark").enable("table").parse(as_markdown(everywhere(outside)))
        if token.children
    ]
    code = [child.content for token in inline for child in token.children or () if child.type == "code_inline"]
    plain = "".join(child.content for token in inline for child in token.children or () if child.type == "text")

    assert sum(outside in each for each in code) == 13
    assert not any(mark in plain for mark in ("https:", "@octocat", "hello#1", "GH-1"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("control", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("\x07", "\\x07"),
        ("\x00", "\\x00"),
        ("\x7f", "\\x7f"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
    ],
)
def test_no_control_character_gets_through(form: Form, control: str, shown: str) -> None:
    said = form(everywhere(f"a{control}b"))

    assert all(each.isprintable() or each == "\n" for each in said)
    assert f"a{shown}b" in said.replace("\\\\", "\\").replace("\\[", "[")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gap", ["\n", "\r\n", "\t", "\n\n# ", "\u2028", "\x85", "\x0b"])
def test_a_line_s_end_in_a_value_ends_no_line(form: Form, gap: str) -> None:
    said = form(everywhere(f"two{gap}words")).replace("\\#", "#")

    assert len(said.splitlines()) == len(form(everywhere("two words")).splitlines())
    assert "two # words" in said if "#" in gap else "two words" in said


@pytest.mark.parametrize(
    "text",
    [
        "word " * 100,
        "endless" * 100,
        "two-parts-and-more-" * 50,
        "i-0123456789abcdef0",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    ],
)
def test_every_text_fits_a_terminal_of_120_columns(text: str) -> None:
    said = as_text(everywhere(text))
    assert max(map(len, said.splitlines())) <= 120


def test_the_widest_member_that_aws_can_make_fits_with_its_address_unbroken() -> None:
    address = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    wide = member(
        "i-0123456789abcdef0",
        state="shutting-down",
        lifecycle_state="Warmed:Terminating:Retained",
        addresses=("203.0.113.100", address),
        in_dns=False,
        because="Auto Scaling says Warmed:Terminating:Retained",
    )
    said = as_text(report(pools=(pool(wide),)))

    assert max(map(len, said.splitlines())) <= 120
    assert f" {address} " in said
    assert "i-0123456789abcdef0 " in said
