"""The dashboard's widget in a real browser: what a viewer sees, and what the buttons do.

The page that hosts it stands for CloudWatch's dashboard. Pictures of every situation are left in artifacts/screenshots.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from fleet53 import __version__
from fleet53.report.page import write_failure, write_page
from fleet53.widget import read_request, read_view
from lab.console import Console, Widget, widget_of
from lab.world import Lab
from tests.e2e.browser import Browser, chromium
from tests.functional.conftest import MONDAY_NOON
from tests.functional.views import admitted, delete_record, in_dns, record_of
from tests.unit import reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.report.model import Report

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = ROOT / "artifacts" / "screenshots"
IMAGES: Final = ROOT / "docs" / "images"
ENDPOINT: Final = "arn:aws:lambda:eu-west-1:123456789012:function:customWidget-fleet53"
READABLE: Final = 4.5
"""The least contrast of a text (WCAG 2.2, AA)."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


# -- with the functions of a lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(start=MONDAY_NOON) as lab:
        yield lab


@pytest.fixture
def console(lab: Lab) -> Iterator[Console]:
    with Console(lab.functions.answer, widget_of(lab)) as console:
        yield console


def heading(browser: Browser) -> str:
    (text,) = browser.texts("#widget h1")
    return text


def test_a_record_deleted_by_hand_is_shown_and_repaired_by_its_button(
    lab: Lab, console: Console, browser: Browser
) -> None:
    first, *_ = members = admitted(lab, 3)
    delete_record(lab, record_of(lab, first))
    browser.open(console.url, width=1200)

    assert heading(browser) == "1 drifted"
    assert browser.texts(".f53-findings tbody th") == ["missing-record"]
    row = browser.texts(".f53-members tbody tr")[0]
    assert row.startswith(f"Not in DNS {first} ")

    browser.press("Repair")
    question = browser.answer(accept=True)
    assert question.startswith("Repair 1 of the findings?")
    assert browser.texts(".f53-notice h2") == ["A repair is queued"]

    lab.settle()
    assert in_dns(lab) == set(members)
    browser.press("Check now")
    browser.wait()
    assert heading(browser) == "In sync and healthy"
    assert [row.split(" i-")[0] for row in browser.texts(".f53-members tbody tr")] == ["In DNS"] * 3
    assert "Repair" not in browser.texts("#widget button")
    assert browser.complaints() == []


def test_a_repair_that_is_not_confirmed_does_nothing(lab: Lab, console: Console, browser: Browser) -> None:
    member, other = admitted(lab, 2)
    delete_record(lab, record_of(lab, member))
    browser.open(console.url, width=1200)
    calls = len(lab.invocations)
    browser.press("Repair")
    browser.answer(accept=False)

    assert len(lab.invocations) == calls
    lab.settle()
    assert in_dns(lab) == {other}
    assert heading(browser) == "1 drifted"


def test_what_the_guard_holds_is_withdrawn_only_by_the_button_that_says_so(
    lab: Lab, console: Console, browser: Browser
) -> None:
    first, *others = admitted(lab, 4)
    for instance_id in others:
        lab.fleet.forget(instance_id)
    browser.open(console.url, width=1200)

    assert browser.texts("#widget button") == ["Check now", "Repair with force"]
    browser.press("Repair with force")
    question = browser.answer(accept=True)
    assert "3 members that disappeared without evidence leave DNS" in question
    lab.settle()
    assert in_dns(lab) == {first}


def test_a_refresh_after_a_repair_repairs_nothing(lab: Lab, console: Console, browser: Browser) -> None:
    (member,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, member))
    browser.open(console.url, width=1200)
    browser.press("Repair")
    browser.answer(accept=True)
    browser.driver.find_element("id", "refresh").click()
    browser.wait()

    assert lab.invocations[-1].function == "WidgetFunction"
    assert "action" not in lab.invocations[-1].event
    assert browser.texts(".f53-notice") == []


