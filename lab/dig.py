"""A DNS query and its answer, shown as dig shows it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.query
import dns.rcode

from lab.route53.dns import ANSWER_WITHIN


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a name server: its status in dig's words, the addresses, and the lines to show."""

    status: str
    addresses: frozenset[str]
    lines: tuple[str, ...]


def ask(host: str, port: int, name: str) -> Reply:
    """Ask a name server for the A records of a name, over UDP."""
    message = dns.query.udp(dns.message.make_query(name, "A", flags=0), host, port=port, timeout=ANSWER_WITHIN)
    status = dns.rcode.to_text(message.rcode())
    flags = dns.flags.to_text(message.flags).lower()
    found = [(str(each.name), each.ttl, str(record)) for each in message.answer for record in each]
    lines = [
        f";; ->>HEADER<<- opcode: QUERY, status: {status}, id: {message.id}",
        f";; flags: {flags}; QUERY: 1, ANSWER: {len(found)}, AUTHORITY: {len(message.authority)}, ADDITIONAL: 0",
    ]
    if found:
        lines += [";; ANSWER SECTION:", *(f"{owner:24}{ttl:<8}IN      A       {data}" for owner, ttl, data in found)]
    return Reply(status, frozenset(data for _, _, data in found), tuple(lines))


def command(host: str, port: int, name: str) -> str:
    """Return the dig command that asks a name server for a name."""
    return f"dig @{host} -p {port} {name}"


def shown(host: str, port: int, name: str) -> tuple[str, ...]:
    """Ask a name server and return the lines to show: by dig if it is installed, or by dnspython."""
    program = shutil.which("dig")
    if program is None:
        return ask(host, port, name).lines
    arguments = [program, f"@{host}", "-p", str(port), name, "+noall", "+comments", "+answer", "+norecurse"]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - no shell
    wanted = (";; ->>HEADER", ";; flags", ";; ANSWER", name)
    return tuple(line.expandtabs() for line in ran.stdout.splitlines() if line.startswith(wanted))
