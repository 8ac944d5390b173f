"""Text from outside in a report: what a reader sees is what is there. Pure."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return text in which each character that is not seen stands as Python's escape for it.

    Such characters are controls, which a terminal obeys, and those that turn the direction of writing or have no width,
    with which one name looks like another.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def visible_lines(text: str) -> str:
    """Return text as `visible` does, with its line ends."""
    return "\n".join(map(visible, text.split("\n")))
