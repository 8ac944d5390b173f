from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.loaders import ExtrasProcessor, Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from botocore.stub import Stubber

from fleet53.aws import ec2
from fleet53.aws.ec2 import Ec2
from fleet53.domain.ids import InstanceId
from fleet53.domain.pool import AddressType
from fleet53.domain.record import RecordType
from tests.unit.build import pool

if TYPE_CHECKING:
    from fleet53.domain.instance import Instance

MODELS: Final = Path(ec2.__file__).parent / "models"


def shown(**described: Any) -> Instance:
    """Return what the adapter reads of an instance that DescribeInstances shows so."""
    client = boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    usual = {"InstanceId": "i-0a", "State": {"Name": "running"}, "LaunchTime": datetime(2026, 11, 20, tzinfo=UTC)}
    with Stubber(client) as stub:
        stub.add_response("describe_instances", {"Reservations": [{"Instances": [usual | described]}]})
        found = Ec2(client, "fleet53:pool").tagged()
    client.close()
    return found[InstanceId("i-0a")]


def read(**described: Any) -> IPv6Address | None:
    """Return the IPv6 address of an instance that DescribeInstances shows so."""
    return shown(**described).ipv6


def interface(*addresses: tuple[str, bool]) -> dict[str, Any]:
    return {"Ipv6Addresses": [{"Ipv6Address": address, "IsPrimaryIpv6": primary} for address, primary in addresses]}


def attached(index: int, card: int = 0) -> dict[str, Any]:
    return {"Attachment": {"DeviceIndex": index, "NetworkCardIndex": card}}


def test_the_primary_ipv6_address_of_the_primary_interface_is_taken_wherever_both_stand() -> None:
    primary = interface(("2600:1f18::1", False), ("2600:1f18::3", True)) | attached(0)
    second = interface(("2600:1f18::0", True)) | attached(1)
    card = interface(("2600:1f18::4", True)) | attached(0, card=1)
    for interfaces in permutations([primary, second, card]):
        assert read(NetworkInterfaces=list(interfaces)) == IPv6Address("2600:1f18::3")


def test_without_a_primary_one_the_lowest_ipv6_address_is_taken_in_any_order() -> None:
    for addresses in permutations([("2600:1f18::1", False), ("2600:1f18::2", False), ("2600:1f18::10", False)]):
        assert read(NetworkInterfaces=[interface(*addresses)]) == IPv6Address("2600:1f18::1")


def private(address: str, public: str | None = None, *, primary: bool = False) -> dict[str, Any]:
    shown = {"PrivateIpAddress": address, "Primary": primary}
    return shown | ({"Association": {"PublicIp": public}} if public else {})


def test_the_public_address_of_the_primary_private_address_is_taken_in_any_order() -> None:
    first, second, third = (
        private("10.0.0.9", "52.95.0.9", primary=True),
        private("10.0.0.1", "52.95.0.1"),
        private("10.0.0.2"),
    )
    for addresses in permutations([first, second, third]):
        read = shown(NetworkInterfaces=[{"PrivateIpAddresses": list(addresses)}])
        assert (read.public_ipv4, read.private_ipv4) == (IPv4Address("52.95.0.9"), IPv4Address("10.0.0.9"))


def test_of_secondary_private_addresses_the_lowest_with_a_public_address_is_taken() -> None:
    addresses = [
        private("10.0.0.10", "52.95.0.10"),
        private("10.0.0.9", "52.95.0.9"),
        private("10.0.0.1", primary=True),
    ]
    assert shown(NetworkInterfaces=[{"PrivateIpAddresses": addresses}]).public_ipv4 == IPv4Address("52.95.0.9")


def test_a_public_address_that_only_the_instance_shows_is_taken() -> None:
    assert shown(PublicIpAddress="52.95.0.1").public_ipv4 == IPv4Address("52.95.0.1")


def test_an_ipv6_address_that_only_the_instance_shows_is_taken() -> None:
    assert read(Ipv6Address="2600:1f18::4") == IPv6Address("2600:1f18::4")


@pytest.mark.parametrize("private", [[], [{"Primary": True}], [{"Primary": True, "PrivateIpAddress": ""}]])
def test_an_instance_with_ipv6_addresses_only_has_no_private_address(private: list[dict[str, Any]]) -> None:
    only = interface(("2001:db8::1", True)) | {"PrivateIpAddresses": private}
    found = shown(NetworkInterfaces=[only], PrivateIpAddress="", PublicIpAddress="")
    assert (found.ipv6, found.private_ipv4, found.public_ipv4) == (IPv6Address("2001:db8::1"), None, None)


def test_an_instance_without_ipv6_has_none() -> None:
    assert read() is None


