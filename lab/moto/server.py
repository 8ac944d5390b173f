"""moto's web server on loopback, through which other programs reach the services that moto plays."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from lab import loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOTOS_OWN: Final = "/moto-api"
"""The path of moto's requests about itself, which AWS does not have: one of them ends the lab."""


def serve() -> str:
    """Serve moto until the process ends, and return its URL."""
    server = _Server(loopback.HOST, 0, _Guarded(), MotoRequestHandler)
    threading.Thread(target=server.serve_forever, name="moto", daemon=True).start()
    return f"http://{loopback.HOST}:{server.server_port}"


class _Server(loopback.Reporting, ThreadedWSGIServer):
    """moto's server."""


class _Guarded:
    """moto's application, which refuses requests of other pages and moto's requests about itself."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)  # type: ignore[arg-type,unused-ignore]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request in WSGI's form (PEP 3333)."""
        port = int(environ["SERVER_PORT"])
        refusal = loopback.refusal(lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}"), port)
        if refusal is None and environ["PATH_INFO"].startswith(_MOTOS_OWN):
            refusal = loopback.Refusal(HTTPStatus.NOT_FOUND, "nothing is here")
        if refusal is None:
            try:
                answer: Iterable[bytes] = self._moto(environ, start_response)
            except Exception as error:  # noqa: BLE001 - the client gets an answer after any error of moto's
                return _failed(error, environ, start_response)
            return answer
        start_response(f"{refusal.status.value} {refusal.status.phrase}", [("Content-Type", "text/plain")])
        return [f"{refusal.because}\n".encode()]


def _failed(error: Exception, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request at which moto failed, in the form of the service's protocol.

    Source: EC2 API Reference, "Error codes for the Amazon EC2 API", InternalFailure, which all services have.
    """
    loopback.report_failed_request(error)
    message = f"The lab failed at this request: {error!r}"
    headers = [("x-amzn-ErrorType", "InternalFailure")]
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        headers.append(("Content-Type", "application/json"))
        body = json.dumps({"__type": "InternalFailure", "message": message})
    else:
        headers.append(("Content-Type", "text/xml"))
        described = f"<Error><Code>InternalFailure</Code><Message>{escape(message)}</Message></Error>"
        body = f"<Response><Errors>{described}</Errors><RequestID>-</RequestID></Response>"
    start_response("500 Internal Server Error", headers)
    return [body.encode()]
