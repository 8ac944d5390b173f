"""The DNS resolver of the lab's functions: it answers queries for the name servers of a name."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import dns.exception
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.route53.api import Route53

_TTL = 172800


@dataclass(slots=True)
class Resolver:
    """Answers NS queries in place of dnspython's own resolver.

    A name is delegated to the name servers of its public zone unless `delegate` says something else.
    """

    route53: Route53
    _delegations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _errors: dict[str, dns.exception.DNSException] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def delegate(self, name: str, *name_servers: str) -> None:
        """Delegate a name to these name servers; without any, DNS answers NXDOMAIN for it."""
        self._delegations[name] = name_servers

    def fail(self, name: str, error: dns.exception.DNSException) -> None:
        """Answer questions about a name with this error."""
        self._errors[name] = error

    @contextlib.contextmanager
    def entered(self) -> Iterator[Resolver]:
        """Answer every question that this process asks its resolver."""
        with patch.object(dns.resolver, "resolve", self._resolve):
            yield self

    def _resolve(self, qname: str, rdtype: str, **_settings: Any) -> dns.resolver.Answer:
        name = qname.removesuffix(".")
        self.asked.append(name)
        if name in self._errors:
            raise self._errors[name]
        servers = self._delegations.get(name, self.route53.name_servers(name))
        query = dns.message.make_query(qname, rdtype)
        if not servers:
            raise dns.resolver.NXDOMAIN(qnames=[query.question[0].name], responses={})  # type: ignore[no-untyped-call]
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(qname, _TTL, "IN", rdtype, *servers))
        received = dns.message.from_wire(response.to_wire())
        return dns.resolver.Answer(query.question[0].name, dns.rdatatype.NS, dns.rdataclass.IN, received)  # type: ignore[arg-type]
