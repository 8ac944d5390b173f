"""docs/aws.md has whole rows, and names tests that exist."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.e2e.commands import faults
from tests.e2e.markdown import Page, spans_in
from tests.live.story import IDS
from tests.template.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = Page.read(ROOT / "docs/aws.md")
HEADINGS: Final = ["AWS", "source", "how sure", "test", "`make live`"]
SERVICES: Final = [
    "Route 53: records",
    "Route 53: health checks",
    "Route 53: limits",
    "EC2",
    "Auto Scaling",
    "EventBridge",
    "SQS",
    "Lambda",
    "Parameter Store",
    "CloudWatch",
    "CloudFormation",
    "IAM",
    "DNS",
]
SURE: Final = {"documented", "observed by others", "inferred"}
REAL: Final = "On a real account"
PUBLIC: Final = (
    "https://docs.aws.amazon.com/",
    "https://github.com/",
    "https://repost.aws/knowledge-center/",
    "https://www.rfc-editor.org/rfc/",
)
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the page: `test` is the name and the function in its fourth cell, `path` is where that links to."""

    behaviour: str
    sources: tuple[str, ...]
    sure: str
    name: str
    function: str
    path: Path
    steps: tuple[str, ...]


def read(cells: list[str]) -> Row:
    behaviour, sources, sure, test, steps = cells
    ((title, target),) = _LINK.findall(test)
    name, _, function = title.partition("::")
    linked = tuple(address for _title, address in _LINK.findall(sources))
    path = (ROOT / "docs" / target).resolve()
    return Row(behaviour, linked, sure, name, function, path, tuple(spans_in(steps)))


TABLE: Final = PAGE.table("AWS")
ROWS: Final = [read(cells) for cells in TABLE if len(cells) == len(HEADINGS)]


@functools.cache
def needs_lab_by_test(path: Path) -> dict[str, bool]:
    """Return the tests of a file, and for each whether it needs the lab's Route 53 (`fake_only`)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marks = {"fake_only"}
    everywhere = False
    for node in tree.body:
        if isinstance(node, ast.Assign) and "fake_only" in ast.unparse(node.value):
            (target,) = node.targets
            name = ast.unparse(target)
            marks.add(name)
            everywhere = everywhere or name == "pytestmark"
    return {
        node.name: everywhere or any(mark in ast.unparse(each) for each in node.decorator_list for mark in marks)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_service_has_a_table_of_its_own_with_the_same_columns() -> None:
    assert PAGE.headings(2) == [*SERVICES, REAL]
    head = "| " + " | ".join(HEADINGS) + " |"
    for service in SERVICES:
        section = PAGE.section(service)
        assert section.text.count(head) == 1
        assert section.table("AWS")


def test_every_row_has_every_column() -> None:
    assert [cells for cells in TABLE if len(cells) != len(HEADINGS) or not all(cells)] == []


def test_a_behaviour_has_one_row() -> None:
    behaviours = [row.behaviour for row in ROWS]
    assert sorted(behaviours) == sorted(set(behaviours))


def test_a_row_is_a_sentence_with_a_public_source_and_says_how_sure_it_is() -> None:
    assert [row.behaviour for row in ROWS if not row.behaviour.endswith(".") or not row.sources] == []
    assert [address for row in ROWS for address in row.sources if not address.startswith(PUBLIC)] == []
    assert {row.sure for row in ROWS} == SURE


def test_the_test_of_a_row_exists_where_it_links_to() -> None:
    missing = [
        row.behaviour
        for row in ROWS
        if not row.path.is_relative_to(ROOT / "tests")
        or row.path.name != row.name
        or not row.path.is_file()
        or row.function not in needs_lab_by_test(row.path)
    ]
    assert missing == []


def test_the_steps_are_those_of_make_live_and_rows_name_no_other() -> None:
    steps = [span for cell, *_ in PAGE.table("step") for span in spans_in(cell)]
    assert steps == ["contract", *IDS]
    assert {step for row in ROWS for step in row.steps} <= set(steps)


def test_the_command_shown_exists_with_its_variable() -> None:
    assert PAGE.commands() == [["make", "live", "ZONE=Z0123456789ABC"]]
    assert faults(PAGE.commands()) == []


def test_a_row_names_the_contract_suite_where_its_test_runs_on_a_real_account() -> None:
    on_a_real_account = [
        row
        for row in ROWS
        if row.path.parent == ROOT / "tests/contract" and not needs_lab_by_test(row.path)[row.function]
    ]
    assert [row for row in ROWS if "contract" in row.steps] == on_a_real_account
