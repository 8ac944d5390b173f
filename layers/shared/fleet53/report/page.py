"""The page: a report as HTML for CloudWatch's custom widget. Pure: a report and a view in, text out.

CloudWatch removes scripts, frames, `<use>` and event handlers from a widget's answer, so the page has none. Its buttons
are `<cwdb-action>` elements, which act on the element right before them (CloudWatch User Guide, Interactivity in the
custom widget). Texts of a report come from outside (tags, names, errors): the template escapes all of them, and shows
invisible characters as escapes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fleet53.domain.health_check import HEALTHY_ABOVE, HISTORY
from fleet53.planning.membership import Membership
from fleet53.report.entries import RUNBOOK, entries_of
from fleet53.report.headline import TROUBLE, headlines, state, title
from fleet53.report.verdict import NEARLY_USED_UP, NOT_LOOKED_AT, Verdict
from fleet53.report.visible import visible, visible_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet53.domain.finding import Finding
    from fleet53.report.model import MemberReport, PoolReport, Quota, Report

_FEW: Final = 10
"""How many findings, and how many instances of one finding, are shown; the others unfold."""
_FULL: Final = 100.0
_MARGIN: Final = timedelta(minutes=5)
"""How much shorter than HISTORY the time without a change may be, because CloudWatch lags."""

_LOOKS: Final = {
    Verdict.UNANSWERED: "bad",
    Verdict.NONE_HEALTHY: "bad",
    Verdict.NO_MEMBER: "bad",
    Verdict.OK: "ok",
}
"""The icons of verdicts. All others are warnings."""


def _seen(value: object) -> object:
    """Return a value as the template writes it: with all characters of a text visible."""
    return visible_lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_TEMPLATES: Final = Environment(
    loader=PackageLoader("fleet53.report", "templates"),
    autoescape=True,
    finalize=_seen,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class View:
    """The viewer of a page. `endpoint` is the ARN that its buttons call, `pools` are the pools that they ask about.

    `zone` is the viewer's; `pools` is None where the widget shows all.
    """

    endpoint: str
    pools: tuple[str, ...] | None = None
    dark: bool = False
    zone: timezone = UTC

    def params(self, action: str, **more: Any) -> dict[str, Any]:
        """Return what a button sends: CloudWatch calls with a button's parameters instead of the widget's own."""
        asked = {"action": action} | more
        return asked if self.pools is None else asked | {"pools": list(self.pools)}


class _DnsState(Enum):
    """Whether DNS answers with a member, as an icon (`look`) and in words. The worst state comes first."""

    LEAVING = "warn", "In DNS, to be withdrawn"
    UNHEALTHY = "bad", "In DNS, unhealthy"
    OUT = "off", "Not in DNS"
    UNSEEN = "unsure", "In DNS, no data yet"
    WELL = "ok", "In DNS"

    @property
    def look(self) -> str:
        return self.value[0]

    @property
    def words(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class _Row:
    """A member as its row shows it. `event` is what happened `at` that time, or `earlier` than what was read."""

    member: MemberReport
    dns_state: _DnsState
    event: str
    at: datetime | None
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit as its bar shows it."""

    name: str
    quota: Quota
    look: str
    words: str


def write_page(report: Report, view: View, *, repaired: bool = False) -> str:
    """Return the page of a report; `repaired` says whether the audit was told to queue a repair."""
    drift = report.drift
    held = [finding for finding in drift if finding.held]
    blind = [finding for finding in report.listed if finding.kind in NOT_LOOKED_AT]
    entries = entries_of(sorted((each for each in report.listed if each.kind not in NOT_LOOKED_AT), key=_weight))
    counted = Counter((finding.pool, finding.held) for finding in drift)
    first, *others = headlines(report)
    return _write(
        "report.html",
        view,
        report=report,
        repaired=repaired,
        repairable=len(drift) - len(held),
        held=len(held),
        guarded={finding.because for finding in held},
        blind=blind,
        title=title(report),
        look=_LOOKS.get(report.verdict, "warn"),
        headlines=[first, *others] if report.verdict in {*TROUBLE, Verdict.NEAR_LIMIT} else others,
        entries=entries[:_FEW],
        further_entries=entries[_FEW:],
        few=_FEW,
        pools=[
            (pool, _rows(pool, report.at), counted[pool.name, False], counted[pool.name, True])
            for pool in report.worst_first
        ],
        runbook=RUNBOOK,
        state=state,
        looks=_LOOKS,
        limits=_limits(report),
        local=_local(view.zone),
        since=_since(view.zone, report.at),
        ago=lambda at: _ago(at, report.at),
        healthy_above=HEALTHY_ABOVE,
        visible=visible,
    )


