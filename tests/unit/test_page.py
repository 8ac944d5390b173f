"""The widget's page: what it says of a report, and that nothing from outside becomes part of the page's form."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final, override

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.planning.membership import Membership
from fleet53.report.model import Quota, Quotas, Report
from fleet53.report.page import View, write_failure, write_page
from tests.unit import reports
from tests.unit.reports import AT, crowd, drifted, finding, guarded, member, missing_record, pool, report

if TYPE_CHECKING:
    from collections.abc import Callable

ARN: Final = "arn:aws:lambda:eu-west-1:123456789012:function:customWidget-fleet53"
VIEW: Final = View(ARN)
FORBIDDEN: Final = {"script", "iframe", "use", "link", "img", "object", "embed", "form", "meta", "base"}
PROGRAM: Final = re.compile(r"url\(|@import|expression\(|javascript:|https?://", re.IGNORECASE)


class Parsed(HTMLParser):
    """A page as a browser takes it apart: its tags with their attributes' names, its texts, its buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.form: list[tuple[str, ...]] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.form.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]

    @override
    def handle_endtag(self, tag: str) -> None:
        self.form.append((f"/{tag}",))

    @override
    def handle_comment(self, data: str) -> None:
        self.form.append(("comment",))

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text as one, with single spaces."""
        return " ".join("".join(self.texts).split())


def text_of(page: str) -> str:
    """Return a page's text without its styles."""
    return Parsed(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)).text


def buttons(page: str) -> list[tuple[str, dict[str, str], Any]]:
    """Return each button's words, its action's attributes, and the parameters that it sends."""
    found = re.findall(r"<button[^>]*>([^<]*)</button><cwdb-action([^>]*)>([^<]*)</cwdb-action>", page)
    return [(words, dict(Parsed(f"<a{attributes}>").attributes), json.loads(sent)) for words, attributes, sent in found]


# -- hostile texts


NASTY: Final = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "</style><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "</td></tr></table>",
        "<!-- ",
        "]]>",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;b&gt;",
        "</cwdb-action><cwdb-action action=call>",
        "\u202egnp.exe",
        "\x00\x1b[31m",
    ]
)
TEXTS: Final = st.one_of(NASTY, st.text(max_size=30))


@st.composite
def hostile_reports(draw: st.DrawFn) -> tuple[Report, Report]:
    """Return two reports of the same form: one whose texts are anything, and one whose texts are plain words."""

    def built(text: Callable[[], str]) -> Report:
        name = PoolName(text())
        members = [
            member(
                number,
                instance_id=InstanceId(text()),
                state=text(),
                lifecycle_state=text(),
                group=text(),
                addresses=(text(), text()),
                because=text(),
                check_ids=(CheckId(text()),),
                percent_healthy=percent,
                in_dns=in_dns,
            )
            for number, (percent, in_dns) in enumerate([(100.0, True), (None, True), (3.0, True), (None, False)])
        ]
        findings = tuple(
            Finding(kind, text(), name, InstanceId(text()), text(), CheckId(text()), drift, held)
            for kind, drift, held in [
                (FindingKind.ZONE_UNREADABLE, False, False),
                (FindingKind.WITHDRAWAL_HELD, True, True),
                (FindingKind.MISSING_RECORD, True, False),
                (FindingKind.NO_ADDRESS, False, False),
            ]
        )
        return report(
            replace(pool(*members), name=name, record_name=text()),
            owner=text(),
            findings=findings,
            quotas=Quotas(Quota(1, 2), Quota(1, 2), {ZoneId(text()): Quota(1, 2)}),
        )

    texts = itertools.cycle(draw(st.lists(TEXTS.filter(bool), min_size=5, max_size=5)))
    return built(lambda: next(texts).replace(":", ".")), built(lambda: "word")  # a colon parts an address in two


