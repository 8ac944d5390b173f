"""One probe of one health check, as one of Route 53's checkers makes it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECT: Final = 4.0
"""Seconds to establish an HTTP or HTTPS connection. This and the next three are from the guide's
"How Route 53 determines whether a health check is healthy"."""
RESPOND: Final = 2.0
BODY: Final = 2.0
CONNECT_TCP: Final = 10.0
SEARCHED: Final = 5120
"""Bytes of the body that must contain the whole search string (CreateHealthCheck, SearchString)."""

_LEAST: Final = 0.5
"""The shortest timeout of a real connection in seconds, however fast the lab's time runs."""

_NO_CONNECTION: Final = "Failure: The health checker could not establish a connection within the timeout limit."
_STANDARD: Final = {"HTTP": 80, "HTTPS": 443}

type Place = Callable[[str, int], tuple[str, int]]
"""From an instance's address and port to a loopback address and port."""


type Resolve = Callable[[str], str | None]
"""From a DNS name to one of its IPv4 addresses, None if it has none."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe, with the text of GetHealthCheckStatus."""

    succeeded: bool
    status: str


def probe(
    config: Mapping[str, Any], place: Place, speed: float = 1.0, resolve: Resolve = lambda _: None
) -> ProbeResult:
    """Connect to the endpoint of a health check and check what it answers. Time-outs shrink with `speed`.

    A health check without an address is resolved at each probe, to IPv4 only (HealthCheckConfig,
    FullyQualifiedDomainName).
    """
    kind = str(config["Type"]).removesuffix("_STR_MATCH")

    def within(seconds: float) -> float:
        return max(_LEAST, seconds / speed)

    address = config.get("IPAddress") or resolve(config["FullyQualifiedDomainName"])
    if address is None:
        return ProbeResult(succeeded=False, status="Failure: DNS resolution failed: no A record")
    target = place(address, int(config["Port"]))
    try:
        connection = socket.create_connection(target, timeout=within(CONNECT_TCP if kind == "TCP" else CONNECT))
    except OSError:
        return ProbeResult(succeeded=False, status=_NO_CONNECTION)
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        if kind == "TCP":
            return ProbeResult(succeeded=True, status="Success: TCP connection established")
        try:
            if kind == "HTTPS":
                connection = _handshake(connection, config)
                stack.callback(connection.close)
            return _judge(connection, config, kind, within)
        except ssl.SSLError as error:
            return ProbeResult(succeeded=False, status=f"Failure: {error.reason or error}")
        except (OSError, http.client.HTTPException) as error:
            return ProbeResult(succeeded=False, status=f"Failure: {type(error).__name__}: {error}")


def host_header(config: Mapping[str, Any]) -> str:
    """Return the Host header: the name or else the address, with the port unless it is the protocol's own."""
    kind = str(config["Type"]).removesuffix("_STR_MATCH")
    host = str(config.get("FullyQualifiedDomainName") or config["IPAddress"])
    return host if _STANDARD.get(kind) == config["Port"] else f"{host}:{config['Port']}"


def _handshake(connection: socket.socket, config: Mapping[str, Any]) -> ssl.SSLSocket:
    """Speak TLS without looking at the certificate, as Route 53's checkers do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    name = config.get("FullyQualifiedDomainName") if config.get("EnableSNI") else None
    return context.wrap_socket(connection, server_hostname=name)


def _judge(
    connection: socket.socket, config: Mapping[str, Any], kind: str, within: Callable[[float], float]
) -> ProbeResult:
    connection.settimeout(within(RESPOND))
    client = http.client.HTTPConnection(host_header(config))
    client.sock = connection
    client.putrequest("GET", str(config.get("ResourcePath") or "/"), skip_host=True, skip_accept_encoding=True)
    client.putheader("Host", host_header(config))
    client.putheader("User-Agent", "Amazon-Route53-Health-Check-Service (fleet53 lab)")
    client.putheader("Accept", "*/*")
    client.endheaders()
    response = client.getresponse()
    said = f"HTTP Status Code {response.status}, {response.reason}"
    if not HTTPStatus.OK <= response.status < HTTPStatus.BAD_REQUEST:
        return ProbeResult(succeeded=False, status=f"Failure: {said}")
    if str(config["Type"]) != kind:
        connection.settimeout(within(BODY))
        if str(config["SearchString"]).encode() not in response.read(SEARCHED):
            return ProbeResult(succeeded=False, status="Failure: The string was not found in the response body")
    return ProbeResult(succeeded=True, status=f"Success: {said}")
