"""Behaviour of the real handlers in the lab, whose Route 53 refuses what AWS's refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

MONDAY_NOON = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)
"""When every test begins: at a full minute, because CloudWatch aggregates datapoints by the minute."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Return a lab with a stack of its own and one pool, `web`, at app.example.com.

    The template allows the functions all that they ask of AWS. A test in which it does not clears the list.
    """
    with Lab(start=MONDAY_NOON) as lab:
        yield lab
        assert lab.faults.permissions.refused == []
