from __future__ import annotations

from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.domain.ids import SecurityGroupId
from fleet53.domain.ingress import (
    ALL_PORTS,
    Coverage,
    PrefixListId,
    Rule,
    SecurityGroup,
    Sources,
    coverage,
    is_everybody,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.domain.ingress import Family, IPNetwork

OFFICE = ip_network("203.0.113.0/24")
CHECKERS = (ip_network("15.177.0.64/26"), ip_network("15.177.0.192/26"), ip_network("2600:1f53:1000::/53"))


def group(*rules: Rule) -> SecurityGroup:
    return SecurityGroup(SecurityGroupId("sg-0a"), "web", rules)


def networks(*cidrs: str) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)


@pytest.mark.parametrize(
    ("protocol", "ports", "counts"),
    [
        ("tcp", range(80, 81), True),
        ("6", range(80, 81), True),
        ("-1", ALL_PORTS, True),
        ("tcp", range(81), True),
        ("tcp", range(80, 444), True),
        ("tcp", ALL_PORTS, True),
        ("tcp", range(79, 80), False),
        ("tcp", range(81, 65536), False),
        ("udp", range(80, 81), False),
        ("17", range(80, 81), False),
        ("icmp", ALL_PORTS, False),
        ("50", ALL_PORTS, False),
    ],
)
def test_a_rule_counts_where_it_is_about_tcp_and_the_port(protocol: str, ports: range, *, counts: bool) -> None:
    found = sources([group(Rule(protocol, ports, (OFFICE,)))], 80)
    assert found.ranges == ((OFFICE,) if counts else ())


def test_the_rules_of_all_groups_add_up() -> None:
    home, listed, more = ip_network("198.51.100.0/24"), PrefixListId("pl-0a"), PrefixListId("pl-0b")
    one = group(
        Rule("tcp", range(80, 81), (OFFICE,), frozenset({listed})), Rule("tcp", range(22, 23), (ip_network("::/0"),))
    )
    other = group(Rule("-1", ALL_PORTS, (home,), frozenset({more})))

    assert sources([one, other], 80) == Sources((OFFICE, home), frozenset({listed, more}))


@pytest.mark.parametrize(
    ("cidrs", "family", "everybody"),
    [
        (["0.0.0.0/0"], 4, True),
        (["0.0.0.0/1", "128.0.0.0/1"], 4, True),
        (["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"], 4, True),
        (["0.0.0.0/0"], 6, False),
        (["::/0"], 6, True),
        (["::/0"], 4, False),
        (["0.0.0.0/1", "128.0.0.0/2"], 4, False),
        ([], 4, False),
    ],
)
def test_all_addresses_of_a_family_are_the_whole_of_its_ranges(
    cidrs: Iterable[str], family: Family, *, everybody: bool
) -> None:
    assert is_everybody(networks(*cidrs), family) is everybody


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        (["15.177.0.0/16", "2600:1f53::/32"], Coverage(whole=3, of=3, any=True)),
        (["15.177.0.64/27", "15.177.0.96/27"], Coverage(whole=1, of=3, any=True)),
        (["15.177.0.64/27"], Coverage(whole=0, of=3, any=True)),
        (["15.177.0.0/25", "15.177.0.128/25"], Coverage(whole=2, of=3, any=True)),
        (["2600:1f53:1000::/53"], Coverage(whole=1, of=3, any=True)),
        (["10.0.0.0/8", "203.0.113.0/24", "2600:1f54::/32"], Coverage(whole=0, of=3, any=False)),
        ([], Coverage(whole=0, of=3, any=False)),
    ],
)
def test_an_opening_counts_the_ranges_that_are_let_in_whole(cidrs: Iterable[str], expected: Coverage) -> None:
    assert coverage(networks(*cidrs), CHECKERS) == expected


def test_an_opening_is_to_all_where_every_range_is_let_in_whole() -> None:
    assert coverage(networks("0.0.0.0/0", "::/0"), CHECKERS).all is True
    assert coverage(networks("0.0.0.0/0"), CHECKERS).all is False
    assert coverage(networks("0.0.0.0/0"), ()).all is False


@st.composite
def small_networks(draw: st.DrawFn) -> IPv4Network:
    """Return a network among the 32 addresses 192.0.2.0 to 192.0.2.31."""
    prefix = draw(st.integers(27, 32))
    size = 2 ** (32 - prefix)
    first = draw(st.integers(0, 32 // size - 1)) * size
    return IPv4Network(f"192.0.2.{first}/{prefix}")


@given(st.lists(small_networks(), max_size=6), st.lists(small_networks(), max_size=4))
def test_an_opening_is_what_comes_of_looking_at_every_address(
    ranges: list[IPv4Network], checkers: list[IPv4Network]
) -> None:
    let_in = {address for network in ranges for address in network}
    asking = [set(network) for network in checkers]

    assert coverage(ranges, checkers) == Coverage(
        whole=sum(addresses <= let_in for addresses in asking),
        of=len(asking),
        any=any(addresses & let_in for addresses in asking),
    )
