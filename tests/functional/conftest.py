"""Behaviour of the real handlers in the lab, whose Route 53 refuses what AWS's refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.world import Lab
from tests.functional.incidents import wait_in_lab_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MONDAY_NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
"""When every test begins: at a full minute, because CloudWatch aggregates datapoints by the minute."""


NO_OTHER_NAME = pytest.mark.parametrize("parameters", [{"AllowedRecordNames": ""}], ids=["no other name"])
"""Marks tests of a stack that allows no other name than its first pool's."""


@pytest.fixture
def parameters() -> Mapping[str, str]:
    """Return the parameters of the lab's stack that differ from their defaults; a module may have its own."""
    return {}


@pytest.fixture(autouse=True)
def nothing_refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that roles allow all that functions ask of AWS in a test's labs. A test of a refusal clears its list."""
    labs: list[Lab] = []
    enter = Lab.__enter__

    def entered(lab: Lab) -> Lab:
        labs.append(enter(lab))
        return lab

    monkeypatch.setattr(Lab, "__enter__", entered)
    yield
    assert [refused for lab in labs for refused in lab.faults.permissions.refused] == []


@pytest.fixture
def lab(parameters: Mapping[str, str]) -> Iterator[Lab]:
    """Return a lab with a stack of its own and one pool, `web`, at app.example.com."""
    with Lab(parameters, start=MONDAY_NOON) as lab:
        yield lab


@pytest.fixture
def lab_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time that a function waits pass by the lab's clock."""
    wait_in_lab_time(lab, monkeypatch)
