"""docs/migrate.md: its commands exist and lead somewhere. tests/e2e/test_rehearsal.py runs them."""

from __future__ import annotations

import json
from typing import Final

from fleet53.audit.request import read_request
from tests.e2e.commands import ROOT, faults
from tests.e2e.markdown import Page

PAGE: Final = Page.read(ROOT / "docs/migrate.md")


def test_every_command_exists_with_its_options() -> None:
    shown = [words[: words.index(">")] if ">" in words else words for words in PAGE.commands()]
    assert {"make", "aws", "dig"} <= {words[0] for words in shown}
    assert faults(shown) == []


def test_every_event_is_one_that_the_audit_takes() -> None:
    shown = [word.removeprefix("EVENT=") for words in PAGE.commands() for word in words if word.startswith("EVENT=")]
    assert len(shown) == 2
    for event in shown:
        read_request(json.loads(event))  # it raises for what it does not take


def test_every_link_leads_somewhere() -> None:
    for link in PAGE.links():
        path, _, anchor = link.partition("#")
        page = Page.read((ROOT / "docs" / path).resolve()) if path else PAGE
        assert not anchor or anchor in page.anchors(), link
