"""Ingress: what security groups allow in from outside, and how many of Route 53's health checkers that includes.

Rules only allow, and the rules of all security groups of a network interface apply together (VPC User Guide, "Security
group rules"). A rule whose source is another security group never allows a checker, because a group holds only
instances of the VPC.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TYPE_CHECKING, Final, Literal, NewType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fleet53.domain.ids import SecurityGroupId

PrefixListId = NewType("PrefixListId", str)
IPNetwork = IPv4Network | IPv6Network
type Family = Literal[4, 6]
"""The version of IP."""

ALL_PORTS: Final = range(65536)
_TCP: Final = frozenset({"tcp", "6", "-1"})
"""TCP and all protocols, as EC2 names or numbers them (IpPermission, IpProtocol)."""


@dataclass(frozen=True, slots=True)
class PrefixList:
    """A managed prefix list of EC2."""

    id: PrefixListId
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One inbound rule: from `ranges`, and from the addresses in `prefix_lists`, to `ports`.

    `protocol` is as EC2 gives it: a name, a number, or -1 for all.
    """

    protocol: str
    ports: range
    ranges: tuple[IPNetwork, ...] = ()
    prefix_lists: frozenset[PrefixListId] = frozenset()


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group with its inbound rules."""

    id: SecurityGroupId
    name: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Who may reach a port: address `ranges` of both families, and the addresses in `prefix_lists`."""

    ranges: tuple[IPNetwork, ...]
    prefix_lists: frozenset[PrefixListId]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many ranges of checkers are allowed: `whole` of `of` as a whole. `any` is whether at least one address is."""

    whole: int
    of: int
    any: bool

    @property
    def all(self) -> bool:
        """Whether every checker is allowed; false where there is none."""
        return self.any and self.whole == self.of


def sources(groups: Iterable[SecurityGroup], port: int) -> Sources:
    """Return who may reach a TCP port by the rules of all the groups together."""
    rules = [rule for group in groups for rule in group.rules if rule.protocol in _TCP and port in rule.ports]
    return Sources(
        ranges=tuple(network for rule in rules for network in rule.ranges),
        prefix_lists=frozenset(each for rule in rules for each in rule.prefix_lists),
    )


def is_everybody(ranges: Iterable[IPNetwork], family: Family) -> bool:
    """Whether the ranges cover all addresses of a family."""
    return any(network.version == family and network.prefixlen == 0 for network in _merged(ranges))


def coverage(ranges: Iterable[IPNetwork], checkers: Collection[IPNetwork]) -> Coverage:
    """Return how many of the `checkers` the `ranges` together hold."""
    merged = _merged(ranges)
    return Coverage(
        whole=sum(any(_holds(network, checker) for network in merged) for checker in checkers),
        of=len(checkers),
        any=any(_holds(network, checker) or _holds(checker, network) for network in merged for checker in checkers),
    )


def _merged(ranges: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """Return the fewest networks with the same addresses. A range that several hold together lies in one of these."""
    several = tuple(ranges)
    return (
        *collapse_addresses(each for each in several if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in several if isinstance(each, IPv6Network)),
    )


def _holds(outer: IPNetwork, inner: IPNetwork) -> bool:
    return outer.prefixlen <= inner.prefixlen and inner.network_address in outer
