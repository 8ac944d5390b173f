"""The ids of running fleets. Every literal here was made by an earlier release, at commit 83ef20a.

A stack that is updated has to find the records and health checks that it already owns. An id that changes makes it
create every one of them again.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple

import pytest

from fleet53.domain.health_check import CheckConfig, CheckSettings
from fleet53.domain.identity import Owner
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.record import RecordType


class Need(NamedTuple):
    """What one health check is for, as plain texts."""

    owner: str
    pool: str
    instance_id: str
    launched: str
    record_type: str
    address: str


FIXED = [
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/ea0d12b7e8d0",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/48776679e4f5",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:01+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/6e43c0673cf7",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/ad0f884d18dd",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.8",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/8385514782e2",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/60cb58ce05ae",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "api",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/14c2529e/i-0a1b2c3d4e5f60718/ea0d12b7e8d0",
            "fleet53/6c75d264/14c2529e/i-0a1b2c3d4e5f60718/48776679e4f5",
        ),
    ),
    (
        Need("fleet53.eu-west-1.123456789012", "web", "i-1a2b3c4d", "2026-01-05T12:00:00+00:00", "A", "198.51.100.7"),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-1a2b3c4d",
        ("fleet53/6c75d264/4b5e57f6/i-1a2b3c4d/ea0d12b7e8d0", "fleet53/6c75d264/4b5e57f6/i-1a2b3c4d/48776679e4f5"),
    ),
    (
        Need(
            "prod-dns.us-east-1.210987654321",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "prod-dns.us-east-1.210987654321/i-0a1b2c3d4e5f60718",
        (
            "fleet53/7c7863b7/4b5e57f6/i-0a1b2c3d4e5f60718/ea0d12b7e8d0",
            "fleet53/7c7863b7/4b5e57f6/i-0a1b2c3d4e5f60718/48776679e4f5",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=8080, path="/health?full=1"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/aaace67211f5",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/cb1b85263f0f",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, host="app.example.com", path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/097344972442",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/b06a53b70e15",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/", interval=10),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/ba56b39b86ea",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/535ae2d6b02c",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/", failure_threshold=1),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/16ab1a5bf212",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/3edd74df8155",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/", search_string="ready"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/321b44a522dd",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/e6956c23739a",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="http", port=80, path="/", regions=frozenset({"eu-west-1", "sa-east-1", "us-east-1"})),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/60cd5fe7b983",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/9d30faa281f0",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="https", port=443, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/041ddff29bb0",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/f07dee271af9",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="https", port=443, host="app.example.com", path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/f8e7e6a1d9e7",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/55295c0e1d22",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(
            protocol="https",
            port=8443,
            host="app.example.com",
            path="/ok",
            search_string="ok",
            interval=10,
            failure_threshold=10,
        ),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/a6e73fc93719",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/b26f14437308",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "A",
            "198.51.100.7",
        ),
        CheckSettings(protocol="tcp", port=22),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/b951926f5120",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/dac86a0191fd",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "AAAA",
            "2001:db8::7",
        ),
        CheckSettings(protocol="http", port=80, path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/4c6981cb0ed5",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/d70d5cb33d5e",
        ),
    ),
    (
        Need(
            "fleet53.eu-west-1.123456789012",
            "web",
            "i-0a1b2c3d4e5f60718",
            "2026-01-05T12:00:00+00:00",
            "AAAA",
            "2001:db8::7",
        ),
        CheckSettings(protocol="https", port=443, host="app.example.com", path="/"),
        "fleet53.eu-west-1.123456789012/i-0a1b2c3d4e5f60718",
        (
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/0cd77e69ac60",
            "fleet53/6c75d264/4b5e57f6/i-0a1b2c3d4e5f60718/f6d6a07fd828",
        ),
    ),
    (
        Need(
            "a.eu-west-1.123456789012",
            "a-pool-with-the-longest-name-of-32",
            "i-0123456789abcdef0",
            "2026-07-01T00:00:00+00:00",
            "A",
            "203.0.113.255",
        ),
        CheckSettings(
            protocol="tcp", port=65535, interval=10, regions=frozenset({"ap-northeast-1", "us-west-1", "us-west-2"})
        ),
        "a.eu-west-1.123456789012/i-0123456789abcdef0",
        (
            "fleet53/4a3b97b6/0d6c744c/i-0123456789abcdef0/7cab05b1e41e",
            "fleet53/4a3b97b6/0d6c744c/i-0123456789abcdef0/4bc37d3579ad",
        ),
    ),
    (
        Need(
            "stack-in.cn-north-1.000000000001",
            "0",
            "i-00000000",
            "2025-12-31T23:59:59+00:00",
            "AAAA",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
        CheckSettings(protocol="https", port=1, path="/a", search_string="é", failure_threshold=5),
        "stack-in.cn-north-1.000000000001/i-00000000",
        ("fleet53/e5a814f8/5feceb66/i-00000000/8c9add1eb2d6", "fleet53/e5a814f8/5feceb66/i-00000000/96c0f4315bbd"),
    ),
]


@pytest.mark.parametrize(("need", "settings", "identifier", "references"), FIXED)
def test_the_ids_of_a_member_are_the_same_in_every_release(
    need: Need, settings: CheckSettings, identifier: str, references: tuple[str, str]
) -> None:
    owner = Owner(need.owner)
    made = owner.references(
        PoolName(need.pool),
        InstanceId(need.instance_id),
        datetime.fromisoformat(need.launched),
        RecordType(need.record_type),
        CheckConfig.of(settings, ip_address(need.address)),
    )
    assert owner.identifier(need.instance_id) == identifier
    assert tuple(islice(made, 2)) == references
