"""The answer to a custom resource's request, sent to a server that takes or refuses it."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, override

import pytest
from urllib3.util import Retry

from fleet53.aws.cloudformation import send_answer
from fleet53.domain.errors import AnswerNotSentError
from lab.stack.answer_urls import AnswerUrls

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = {"Status": "SUCCESS"}


@dataclass
class Storage:
    """A place for answers that first gives these `statuses`, and then 200. It keeps what it was sent."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/answer?Signature=secret"


@pytest.fixture
def storage() -> Iterator[Storage]:
    kept = Storage()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            kept.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            kept.content_types.append(self.headers["Content-Type"])
            self.send_response(kept.statuses.pop(0) if kept.statuses else HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses between tries, in which no test waits."""
    taken: list[float] = []
    monkeypatch.setattr(Retry, "sleep", lambda retry, _response=None: taken.append(retry.get_backoff_time()))
    return taken


def test_the_answer_is_put_as_json_with_the_empty_content_type_that_the_url_is_signed_for(storage: Storage) -> None:
    send_answer(storage.url, ANSWER)
    assert [json.loads(body) for body in storage.bodies] == [{"Status": "SUCCESS"}]
    assert storage.content_types == [""]


@pytest.mark.parametrize("status", [307, 400, 403, 429, 500, 503])
def test_an_answer_that_is_refused_three_times_is_sent_a_fourth_time(
    storage: Storage, pauses: list[float], status: int
) -> None:
    storage.statuses = [status] * 3
    send_answer(storage.url, ANSWER)
    assert len(storage.bodies) == 4
    assert pauses == [0, 2, 4]


def test_an_answer_that_is_refused_four_times_is_an_error_that_says_how(storage: Storage) -> None:
    storage.statuses = [503] * 5
    with pytest.raises(AnswerNotSentError, match="too many 503 error responses"):
        send_answer(storage.url, ANSWER)
    assert len(storage.bodies) == 4


def test_the_signed_url_is_neither_logged_nor_in_the_error(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    nobody_listens = storage.url.replace(str(storage.port), "1")
    with caplog.at_level(logging.WARNING), pytest.raises(AnswerNotSentError) as refused:
        send_answer(nobody_listens, ANSWER)
    assert "Connection refused" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__
    assert caplog.messages == []


def test_an_answer_goes_over_tls_to_a_server_that_the_system_trusts() -> None:
    request = {"StackId": "stack", "RequestId": "r-1", "LogicalResourceId": "StackLifecycle", "PhysicalResourceId": "p"}
    with AnswerUrls(http=True) as urls:
        send_answer(urls.url("r-1"), ANSWER | request)
        assert urls.answer("r-1")["Status"] == "SUCCESS"
        url = urls.url("r-2")

    with pytest.raises(AnswerNotSentError, match="certificate verify failed"):
        send_answer(url, ANSWER | request)


def test_an_answer_that_is_not_for_a_lab_of_this_process_is_not_sent() -> None:
    with AnswerUrls(http=False), pytest.raises(RuntimeError, match=r"no lab answers PUT https://127\.0\.0\.1/answer"):
        send_answer("https://127.0.0.1/answer", ANSWER)
