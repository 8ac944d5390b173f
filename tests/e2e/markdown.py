"""What a Markdown page holds that can be compared with the tree: blocks, code spans, tables and links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_TAKEN: Final = re.compile(r"\w+=\$\((.*)\)", re.DOTALL)
_HEADING: Final = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Page:
    """A page's text; every method returns things in the order of the page."""

    text: str

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read the page at `path`."""
        return cls(path.read_text(encoding="utf-8"))

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of a language."""
        return [text for found, text in _FENCE.findall(self.text) if found == language]

    def prose(self) -> str:
        """Return the page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def spans(self) -> list[str]:
        """Return the code spans outside fenced blocks."""
        return _SPAN.findall(self.prose())

    def links(self) -> list[str]:
        """Return the targets of links that stay in the repository."""
        return [target for target in _LINK.findall(self.prose()) if "://" not in target]

    def table(self, first_heading: str) -> list[list[str]]:
        """Return the cells of the tables whose first column has this heading, one list for each row."""
        rows: list[list[str]] = []
        within = False
        for line in self.prose().splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
            if cells[:1] == [first_heading]:
                within = True
            elif not cells:
                within = False
            elif within and set(cells[0]) - set("- :"):
                rows.append(cells)
        return rows

    def commands(self) -> list[list[str]]:
        """Return the commands of the shell blocks, split into words as a shell does.

        Of a variable that takes what a command prints, that command.
        """
        return [
            words
            for line in self.lines()
            if (words := shlex.split(taken[1] if (taken := _TAKEN.fullmatch(line)) else line, comments=True))
        ]

    def lines(self) -> list[str]:
        """Return the lines of the shell blocks; one that goes on is one line."""
        return [line for block in self.blocks("sh") for line in _logical_lines(block)]

    def headings(self, level: int) -> list[str]:
        """Return the headings of a level."""
        return [title for marks, title in _HEADING.findall(_FENCE.sub("", self.text)) if len(marks) == level]

    def section(self, title: str) -> Page:
        """Return what stands under the one heading of this title, up to the next of its level or above."""
        (heading,) = [each for each in _HEADING.finditer(self.text) if each[2] == title]
        level = len(heading[1])
        rest = self.text[heading.end() :]
        following = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
        return Page(rest[: following.start()] if following else rest)

    def anchors(self) -> set[str]:
        """Return what a link to a heading of the page may say after the #, as GitHub makes it."""
        titles = [title for level in range(1, 7) for title in self.headings(level)]
        return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _logical_lines(block: str) -> list[str]:
    """Join lines that a backslash or an open quote continues."""
    found: list[str] = []
    open_line = ""
    for line in block.splitlines():
        open_line += line
        if open_line.endswith("\\"):
            open_line = open_line[:-1]
            continue
        try:
            shlex.split(open_line, comments=True)
        except ValueError:  # a quote is still open
            open_line += "\n"
            continue
        found.append(open_line)
        open_line = ""
    if open_line:
        raise ValueError(f"a shell block ends within a command: {open_line!r}")
    return found


def spans_in(cell: str) -> list[str]:
    """Return the code spans of a table's cell."""
    return _SPAN.findall(cell)
