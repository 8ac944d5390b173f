from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest

from fleet53.domain.health_check import CheckConfig, CheckSettings
from fleet53.domain.pool import AddressType, Zone
from fleet53.domain.record import RecordType
from tests.unit.build import HTTP, ZONE, instance, pool

if TYPE_CHECKING:
    from fleet53.domain.ids import IPAddress


@pytest.mark.parametrize(
    ("record_name", "held"),
    [
        ("example.com", True),
        ("app.example.com", True),
        ("*.example.com", True),
        ("a.b.example.com", True),
        ("myexample.com", False),
        ("example.org", False),
        ("com", False),
    ],
)
def test_a_zone_holds_its_own_name_and_those_below(record_name: str, *, held: bool) -> None:
    assert Zone(ZONE, "example.com").holds(record_name) is held


@pytest.mark.parametrize(
    ("kind", "record_type", "address"),
    [
        (AddressType.PUBLIC_IPV4, RecordType.A, IPv4Address("192.0.2.1")),
        (AddressType.DUALSTACK, RecordType.A, IPv4Address("192.0.2.1")),
        (AddressType.DUALSTACK, RecordType.AAAA, IPv6Address("2001:db8::1")),
        (AddressType.IPV6, RecordType.AAAA, IPv6Address("2001:db8::1")),
        (AddressType.PRIVATE_IPV4, RecordType.A, IPv4Address("10.0.0.1")),
    ],
)
def test_a_pools_kind_of_address_chooses_among_the_instances(
    kind: AddressType, record_type: RecordType, address: IPAddress
) -> None:
    member = instance(private_ipv4=IPv4Address("10.0.0.1"), ipv6=IPv6Address("2001:db8::1"))
    assert member.address(pool(address=kind), record_type) == address


def test_a_check_asks_one_address_with_the_pools_settings() -> None:
    assert CheckConfig.of(HTTP, IPv4Address("192.0.2.1")) == CheckConfig(
        settings=CheckSettings(
            protocol="http",
            port=80,
            host=None,
            path="/",
            interval=30,
            failure_threshold=3,
            search_string=None,
            regions=None,
        ),
        address=IPv4Address("192.0.2.1"),
        enable_sni=False,
        inverted=False,
        disabled=False,
        measure_latency=False,
    )
