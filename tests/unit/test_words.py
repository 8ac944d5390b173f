"""How lists are written in sentences."""

from __future__ import annotations

import pytest

from fleet53.domain.words import some


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["web"], "web"),
        (["a", "b", "c", "d", "e"], "a, b, c, d, e"),
        (["a", "b", "c", "d", "e", "f", "g"], "a, b, c, d, e and 2 more"),
    ],
)
def test_a_long_list_names_five_and_says_how_many_more_there_are(names: list[str], written: str) -> None:
    assert some(names) == written