def write_failure(heading: str, because: str, view: View, *, again: bool = True) -> str:
    """Return the page that says why there is no report."""
    return _write("failure.html", view, heading=heading, because=because, again=again)


def _write(template: str, view: View, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(view=view, **values)


def _weight(finding: Finding) -> tuple[int, str, str, str]:
    """Order findings: what is held, what a repair fixes, the rest."""
    return finding.weight, finding.kind.value, finding.pool or "", finding.instance_id or ""


def _rows(pool: PoolReport, now: datetime) -> list[_Row]:
    """Return a pool's rows, those that are not well first."""
    order = list(_DnsState)
    rows = [_row(member, now) for member in pool.instances]
    return sorted(rows, key=lambda row: (row.member.well, order.index(row.dns_state), row.member.instance_id))


def _row(member: MemberReport, now: datetime) -> _Row:
    dns_state = _dns_state(member)
    if member.in_dns and member.percent_healthy is not None and member.seen_since is not None:
        event = "healthy" if member.percent_healthy > HEALTHY_ABOVE else "unhealthy"
        earlier = now - member.seen_since >= HISTORY - _MARGIN
        return _Row(member, dns_state, event, member.seen_since, earlier)
    return _Row(member, dns_state, "launched", member.launched)


def _dns_state(member: MemberReport) -> _DnsState:
    if not member.in_dns:
        return _DnsState.OUT
    if member.membership is Membership.WITHDRAW:
        return _DnsState.LEAVING
    if member.percent_healthy is None:
        return _DnsState.UNSEEN if member.check_ids else _DnsState.WELL
    return _DnsState.WELL if member.percent_healthy > HEALTHY_ABOVE else _DnsState.UNHEALTHY


def _limits(report: Report) -> list[_Limit]:
    quotas = report.quotas
    return [
        *([_limit("Health checks of the account", checks)] if (checks := quotas.health_checks) else []),
        *([_limit("Health checks created in 24 hours", created)] if (created := quotas.check_creations) else []),
        *(_limit(f"Records in zone {zone_id}", quota) for zone_id, quota in sorted(quotas.records.items())),
        *(_limit(f"Records of {name}", quota) for name, quota in sorted(quotas.names.items())),
    ]


def _limit(name: str, quota: Quota) -> _Limit:
    if quota.percent >= _FULL:
        return _Limit(name, quota, "bad", "used up")
    if quota.percent > NEARLY_USED_UP:
        return _Limit(name, quota, "warn", "near the limit")
    return _Limit(name, quota, "ok", "")


def _local(zone: timezone) -> Callable[[datetime], str]:
    """Return a function that writes a time in a time zone."""
    return lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _since(zone: timezone, now: datetime) -> Callable[[datetime], str]:
    """Return a function that writes a past time in a time zone, without the date if it is today."""
    today = now.astimezone(zone).date()

    def since(at: datetime) -> str:
        there = at.astimezone(zone)
        return f"{there:%H:%M}" if there.date() == today else f"{there:%Y-%m-%d %H:%M}"

    return since


def _ago(at: datetime, now: datetime) -> str:
    """Return how long ago a time is, in the greatest unit that fits; a future time is 0 s ago."""
    seconds = int(max(now - at, timedelta()).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
