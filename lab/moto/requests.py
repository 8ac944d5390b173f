"""Requests to moto in this process, without the web server that moto has for other programs.

moto's own web server is a Flask application for each service: it looks for the service in the request's signature, for
the operation's path among the service's, and reads the request twice. All operations of most services have one path
(AWS's protocols ec2, query and json), so that a client says which of moto's response classes answers. The others go to
Flask.
"""

from __future__ import annotations

import functools
import importlib
import io
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.utilities.utils import get_partition
from werkzeug.datastructures import Headers

from lab.moto.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE_PATH: Final = frozenset({"ec2", "query", "json"})
_FORM: Final = "application/x-www-form-urlencoded"
_ACCESS_KEY: Final = "AKIAEXAMPLE"
"""What moto takes for the access key of a request whose own it does not know."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A request as moto's parsers read it; `values` are those of a form.

    If it `is_read_directly`, its answer may be what botocore reads of the body (lab.moto.answers).
    """

    method: str
    path: str
    headers: Headers
    values: dict[str, str]
    data: bytes
    is_read_directly: bool

    @property
    def content_type(self) -> str:
        """The type of the body."""
        return self.headers.get("Content-Type", "")


def answer(
    client: Any, method: str, url: str, headers: Mapping[str, str], body: bytes, *, account: str, directly: bool
) -> Answer:
    """Answer a request of a client in an account; `client` is what botocore knows of it (its `meta`).

    If it is `directly`, a success may be what botocore reads of the body instead of bytes.
    """
    service = client.service_model
    if service.resolved_protocol not in _ONE_PATH:
        scope = f"20260101/{client.region_name}/{service.signing_name}/aws4_request"
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential=testing/{scope}", "x-moto-account-id": account}
        return _ask_flask(_environ(method, url, {**headers, **signed}, body))
    given = Headers(headers.items())
    is_form = given.get("Content-Type", "").startswith(_FORM)
    values = dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else {}
    request = _Request(method, urlsplit(url).path, given, values, b"" if is_form else body, directly)
    response = _response_class(service.service_name)()
    _set_up(response, request, url, account, client.region_name)
    try:
        status, answered, text = response.call_action()
    except ClientError as error:  # as moto's web server does
        status, answered, text = HTTPStatus.BAD_REQUEST, {}, error.response["Error"]["Message"]
    return Answer(
        int(status), {k: str(v) for k, v in answered.items()}, text.encode() if isinstance(text, str) else text
    )


@functools.cache
def _response_class(service: str) -> Any:
    """Return the class of moto's that answers every operation of a service."""
    paths: dict[str, Any] = importlib.import_module(f"moto.{service.replace('-', '')}.urls").url_paths
    return next(iter(paths.values())).__self__  # each path has the class's method `dispatch`


def _set_up(response: Any, request: _Request, url: str, account: str, region: str) -> None:
    """Give a response its request, as BaseResponse.setup_class does.

    That looks for the region and the account in URL, headers and signature.
    """
    response.normalized_request = request
    response.headers = request.headers
    response.method, response.uri, response.path = request.method, url, request.path
    response.raw_body, response.body = request.data, request.data.decode()
    response.querystring = response.data = {name: [value] for name, value in request.values.items()}
    response.region, response.partition = region, get_partition(region)
    response.current_account, response.access_key = account, _ACCESS_KEY
    response.uri_match, response.response_headers = {}, {"server": "amazon.com"}
    if response.automated_parameter_parsing:
        response.parse_parameters(request)


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
