"""The console: a page on loopback that hosts the stack's custom widget as CloudWatch's dashboard does.

The widget's function gets the event that CloudWatch documents, and its answer is sanitized before it is shown. The
server answers only requests whose Host is a loopback name, which prevents DNS rebinding by other pages.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from lab import loopback
from lab.cleaning import clean
from lab.loopback import Handler
from lab.moto import cloud

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.world import Lab

_PAGE: Final = Path(__file__).parent / "console_page"
_TYPES: Final = {"console.js": "text/javascript; charset=utf-8", "console.css": "text/css; charset=utf-8"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's content security policy: inline styles are allowed, as in CloudWatch, and inline scripts are not."""
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_THEMES: Final = ("light", "dark")
_WIDTHS: Final = range(100, 10_001)
_DAY: Final = 86_400_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Widget:
    """A custom widget of a dashboard: the ARN of its function and the parameters that the function always gets."""

    endpoint: str
    dashboard: str = "fleet53"
    title: str = "fleet53"
    params: Mapping[str, Any] = field(default_factory=dict)


def widget_of(lab: Lab) -> Widget:
    """Return the custom widget of the lab's one dashboard, as CloudWatch has it."""
    cloudwatch = lab.client("cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    name = entry["DashboardName"]
    body = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])
    (properties,) = (each["properties"] for each in body["widgets"] if each["type"] == "custom")
    return Widget(properties["endpoint"], name, properties["title"], properties["params"])


class Console(loopback.Server):
    """The page's server, until it is closed. `invoke` calls a function by its ARN, as the operation Invoke does."""

    def __init__(self, invoke: Callable[[str, Any], tuple[Any, bool]], widget: Widget, port: int = 0) -> None:
        self.invoke = invoke
        self.widget = widget
        super().__init__(_Handler, port=port)

    def page(self, theme: str, width: int | None) -> str:
        """Return the page around the widget; `width` is the widget's in pixels, or the whole page's."""
        other = "dark" if theme == "light" else "light"
        query = {"theme": other} | ({} if width is None else {"width": str(width)})
        values = {
            "theme": theme,
            "title": self.widget.title,
            "endpoint": self.widget.endpoint,
            "params": json.dumps(dict(self.widget.params)),
            "other": f"/?{urlencode(query)}",
            "other_words": f"{other} theme",
        }
        size = "" if width is None else f' style="width: {width}px"'
        text = (_PAGE / "page.html").read_text(encoding="utf-8")
        return Template(text).substitute({key: escape(value) for key, value in values.items()}, size=size)

    def call(self, endpoint: str, params: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        """Invoke a function as the dashboard does, and return the HTML or text to show.

        `params` are the widget's or a button's; the event has them beside the context (CloudWatch User Guide, Details
        about custom widgets).
        """
        now = int(time.time() * 1000)
        event = dict(params) | {
            "widgetContext": {
                "dashboardName": self.widget.dashboard,
                "widgetId": "widget-1",
                "accountId": cloud.ACCOUNT,
                "period": 300,
                "isAutoPeriod": True,
                "timeRange": {"mode": "relative", "start": now - _DAY, "end": now, "relativeStart": _DAY},
                "linkCharts": True,
                "title": self.widget.title,
                "params": dict(self.widget.params),
                **context,
            }
        }
        try:
            answer, failed = self.invoke(endpoint, event)
        except LookupError as error:
            answer, failed = str(error), True
        if failed or not isinstance(answer, str):
            markdown = answer.get("markdown") if isinstance(answer, dict) and not failed else None
            return f"<pre>{escape(markdown or json.dumps(answer, indent=2))}</pre>"
        return clean(answer)


class _Handler(Handler):
    server: Console

    def _show(self) -> None:
        parts = urlsplit(self.path)
        name = parts.path.removeprefix("/")
        if refusal := self.refusal():
            self._refuse(*refusal)
        elif name in _TYPES:
            self._send(_TYPES[name], (_PAGE / name).read_bytes())
        elif not name:
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            theme, width = query.get("theme", "light"), query.get("width")
            known = width is None or (width.isascii() and width.isdigit() and int(width) in _WIDTHS)
            if theme not in _THEMES or not known:
                self._refuse(HTTPStatus.BAD_REQUEST, "theme is light or dark, width a number of pixels")
            else:
                page = self.server.page(theme, None if width is None else int(width))
                self._send("text/html; charset=utf-8", page.encode())
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "nothing is here")

    def _call(self) -> None:
        body = self.body()
        if refusal := self.refusal():
            self._refuse(*refusal)
        elif self.headers.get_content_type() != "application/json":  # a form of another page cannot send it
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json")
        elif self.path != "/call":
            self._refuse(HTTPStatus.NOT_FOUND, "nothing is here")
        else:
            try:
                asked = json.loads(body)
                call = asked["endpoint"], dict(asked["params"]), dict(asked["context"])
            except (KeyError, TypeError, ValueError):
                self._refuse(HTTPStatus.BAD_REQUEST, "the body must have endpoint, params and context")
                return
            html = self.server.call(*call)
            self._send("text/html; charset=utf-8", html.encode(errors="backslashreplace"))

    do_GET, do_POST = _show, _call  # noqa: N815 - http.server looks for these names

    def _send(self, content_type: str, body: bytes) -> None:
        self.answer(HTTPStatus.OK, _HEADERS | {"Content-Type": content_type}, body)

    def _refuse(self, status: HTTPStatus, because: str) -> None:
        self.answer(status, _HEADERS | {"Content-Type": "text/plain; charset=utf-8"}, f"{because}\n".encode())
