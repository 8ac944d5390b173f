"""Requests to moto in this process, without the web server that moto has for other programs.

moto's own web server is a Flask application for each service: it looks for the service in the request's signature, for
the operation's path among the service's, and reads the request twice. All operations of most services have one path
(AWS's protocols ec2, query and json), so that a client's service says what answers it. The others go to Flask.
"""

from __future__ import annotations

import functools
import importlib
import io
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.exceptions import ClientError
from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.datastructures import ImmutableMultiDict

from lab.moto.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ONE_PATH: Final = frozenset({"ec2", "query", "json"})
_FORM: Final = "application/x-www-form-urlencoded"


def answer(
    client: Any, method: str, url: str, headers: Mapping[str, str], body: bytes, *, directly: bool = False
) -> Answer:
    """Answer a request of a client; `client` is what botocore knows of it (its `meta`).

    If it is `directly`, a success may be what botocore reads of the body instead of bytes.

    The request needs no signature: moto takes from it only the caller, the service and the region.
    """
    service = client.service_model
    scope = f"20260101/{client.region_name}/{service.signing_name}/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential=testing/{scope}"}
    environ = _environ(method, url, {**headers, **signed}, body)
    respond = _responder(service.service_name) if service.resolved_protocol in _ONE_PATH else None
    if respond is None:
        return _ask_flask(environ)
    request = Request(environ, populate_request=False)
    request.is_read_directly = directly  # type: ignore[attr-defined,unused-ignore]
    request.from_wsgi_server = True  # as moto's web server, which answers without a date of its own
    # What werkzeug would parse, and moto asks for several times.
    form = environ.get("CONTENT_TYPE", "").startswith(_FORM)
    request.form = ImmutableMultiDict(parse_qsl(body.decode(), keep_blank_values=True) if form else ())
    request.files, request.data = ImmutableMultiDict(), b"" if form else body
    try:
        status, answered, text = respond(request, url, request.headers)
    except ClientError as error:  # as moto's web server does
        status, answered, text = HTTPStatus.BAD_REQUEST, {}, error.response["Error"]["Message"]
    return Answer(
        int(status), {k: str(v) for k, v in answered.items()}, text.encode() if isinstance(text, str) else text
    )


@functools.cache
def _responder(service: str) -> Callable[..., Any]:
    """Return what answers every operation of a service."""
    paths: dict[str, Callable[..., Any]] = importlib.import_module(f"moto.{service.replace('-', '')}.urls").url_paths
    return next(iter(paths.values()))


@functools.cache
def _application() -> DomainDispatcherApplication:
    return DomainDispatcherApplication(create_backend_app)  # type: ignore[arg-type,unused-ignore]


def _ask_flask(environ: dict[str, Any]) -> Answer:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        started[:] = int(status.split(" ", 1)[0]), dict(headers)

    content = b"".join(_application()(environ, start_response))
    status, headers = started
    return Answer(status, headers, content)


def _environ(method: str, address: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return a request in WSGI's form (PEP 3333)."""
    url = urlsplit(address)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path, "latin-1") or "/",
        "RAW_URI": address,
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ
