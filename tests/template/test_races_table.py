"""docs/design.md names a test for each race and each fault, and every Note of the code has its place there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.e2e.markdown import Page
from tests.template.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DESIGN: Final = Page.read(ROOT / "docs/design.md")
RACES: Final = DESIGN.section("Races")
FAULTS: Final = DESIGN.section("Faults").table("fault")
NO_RACE: Final = "These Notes are about no race: "
CODE: Final = (*sorted((ROOT / "layers/shared/fleet53").rglob("*.py")), ROOT / "template.yaml")
_EXPLAINED: Final = re.compile(r"^ *Note \[([^\]]+)\]: ", re.MULTILINE)
_NAMED: Final = re.compile(r"Note\s+\[([^\]]+)\]")
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Race:
    """A row of the table: a Note with the file that explains it, and the test that plays the race."""

    note: str
    explained_in: Path
    path: Path
    test: str


def read(cells: list[str]) -> Race:
    _race, note, test = cells
    ((name, explained_in),) = _LINK.findall(note)
    return Race(name, (ROOT / "docs" / explained_in).resolve(), *linked(test))


def linked(cell: str) -> tuple[Path, str]:
    """Return the file and the function that a cell of a table links to."""
    ((title, target),) = _LINK.findall(cell)
    file, _, function = title.partition("::")
    path = (ROOT / "docs" / target).resolve()
    assert path.name == file
    return path, function


def no_race() -> dict[str, Path]:
    (paragraph,) = [each for each in RACES.text.split("\n\n") if each.startswith(NO_RACE)]
    return {name: (ROOT / "docs" / target).resolve() for name, target in _LINK.findall(paragraph)}


def names_of_tests(path: Path) -> set[str]:
    """Return the names of a file's tests."""
    return {name for name in functions(path) if name.startswith("test_")}


def functions(path: Path) -> set[str]:
    """Return the names of a file's functions and methods."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


ROWS: Final = [read(cells) for cells in RACES.table("race")]
EXPLAINED: Final = [(note, path) for path in CODE for note in _EXPLAINED.findall(path.read_text(encoding="utf-8"))]


def test_a_note_is_explained_once_and_no_other_is_named() -> None:
    explained = Counter(note for note, _path in EXPLAINED)
    assert {note: count for note, count in explained.items() if count > 1} == {}
    texts = [path.read_text(encoding="utf-8") for path in (*CODE, *(ROOT / "docs").rglob("*.md"))]
    named = {" ".join(note.split()) for text in texts for note in _NAMED.findall(text)}
    assert named - explained.keys() == set()


def test_every_note_is_about_a_race_with_a_test_or_about_none() -> None:
    assert {row.note for row in ROWS} & no_race().keys() == set()
    assert {row.note: row.explained_in for row in ROWS} | no_race() == dict(EXPLAINED)


def test_the_test_of_each_race_exists() -> None:
    assert [row.test for row in ROWS if row.test not in names_of_tests(row.path)] == []


def test_a_race_has_one_row() -> None:
    assert [name for name, count in Counter(row.test for row in ROWS).items() if count > 1] == []


def test_the_code_and_the_test_of_each_fault_exist() -> None:
    code = [linked(cell) for _fault, cell, _test in FAULTS]
    tests = [linked(cell) for _fault, _code, cell in FAULTS]
    assert [(path.name, name) for path, name in code if name not in functions(path)] == []
    assert [(path.name, name) for path, name in tests if name not in names_of_tests(path)] == []
    assert len(FAULTS) == len({name for _path, name in tests})
