"""The report for people: as text for a terminal, and as Markdown for a page. Pure.

Text from outside (tags, names, messages of AWS) cannot act: the terminal form has no control characters, and in
Markdown such text is in code spans, where nothing is markup, a link, a mention or a reference to an issue.
"""

from __future__ import annotations

import json
import re
import textwrap
from datetime import UTC
from typing import TYPE_CHECKING, Final

from fleet53.domain.health_check import HEALTHY_ABOVE
from fleet53.domain.words import count
from fleet53.report.entries import RUNBOOK, entries_of
from fleet53.report.headline import headlines, state
from fleet53.report.verdict import NOT_LOOKED_AT, Verdict
from fleet53.report.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from fleet53.report.entries import Entry
    from fleet53.report.model import MemberReport, PoolReport, Report

    type Row = tuple[str, ...]

WIDTH: Final = 120
"""The columns of a terminal that the text form needs."""
ALL_LISTED: Final = 20
"""Up to so many members of a pool are all listed; of a larger pool, those with trouble."""
_GAP: Final = 2
_MINUTES_SHOWN: Final = 120
_TICKS: Final = re.compile("`+")

_POOLS: Final = ("pool", "members", "in DNS", "healthy", "pending", "no place", "state", "record name")
_MEMBERS: Final = ("instance", "address", "EC2", "Auto Scaling", "checkers", "in DNS, or why not")
_QUOTAS: Final = ("quota", "used", "limit", "percent")
_WIDEST: Final = {"instance": 19, "address": 39, "EC2": 13, "Auto Scaling": 19, "pool": 32, "quota": 60}
"""The width at which a text column is wrapped: of an instance's id, an IPv6 address, `shutting-down`, most lifecycle
states."""
_NUMBERS: Final = frozenset({*_POOLS[1:6], *_QUOTAS[1:], "checkers"})
_FINDINGS: Final = ("", "kind", "pool", "about", "because")


def as_text(report: Report) -> str:
    """Return a report for a terminal: no line is longer than WIDTH, and no control character but the line's end.

    Only in a change batch, a long name can make a longer line.
    """
    verdict = _wrapped(" ".join(_verdict(report)), WIDTH)
    parts = [f"{_wrapped(_title(report), WIDTH)}\n{verdict}"]
    entries = entries_of(report.listed)
    if entries:
        parts.append("\n".join([f"Findings: {RUNBOOK}", "", *map(_entry_text, entries)]))
    parts.append(f"Pools\n\n{_text_table(_POOLS, _pool_rows(report))}")
    for pool in report.worst_first:
        listed, well = _listed(pool, report)
        parts.append(_wrapped(f"Members of {pool.name}", WIDTH))
        if listed:
            parts[-1] += f"\n\n{_text_table(_MEMBERS, _member_rows(listed, report))}"
        if well:
            parts[-1] += f"\n\n{well}"
    parts.append(f"Quotas\n\n{_text_table(_QUOTAS, _quota_rows(report))}")
    parts.append(_wrapped(_cost(report), WIDTH))
    for what, changes in _batches(report):
        parts += [_wrapped(what, WIDTH), changes]
    return "\n\n".join(parts) + "\n"


def as_markdown(report: Report) -> str:
    """Return a report as Markdown with tables (GitHub's, and CommonMark with the table extension)."""
    parts = [f"## {_span(report.owner)}, {_seen(report)}", " ".join(_verdict(report, _span))]
    entries = entries_of(report.listed)
    if entries:
        rows = ((each.mark, each.kind, each.pool, ", ".join(each.about), each.because) for each in entries)
        parts += ["### Findings", f"{RUNBOOK}.", _markdown_table(_FINDINGS, rows)]
    parts += ["### Pools", _markdown_table(_POOLS, _pool_rows(report))]
    for pool in report.worst_first:
        listed, well = _listed(pool, report)
        parts.append(f"### Members of {_span(pool.name)}")
        if listed:
            parts.append(_markdown_table(_MEMBERS, _member_rows(listed, report)))
        if well:
            parts.append(well)
    parts += ["### Quotas", _markdown_table(_QUOTAS, _quota_rows(report)), _cost(report)]
    for what, changes in _batches(report):
        parts += [what, f"```json\n{changes}\n```"]
    return "\n\n".join(parts) + "\n"


# What both forms say


def _title(report: Report) -> str:
    return f"{report.owner}, {_seen(report)}"


def _seen(report: Report) -> str:
    return f"{_time(report.at)}, fleet53 {report.version}"


def _verdict(report: Report, name: Callable[[str], str] = str) -> Iterator[str]:
    yield from headlines(report, name)
    others = len(report.findings) - len(report.drift)
    if others and report.verdict is not Verdict.FINDINGS:
        yield f"{count(others, 'finding')} that a repair does not fix."
    yield "A repair is queued." if report.queued else "Nothing is queued."
    if report.dry_run:
        yield "This is a dry run: a repair would make the change batches below at once."
    if not report.whole:
        yield "Not all pools were looked at."


def _listed(pool: PoolReport, report: Report) -> tuple[list[MemberReport], str]:
    """Return the members to list, and a sentence about those that are not."""
    left_out = f"{pool.left_out} more are left out." if pool.left_out else ""
    if len(pool.instances) <= ALL_LISTED:
        return list(pool.instances), left_out if pool.instances or left_out else "None."
    named = {finding.instance_id for finding in report.findings if finding.pool in {pool.name, None}}
    troubled = [member for member in pool.instances if member.instance_id in named or not member.well]
    well = len(pool.instances) - len(troubled)
    more = "more " if troubled else ""
    sentence = f"{well} {more}are well, in DNS or rightly out of it." if well else ""
    return troubled, " ".join(filter(None, (sentence, left_out)))


