"""Widget: reads the event that CloudWatch sends to a custom widget's function, and has the text of its help."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.audit.request import AuditRequest, describe_faults
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
"""What CloudWatch shows beside the widget's settings. Its first yaml block is their default."""

_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")
_ALLOWED: Final = 'use no parameter, or "pools": [...]'


class _Parameters(BaseModel):
    """The parameters of a widget in the dashboard."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    pools: Annotated[list[PoolName], Field(min_length=1)] | None = None


class WidgetRequest(_Parameters):
    """What a viewer asks for: `action` names the button, and is None when the dashboard is opened or refreshed."""

    action: Literal["check", "repair"] | None = None
    force: bool = False

    @property
    def audit(self) -> AuditRequest:
        """The audit whose report the page shows."""
        return AuditRequest(pools=self.pools, repair=self.action == "repair", force=self.force)


def is_describe(event: Any) -> bool:
    """Whether CloudWatch asks for the description (CloudWatch User Guide, Create a custom widget)."""
    return isinstance(event, dict) and "describe" in event


def read_request(event: Any) -> WidgetRequest:
    """Return what an event asks for, or raise NotUnderstoodError, which names the key and the value.

    CloudWatch merges the parameters of the widget, or of a button, into the event. `widgetContext` beside them repeats
    the widget's own parameters. Those may not name an action, because each view of the dashboard would then repair.
    """
    try:
        _Parameters.model_validate(_context(event).get("params") or {})
        request = WidgetRequest.model_validate(
            {key: value for key, value in event.items() if key != "widgetContext"} if isinstance(event, dict) else event
        )
    except ValidationError as error:
        raise NotUnderstoodError(f"{describe_faults(error)}; {_ALLOWED}") from None
    if request.force and request.action != "repair":
        raise NotUnderstoodError(f"force=True: only a repair passes the guard; {_ALLOWED}")
    return request


def read_view(event: Any, endpoint: str) -> View:
    """Return the viewer's theme and time zone from `widgetContext`: light and UTC where it does not have them."""
    context = _context(event)
    zone = context.get("timezone")
    offset = zone.get("offsetISO") if isinstance(zone, dict) else None
    return View(endpoint, dark=context.get("theme") == "dark", zone=_zone(offset))


def _context(event: Any) -> dict[str, Any]:
    context = event.get("widgetContext") if isinstance(event, dict) else None
    return context if isinstance(context, dict) else {}


def _zone(offset: Any) -> timezone:
    """Read an offset such as +01:00.

    The context has `offsetInMinutes` too, but its sign is not documented: AWS's guide shows only UTC, and AWS's sample
    takes it as JavaScript's offset, which is positive west of Greenwich.
    """
    found = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    if found is None:
        return UTC
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return UTC if ahead >= timedelta(days=1) else timezone(ahead if found[1] == "+" else -ahead)
