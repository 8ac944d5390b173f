from __future__ import annotations

import contextlib
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.probe import host_header, probe
from lab.traffic.servers import Endpoint, Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADDRESS = "52.95.0.2"
ALL = (Endpoint("http", 18080), Endpoint("https", 18443), Endpoint("tcp", 18432))


class OneInstance:
    """A fleet of one running instance."""

    def running_addresses(self) -> dict[str, str]:
        return {"i-0a": ADDRESS}


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers(timedelta(seconds=20)) as servers:
        servers.follow(OneInstance(), ALL, NOW)
        yield servers


def check(kind: str, port: int, **settings: Any) -> dict[str, Any]:
    return {"Type": kind, "IPAddress": ADDRESS, "Port": port, **settings}


def boot(servers: Servers) -> None:
    servers.follow(OneInstance(), ALL, NOW + timedelta(seconds=20))


def test_a_booting_instance_refuses_the_connection(servers: Servers) -> None:
    result = probe(check("HTTP", 18080), servers.place)
    assert not result.succeeded
    assert result.status.startswith("Failure: The health checker could not establish a connection")


def test_a_booted_instance_answers_http(servers: Servers) -> None:
    boot(servers)
    result = probe(check("HTTP", 18080, ResourcePath="/"), servers.place)
    assert result.succeeded
    assert result.status == "Success: HTTP Status Code 200, OK"


def test_a_self_signed_certificate_is_accepted(servers: Servers) -> None:
    boot(servers)
    config = check("HTTPS", 18443, EnableSNI=True, FullyQualifiedDomainName="app.example.com")
    assert probe(config, servers.place).succeeded
    (request,) = servers.requests("i-0a")
    assert (request.sni, request.host) == ("app.example.com", "app.example.com:18443")


def test_without_sni_no_name_is_sent(servers: Servers) -> None:
    boot(servers)
    config = check("HTTPS", 18443, EnableSNI=False, FullyQualifiedDomainName="app.example.com")
    assert probe(config, servers.place).succeeded
    assert [request.sni for request in servers.requests("i-0a")] == [None]


def test_a_tcp_check_succeeds_when_it_connects(servers: Servers) -> None:
    boot(servers)
    assert probe(check("TCP", 18432), servers.place).succeeded


def test_a_broken_instance_answers_503_and_refuses_tcp(servers: Servers) -> None:
    boot(servers)
    servers.break_("i-0a")
    assert probe(check("HTTP", 18080), servers.place).status == ("Failure: HTTP Status Code 503, Service Unavailable")
    assert not probe(check("TCP", 18432), servers.place).succeeded


def test_a_repaired_instance_answers_again(servers: Servers) -> None:
    boot(servers)
    servers.break_("i-0a")
    servers.repair("i-0a")
    boot(servers)
    assert probe(check("HTTP", 18080), servers.place).succeeded
    assert probe(check("TCP", 18432), servers.place).succeeded


def test_the_search_string_has_to_be_in_the_body(servers: Servers) -> None:
    boot(servers)
    assert probe(check("HTTP_STR_MATCH", 18080, SearchString="i-0a"), servers.place).succeeded
    missed = probe(check("HTTP_STR_MATCH", 18080, SearchString="I-0A"), servers.place)
    assert missed.status == "Failure: The string was not found in the response body"


def test_a_search_string_beyond_the_first_5120_bytes_is_not_found() -> None:
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 5124\r\n\r\n" + b"x" * 5116 + b"needle!!") as place:
        assert not probe(check("HTTP_STR_MATCH", 80, SearchString="needle"), place).succeeded


def test_a_redirect_is_healthy() -> None:
    with listening(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n") as place:
        assert probe(check("HTTP", 80), place).succeeded


def test_a_server_that_does_not_respond_is_unhealthy_after_the_timeout() -> None:
    with listening(b"") as place:
        assert not probe(check("HTTP", 80), place, speed=100).succeeded


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (check("HTTP", 80), "52.95.0.2"),
        (check("HTTP", 8080), "52.95.0.2:8080"),
        (check("HTTP", 80, FullyQualifiedDomainName="app.example.com"), "app.example.com"),
        (check("HTTPS_STR_MATCH", 443, FullyQualifiedDomainName="app.example.com"), "app.example.com"),
        (check("HTTPS", 80, FullyQualifiedDomainName="app.example.com"), "app.example.com:80"),
    ],
)
def test_the_host_header_names_the_port_unless_it_is_the_protocols_own(config: dict[str, Any], expected: str) -> None:
    assert host_header(config) == expected


@contextlib.contextmanager
def listening(answer: bytes) -> Iterator[Any]:
    """Run a server that answers one connection with these bytes, and hangs if there are none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
                if not answer:
                    done.wait(5)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        yield lambda _address, _port: ("127.0.0.1", port)
        done.set()
        thread.join()