def _pool_rows(report: Report) -> list[Row]:
    """Return a row for each pool, those that could not be looked at too, the worst first."""
    rows: list[tuple[Verdict, Row]] = []
    for pool in report.worst_first:
        healthy = str(pool.healthy) if pool.health_known else "-"
        counts = (str(pool.members), str(pool.in_dns), healthy, str(pool.pending), str(pool.standby))
        rows.append((pool.verdict, (pool.name, *counts, state(pool.verdict), pool.record_name)))
    for finding in report.findings:
        if finding.kind in NOT_LOOKED_AT and finding.pool is not None:
            row = finding.pool, *["-"] * 5, finding.kind.value, finding.record_name or ""
            rows.append((Verdict.NOT_READ, row))
    return [row for _, row in sorted(rows, key=lambda each: each[0].weight)]


def _member_rows(members: Iterable[MemberReport], report: Report) -> Iterator[Row]:
    guarded = {finding.because for finding in report.findings if finding.held}
    for member in members:
        yield (
            member.instance_id,
            " ".join(member.addresses) or "none",
            member.state or "unknown",
            member.lifecycle_state or "-",
            "-" if member.percent_healthy is None else f"{member.percent_healthy:.0f} %",
            _place(
                member, report.at, "held by the guard, see Findings" if member.because in guarded else member.because
            ),
        )


def _place(member: MemberReport, now: datetime, because: str) -> str:
    """Return whether a member is in DNS, the reason, and for how long Route 53 has left it out of answers."""
    if not member.in_dns:
        return f"no: {because}"
    if member.percent_healthy is None or member.percent_healthy > HEALTHY_ABOVE:
        return f"yes: {because}"
    since = f" for {_duration(now - member.seen_since)} or more" if member.seen_since else ""
    return f"yes, but unhealthy{since}: {because}"


def _quota_rows(report: Report) -> Iterator[Row]:
    for name, quota in report.quotas.by_words.items():
        if quota is None:
            yield name, "unknown", "", ""
            continue
        yield name, str(quota.used), str(quota.limit), f"{quota.percent:.0f} %"


def _cost(report: Report) -> str:
    cost = report.cost
    return (
        f"Cost a month: {count(cost.checks, 'health check')} about ${cost.usd_a_month:.2f}; metrics, alarms and the "
        f"dashboard about ${cost.monitoring_usd_a_month:.2f}, less CloudWatch's free tier."
    )


def _batches(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the purpose of each change batch, and the batch as JSON, which is ASCII without control characters."""
    said = {"Change batch of hosted zone": report.batches, "To put the old records back, change batch of": report.undo}
    for what, batches in said.items():
        for batch in batches:
            yield f"{what} {batch.zone_id}:", json.dumps(batch.changes, indent=2)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _duration(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes} min" if minutes <= _MINUTES_SHOWN else f"{minutes // 60} h"


def _plain(text: str) -> str:
    """Return text as one line without control characters and invisible characters."""
    return visible(" ".join(text.split()))


# Text


def _wrapped(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(_plain(text), width, break_on_hyphens=False, subsequent_indent=indent)


def _entry_text(entry: Entry) -> str:
    indent = " " * 9
    pool = f", pool {entry.pool}" if entry.pool else ""
    about = f": {', '.join(entry.about)}" if entry.about else ""
    head = _wrapped(f"{entry.kind}{pool}{about}", WIDTH - len(indent))
    because = _wrapped(entry.because, WIDTH - len(indent))
    return f"  {entry.mark:7}" + textwrap.indent(f"{head}\n{because}", indent).removeprefix(indent)


def _text_table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    """Return a table that fits WIDTH: the last column is wrapped to what the others leave."""
    # The heads are a row like any other, because tabulate makes a column wider than its head.
    table = [list(heads), *(list(map(_plain, row)) for row in rows)]
    left = WIDTH - _GAP * (len(heads) - 1)
    for column, head in enumerate(heads):
        for row in table:
            row[column] = textwrap.fill(row[column], min(left, _WIDEST.get(head, left)), break_on_hyphens=False)
        left -= max(len(line) for row in table for line in row[column].split("\n"))
    return _tabulated(table, (), "plain", _aligned(heads))


# Markdown


def _span(text: str) -> str:
    """Return text as a code span, whose fence is longer than each row of backticks in it (CommonMark, Code spans)."""
    line = _plain(text)
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, _TICKS.findall(line)), default=0))
    gap = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{gap}{line}{gap}{fence}"


def _cell(text: str) -> str:
    r"""Return text as a code span in a table, where a pipe ends a cell also inside a span unless it is escaped.

    Renderers differ about a backslash before that, so such a pipe is written as Python's escape for it.
    """
    return _span(text.replace("\\|", "\\\\x7c")).replace("|", r"\|")


def _markdown_table(heads: Sequence[str], rows: Iterable[Row]) -> str:
    ours = {*_NUMBERS, "", "kind"}
    cells = [[text if head in ours else _cell(text) for head, text in zip(heads, row, strict=True)] for row in rows]
    return _tabulated(cells, heads, "pipe", _aligned(heads))


# Both


def _tabulated(rows: list[list[str]], heads: Sequence[str], form: str, aligned: list[str]) -> str:
    # Imported by the first table: the scheduled audit answers in JSON, and writes none.
    from tabulate import tabulate  # noqa: PLC0415

    return tabulate(rows, heads, form, disable_numparse=True, colalign=aligned)


def _aligned(heads: Sequence[str]) -> list[str]:
    return ["right" if head in _NUMBERS else "left" for head in heads]
