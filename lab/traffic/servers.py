"""Small servers that stand for the instances: each public address has a loopback address of its own.

Each server listens on any free port, because well-known ports need privileges or are in use; `place` returns it.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, override
from urllib.parse import urlsplit

from lab.loopback import self_signed, serving_tls

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import TracebackType

_REMEMBERED: Final = 100


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The protocol (http, https or tcp) and port that a pool's health check connects to."""

    protocol: str
    port: int


def wanted(urls: Iterable[str]) -> set[Endpoint]:
    """Return the endpoints that health checks with these URLs connect to. Other texts have none."""
    found = set()
    for url in map(urlsplit, urls):
        with contextlib.suppress(ValueError, KeyError):
            found.add(Endpoint(url.scheme, url.port or {"http": 80, "https": 443}[url.scheme]))
    return found


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a server received; `sni` is the name asked for in the TLS handshake."""

    host: str
    path: str
    sni: str | None


class Running(Protocol):
    """Knows the public addresses of the running instances."""

    def running_addresses(self) -> dict[str, str]:
        """Return them by instance id."""
        ...


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 10

    def do_GET(self) -> None:
        body = self.server.page.encode()
        sni = getattr(self.connection, "lab_sni", None)
        self.server.requests.append(Request(self.headers.get("Host", ""), self.path, sni))
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if self.server.broken else HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def handle(self) -> None:
        # A checker of a TCP port, and any client that gives up, closes the connection without a request.
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the checkers connect every few seconds."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], page: str, *, broken: bool, tls: bool) -> None:
        super().__init__(address, _Handler)
        self.page = page
        self.broken = broken
        self.requests: deque[Request] = deque(maxlen=_REMEMBERED)
        if tls:
            # The handshake waits for the handler's thread: one slow client must not hold up the others.
            self.socket = _tls().wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


@dataclass(slots=True)
class _Machine:
    instance_id: str
    address: str
    ready: datetime
    broken: bool = False
    listeners: dict[Endpoint, _Listener] = field(default_factory=dict)


class Servers:
    """The servers of all running instances: booting ones refuse connections, broken ones answer HTTP 503."""

    def __init__(self, boot_time: timedelta = timedelta(seconds=20)) -> None:
        self.boot_time = boot_time
        self._machines: dict[str, _Machine] = {}
        self._loopback: dict[str, str] = {}
        self._broken: set[str] = set()
        # A port that is bound without a listener refuses connections, and no other process can listen on it.
        self._refusing = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._refusing.bind(("127.53.0.0", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for machine in self._machines.values():
            _close(machine)
        self._machines.clear()
        self._refusing.close()

    def place(self, address: str, port: int) -> tuple[str, int]:
        """Return the loopback address and port for a port of a public one; without a server they refuse connections."""
        for machine in self._machines.values():
            for endpoint, listener in machine.listeners.items():
                if (machine.address, endpoint.port) == (address, port):
                    return str(listener.server_address[0]), int(listener.server_address[1])
        refusing: tuple[str, int] = self._refusing.getsockname()
        return refusing

    def break_(self, instance_id: str) -> None:
        """Make an instance's server fail; its EC2 state stays as it is."""
        self._broken.add(instance_id)
        self._apply(instance_id)

    def repair(self, instance_id: str) -> None:
        """Make an instance's server work again."""
        self._broken.discard(instance_id)
        self._apply(instance_id)

    def requests(self, instance_id: str) -> tuple[Request, ...]:
        """Return the requests that an instance's servers remember, oldest first."""
        machine = self._machines[instance_id]
        return tuple(request for each in machine.listeners.values() for request in each.requests)

    def follow(self, fleet: Running, endpoints: Collection[Endpoint], now: datetime) -> None:
        """Start a server for each instance that runs, once it has booted; end the others."""
        running = fleet.running_addresses()
        for instance_id, machine in list(self._machines.items()):
            if running.get(instance_id) != machine.address:
                _close(machine)
                del self._machines[instance_id]
        for instance_id, address in running.items():
            machine = self._machines.setdefault(instance_id, _Machine(instance_id, address, ready=now + self.boot_time))
            if machine.ready <= now:
                self._serve(machine, endpoints)

    def _serve(self, machine: _Machine, endpoints: Collection[Endpoint]) -> None:
        machine.broken = machine.instance_id in self._broken
        for endpoint in endpoints:
            # A TCP health check sends no request, so a broken server refuses its connections.
            if endpoint in machine.listeners or (endpoint.protocol == "tcp" and machine.broken):
                continue
            machine.listeners[endpoint] = _Listener(
                (self._loopback_of(machine.address), 0),
                f"{machine.instance_id} at {machine.address}\n",
                broken=machine.broken,
                tls=endpoint.protocol == "https",
            )

    def _loopback_of(self, address: str) -> str:
        """Return the loopback address that stands for a public one; it stays the same while the lab runs."""
        high, low = divmod(len(self._loopback) + 1, 254)
        return self._loopback.setdefault(address, f"127.53.{high}.{low + 1}")

    def _apply(self, instance_id: str) -> None:
        machine = self._machines.get(instance_id)
        if machine is None:
            return
        machine.broken = instance_id in self._broken
        for endpoint, listener in list(machine.listeners.items()):
            listener.broken = machine.broken
            if endpoint.protocol == "tcp" and machine.broken:
                machine.listeners.pop(endpoint).close()


def _close(machine: _Machine) -> None:
    for listener in machine.listeners.values():
        listener.close()
    machine.listeners.clear()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return a server's TLS settings with a self-signed certificate, which Route 53's checkers accept."""
    context = serving_tls(self_signed("instance.lab"))

    def remember(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        connection.lab_sni = name  # type: ignore[attr-defined]

    context.sni_callback = remember
    return context
