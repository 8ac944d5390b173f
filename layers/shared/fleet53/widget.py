"""The widget: what CloudWatch asks of a custom widget's function, as values, and how the widget describes itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.audit.run import AuditRequest, faults_in
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import PoolName
from fleet53.report.page import View

DESCRIPTION: Final = """\
## fleet53

Shows for each pool its members, whether each is in DNS and why, what drifted, and how near Route 53's limits are. Its
buttons look again and queue a repair.

| parameter | meaning |
| --- | --- |
| `pools` | names of the pools to show; all of them where it is null or left out |

``` yaml
pools: null  # or a list, such as [web, api]
```
"""
"""What CloudWatch shows beside the widget's settings; it takes the first yaml block as their default."""

_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")
_RIGHT: Final = 'right is nothing, or "pools": [...]'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a viewer asks for by opening the dashboard (`action` None), or with a button."""

    pools: tuple[str, ...] | None = None
    action: Literal["check", "repair"] | None = None
    force: bool = False

    @property
    def request(self) -> AuditRequest:
        """The audit that answers it."""
        pools = None if self.pools is None else frozenset(PoolName(name) for name in self.pools)
        return AuditRequest(pools, repair=self.action == "repair", force=self.force)


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pools: Annotated[list[str], Field(min_length=1)] | None = None


class _Button(_Parameters):
    action: Literal["check", "repair"] | None = None
    force: bool = False


def is_describe(event: Any) -> bool:
    """Whether CloudWatch asks for the description (CloudWatch User Guide, Create a custom widget)."""
    return isinstance(event, dict) and "describe" in event


def read_asked(event: Any) -> Asked:
    """Return what an event asks for, or raise NotUnderstoodError, which names the key and the value.

    CloudWatch merges the widget's parameters, or a button's, into the event beside `widgetContext`, which repeats the
    widget's own. Those may not name an action: a dashboard would repair whenever somebody looks at it.
    """
    try:
        _Parameters.model_validate(_context(event).get("params") or {})
        asked = _Button.model_validate(
            {key: value for key, value in event.items() if key != "widgetContext"} if isinstance(event, dict) else event
        )
    except ValidationError as error:
        raise NotUnderstoodError(f"{faults_in(error)}; {_RIGHT}") from None
    if asked.force and asked.action != "repair":
        raise NotUnderstoodError(f"force=True: the guard is passed only by a repair; {_RIGHT}")
    return Asked(None if asked.pools is None else tuple(asked.pools), asked.action, asked.force)


def read_view(event: Any, endpoint: str) -> View:
    """Return for whom the page is: light and in UTC wherever the event's `widgetContext` does not say otherwise."""
    context = _context(event)
    zone = context.get("timezone")
    offset = zone.get("offsetISO") if isinstance(zone, dict) else None
    return View(endpoint, dark=context.get("theme") == "dark", zone=_zone(offset))


def _context(event: Any) -> dict[str, Any]:
    context = event.get("widgetContext") if isinstance(event, dict) else None
    return context if isinstance(context, dict) else {}


def _zone(offset: Any) -> timezone:
    """Read an offset such as +01:00.

    The context has it as `offsetInMinutes` too, but AWS's guide shows it for UTC only, and AWS's own sample takes it as
    JavaScript's, which counts westwards.
    """
    found = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    if found is None:
        return UTC
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return UTC if ahead >= timedelta(days=1) else timezone(ahead if found[1] == "+" else -ahead)
