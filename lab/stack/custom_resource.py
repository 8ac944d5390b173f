"""CloudFormation's part in a custom resource: it invokes the function and waits for its answer at a URL."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
import threading
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, override
from unittest import mock

from lab.loopback import HOST, self_signed, serving_tls

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from lab.stack.functions import Functions

_MAX_BODY: Final = 4096  # CloudFormation User Guide, custom resource response objects
_REQUIRED: Final = frozenset({"Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"})


class NoAnswerError(Exception):
    """A function sent no answer that CloudFormation accepts: a real stack would wait until its timeout."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        lab, _, request_id = self.path.removeprefix("/").partition("/")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.labs[lab].take(request_id, self.headers.get("Content-Type"), body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    """Listens for the answers of all labs until the process ends: a thread for each lab would slow tests down."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.pem = self_signed("cloudformation.lab")
        self.socket = serving_tls(self.pem).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.labs: dict[str, AnswerUrls] = {}
        threading.Thread(target=self.serve_forever, name="answer-urls", daemon=True).start()


_server = functools.cache(_Server)


class AnswerUrls:
    """Receives answers as the presigned URLs of CloudFormation do; the first `outages` answers are refused.

    The URLs are https. While this is entered, the lab's certificate is what clients that ask OpenSSL trust.
    """

    def __init__(self) -> None:
        self.outages = 0
        self._trusting = contextlib.ExitStack()
        self._bodies: dict[str, bytes] = {}
        self._name = str(uuid.uuid4())

    def __enter__(self) -> Self:
        _server().labs[self._name] = self
        folder = self._trusting.enter_context(tempfile.TemporaryDirectory())
        trusted = Path(folder) / "trusted.pem"
        trusted.write_bytes(_server().pem)
        self._trusting.enter_context(mock.patch.dict(os.environ, SSL_CERT_FILE=str(trusted)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._trusting.close()
        del _server().labs[self._name]

    def url(self, request_id: str) -> str:
        """Return the URL for the answer to one request."""
        return f"https://{HOST}:{_server().server_address[1]}/{self._name}/{request_id}"

    def take(self, request_id: str, content_type: str | None, body: bytes) -> HTTPStatus:
        """Keep an answer, or refuse it as S3 does, because the URL is signed for an empty content type."""
        if self.outages:
            self.outages -= 1
            return HTTPStatus.SERVICE_UNAVAILABLE
        if content_type:
            return HTTPStatus.FORBIDDEN
        self._bodies[request_id] = body
        return HTTPStatus.OK

    def answer(self, request_id: str) -> dict[str, Any]:
        """Return the answer to a request, or raise NoAnswerError."""
        body = self._bodies.pop(request_id, None)
        if body is None:
            raise NoAnswerError("CloudFormation heard nothing")
        if len(body) > _MAX_BODY:
            raise NoAnswerError(f"the answer has {len(body)} bytes, and {_MAX_BODY} are taken")
        answer: dict[str, Any] = json.loads(body)
        missing = _REQUIRED - answer.keys()
        if missing or answer["RequestId"] != request_id or answer["Status"] not in {"SUCCESS", "FAILED"}:
            raise NoAnswerError(f"CloudFormation does not understand {answer}")
        if answer["Status"] == "FAILED" and not answer.get("Reason"):
            raise NoAnswerError("a failure needs a Reason")
        return answer


@dataclass(slots=True)
class CustomResource:
    """One custom resource of a stack; `answers` holds every answer, in order."""

    logical_id: str
    kind: str
    properties: dict[str, Any]
    stack_id: str
    functions: Functions
    urls: AnswerUrls
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    physical_id: str | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    """The attributes that the template reads, from the last answer that was a success."""

    @property
    def failed(self) -> bool:
        """Whether the newest request failed."""
        return bool(self.answers) and self.answers[-1]["Status"] != "SUCCESS"

    def create(self) -> dict[str, Any]:
        """Request the creation; return the answer."""
        return self._ask("Create")

    def update(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Request an update, and the deletion of the old resource if the answer has another physical id."""
        old, old_id = self.properties, self.physical_id
        self.properties = properties
        answer = self._ask("Update", OldResourceProperties=_texts(old))
        if answer["Status"] == "SUCCESS" and self.physical_id != old_id:
            self._ask("Delete", PhysicalResourceId=old_id, ResourceProperties=_texts(old))
        return answer

    def delete(self) -> dict[str, Any]:
        """Request the deletion; return the answer."""
        return self._ask("Delete")

    def _ask(self, request_type: str, **more: Any) -> dict[str, Any]:
        request_id = self.new_id()
        event = {
            "RequestType": request_type,
            "ServiceToken": self.properties["ServiceToken"],
            "ResponseURL": self.urls.url(request_id),
            "StackId": self.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.kind,
            "ResourceProperties": _texts(self.properties),
        }
        if self.physical_id is not None:
            event["PhysicalResourceId"] = self.physical_id
        self.functions.invoke(self.properties["ServiceToken"], event | more)
        answer = self.urls.answer(request_id)
        self.answers.append(answer)
        if answer["Status"] == "SUCCESS" and request_type != "Delete":
            self.physical_id, self.data = answer["PhysicalResourceId"], answer.get("Data", {})
        return answer


def _texts(value: Any) -> Any:
    """Return properties as CloudFormation sends them: with every value as a string."""
    match value:
        case dict():
            return {key: _texts(each) for key, each in value.items()}
        case list():
            return [_texts(each) for each in value]
        case _:
            return str(value)
