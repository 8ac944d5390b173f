"""The lab's console: it hosts a widget as CloudWatch documents it, and refuses requests of other pages."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.cleaning import clean
from lab.console import Console, Widget

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:customWidget-fleet53"


class Function:
    """A widget's function that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.result: Any = "<p>page</p>"
        self.failed = False

    def __call__(self, endpoint: str, event: Any) -> tuple[Any, bool]:
        if endpoint != ARN:
            raise LookupError(f"no function {endpoint!r}")
        self.asked.append((endpoint, event))
        return self.result, self.failed


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def console(function: Function) -> Iterator[Console]:
    with Console(function, Widget(ARN, params={"pools": ["web"]})) as console:
        yield console


def ask(
    console: Console, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection("127.0.0.1", console.server_address[1], timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def call(console: Console, **changes: Any) -> str:
    """Ask for the widget as the page's script does, and return what is to be shown."""
    body = {"endpoint": ARN, "params": {}, "context": {"theme": "dark"}} | changes
    status, _, text = ask(console, "POST", "/call", body, Content_Type="application/json")
    assert status == 200
    return text


def test_the_event_has_the_widgets_parameters_beside_the_context(console: Console, function: Function) -> None:
    assert call(console, params={"action": "check"}) == "<p>page</p>"
    ((_, event),) = function.asked
    told = event.pop("widgetContext")
    assert event == {"action": "check"}
    assert told["params"] == {"pools": ["web"]}
    assert (told["theme"], told["accountId"]) == ("dark", "123456789012")


def test_the_page_runs_scripts_from_its_own_files_only(console: Console) -> None:
    status, headers, page = ask(console, "GET", "/?theme=dark&width=600")
    assert status == 200
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert 'data-theme="dark"' in page
    assert "width: 600px" in page


@pytest.mark.parametrize("query", ["theme=blue", "width=wide", "width=-1", "width=99999", 'theme="><script>'])
def test_an_invalid_query_is_refused(console: Console, query: str) -> None:
    assert ask(console, "GET", f"/?{query.replace(' ', '%20')}")[0] == 400


@pytest.mark.parametrize("path", ["/console.py", "/../console.py", "/page.html", "/call"])
def test_nothing_else_is_served(console: Console, path: str) -> None:
    assert ask(console, "GET", path)[0] == 404


@pytest.mark.parametrize("host", ["fleet53.example.com", "localhost.example.com:{port}", "127.0.0.1:1", ""])
def test_a_request_for_another_host_is_refused(console: Console, function: Function, host: str) -> None:
    named = host.format(port=console.server_address[1])
    assert ask(console, "GET", "/", Host=named)[0] == 421
    body = {"endpoint": ARN, "params": {}, "context": {}}
    assert ask(console, "POST", "/call", body, Host=named, Content_Type="application/json")[0] == 421
    assert function.asked == []


def test_the_page_is_served_under_both_loopback_names(console: Console) -> None:
    assert ask(console, "GET", "/", Host=f"localhost:{console.server_address[1]}")[0] == 200


def test_requests_of_other_pages_are_refused(console: Console, function: Function) -> None:
    body = {"endpoint": ARN, "params": {"action": "repair"}, "context": {}}
    told = {"Content_Type": "application/json", "Origin": "http://elsewhere.example"}
    assert ask(console, "POST", "/call", body, **told)[0] == 403
    assert ask(console, "POST", "/call", body, Content_Type="text/plain")[0] == 415
    assert function.asked == []


@pytest.mark.parametrize("body", [[], {}, {"endpoint": ARN, "params": 1, "context": {}}], ids=repr)
def test_a_call_that_cannot_be_read_is_refused(console: Console, function: Function, body: Any) -> None:
    assert ask(console, "POST", "/call", body, Content_Type="application/json")[0] == 400
    assert function.asked == []


def test_an_error_of_the_function_is_shown_as_text(console: Console, function: Function) -> None:
    function.result, function.failed = {"errorMessage": "<b>"}, True
    assert "&lt;b&gt;" in call(console)
    assert "no function" in call(console, endpoint="arn:aws:lambda:eu-west-1:123456789012:function:other")


def test_markdown_and_json_are_shown_as_text(console: Console, function: Function) -> None:
    function.result = {"markdown": "# a < b"}
    assert call(console) == "<pre># a &lt; b</pre>"
    function.result = {"a": 1}
    assert call(console) == "<pre>{\n  &quot;a&quot;: 1\n}</pre>"


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ('<p class="a">x &amp; &#8211; y</p>', '<p class="a">x &amp; &#8211; y</p>'),
        ("a<script>b</script>c", "ac"),
        ("a<SCRIPT src=x></SCRIPT>c", "ac"),
        ('a<iframe src="x">b</iframe>c', "ac"),
        ('<svg><use href="#a"/><path d="M0 0"/></svg>', '<svg><path d="M0 0"/></svg>'),
        ('<svg><use href="#a"></use><g></g></svg>', "<svg><g></g></svg>"),
        ('<b onclick="x()" title="t" ONLOAD=y>z</b>', '<b title="t">z</b>'),
        ('<a href=" java\nscript:x()">z</a>', "<a>z</a>"),
        ('<a href="https://example.com/?a=1&amp;b=2">z</a>', '<a href="https://example.com/?a=1&amp;b=2">z</a>'),
        ("<style>.a > .b { color: red }</style>", "<style>.a > .b { color: red }</style>"),
        ("a<!-- b -->c", "ac"),
    ],
)
def test_html_that_cloudwatch_removes_is_removed(html: str, left: str) -> None:
    assert clean(html) == left
