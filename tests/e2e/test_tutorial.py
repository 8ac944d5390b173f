"""The tutorial's commands are run from top to bottom in a running lab, and what they print is what the page says."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.child import Child
from tests.e2e.commands import faults
from tests.e2e.markdown import Page
from tests.e2e.test_lab_process import ROOT, RunningLab, lab_program, started
from tests.e2e.test_rehearsal import cli, failed, finished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.test_rehearsal import Cli

__all__ = ["cli"]  # a fixture

PAGE: Final = Page.read(ROOT / "docs/tutorial.md")
FIRST_TERMINAL: Final = re.compile(r"make demo$|\.venv/bin/python -m lab ")
DIG: Final = "@127.0.0.1 -p 5353"
"""How the page's dig asks a lab that was started with --dns-port 5353."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with Child(lab_program(), tmp_path_factory.mktemp("lab") / "printed") as child:
        yield started(child)


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")
def test_the_tutorials_commands_run_from_top_to_bottom_and_the_name_is_always_answered(cli: Cli) -> None:
    (cli.folder / "examples").symlink_to(ROOT / "examples")
    _dig, host, _p, port, _name = cli.lab.dig
    lines = [line for line in PAGE.lines() if not FIRST_TERMINAL.match(line)]
    run = finished("\n".join(lines), cli, {DIG: f"{host} -p {port}"}, timeout=120)
    assert failed(run) == []
    counted = [len(answer.splitlines()) for answer in re.findall(r"(?:^\d+(?:\.\d+){3}\n)+", run.stdout, re.MULTILINE)]
    assert counted == [2, 1, 2, 4, 2]
    assert "Successfully created/updated stack - servers" in run.stdout
    before, after = ((cli.folder / name).read_text().split() for name in ("before", "after"))
    assert (len(before), len(after), set(before) & set(after)) == (2, 2, set())
    assert (cli.folder / "unanswered").read_text() == ""
    assert "in sync" in run.stdout.lower()


def test_every_command_shown_exists_with_its_options() -> None:
    assert faults(PAGE.commands()) == []


def test_every_link_leads_somewhere() -> None:
    for link in PAGE.links():
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / path).resolve()
        assert target.exists()
        assert not anchor or anchor in Page.read(target).anchors()
