"""Route 53's name servers: they answer from the hosted zones' records, by UDP and TCP on loopback."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from typing import TYPE_CHECKING, Any, Final, Self, override

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lab.loopback import Reporting
from lab.route53 import values
from lab.route53.names import Name, parse_name

if TYPE_CHECKING:
    import random
    from types import TracebackType

    from lab.route53.answers import Answer
    from lab.route53.api import Route53

ANSWER_WITHIN: Final = 300.0
"""Seconds in which a client of the name server gets an answer.

dnspython measures them by the time of day, so they pass as fast as the lab's time: 12 real seconds in the demo.
"""

_PAYLOAD: Final = 4096
"""The largest UDP message, in bytes, that the server says it takes (EDNS, RFC 6891)."""
_PLAIN_PAYLOAD: Final = 512
"""The largest UDP message, in bytes, to a client that says nothing (RFC 1035, 4.2.1)."""
_HEADER: Final = 12
_IDLE: Final = 10.0
"""Real seconds after which a TCP connection without a question is closed."""


def reply_to(route53: Route53, wire: bytes, source: random.Random, *, datagram: bool) -> bytes | None:
    """Answer one message in wire form; None if it is not a question. What cannot be answered is SERVFAIL."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return _malformed(wire)
    if query.flags & dns.flags.QR:
        return None
    reply = dns.message.make_response(query, our_payload=_PAYLOAD)
    try:
        _fill(reply, query, route53, source)
    except Exception:  # noqa: BLE001 - after any error, a client must not wait for an answer
        reply.answer.clear()
        reply.authority.clear()
        reply.set_rcode(dns.rcode.SERVFAIL)
    limit = max(_PLAIN_PAYLOAD, query.payload) if datagram else 0xFFFF
    return reply.to_wire(max_size=limit, prefer_truncation=True)


def _malformed(wire: bytes) -> bytes | None:
    """Answer FORMERR to a message of which only the header can be read."""
    if len(wire) < _HEADER or wire[2] & 0x80:
        return None
    (number,) = struct.unpack("!H", wire[:2])
    return struct.pack("!HHHHHH", number, dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)


def _fill(reply: dns.message.Message, query: dns.message.Message, route53: Route53, source: random.Random) -> None:
    if query.edns > 0:
        reply.set_rcode(dns.rcode.BADVERS)
    elif query.opcode() != dns.opcode.QUERY:
        reply.set_rcode(dns.rcode.NOTIMP)
    elif len(query.question) != 1:
        reply.set_rcode(dns.rcode.FORMERR)
    elif query.question[0].rdclass != dns.rdataclass.IN:
        reply.set_rcode(dns.rcode.REFUSED)
    else:
        question = query.question[0]
        name = Name(tuple(label.decode("latin-1").lower() for label in question.name.labels[:-1]))
        found = route53.answer(name, dns.rdatatype.to_text(question.rdtype), source)
        _write(reply, question.name, found)


def _write(reply: dns.message.Message, asked: dns.name.Name, found: Answer) -> None:
    reply.set_rcode(dns.rcode.from_text(found.rcode))
    if found.rcode != "REFUSED" and (found.cnames or not found.referral):
        reply.flags |= dns.flags.AA
    owner = asked  # as it was asked: a name's case comes back
    for cname in found.cnames:
        reply.answer.append(_set(owner, cname.ttl, "CNAME", [cname.target]))
        owner = _written(parse_name(cname.target))
    if found.values:
        reply.answer.append(_set(owner, found.ttl, found.record_type, found.values))
    if found.referral:
        reply.authority.append(_set(_written(parse_name(found.zone)), found.ttl, "NS", found.referral))
    if found.soa:
        reply.authority.append(_set(_written(parse_name(found.zone)), found.ttl, "SOA", [found.soa]))


def _set(owner: dns.name.Name, ttl: int, record_type: str, texts: Any) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(owner, ttl, [values.read(record_type, text) for text in texts])


def _written(name: Name) -> dns.name.Name:
    return dns.name.Name([*(label.encode("latin-1") for label in name.labels), b""])


class _Datagrams(socketserver.BaseRequestHandler):
    server: _Udp

    @override
    def handle(self) -> None:
        wire, answering = self.request
        reply = reply_to(self.server.route53, wire, self.server.source, datagram=True)
        if reply is not None:
            answering.sendto(reply, self.client_address)


class _Connection(socketserver.StreamRequestHandler):
    """A connection, on which a client may ask one question after the other (RFC 7766)."""

    server: _Tcp
    timeout = _IDLE

    @override
    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client is silent, or has hung up
            while len(length := self.rfile.read(2)) == 2:  # noqa: PLR2004 - bytes of the length (RFC 1035, 4.2.2)
                wire = self.rfile.read(int.from_bytes(length))
                reply = reply_to(self.server.route53, wire, self.server.source, datagram=False)
                if reply is None:
                    return
                self.wfile.write(len(reply).to_bytes(2) + reply)


class _Udp(Reporting, socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 0xFFFF
    route53: Route53
    source: random.Random


class _Tcp(Reporting, socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection
    allow_reuse_address = True
    request_queue_size = 128
    route53: Route53
    source: random.Random


class NameServer:
    """A DNS server for the lab's zones, by UDP and TCP on one port of loopback, while it is entered."""

    def __init__(self, route53: Route53, source: random.Random, port: int = 0) -> None:
        self.host = "127.0.0.1"
        self.port = port or _free_port(self.host)
        self._servers = (_Udp((self.host, self.port), _Datagrams), _Tcp((self.host, self.port), _Connection))
        self._threads = []
        for server in self._servers:
            server.route53, server.source = route53, source
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="name-server", daemon=True)
            self._threads.append(thread)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


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
