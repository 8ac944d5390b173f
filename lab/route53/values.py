"""The values of resource records: the grammar of each type (Developer Guide, "Supported DNS record types").

The texts on A, AAAA, MX and TXT are Route 53's, as its clients quote them. Those on other types have the same form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.name
import dns.rdata

from lab.route53.names import InvalidNameError, parse_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_ZONE_FILE: Final = re.compile(r"[;()\n]|^\s*\\#")
"""What a zone file may have and a value may not: comments, lines, and the generic form of RFC 3597."""
_ADDRESSES: Final = {
    "A": "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
    "AAAA": "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
}
_TEXTS: Final = frozenset({"TXT", "SPF"})
_COUNTS: Final = {"MX": (2, "Two"), "SRV": (4, "Four"), "SOA": (7, "Seven")}
_SINGLE: Final = frozenset({"A", "AAAA", "CNAME", "NS", "PTR"})
_NAMES: Final = {"CNAME": (0,), "NS": (0,), "PTR": (0,), "MX": (1,), "SRV": (3,), "SOA": (0, 1)}
"""Which fields of a value are domain names."""
_ONE_VALUE: Final = frozenset({"CNAME", "SOA"})
MAX_VALUES: Final = 400  # of a record set (Developer Guide, "Quotas")


class InvalidValueError(ValueError):
    """A text is not a value of its type; the message is Route 53's name of the problem, with its explanation."""


def faults(record_type: str, values: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the values of a record set: each by itself, their number, and two that are the same."""
    if len(values) > MAX_VALUES:
        yield f"Cannot have more than {MAX_VALUES} records in a RRSet."
    if record_type in _ONE_VALUE and len(values) > 1:
        yield f"RRSet of type {record_type} cannot have more than one value"
    seen: set[object] = set()
    for value in values:
        same: object = value
        try:
            same = read(record_type, value)
        except InvalidValueError as problem:
            yield f"Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"
        if same in seen:
            yield f"Duplicate Resource Record: '{value}'"
        seen.add(same)


def read(record_type: str, value: str) -> dns.rdata.Rdata:
    """Read a value, or raise InvalidValueError. Its names are absolute, also without a trailing dot."""
    _refuse_form(record_type, value)
    # Route 53 escapes in octal (Developer Guide, "DNS domain name format"), and a zone file in decimal (RFC 1035, 5.1).
    written = _OCTAL.sub(lambda found: f"\\{int(found[1], 8):03}", value)
    try:
        return dns.rdata.from_text("IN", record_type, written, origin=dns.name.root, relativize=False)
    except (dns.exception.DNSException, ValueError) as error:
        if record_type in _TEXTS:
            raise InvalidValueError("CharacterStringTooLong (Value is too long)") from error
        problem = _ADDRESSES.get(record_type, f"{record_type}RRDATAInvalid (Value is not valid)")
        raise InvalidValueError(problem) from error


def _refuse_form(record_type: str, value: str) -> None:
    unquoted = _QUOTED.sub(" ", value)
    if record_type in _TEXTS:
        if unquoted.strip() or not value.strip():
            raise InvalidValueError("InvalidCharacterString (Value should be enclosed in quotation marks)")
        return
    fields = value.split()
    if record_type in _SINGLE and len(fields) > 1:
        raise InvalidValueError(f"{record_type}RRDATANotSingleField (Value contains spaces)")
    count, word = _COUNTS.get(record_type, (len(fields), ""))
    if len(fields) != count:
        raise InvalidValueError(
            f"{record_type}RRDATANot{word}Fields ({record_type} record doesn't have {count} fields)"
        )
    if record_type in _ADDRESSES:
        if ";" in value:  # begins a comment in a zone file
            raise InvalidValueError(_ADDRESSES[record_type])
        return
    if _ZONE_FILE.search(unquoted) or (record_type == "CAA" and not _QUOTED.search(value)):
        raise InvalidValueError(f"{record_type}RRDATAInvalid (Value is not valid)")
    for name in (fields[place] for place in _NAMES.get(record_type, ()) if place < len(fields)):
        _refuse_name(name)


def _refuse_name(text: str) -> None:
    if text == ".":
        return
    try:
        parse_name(text)
    except InvalidNameError as error:
        raise InvalidValueError(error.problem) from error