# -- with reports made for the occasion


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that always hosts one report, or what failed."""

    report: Report | None

    def answer(self, endpoint: str, event: Any) -> tuple[str, bool]:
        view = read_view(event, endpoint)
        if self.report is None:
            because = "ClientError: An error occurred (AccessDenied) when calling the DescribeInstances operation"
            return write_failure("The audit failed", because, view), False
        return write_page(self.report, view, repaired=read_request(event).audit.repair), False


SITUATIONS: Final = {
    "drift": reports.drifted(),
    "hundred": reports.crowd(),
    "ten": reports.report(reports.pool(*(reports.member(number) for number in range(10)))),
    "empty": reports.empty(),
    "outage": reports.outage(),
    "no-pool": reports.report(),
    "unreadable-zone": reports.unreadable(),
    "guard": reports.guarded(),
    "many-findings": reports.many_findings(),
    "failure": None,
}


@pytest.mark.parametrize(("theme", "width"), [("light", 400), ("dark", 400), ("light", 1200), ("dark", 1600)])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation_is_readable_in_both_themes_narrow_and_wide(
    browser: Browser, situation: str, theme: str, width: int
) -> None:
    report = SITUATIONS[situation]
    with Console(Shown(report).answer, Widget(ENDPOINT)) as console:
        browser.open(f"{console.url}/?theme={theme}", width=width)
        browser.photograph(SCREENSHOTS / f"{situation}-{theme}-{width}.png")

        assert browser.overflow() <= 0
        assert [each for each in browser.contrasts("#widget") if each[1] < READABLE] == []
        members = [each.instance_id for pool in report.pools for each in pool.instances] if report else []
        assert sorted(browser.texts(".f53-members tbody th")) == sorted(members)
        assert browser.complaints() == []


@pytest.mark.parametrize(("theme", "situation"), [("light", "drift"), ("dark", "hundred")])
def test_the_readmes_pictures_are_taken(browser: Browser, theme: str, situation: str) -> None:
    with Console(Shown(SITUATIONS[situation]).answer, Widget(ENDPOINT)) as console:
        browser.open(f"{console.url}/?theme={theme}", width=1200)
        browser.photograph(SCREENSHOTS / f"widget-{theme}.png", "#widget", most=640)
    assert (IMAGES / f"widget-{theme}.png").is_file()


def test_members_that_are_not_well_come_first(browser: Browser) -> None:
    with Console(Shown(reports.crowd()).answer, Widget(ENDPOINT)) as console:
        browser.open(console.url, width=1200)
        states = browser.texts(".f53-members .f53-dns-state")
    assert states == ["In DNS, unhealthy"] * 2 + ["Not in DNS"] * 3 + ["In DNS"] * 95


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2026-11-20 10:05:12 (UTC)"),
        ("Europe/Berlin", "2026-11-20 11:05:12 (UTC+01:00)"),
        ("Asia/Kolkata", "2026-11-20 15:35:12 (UTC+05:30)"),
        ("America/St_Johns", "2026-11-20 06:35:12 (UTC-03:30)"),
    ],
)
def test_times_are_the_viewers(browser: Browser, zone: str, shown: str) -> None:
    with Console(Shown(reports.empty()).answer, Widget(ENDPOINT)) as console:
        browser.open(console.url, width=1200, zone=zone)
        (looked,) = browser.texts(".f53-head .f53-muted")
    assert looked.endswith(f", looked at {shown}, fleet53 {__version__}")


def test_the_console_runs_no_script_of_a_widget(browser: Browser) -> None:
    hostile = '<p id="p">shown</p><script>document.title = "run"</script><img src="x" onerror="document.title = 1">'
    with Console(lambda _endpoint, _event: (hostile, False), Widget(ENDPOINT)) as console:
        browser.open(console.url, width=1200)
        assert browser.texts("#p") == ["shown"]
        assert browser.all("#widget script, #widget [onerror]") == []
        assert browser.driver.title == "fleet53"
        browser.complaints()
