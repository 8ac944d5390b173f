"""The lab's Route 53 over HTTP, in the REST-XML that boto3 and the AWS CLI speak."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, override
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from moto.core.model import ServiceModel
from moto.core.parse import RequestParserError, RestXMLParser
from moto.core.serialize import RestXMLSerializer

from lab import route53_model
from lab.route53_error import Route53Error, invalid_input

if TYPE_CHECKING:
    from types import TracebackType

    from lab.route53 import Route53

_NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


class Protocol:
    """REST-XML by botocore's service model; the one place that knows moto's parser and serializer."""

    def __init__(self) -> None:
        model = ServiceModel(route53_model.load(), "route53")
        self._operations = [model.operation_model(name) for name in model.operation_names]
        self._routes = [
            (operation.http["method"], _pattern(operation.http["requestUri"]), operation)
            for operation in self._operations
        ]

    def answer(self, route53: Route53, method: str, target: str, body: bytes) -> Response:
        """Answer one HTTP request; every refusal is an answer too."""
        request_id = str(uuid.uuid4())
        try:
            operation, parameters = self._read(method, target, body)
            serialized = RestXMLSerializer(operation).serialize(route53.call(operation.name, parameters))
        except Route53Error as error:
            status, headers, text = error.status, {"Content-Type": "text/xml"}, _error_xml(error, request_id)
        else:
            status, headers, text = (
                serialized["status_code"],
                serialized["headers"],
                serialized["body"].encode(),
            )
        return Response(status, {**headers, "x-amzn-RequestId": request_id}, text)

    def _read(self, method: str, target: str, body: bytes) -> tuple[Any, dict[str, Any]]:
        parts = urlsplit(target)
        for route_method, pattern, operation in self._routes:
            found = pattern.fullmatch(parts.path)
            if found and route_method == method:
                request = {
                    "method": method,
                    "url_path": parts.path,
                    "url_params": {name: unquote(value) for name, value in found.groupdict().items()},
                    "values": dict(parse_qsl(parts.query, keep_blank_values=True)),
                    "headers": {},
                    "body": body,
                }
                try:
                    return operation, RestXMLParser(operation).parse(request)
                except (RequestParserError, ValueError) as error:
                    raise invalid_input(f"The request to {operation.name} cannot be read: {error}") from error
        raise Route53Error("UnknownOperation", f"Route 53 has no operation {method} {parts.path}", HTTPStatus.NOT_FOUND)


def _pattern(uri_template: str) -> re.Pattern[str]:
    # The model is not of one mind about trailing slashes, and neither are clients.
    path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(uri_template.rstrip("/")))
    return re.compile(f"{path}/?")


def _error_xml(error: Route53Error, request_id: str) -> bytes:
    root = ET.Element("ErrorResponse", xmlns=_NAMESPACE)
    described = ET.SubElement(root, "Error")
    ET.SubElement(described, "Type").text = "Sender" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
    ET.SubElement(described, "Code").text = error.code
    ET.SubElement(described, "Message").text = error.message
    ET.SubElement(root, "RequestId").text = request_id
    text = ET.tostring(root, encoding="unicode")
    return text.encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections alive
    disable_nagle_algorithm = True  # else each answer waits for the client's delayed ACK, 40 ms
    wbufsize = -1  # one packet for headers and body
    server: _HttpServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        response = self.server.protocol.answer(self.server.route53, self.command, self.path, body)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server looks for these names

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: Route53.calls is the log."""


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them, so that no socket outlives the server

    def __init__(self, address: tuple[str, int], route53: Route53) -> None:
        super().__init__(address, _Handler)
        self.route53 = route53
        self.protocol = Protocol()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
            super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive."""
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client was first
                    connection.shutdown(socket.SHUT_RDWR)


class Server:
    """A running server; closing it ends its connections and threads."""

    def __init__(self, route53: Route53, host: str, port: int) -> None:
        self._http = _HttpServer((host, port), route53)
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="route53-http")
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(route53: Route53, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve an account's Route 53 on a port (0: any free one) until the server is closed."""
    return Server(route53, host, port)
