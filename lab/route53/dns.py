"""Route 53's name servers: they answer from the hosted zones' records, on loopback."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from dnslib import QTYPE, RCODE, RR
from dnslib.server import DNSServer

if TYPE_CHECKING:
    import random
    from types import TracebackType

    from lab.route53.api import Route53

ANSWER_WITHIN: Final = 300.0
"""Seconds in which a client of the name server gets an answer.

dnspython measures them by the time of day, so they pass as fast as the lab's time: 12 real seconds in the demo.
"""

MOST_IN_AN_ANSWER: Final = 8
"""The largest number of multivalue records in an answer (Developer Guide, routing-policy-multivalue)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """DNS's answer for a name and type; a negative answer from a hosted zone has its `soa`."""

    rcode: str
    record_type: str = ""
    values: tuple[str, ...] = ()
    ttl: int = 0
    zone: str = ""
    soa: str = ""


def answer(route53: Route53, name: str, record_type: str, source: random.Random) -> Answer:
    """Answer a question as Route 53's name servers do: from the account's hosted zones, without recursion."""
    zone = route53.zone_of(name)
    if zone is None:
        return Answer("REFUSED")
    if route53.delegated(name):
        return Answer("NOERROR", zone=zone)  # a referral to other name servers (RFC 1034, 4.3.2), which the lab lacks
    owner = name if route53.has_name(name) else _wildcard(route53, name, zone)
    (soa_set,) = route53.records(zone, "SOA")
    soa = soa_set["ResourceRecords"][0]["Value"]
    # A resolver keeps a negative answer for the lesser of the SOA's TTL and its last number (RFC 2308).
    negative_ttl = min(int(soa_set["TTL"]), int(soa.split()[-1]))
    if owner is None:
        return Answer("NXDOMAIN", ttl=negative_ttl, zone=zone, soa=soa)
    for found in (record_type, "CNAME"):
        if record_sets := route53.records(owner, found):
            values, ttl = _chosen(route53, record_sets, source)
            return Answer("NOERROR", found, values, ttl)
    return Answer("NOERROR", ttl=negative_ttl, zone=zone, soa=soa)


def _wildcard(route53: Route53, name: str, zone: str) -> str | None:
    """Return the wildcard that stands for a missing name: the one below its closest parent (RFC 4592)."""
    labels = name.removesuffix(".").split(".")
    for first in range(1, len(labels)):
        parent = ".".join(labels[first:])
        if route53.has_name(f"*.{parent}"):
            return f"*.{parent}"
        if route53.has_name(parent) or parent == zone.removesuffix("."):
            return None
    return None


def _chosen(
    route53: Route53, record_sets: tuple[dict[str, Any], ...], source: random.Random
) -> tuple[tuple[str, ...], int]:
    """Choose among the records of a name and type: up to eight healthy ones, or of all if none is."""
    if not record_sets[0].get("MultiValueAnswer"):
        chosen = list(record_sets[:1])
    else:
        healthy = [
            each for each in record_sets if "HealthCheckId" not in each or route53.is_healthy(each["HealthCheckId"])
        ]
        candidates = healthy or list(record_sets)
        chosen = source.sample(candidates, min(MOST_IN_AN_ANSWER, len(candidates)))
    values = tuple(str(value["Value"]) for each in chosen for value in each["ResourceRecords"])
    return values, int(chosen[0]["TTL"])


class _Resolver:
    """The glue to dnslib: a request in, a reply out."""

    def __init__(self, route53: Route53, source: random.Random) -> None:
        self._route53 = route53
        self._source = source

    def resolve(self, request: Any, _handler: Any) -> Any:
        name, record_type = str(request.q.qname), QTYPE[request.q.qtype]
        found = answer(self._route53, name, record_type, self._source)
        reply = request.reply(ra=0, aa=int(found.rcode != "REFUSED"))
        reply.header.ad = 0  # dnslib copies the question's flag, which in an answer would mean that it was validated
        reply.header.rcode = getattr(RCODE, found.rcode)
        for value in found.values:
            reply.add_answer(*RR.fromZone(f"{name} {found.ttl} IN {found.record_type} {value}"))
        if found.soa:
            reply.add_auth(*RR.fromZone(f"{found.zone} {found.ttl} IN SOA {found.soa}"))
        return reply


class _Silent:
    """A log that keeps nothing: dnslib prints every query otherwise."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_arguments: None


class NameServer:
    """A DNS server for the lab's zones, by UDP and TCP on one port of loopback, while it is entered."""

    def __init__(self, route53: Route53, source: random.Random, port: int = 0) -> None:
        self.host = "127.0.0.1"
        self.port = port or _free_port(self.host)
        resolver = _Resolver(route53, source)
        self._servers = [
            DNSServer(resolver, port=self.port, address=self.host, tcp=tcp, logger=_Silent()) for tcp in (False, True)
        ]

    def __enter__(self) -> Self:
        for server in self._servers:
            server.start_thread()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()
            server.thread.join()


def _free_port(host: str) -> int:
    """Return a port that both UDP and TCP can have."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((host, 0))
            port = int(udp.getsockname()[1])
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                try:
                    tcp.bind((host, port))
                except OSError:
                    continue
                return port
