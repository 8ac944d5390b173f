"""The URLs where CloudFormation waits for the answers of custom resources."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import ssl
import sys
import tempfile
import threading
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, override
from unittest import mock

from urllib3 import HTTPResponse, HTTPSConnectionPool, poolmanager
from urllib3.connection import HTTPSConnection

from lab.loopback import HOST, self_signed, serving_tls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_MAX_BODY: Final = 4096  # CloudFormation User Guide, custom resource response objects
_REQUIRED: Final = frozenset({"Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"})

_NOWHERE: Final = "cloudformation.invalid"
"""A host that no DNS knows (RFC 2606): an answer that misses the lab fails, and reaches no host."""

_ENTERED: Final[dict[str, AnswerUrls]] = {}
"""The present labs by the first part of the paths of their URLs."""


class NoAnswerError(Exception):
    """A function sent no answer that CloudFormation accepts: a real stack would wait until its timeout."""


def _take(path: str, content_type: str | None, body: bytes) -> HTTPStatus:
    """Give an answer to the lab and the request that the path of its URL names."""
    lab, _, request_id = path.removeprefix("/").partition("/")
    return _ENTERED[lab].take(request_id, content_type, body)


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(_take(self.path, self.headers.get("Content-Type"), body))
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
        threading.Thread(target=self.serve_forever, name="answer-urls", daemon=True).start()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, except that of a client which does not trust the certificate."""
        if not isinstance(sys.exception(), ssl.SSLError):
            super().handle_error(request, client_address)


_server = functools.cache(_Server)


class _Connection(HTTPSConnection):
    """A connection of urllib3's to the labs of this process, without a socket and TLS in between."""

    @override
    def connect(self) -> None:
        self.is_verified = True

    @override
    def request(  # type: ignore[override]  # urllib3's own differs so from http.client's
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_settings: bool,
    ) -> None:
        if (self.host, method) != (_NOWHERE, "PUT"):
            raise RuntimeError(f"no lab answers {method} https://{self.host}{url}")
        self._status = _take(url, (headers or {}).get("Content-Type"), body)

    @override
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as above
        return HTTPResponse(status=self._status)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class AnswerUrls:
    """Receives answers as the presigned URLs of CloudFormation do; the first `outages` answers are refused.

    The URLs are https. With `http` they are served on loopback: while this is entered, the lab's certificate is what
    clients that ask OpenSSL trust. Without, urllib3 hands its requests over in this process, because a handshake takes
    longer than all else of an answer.
    """

    def __init__(self, *, http: bool) -> None:
        self.outages = 0
        self._http = http
        self._reachable = contextlib.ExitStack()
        self._bodies: dict[str, bytes] = {}
        self._name = str(uuid.uuid4())

    def __enter__(self) -> Self:
        _ENTERED[self._name] = self
        if self._http:
            folder = self._reachable.enter_context(tempfile.TemporaryDirectory())
            trusted = Path(folder) / "trusted.pem"
            trusted.write_bytes(_server().pem)
            self._reachable.enter_context(mock.patch.dict(os.environ, SSL_CERT_FILE=str(trusted)))
        else:
            self._reachable.enter_context(mock.patch.dict(poolmanager.pool_classes_by_scheme, https=_Pool))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reachable.close()
        del _ENTERED[self._name]

    def url(self, request_id: str) -> str:
        """Return the URL for the answer to one request."""
        host = f"{HOST}:{_server().server_address[1]}" if self._http else _NOWHERE
        return f"https://{host}/{self._name}/{request_id}"

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
            raise NoAnswerError("CloudFormation got no answer")
        if len(body) > _MAX_BODY:
            raise NoAnswerError(f"the answer has {len(body)} bytes, and CloudFormation accepts {_MAX_BODY}")
        answer: dict[str, Any] = json.loads(body)
        missing = _REQUIRED - answer.keys()
        if missing or answer["RequestId"] != request_id or answer["Status"] not in {"SUCCESS", "FAILED"}:
            raise NoAnswerError(f"CloudFormation does not understand {answer}")
        if answer["Status"] == "FAILED" and not answer.get("Reason"):
            raise NoAnswerError("a failure needs a Reason")
        return answer
