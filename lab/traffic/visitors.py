"""Clients that ask DNS, keep an answer for its TTL, connect to one of its addresses, and record every failure."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import dns.message
import dns.query

from lab.route53.answers import Answer
from lab.route53.dns import ANSWER_WITHIN

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from lab.route53.api import Route53
    from lab.route53.probe import Place

type Ask = Callable[[], Answer]
"""Asks DNS for the clients' name."""
type Connect = Callable[[str], str | None]
"""Connects to an address; returns None, or what went wrong."""
type Whose = Callable[[str], tuple[str | None, str]]
"""From an address to the instance that has it or had it last, and that instance's state."""

_TIMEOUT: Final = 2.0
"""Real seconds that a connection may take."""


class Crowd(Protocol):
    """Something that acts in every turn of the world."""

    def turn(self) -> None:
        """Act once."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed connection: when, by which client, to which address, and the state of the instance at that time."""

    at: datetime
    client: int
    address: str
    instance_id: str | None
    state: str
    because: str


@dataclass(slots=True)
class _Cache:
    values: tuple[str, ...]
    until: datetime


@dataclass(slots=True)
class Visitors:
    """`count` clients, each with its own DNS cache; `turn` makes each of them connect once.

    A client asks DNS again only when its last answer, positive or negative, is older than its TTL.
    """

    count: int
    ask: Ask
    connect: Connect
    whose: Whose
    now: Callable[[], datetime]
    source: random.Random
    questions: int = 0
    connections: int = 0
    unanswered: int = 0
    """How often a client got no address to connect to."""
    failures: list[Failure] = field(default_factory=list)
    _caches: dict[int, _Cache] = field(default_factory=dict)

    def turn(self) -> None:
        """Let every client connect to one of the addresses that it knows."""
        for client in range(self.count):
            addresses = self._addresses(client)
            if not addresses:
                self.unanswered += 1
                continue
            address = self.source.choice(addresses)
            because = self.connect(address)
            if because is None:
                self.connections += 1
            else:
                instance_id, state = self.whose(address)
                self.failures.append(Failure(self.now(), client, address, instance_id, state, because))

    def _addresses(self, client: int) -> tuple[str, ...]:
        cache = self._caches.get(client)
        if cache is None or self.now() >= cache.until:
            found = self.ask()
            self.questions += 1
            cache = _Cache(found.values, self.now() + timedelta(seconds=found.ttl))
            self._caches[client] = cache
        return cache.values


def asking_route53(route53: Route53, name: str, record_type: str, source: random.Random) -> Ask:
    """Return a question that Route 53 answers in this process."""
    return lambda: route53.answer(name, record_type, source)


def asking_server(host: str, port: int, name: str) -> Ask:
    """Return a question for A records that goes to a name server over UDP."""

    def ask() -> Answer:
        reply = dns.query.udp(dns.message.make_query(name, "A", flags=0), host, port=port, timeout=ANSWER_WITHIN)
        values = tuple(str(record) for each in reply.answer for record in each)
        ttl = min((each.ttl for each in (*reply.answer, *reply.authority)), default=0)
        return Answer("NOERROR", "A", values, ttl)

    return ask


def over_http(place: Place, port: int = 80) -> Connect:
    """Return a connection that fetches a page: anything but HTTP 200 is a failure."""

    def connect(address: str) -> str | None:
        host, real_port = place(address, port)
        connection = http.client.HTTPConnection(host, real_port, timeout=_TIMEOUT)
        try:
            connection.request("GET", "/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        return None if status == HTTPStatus.OK else f"HTTP {status}"

    return connect
