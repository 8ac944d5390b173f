"""docs/runbook.md has a section for each alarm and each kind of finding, and names nothing that does not exist."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from fleet53.audit.request import read_request
from fleet53.domain.finding import FindingKind
from tests.e2e.commands import ROOT, TEMPLATE, faults
from tests.e2e.markdown import Page, spans_in

RUNBOOK: Final = Page.read(ROOT / "docs/runbook.md")
ALARMS: Final = [name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"]
SECTIONS: Final = [*RUNBOOK.section("Alarms").headings(3), *RUNBOOK.section("Findings").headings(3)]
AWS_WORDS: Final = {"CallerReference", "SetIdentifier", "AccessDenied", "InvalidChangeBatch"}
"""Names of Route 53's that the page writes in the same form as ours."""
FUNCTIONS: Final = ("batch", "logs")
"""The page's own shell functions."""
LONGEST: Final = 12
"""Lines of a section that hold something: who is paged reads no more at once."""


def table(first_heading: str) -> list[str]:
    return [span for cell, *_ in RUNBOOK.table(first_heading) for span in spans_in(cell)]


def test_every_alarm_has_one_section_and_one_line_in_the_index() -> None:
    assert sorted(RUNBOOK.section("Alarms").headings(3)) == sorted(ALARMS)
    assert sorted(table("alarm")) == sorted(ALARMS)


def test_every_kind_of_finding_has_one_section_and_one_line_in_the_index() -> None:
    assert sorted(RUNBOOK.section("Findings").headings(3)) == sorted(FindingKind)
    assert sorted(table("finding")) == sorted(FindingKind)


@pytest.mark.parametrize("alarm", ALARMS)
def test_every_alarm_s_description_leads_to_its_section(alarm: str) -> None:
    description = TEMPLATE["Resources"][alarm]["Properties"]["AlarmDescription"]
    assert re.findall(r"docs/runbook\.md#([\w-]+)", str(description)) == [alarm.lower()]


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_says_what_it_means_where_to_look_and_what_to_do_and_how(title: str) -> None:
    section = RUNBOOK.section(title)
    leads = re.findall(r"^\*\*(It means|Look|Do)\b", section.text, re.MULTILINE)
    assert list(dict.fromkeys(leads)) == ["It means", "Look", "Do"]
    assert section.commands()
    assert len([line for line in section.text.splitlines() if line.strip() and not line.startswith("```")]) <= LONGEST


def test_every_command_exists_with_its_options() -> None:
    shown = RUNBOOK.commands()
    assert {"make", "aws"} <= {words[0] for words in shown}
    assert faults(shown) == []


def test_every_program_is_one_that_is_known_here() -> None:
    assigned = re.compile(r"[A-Z]+=\S+")
    defined = {f"{name}()" for name in FUNCTIONS} | {"}"}
    programs = {words[0] for words in RUNBOOK.commands() if not assigned.fullmatch(words[0])}
    assert programs == {"aws", "dig", "make", *FUNCTIONS, *defined}


def test_every_variable_is_set_before_it_is_used() -> None:
    known: set[str] = set()
    unknown = []
    for line in "\n".join(RUNBOOK.blocks("sh")).splitlines():
        unknown += [name for name in re.findall(r"\$([A-Z]\w*)", line) if name not in known]
        known |= set(re.findall(r"^(\w+)=", line))
    assert unknown == []


def test_every_event_is_one_that_the_audit_takes() -> None:
    shown = [word.removeprefix("EVENT=") for words in RUNBOOK.commands() for word in words if word.startswith("EVENT=")]
    assert shown
    for event in shown:
        read_request(json.loads(event))  # it raises for what it does not take


def test_every_logical_id_asked_for_is_in_the_template() -> None:
    asked = [
        words[words.index("--logical-resource-id") + 1]
        for words in RUNBOOK.commands()
        if "--logical-resource-id" in words
    ]
    assert asked
    assert [name for name in asked if name not in TEMPLATE["Resources"]] == []


def test_every_log_group_is_one_of_the_stack_s() -> None:
    groups = {
        each["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "$STACK")
        for each in TEMPLATE["Resources"].values()
        if each["Type"] == "AWS::Logs::LogGroup"
    }
    shown = {f"/fleet53/$STACK/{words[1]}" for words in RUNBOOK.commands() if words[0] == "logs"}
    assert shown
    assert shown - groups == set()


def test_every_name_in_camel_case_is_of_the_template_or_aws_s() -> None:
    spans = [span for span in RUNBOOK.spans() if re.fullmatch(r"[A-Z][a-z0-9]+([A-Z][a-z0-9]*)+", span)]
    assert spans
    known = {*TEMPLATE["Parameters"], *TEMPLATE["Resources"]} | AWS_WORDS
    assert [span for span in spans if span not in known] == []


def test_every_message_of_the_log_that_is_named_is_one_that_the_code_writes() -> None:
    folders = [ROOT / "functions", ROOT / "layers/shared/fleet53"]
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    named = [span for span in RUNBOOK.spans() if re.fullmatch(r"(?!make )[a-z]+( [a-z]+)+", span)]
    assert named
    assert [message for message in named if f'"{message}"' not in sources] == []


def test_every_link_leads_somewhere() -> None:
    links = RUNBOOK.links()
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        page = Page.read(ROOT / "docs" / path) if path else RUNBOOK
        assert not anchor or anchor in page.anchors(), link
