"""Addresses: their form, and which of them a client on the internet, or in a VPC, can connect to. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fleet53.domain.ids import IPAddress

_THIS_NETWORK: Final = ip_network("0.0.0.0/8")
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
_PRIVATE: Final = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""Private and shared addresses (RFC 1918, RFC 6598) and unique local ones (RFC 4193)."""


def normal_address(value: str) -> str:
    """Return the address of a record as Python writes it; Route 53 keeps the form in which it was given."""
    try:
        return str(ip_address(value))
    except ValueError:
        return value


def is_private(address: IPAddress) -> bool:
    """Whether only clients in the same network can connect to an address."""
    return any(address in network for network in _PRIVATE)


def is_unicast(address: IPAddress) -> bool:
    """Whether an address can be another host's: not this host's or link's, not a group's, not reserved (RFC 6890)."""
    if isinstance(address, IPv6Address):
        return address in _GLOBAL_UNICAST or is_private(address)
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved
    return not special and address not in _THIS_NETWORK
