"""What the demo prints fits the terminal."""

from __future__ import annotations

from lab.stage import timed

LINE = "alice running 52.95.0.2   check: no data no record not answered"


def test_a_line_of_the_state_is_one_line_on_a_terminal_of_80_columns() -> None:
    assert timed(7, LINE, 80) == f"     7 s  {LINE}"


def test_a_line_of_the_state_is_broken_between_words_on_a_narrow_terminal() -> None:
    assert timed(128, LINE, 60).splitlines() == [
        "   128 s  alice running 52.95.0.2   check: no data no record",
        "          not answered",
    ]
