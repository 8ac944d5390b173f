"""Visible: text from outside with its invisible characters as escapes. Pure."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return text with Python's escape for each invisible character.

    Such characters are control characters, which a terminal obeys, and those without width or that change the direction
    of writing, with which one name can look like another.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def visible_lines(text: str) -> str:
    """Return text as `visible` does, with its line ends."""
    return "\n".join(map(visible, text.split("\n")))
