"""EC2: instances, and the status of their Spot requests."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import batched
from typing import TYPE_CHECKING, Final

from fleet53.domain.ids import InstanceId, InterfaceId, PoolName, SecurityGroupId
from fleet53.domain.instance import Instance, Interface

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        GroupIdentifierTypeDef,
        InstanceNetworkInterfaceTypeDef,
        InstanceTypeDef,
    )

_FILTER_VALUES: Final = 200  # values of one filter (EC2 User Guide, Filter resources)
_GROUP_TAG: Final = "aws:autoscaling:groupName"


class Ec2:
    """The calls to EC2. `pool_tag_key` is the tag whose value names the pools of an instance."""

    def __init__(self, client: EC2Client, pool_tag_key: str) -> None:
        self._client = client
        self._pool_tag_key = pool_tag_key

    def tagged(self) -> dict[InstanceId, Instance]:
        """Return every instance that has the pool tag, in any state. Reads all pages or raises an error."""
        return self._describe([{"Name": "tag-key", "Values": [self._pool_tag_key]}])

    def by_id(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, Instance]:
        """Return those of `instance_ids` that EC2 knows.

        Uses a filter, because an unknown id among InstanceIds fails the whole call (DescribeInstances,
        InvalidInstanceID.NotFound).
        """
        found: dict[InstanceId, Instance] = {}
        for ids in batched(sorted(instance_ids), _FILTER_VALUES, strict=False):
            found |= self._describe([{"Name": "instance-id", "Values": list(ids)}])
        return found

    def holding(self, interface_ids: Iterable[InterfaceId]) -> dict[InstanceId, Instance]:
        """Return the instances that one of these network interfaces is attached to."""
        found: dict[InstanceId, Instance] = {}
        for ids in batched(sorted(interface_ids), _FILTER_VALUES, strict=False):
            found |= self._describe([{"Name": "network-interface.network-interface-id", "Values": list(ids)}])
        return found

    def spot_status(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, str]:
        """Return the status code of the Spot request of each instance that has one."""
        found: dict[InstanceId, str] = {}
        pages = self._client.get_paginator("describe_spot_instance_requests")
        for ids in batched(sorted(instance_ids), _FILTER_VALUES, strict=False):
            for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": list(ids)}]):
                for request in page["SpotInstanceRequests"]:
                    found[InstanceId(request["InstanceId"])] = request["Status"]["Code"]
        return found

    def _describe(self, filters: list[FilterTypeDef]) -> dict[InstanceId, Instance]:
        pages = self._client.get_paginator("describe_instances")
        return {
            InstanceId(described["InstanceId"]): self._read(described)
            for page in pages.paginate(Filters=filters, PaginationConfig={"PageSize": 1000})
            for reservation in page["Reservations"]
            for described in reservation["Instances"]
        }

    def _read(self, described: InstanceTypeDef) -> Instance:
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        public, private = described.get("PublicIpAddress"), described.get("PrivateIpAddress")
        return Instance(
            id=InstanceId(described["InstanceId"]),
            state=described["State"]["Name"],
            launched=described["LaunchTime"],
            pools=frozenset(PoolName(name) for name in tags.get(self._pool_tag_key, "").split()),
            public_ipv4=IPv4Address(public) if public else None,
            private_ipv4=IPv4Address(private) if private else None,
            ipv6=next(_ipv6_addresses(described), None),
            group=tags.get(_GROUP_TAG),
            spot=described.get("InstanceLifecycle") == "spot",
            interfaces=tuple(_read_interface(interface) for interface in described.get("NetworkInterfaces", [])),
            security_groups=_read_groups(described.get("SecurityGroups", [])),
        )


def _ipv6_addresses(described: InstanceTypeDef) -> Iterator[IPv6Address]:
    """Yield the instance's IPv6 addresses, its primary one first."""
    addresses = [
        address
        for interface in described.get("NetworkInterfaces", [])
        for address in interface.get("Ipv6Addresses", [])
    ]
    for address in sorted(addresses, key=lambda address: not address.get("IsPrimaryIpv6", False)):
        yield IPv6Address(address["Ipv6Address"])
    if alone := described.get("Ipv6Address"):
        yield IPv6Address(alone)


def _read_interface(described: InstanceNetworkInterfaceTypeDef) -> Interface:
    """Read an interface. In a Wavelength Zone the instance's public address is a carrier's (DescribeInstances)."""
    associations = [
        described.get("Association", {}),
        *(private.get("Association", {}) for private in described.get("PrivateIpAddresses", [])),
    ]
    public = [given for each in associations for given in (each.get("PublicIp"), each.get("CarrierIp")) if given]
    ipv6 = [each["Ipv6Address"] for each in described.get("Ipv6Addresses", [])]
    return Interface(
        id=InterfaceId(described.get("NetworkInterfaceId", "")),
        addresses=frozenset(ip_address(address) for address in (*public, *ipv6)),
        security_groups=_read_groups(described.get("Groups", [])),
    )


def _read_groups(described: Iterable[GroupIdentifierTypeDef]) -> frozenset[SecurityGroupId]:
    return frozenset(SecurityGroupId(group["GroupId"]) for group in described)
