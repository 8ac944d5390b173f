"""Screen: an audit's report as the lines of one screen of a terminal, the worst first. Pure."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    type Report = Mapping[str, Any]

ORDER: Final = (
    "unanswered",
    "none-healthy",
    "no-member",
    "mostly-unhealthy",
    "not-read",
    "withdrawals-held",
    "drift",
    "some-unhealthy",
    "findings",
    "near-limit",
    "ok",
)
"""The verdicts, the worst first. One that this version does not know comes before all of them."""
_RED: Final = frozenset(ORDER[:4])
_NOT_LOOKED_AT: Final = frozenset({"invalid-pool", "zone-unreadable"})
"""Kinds of finding about a pool that the report has no members of."""
_NOT_READ: Final = _NOT_LOOKED_AT | {"not-read"}
_HEADLINE_LINES: Final = 3
_WIDE: Final = 80
"""The columns from which the names of the pools' records are shown."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the screen. Each item is shown with all of its lines or not at all; `noun` says what one item is."""

    head: Text
    items: list[list[Text]]
    noun: str

    @property
    def height(self) -> int:
        """How many lines the whole section has, with the empty line before it."""
        return 2 + sum(map(len, self.items))

    def lines(self, height: int) -> Iterator[Text]:
        """Yield the section in so many lines. The last one says how many items are left out."""
        if height >= self.height:
            yield from (Text(), self.head, *(line for item in self.items for line in item))
            return
        yield from (Text(), self.head)
        left, shown = height - 3, 0
        for item in self.items:
            if len(item) > left:
                break
            yield from item
            left, shown = left - len(item), shown + 1
        rest = len(self.items) - shown
        yield Text(f"… {rest} more {self.noun}{'s' if rest > 1 else ''}", style="dim")


def lines_of(report: Report, width: int, height: int) -> list[Text]:
    """Return a report as at most `height` lines of at most `width` columns, without control characters.

    Where not everything fits, each section gets its share of the lines, and what sections with less to say leave goes
    to the findings first.
    """
    top = list(_top(report, width))
    sections = [each for each in (_findings(report, width), _pools(report, width), _members(report)) if each.items]
    heights = _shares([each.height for each in sections], height - len(top))
    sections_shown = sorted(zip(sections, heights, strict=True), key=lambda each: each[0].noun != "pool")
    lines = [*top, *(line for section, share in sections_shown for line in section.lines(share))]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def _shares(needs: list[int], room: int) -> list[int]:
    """Return how many of `room` lines each section gets: an equal share, and the first sections what others leave."""
    shares = [min(need, room // max(len(needs), 1)) for need in needs]
    left = room - sum(shares)
    for index, need in enumerate(needs):
        more = min(left, need - shares[index])
        shares[index] += more
        left -= more
    return shares


def _top(report: Report, width: int) -> Iterator[Text]:
    at = str(report["at"]).replace("T", " ").replace("+00:00", " UTC")
    yield Text(plain(f"{report['owner']}, {at}"), style="dim")
    said = textwrap.wrap(
        plain(" ".join(report["headline"])),
        width,
        max_lines=_HEADLINE_LINES,
        placeholder=" …",
        break_on_hyphens=False,
    )
    yield from (Text(line, style=f"bold {_style(report['verdict'])}") for line in said)


def _pools(report: Report, width: int) -> _Section:
    rows = [
        (_rank(pool["verdict"]), pool["name"], *_counts(pool), _state(pool["verdict"]), pool["record_name"])
        for pool in report["pools"]
    ]
    rows += [
        (_rank("not-read"), each["pool"], "-", "-", "-", "-", each["kind"].replace("-", " "), each["record_name"] or "")
        for each in report["findings"]
        if each["kind"] in _NOT_LOOKED_AT and each["pool"] is not None
    ]
    heads = ("pool", "members", "in DNS", "healthy", "pending", "state", "record name")
    widest = min(max([len(heads[0]), *(len(row[1]) for row in rows)]), 20 if width >= _WIDE else 12)

    def written(cells: Iterable[str]) -> str:
        name, members, in_dns, healthy, pending, state, record = map(plain, cells)
        numbers = f"{members:>7}  {in_dns:>6}  {healthy:>7}  {pending:>7}"
        record = record if width >= _WIDE else ""
        return f"{_cut(name, widest):{widest}}  {numbers}  {state:16}  {record}".rstrip()

    rows.sort()
    items = [[Text(written(row[1:]), style=_style(ORDER[row[0]] if row[0] >= 0 else "unanswered"))] for row in rows]
    return _Section(Text(written(heads), style="bold"), items, "pool")


def _counts(pool: Mapping[str, Any]) -> tuple[str, str, str, str]:
    healthy = "-" if pool["verdict"] == "not-read" else str(pool["healthy"])
    return str(pool["members"]), str(pool["in_dns"]), healthy, str(pool["pending"])


def _state(verdict: str) -> str:
    return "healthy" if verdict == "ok" else verdict.replace("-", " ")


def _findings(report: Report, width: int) -> _Section:
    """Return the findings, those together that say the same, in the order of the verdicts that they lead to."""
    found: dict[tuple[int, str, str, str], list[str]] = {}
    for each in report["findings"]:
        rank = 0 if each["kind"] in _NOT_READ else 1 if each["held"] else 2 if each["drift"] else 3
        about = found.setdefault((rank, each["kind"], each["pool"] or "", each["because"]), [])
        check = f"health check {each['health_check_id']}" if each["health_check_id"] else None
        if (subject := each["instance_id"] or each["record_name"] or check) and subject not in about:
            about.append(subject)
    items = []
    for (rank, kind, pool, because), about in sorted(found.items(), key=lambda each: each[0][0]):
        place = f", pool {pool}" if pool else ""
        more = f" and {len(about) - 1} more" if len(about) > 1 else ""
        subject = f": {about[0]}{more}" if about else ""
        head = Text(f"{('', 'held', 'drift', '')[rank]:5}  ", style="yellow")
        head.append(plain(f"{kind}{place}{subject}"), style="bold")
        items.append([head, Text(_cut(f"       {plain(because)}", width))])
    head = Text("findings", style="bold")
    head.append(": docs/runbook.md says what to do about each kind", style="dim")
    return _Section(head, items, "finding")


def _members(report: Report) -> _Section:
    """Return the members that are not as they should be, those first that are in DNS and unhealthy."""
    rows = [
        (plain(pool["name"]), member) for pool in report["pools"] for member in pool["instances"] if not member["well"]
    ]
    rows.sort(key=lambda row: (not row[1]["in_dns"], 100 if (seen := row[1]["percent_healthy"]) is None else seen))
    widest = min(max((len(pool) for pool, _member in rows), default=0), 12)
    items = []
    for pool, member in rows:
        percent = member["percent_healthy"]
        health = "no data" if percent is None else f"{percent:.0f} %"
        place = "in DNS" if member["in_dns"] else "not in DNS"
        line = (
            f"{member['instance_id']:19}  {_cut(pool, widest):{widest}}  {place:10}  {health:>7}  {member['because']}"
        )
        items.append([Text(plain(line))])
    return _Section(Text("members to look at", style="bold"), items, "member")


def _rank(verdict: str) -> int:
    return ORDER.index(verdict) if verdict in ORDER else -1


def _style(verdict: str) -> str:
    if verdict == "ok":
        return "green"
    return "red" if verdict in _RED or verdict not in ORDER else "yellow"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def plain(text: str) -> str:
    """Return text on one line, with Python's escape for each character that a terminal obeys or that is not seen.

    What comes from outside (names, tags, the words of AWS) may hold such characters.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
