from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv6Address
from typing import Any

import boto3
from botocore.stub import Stubber

from fleet53.aws.ec2 import Ec2
from fleet53.model import InstanceId


def read(**described: Any) -> IPv6Address | None:
    """Return the IPv6 address that the adapter reads from an instance that DescribeInstances shows so."""
    client = boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    shown = {"InstanceId": "i-0a", "State": {"Name": "running"}, "LaunchTime": datetime(2026, 11, 20, tzinfo=UTC)}
    with Stubber(client) as stub:
        stub.add_response("describe_instances", {"Reservations": [{"Instances": [shown | described]}]})
        found = Ec2(client, "fleet53:pool").tagged()
    client.close()
    return found[InstanceId("i-0a")].ipv6


def interface(*addresses: tuple[str, bool]) -> dict[str, Any]:
    return {"Ipv6Addresses": [{"Ipv6Address": address, "IsPrimaryIpv6": primary} for address, primary in addresses]}


def test_the_primary_ipv6_address_is_taken_wherever_it_stands() -> None:
    interfaces = [interface(("2600:1f18::1", False)), interface(("2600:1f18::2", False), ("2600:1f18::3", True))]
    assert read(NetworkInterfaces=interfaces) == IPv6Address("2600:1f18::3")


def test_without_a_primary_one_the_first_ipv6_address_is_taken() -> None:
    interfaces = [interface(("2600:1f18::1", False), ("2600:1f18::2", False))]
    assert read(NetworkInterfaces=interfaces) == IPv6Address("2600:1f18::1")


def test_an_ipv6_address_that_only_the_instance_shows_is_taken() -> None:
    assert read(Ipv6Address="2600:1f18::4") == IPv6Address("2600:1f18::4")


def test_an_instance_without_ipv6_has_none() -> None:
    assert read() is None
