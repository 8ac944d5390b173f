"""HTTP servers on loopback that run in threads of this process and leave nothing behind when they close."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, override

if TYPE_CHECKING:
    from types import TracebackType

HOST = "127.0.0.1"


class Handler(BaseHTTPRequestHandler):
    """Answers requests without a log, over connections that are kept alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for the client's delayed ACK, 40 ms
    wbufsize = -1  # one packet for headers and body

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


class Server(ThreadingHTTPServer):
    """A server, from its making until it is closed, which ends its connections and threads.

    It serves from here on: what a subclass's handler needs has to be there before.
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
