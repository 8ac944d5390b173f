"""The lab's Route 53 over HTTP, in the REST-XML that boto3 and the AWS CLI speak."""

from __future__ import annotations

import contextlib
import functools
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

from moto.core.model import ServiceModel
from moto.core.parse import RequestParserError, RestXMLParser
from moto.core.serialize import RestXMLSerializer

from lab import loopback
from lab.loopback import Handler
from lab.moto.answers import Answer, read, success
from lab.moto.reading import Unreadable
from lab.route53 import model
from lab.route53.error import Route53Error, invalid_input
from lab.route53.permission import request_of

if TYPE_CHECKING:
    from lab.iam import Permissions, Session
    from lab.route53.api import Route53

_NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
_VERSION = re.compile(r"^/(2010-10-01|2011-05-05|2012-02-29|2012-12-12)/")
"""Former versions of the API in a path: Route 53 answers them too, each in its own namespace."""
_SIGNATURES = frozenset({"Authorization", "X-Amzn-Authorization"})
"""Headers with a signature, which is not verified: of version 4, and of version 3, which older clients send."""


class Protocol:
    """REST-XML by botocore's service model; the one place that knows moto's parser and serializer."""

    def __init__(self) -> None:
        api = ServiceModel(model.load(), "route53")
        api.metadata["xmlNamespace"] = _NAMESPACE  # botocore's model states it for requests only
        self._operations = [api.operation_model(name) for name in api.operation_names]
        self._routes = [
            (operation.http["method"], _pattern(operation.http["requestUri"]), operation)
            for operation in self._operations
        ]

    def answer(
        self,
        route53: Route53,
        method: str,
        target: str,
        body: bytes,
        permissions: Permissions | None = None,
        *,
        session: Session | None = None,
        directly: bool = False,
    ) -> Answer:
        """Answer one HTTP request; every refusal is an answer too, also that of `permissions`.

        `session` is the session of a role that asks. If it is `directly`, a success is what botocore reads of the body
        instead of bytes.
        """
        former = _VERSION.match(target)
        if former is not None:
            present = self.answer(
                route53, method, _VERSION.sub("/2013-04-01/", target), body, permissions, session=session
            )
            text = present.content.replace(_NAMESPACE.encode(), _NAMESPACE.replace("2013-04-01", former[1]).encode())
            return present._replace(body=text)
        try:
            operation, parameters = self._read(method, target, body)
            refusal = None
            if permissions is not None:
                refusal = permissions.refusal(request_of(operation.name, parameters), session)
            if refusal is not None:
                route53.refuse(operation.name, parameters, refusal)
            result = route53.call(operation.name, parameters)
        except Route53Error as error:
            return refused(error)
        request_id = {"x-amzn-RequestId": str(uuid.uuid4())}
        serializer = RestXMLSerializer(operation)
        if directly:
            with contextlib.suppress(Unreadable):
                return Answer(success(operation), request_id, read(serializer, result))
        serialized = serializer.serialize(result)
        return Answer(serialized["status_code"], {**serialized["headers"], **request_id}, serialized["body"].encode())

    def _read(self, method: str, target: str, body: bytes) -> tuple[Any, dict[str, Any]]:
        path, _, query = target.partition("?")
        for route_method, pattern, operation in self._routes:
            found = pattern.fullmatch(path)
            if found and route_method == method:
                request = {
                    "method": method,
                    "url_path": path,
                    "url_params": {name: unquote(value) for name, value in found.groupdict().items()},
                    "values": dict(parse_qsl(query, keep_blank_values=True)),
                    "headers": {},
                    "body": body,
                }
                try:
                    return operation, RestXMLParser(operation).parse(request)
                except (RequestParserError, ValueError) as error:
                    raise invalid_input(f"The request to {operation.name} cannot be read: {error}") from error
        raise Route53Error("UnknownOperation", f"Route 53 has no operation {method} {path}", HTTPStatus.NOT_FOUND)


protocol = functools.cache(Protocol)
"""Return the process's one: reading botocore's model takes longer than many requests."""


def _pattern(uri_template: str) -> re.Pattern[str]:
    # Some paths in the model end with a slash and others do not, and so do the requests of clients.
    path = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(uri_template.rstrip("/")))
    return re.compile(f"{path}/?")


def refused(error: Route53Error) -> Answer:
    """Return a refusal as Route 53 sends it."""
    request_id = str(uuid.uuid4())
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return Answer(error.status, headers, _error_xml(error, request_id))


def _error_xml(error: Route53Error, request_id: str) -> bytes:
    root = ET.Element("ErrorResponse", xmlns=_NAMESPACE)
    described = ET.SubElement(root, "Error")
    ET.SubElement(described, "Type").text = "Sender" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
    ET.SubElement(described, "Code").text = error.code
    ET.SubElement(described, "Message").text = error.message
    ET.SubElement(root, "RequestId").text = request_id
    text = ET.tostring(root, encoding="unicode")
    return text.encode()


class _Handler(Handler):
    server: Server

    def _answer(self) -> None:
        body = self.body()
        if refusal := self.refusal():
            self.answer(refusal.status, {"Content-Type": "text/plain"}, f"{refusal.because}\n".encode())
        elif not any(name in self.headers for name in _SIGNATURES):
            # Route 53 API Reference, "Common Errors".
            missing = Route53Error("MissingAuthenticationToken", "Missing Authentication Token", HTTPStatus.FORBIDDEN)
            self._send(refused(missing))
        else:
            try:
                response = self.server.protocol.answer(self.server.route53, self.command, self.path, body)
            except Exception as error:
                failure = Route53Error("InternalFailure", repr(error), HTTPStatus.INTERNAL_SERVER_ERROR)
                self._send(refused(failure))
                raise
            self._send(response)

    def _send(self, response: Answer) -> None:
        self.answer(response.status, response.headers, response.content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server looks for these names


class Server(loopback.Server):
    """An account's Route 53, until it is closed; Route53.calls is its log."""

    def __init__(self, route53: Route53, host: str, port: int) -> None:
        self.route53 = route53
        self.protocol = protocol()
        super().__init__(_Handler, host, port)


def serve(route53: Route53, host: str = loopback.HOST, port: int = 0) -> Server:
    """Serve an account's Route 53 on a port (0: any free one) until the server is closed."""
    return Server(route53, host, port)