@pytest.mark.parametrize(
    ("kind", "record_type", "addresses"),
    [
        (AddressType.PUBLIC_IPV4, RecordType.A, ["52.95.0.2", "52.95.0.3"]),
        (AddressType.PRIVATE_IPV4, RecordType.A, ["10.0.1.9", "10.0.1.1"]),
        (AddressType.IPV6, RecordType.AAAA, ["2600:1f18::9", "2600:1f18::1"]),
    ],
)
def test_of_the_interface_that_a_pool_names_the_first_address_is_taken_and_no_other_interfaces_address_counts(
    kind: AddressType, record_type: RecordType, addresses: list[str]
) -> None:
    primary = interface(("2600:1f18::2", True)) | {"PrivateIpAddresses": [private("10.0.0.1", "52.95.0.1")]}
    second = interface(("2600:1f18::1", False), ("2600:1f18::9", True)) | {
        "PrivateIpAddresses": [private("10.0.1.1", "52.95.0.3"), private("10.0.1.9", "52.95.0.2", primary=True)]
    }
    card = interface(("2600:1f18::4", True)) | {"PrivateIpAddresses": [private("10.0.2.1", "52.95.0.4")]}
    for interfaces in permutations([primary | attached(0), second | attached(1), card | attached(1, card=1)]):
        found = shown(NetworkInterfaces=list(interfaces))
        named = pool(address=kind, interface=1)
        assert str(found.address(named, record_type)) == addresses[0]
        assert found.own_addresses(named, record_type) == set(map(ip_address, addresses))
        assert found.address(pool(address=kind, interface=2), record_type) is None


def groups(*ids: str) -> list[dict[str, str]]:
    return [{"GroupId": each, "GroupName": each.removeprefix("sg-")} for each in ids]


def test_an_address_has_the_security_groups_of_the_interface_that_holds_it() -> None:
    front = {
        "Groups": groups("sg-front"),
        "Association": {"PublicIp": "198.51.100.1"},
        "PrivateIpAddresses": [
            {"Primary": True, "Association": {"PublicIp": "198.51.100.1"}},
            {"Primary": False, "Association": {"PublicIp": "198.51.100.2"}},
            {"Primary": False},
        ],
    }
    back = {"Groups": groups("sg-back", "sg-all"), **interface(("2600:1f18::1", True), ("2600:1f18::2", False))}
    read = shown(NetworkInterfaces=[front, back], SecurityGroups=groups("sg-own"))

    assert read.security_groups_at(IPv4Address("198.51.100.1")) == {"sg-front"}
    assert read.security_groups_at(IPv4Address("198.51.100.2")) == {"sg-front"}
    assert read.security_groups_at(IPv6Address("2600:1f18::2")) == {"sg-back", "sg-all"}


def test_a_carriers_address_is_an_interfaces_too() -> None:
    wavelength = {"Groups": groups("sg-0a"), "Association": {"CarrierIp": "155.146.1.1"}}
    assert shown(NetworkInterfaces=[wavelength]).security_groups_at(IPv4Address("155.146.1.1")) == {"sg-0a"}


def test_an_address_that_no_interface_shows_has_the_instances_own_security_groups() -> None:
    read = shown(NetworkInterfaces=[{"Groups": groups("sg-0a")}], SecurityGroups=groups("sg-own"))
    assert read.security_groups_at(IPv4Address("198.51.100.1")) == {"sg-own"}


def test_a_botocore_that_does_not_know_managed_resources_is_taught_to_ask_for_them() -> None:
    model = Loader().load_service_model("ec2", "service-2")
    del model["shapes"]["DescribeInstancesRequest"]["members"]["IncludeManagedResources"]
    extras = (MODELS / "ec2/2016-11-15/service-2.sdk-extras.json").read_text(encoding="utf-8")

    ExtrasProcessor().process(model, [json.loads(extras)])

    operation = ServiceModel(model).operation_model("DescribeInstances")
    sent = create_serializer("ec2").serialize_to_request({"IncludeManagedResources": True}, operation)
    assert sent["body"]["IncludeManagedResources"] == "true"


def test_where_ec2_does_not_know_managed_resources_it_is_asked_without_them() -> None:
    client = boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    with Stubber(client) as stub:
        stub.add_client_error("describe_instances", "UnknownParameter")
        filters = [{"Name": "tag-key", "Values": ["fleet53:pool"]}]
        stub.add_response("describe_instances", {"Reservations": []}, {"Filters": filters, "MaxResults": 1000})
        assert Ec2(client, "fleet53:pool").tagged() == {}
        stub.assert_no_pending_responses()
    client.close()
