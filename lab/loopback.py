"""Servers on loopback, and their TLS. They run in threads of this process and leave nothing behind when they close."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import sys
import tempfile
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, override

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

HOST = "127.0.0.1"
_NAMES: Final = frozenset({HOST, "localhost"})
_OWN_SITES: Final = frozenset({None, "none", "same-origin"})
_LONGEST_BODY: Final = 10_000_000
"""Bytes of a request. Each service of AWS takes less."""
_LONGEST_LINE: Final = 300


class Refusal(NamedTuple):
    """Why a server does not answer a request."""

    status: HTTPStatus
    because: str


def refusal(header: Callable[[str], str | None], port: int) -> Refusal | None:
    """Return why a server on this port of loopback does not answer a request, None if it does.

    `header` returns a header of the request.

    A page of another origin can make a browser send requests to loopback. A browser tells where they come from (Fetch
    Standard, Origin; Fetch Metadata, Sec-Fetch-Site), and a page that has its own name point at loopback shows in Host.
    AWS's clients send neither Origin nor Sec-Fetch-Site.
    """
    host = header("Host") or ""
    name, _, asked = host.rpartition(":")
    if (name not in _NAMES and not name.endswith(".localhost")) or asked != str(port):
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "this host is not loopback")
    if (header("Origin") or f"http://{host}") != f"http://{host}":
        return Refusal(HTTPStatus.FORBIDDEN, "asked by another page")
    if header("Sec-Fetch-Site") not in _OWN_SITES:
        return Refusal(HTTPStatus.FORBIDDEN, "asked by another page")
    return None


def report_failed_request(error: BaseException | None) -> None:
    """Write one line about a request that could not be answered. The lab goes on."""
    words = " ".join(str(error).split())
    sys.stderr.write(f"A request failed, and the lab goes on: {type(error).__name__}: {words}"[:_LONGEST_LINE] + "\n")


def self_signed(name: str) -> bytes:
    """Return a private key and a self-signed certificate for HOST, as PEM. Clients have to be told to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def serving_tls(pem: bytes) -> ssl.SSLContext:
    """Return a server's TLS settings with this key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


class Handler(BaseHTTPRequestHandler):
    """Answers requests without a log, over connections that are kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for the client's delayed ACK, 40 ms
    wbufsize = -1  # one packet for headers and body

    def refusal(self) -> Refusal | None:
        """Return why the request is not answered, None if it is."""
        return refusal(self.headers.get, int(self.connection.getsockname()[1]))

    @override
    def parse_request(self) -> bool:
        """Read the request line and the headers; a body whose length is unknown or too large is refused."""
        if not super().parse_request():
            return False
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif len(length) > len(str(_LONGEST_BODY)) or int(length) > _LONGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            return True
        return False

    def body(self) -> bytes:
        """Return the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that has what it wants hangs up
            super().handle()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


class Reporting(socketserver.BaseServer):
    """A server that writes one line about a request that it could not answer, and goes on."""

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        report_failed_request(sys.exception())


class Server(Reporting, ThreadingHTTPServer):
    """A server, from its making until it is closed, which ends its connections and threads.

    It serves from now on, so a subclass must first set what its handler needs.
    """

    daemon_threads = False  # server_close waits for them, so that no socket outlives the server

    def __init__(self, handler: type[Handler], host: str = HOST, port: int = 0) -> None:
        super().__init__((host, port), handler)
        self.url = f"http://{host}:{self.server_address[1]}"
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=type(self).__name__)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self._thread.join()
        with self._connections_lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client was first
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

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

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