def escaped(text: str) -> str:
    """Return a text as a page shows it: what is not seen, but a line's end, is Python's escape for it."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


@pytest.mark.parametrize(
    ("unseen", "shown"),
    [
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("we\u200bb", "we\\u200bb"),
        ("\u2066web", "\\u2066web"),
        ("\x1b[2J", "\\x1b[2J"),
    ],
)
def test_an_invisible_character_is_shown_as_its_escape(unseen: str, shown: str) -> None:
    hidden = member(0, addresses=(unseen,), because=unseen, group=unseen)
    finding = Finding(FindingKind.NO_ADDRESS, unseen, PoolName(unseen))
    page = write_page(report(replace(pool(hidden), name=PoolName(unseen)), findings=(finding,)), VIEW)

    assert text_of(page).count(shown) >= 5
    assert all(each.isprintable() or each == "\n" for each in page)


def outside_texts(of: Report) -> set[str]:
    """Return each text of a report that its page shows."""
    members = [each for one in of.pools for each in one.instances]
    return {
        of.owner,
        *(text for one in of.pools for text in (one.name, one.record_name)),
        *(text for each in members for text in (each.instance_id, each.state, each.lifecycle_state) if text),
        *(text for each in members for text in (each.group, each.because, *each.addresses) if text),
        *(each.because for each in of.findings),
        *(each.pool for each in of.findings if each.pool),
        *(f"Records in zone {zone_id}" for zone_id in of.quotas.records),
    }


@given(hostile_reports(), TEXTS.filter(bool), st.booleans())
def test_no_text_from_outside_changes_the_form_of_the_page(
    both: tuple[Report, Report], asked: str, repaired: bool
) -> None:
    hostile, plain = both
    page = write_page(hostile, View(ARN, pools=(asked,)), repaired=repaired)
    expected = write_page(plain, View(ARN, pools=("word",)), repaired=repaired)

    assert Parsed(page).form == Parsed(expected).form
    text = text_of(page)
    for outside in outside_texts(hostile):
        assert " ".join(escaped(outside).split()) in text
    for _, _, sent in buttons(page):
        assert sent["pools"] == [asked]


@given(TEXTS, TEXTS)
def test_no_error_changes_the_form_of_the_page_that_reports_it(heading: str, because: str) -> None:
    assert Parsed(write_failure(heading, because, VIEW)).form == Parsed(write_failure("word", "word", VIEW)).form


SITUATIONS: Final = [
    reports.drifted(),
    reports.crowd(),
    reports.empty(),
    reports.report(),
    reports.guarded(),
    reports.unreadable(),
    reports.many_findings(),
]


@pytest.mark.parametrize("of", SITUATIONS)
def test_the_page_holds_nothing_that_cloudwatch_takes_out_or_fetches(of: Report) -> None:
    page = write_page(of, VIEW)
    parsed = Parsed(page)
    assert {tag for tag, *_ in parsed.form} & FORBIDDEN == set()
    assert [name for name, _ in parsed.attributes if name.startswith("on") or name in {"src", "href", "style"}] == []
    assert PROGRAM.findall(page) == []


@pytest.mark.parametrize("of", SITUATIONS)
def test_every_class_and_style_is_the_widgets_own(of: Report) -> None:
    page = write_page(of, VIEW)
    names = {name for key, value in Parsed(page).attributes if key == "class" for name in value.split()}
    assert {name for name in names if not name.startswith("f53-")} <= {
        "fleet53",
        "btn",
        "btn-primary",
        "cwdb-no-default-styles",
    }
    (styles,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", styles, flags=re.DOTALL))
    assert [
        each for one in selectors for each in one.split(",") if not each.strip().startswith((".fleet53", "@container"))
    ] == []


@pytest.mark.parametrize("of", SITUATIONS)
def test_tables_have_captions_and_heads_with_a_scope(of: Report) -> None:
    page = write_page(of, VIEW)
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert all(table.count("<caption>") == 1 for table in tables)
    heads = re.findall(r"<th [^>]*>", page)
    assert [head for head in heads if 'scope="' not in head] == []


# -- what it says


def icon_of(page: str) -> str:
    """Return which icon stands beside the heading."""
    (look,) = re.findall(r'<div class="f53-verdict">\s*<svg class="f53-icon f53-(\w+)"', page)
    return str(look)


@pytest.mark.parametrize(
    ("of", "look", "said"),
    [
        (report(pool(member(0))), "ok", "In sync and healthy fleet53.eu-west-1"),
        (
            report(pool(answered=False)),
            "bad",
            "Not answered NOT ANSWERED: web (app.example.com). DNS queries get a negative answer.",
        ),
        (
            report(pool(member(0, percent_healthy=0.0))),
            "bad",
            "No member healthy NO MEMBER HEALTHY: web (app.example.com, 0 of 1 healthy). Route 53 answers with all",
        ),
        (report(pool()), "bad", "No member in DNS NO MEMBER IN DNS: web (app.example.com). Only the fallback"),
        (
            report(pool(*(member(number, percent_healthy=0.0 if number else 100.0) for number in range(3)))),
            "warn",
            "Most members unhealthy MOST MEMBERS UNHEALTHY: web (app.example.com, 1 of 3 healthy). fleet53.eu-west-1",
        ),
        (
            report(pool(member(0), member(1, percent_healthy=0.0))),
            "warn",
            "Some members unhealthy Some members are unhealthy: web (app.example.com, 1 of 2 healthy). fleet53",
        ),
        (
            report(
                pool(member(0, percent_healthy=None), health_known=False),
                findings=(finding(FindingKind.NOT_READ, "health not read: a test", pool=None),),
            ),
            "warn",
            "Not everything could be read HEALTH NOT KNOWN: web (app.example.com). NOT EVERYTHING WAS READ: 1 read",
        ),
        (
            guarded(),
            "warn",
            "3 withdrawals held: decide NEAR A LIMIT: 187 of 200 health checks of the account, 1,000 of 1,000 health",
        ),
        (
            report(pool(member(0)), quotas=Quotas(Quota(187, 200), None, {})),
            "warn",
            "Near a limit NEAR A LIMIT: 187 of 200 health checks of the account. fleet53.eu-west-1",
        ),
        (report(pool(member(0)), findings=(missing_record(1),)), "warn", "1 drifted fleet53.eu-west-1"),
        (
            report(pool(member(0)), findings=(finding(FindingKind.NO_ADDRESS, "none", 3),)),
            "warn",
            "In sync, with 1 finding that a repair does not fix fleet53.eu-west-1",
        ),
    ],
)
def test_the_heading_says_the_worst_and_is_green_only_where_no_person_is_needed(
    of: Report, look: str, said: str
) -> None:
    page = write_page(of, VIEW)
    assert text_of(page).startswith(said)
    assert icon_of(page) == look


def test_a_pool_in_sync_has_one_button() -> None:
    page = write_page(report(pool(member(0))), VIEW)
    assert "In sync" in text_of(page)
    (check,) = buttons(page)
    assert check == (
        "Check now",
        {"action": "call", "display": "widget", "event": "click", "endpoint": ARN},
        {"action": "check"},
    )


def test_drift_brings_a_repair_button_that_asks_first() -> None:
    _, (words, action, sent) = buttons(write_page(drifted(), VIEW))
    assert (words, sent) == ("Repair", {"action": "repair"})
    assert action["confirmation"].startswith("Repair 1 of the findings?")


def test_what_the_guard_holds_brings_a_button_that_says_what_force_does() -> None:
    _, (words, action, sent) = buttons(write_page(guarded(), VIEW))
    assert (words, sent) == ("Repair with force", {"action": "repair", "force": True})
    assert "3 members that disappeared without evidence leave DNS" in action["confirmation"]


def test_a_pool_says_how_many_withdrawals_are_held_and_how_many_members_drifted() -> None:
    findings = (reports.held(1), reports.held(2), missing_record(3))
    text = text_of(write_page(report(pool(*(member(number) for number in range(4))), findings=findings), VIEW))
    assert "web app.example.com healthy 2 held 1 drifted Members4" in text


def test_a_narrowed_widgets_buttons_ask_about_the_same_pools() -> None:
    page = write_page(drifted(), View(ARN, pools=("web",)))
    assert [sent["pools"] for _, _, sent in buttons(page)] == [["web"], ["web"]]


def test_after_a_repair_it_says_whether_a_repair_is_queued() -> None:
    assert "A repair is queued" in text_of(write_page(replace(drifted(), queued=1), VIEW, repaired=True))
    assert "No repair is queued" in text_of(write_page(guarded(), VIEW, repaired=True))
    assert "queued" not in text_of(write_page(drifted(), VIEW))


def test_the_same_reason_for_many_held_members_is_listed_once() -> None:
    text = text_of(write_page(guarded(), VIEW))

    assert text.count("3 of 4 members would be withdrawn") == 1
    assert text.count("held by the guard, see Findings") == 3


def test_a_zone_that_could_not_be_read_stands_out_and_the_others_are_shown() -> None:
    page = write_page(reports.unreadable(), VIEW)
    text = text_of(page)
    assert text.startswith("Not everything could be read NOT LOOKED AT: api. ")
    assert "In sync" not in text
    assert text.index("zone-unreadable: pool api is not looked at") < text.index("app.example.com")
    assert text.count("AccessDenied") == 1


def test_a_pool_whose_health_could_not_be_read_is_not_shown_as_healthy() -> None:
    text = text_of(write_page(report(pool(member(0, percent_healthy=None), health_known=False)), VIEW))

    assert "web app.example.com not read Members1 In DNS1 Healthy- " in text


def test_pools_with_the_worst_verdict_come_first() -> None:
    well, ill = pool(member(0), name="a-well"), pool(member(1, percent_healthy=0.0), name="zoo")
    text = text_of(write_page(report(well, ill), VIEW))

    assert text.index("zoo.example.com none healthy") < text.index("a-well.example.com healthy")


def test_the_page_says_where_to_read_what_to_do_about_a_finding() -> None:
    assert "docs/runbook.md says what to do about each kind" in text_of(write_page(drifted(), VIEW))


def test_findings_that_the_guard_holds_come_before_those_a_repair_fixes_and_the_rest() -> None:
    findings = (finding(FindingKind.NO_ADDRESS, "none", 3), missing_record(1), reports.held(2))
    page = write_page(report(pool(member(1)), findings=findings), VIEW)
    kinds = re.findall(r'<th role="rowheader" scope="row" class="f53-kind">([^<]*)</th>', page)
    assert kinds == ["withdrawal-held", "missing-record", "no-address"]


def test_thirty_findings_for_the_same_reason_are_one_row_that_names_ten_and_unfolds() -> None:
    page = write_page(reports.many_findings(), VIEW)
    assert page.count('scope="row" class="f53-kind"') == 1
    assert "20 more" in text_of(page)
    assert all(reports.instance_id(number) in page for number in range(30))


def test_more_than_ten_reasons_unfold() -> None:
    findings = tuple(finding(FindingKind.NO_ADDRESS, f"reason {number}", number) for number in range(30))
    page = write_page(report(pool(member(0)), findings=findings), VIEW)
    assert "20 more" in text_of(page)
    assert page.count('scope="row" class="f53-kind"') == 30


def test_members_that_are_not_well_come_before_the_others() -> None:
    page = write_page(crowd(), VIEW)
    states = re.findall(r'<tr role="row"( class="f53-unwell")?>\s*<td role="cell" class="f53-dns-state">', page)
    assert [bool(each) for each in states] == [True] * 5 + [False] * 95


def test_a_stopped_member_is_out_of_dns_as_it_should_be_and_comes_after_those_that_should_be_in() -> None:
    stopped = member(0, state="stopped", in_dns=False, membership=Membership.WITHDRAW, because="EC2 says stopped")
    waiting = member(1, in_dns=False, because="Route 53 has not seen it yet")
    page = write_page(report(pool(stopped, waiting)), VIEW)
    assert page.count('class="f53-unwell"') == 1
    text = text_of(page)
    assert text.index(f"Not in DNS {waiting.instance_id}") < text.index(f"Not in DNS {stopped.instance_id}")


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"percent_healthy": 100.0}, "100 %"),
        ({"percent_healthy": 18.75}, "19 %"),
        ({"percent_healthy": None}, "no data yet"),
        ({"percent_healthy": None, "check_ids": ()}, "no health check"),
        ({"state": None}, "unknown to EC2"),
        ({"addresses": ()}, "no address"),
        ({"seen_since": AT - timedelta(minutes=9)}, "09:56 healthy 9 min"),
        ({"seen_since": AT - timedelta(minutes=9), "percent_healthy": 18.0}, "09:56 unhealthy 9 min"),
        ({"seen_since": AT - timedelta(hours=1)}, "before 09:05 healthy"),
        ({"in_dns": False, "launched": AT - timedelta(days=3)}, "2026-11-17 10:05 launched 3 d"),
        ({"in_dns": False, "launched": AT - timedelta(seconds=7)}, "10:05 launched 7 s"),
        ({"in_dns": False, "launched": AT + timedelta(seconds=7)}, "10:05 launched 0 s"),
    ],
)
def test_a_members_row_says(changes: dict[str, Any], shown: str) -> None:
    assert shown in text_of(write_page(report(pool(member(0, **changes))), VIEW))


def test_times_are_in_the_viewers_zone() -> None:
    view = replace(VIEW, zone=timezone(timedelta(hours=-3, minutes=-30)))
    page = write_page(report(pool(member(0, seen_since=AT - timedelta(minutes=9)))), view)
    assert "looked at 2026-11-20 06:35:12 (UTC-03:30)" in text_of(page)
    assert "06:26 healthy 9 min" in text_of(page)
    assert f'datetime="{AT.astimezone(UTC).isoformat()}"' in page


def test_limits_say_when_they_are_near_or_used_up() -> None:
    text = text_of(write_page(guarded(), VIEW))
    assert "187 of 200 near the limit" in text
    assert "1,000 of 1,000 used up" in text
    assert "44 of 10,000 Cost of 4 health checks about $4.00 a month" in text


def test_a_limit_of_nothing_is_used_up() -> None:
    quotas = Quotas(Quota(0, 0), Quota(0, 1), {})
    assert "0 of 0 used up" in text_of(write_page(report(quotas=quotas), VIEW))


def test_a_report_without_pools_and_members_says_so() -> None:
    assert "No pool to show." in text_of(write_page(report(), VIEW))
    assert "No pool to show among api." in text_of(write_page(report(), View(ARN, pools=("api",))))
    assert "No member: no instance carries this pool's name" in text_of(write_page(reports.empty(), VIEW))


@pytest.mark.parametrize(("dark", "look"), [(False, "f53-light"), (True, "f53-dark")])
def test_the_theme_is_the_dashboards(dark: bool, look: str) -> None:
    assert f'class="fleet53 {look}"' in write_page(report(), View(ARN, dark=dark))
