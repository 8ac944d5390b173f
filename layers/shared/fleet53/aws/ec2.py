"""EC2: instances, and the status of their Spot requests.

Note [Which address]: DescribeInstances does not promise an order of network interfaces or addresses, and an instance
may have several. The instance is admitted with the first address of the pool's kind in this order: its interfaces by
network card and device index, so the primary interface comes first; on an interface, the addresses of its primary
private address and its primary IPv6 address (IsPrimaryIpv6) come first, then the others by number. A record that is in
DNS stays while its address is any of the instance's own, so that a further interface or address changes nothing.
A pool can name one interface, by its device index on network card 0. Then only the addresses of that interface count.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.domain.ids import INSTANCE_ID, INTERFACE_ID, InstanceId, InterfaceId, PoolName, SecurityGroupId
from fleet53.domain.instance import Instance, Interface

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        DescribeInstancesResultTypeDef,
        FilterTypeDef,
        GroupIdentifierTypeDef,
        InstanceNetworkInterfaceTypeDef,
        InstanceTypeDef,
    )

_FILTER_VALUES: Final = 200  # values of one filter (EC2 User Guide, Filter resources)
_GROUP_TAG: Final = "aws:autoscaling:groupName"

_address: Final = lru_cache(maxsize=256)(ip_address)
_ipv4: Final = lru_cache(maxsize=256)(IPv4Address)
"""DescribeInstances shows each address of an instance several times, one after the other."""


class Ec2:
    """The calls to EC2. `pool_tag_key` is the tag whose value names the pools of an instance."""

    def __init__(self, client: EC2Client, pool_tag_key: str) -> None:
        self._client = client
        self._pool_tag_key = pool_tag_key

    def tagged(self) -> dict[InstanceId, Instance]:
        """Return every instance that has the pool tag, in any state. Reads all pages or raises an error."""
        return self._filter([{"Name": "tag-key", "Values": [self._pool_tag_key]}])

    def by_id(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, Instance]:
        """Return those of `instance_ids` that EC2 knows.

        Uses a filter, because an unknown id among InstanceIds fails the whole call (DescribeInstances,
        InvalidInstanceID.NotFound). A text without the form of an id, such as the end of a SetIdentifier that was
        written by hand, is left out, because * and ? in a filter match any id (EC2 User Guide, Filter resources).
        """
        found: dict[InstanceId, Instance] = {}
        for ids in _batches(instance_ids, INSTANCE_ID):
            found |= self._filter([{"Name": "instance-id", "Values": list(ids)}])
        return found

    def by_id_only(
        self, instance_ids: Iterable[InstanceId]
    ) -> tuple[dict[InstanceId, Instance], dict[InstanceId, Exception]]:
        """Return those of `instance_ids` that EC2 shows, and the error of the request for each of the others.

        Uses InstanceIds and no filter. A request that fails is made again for each half of its ids, because one unknown
        id or one instance in a disrupted Availability Zone fails the whole call (DescribeInstances).
        """
        found: dict[InstanceId, Instance] = {}
        unread: dict[InstanceId, Exception] = {}
        parts = list(_batches(instance_ids, INSTANCE_ID))
        while parts:
            ids = parts.pop()
            try:
                found |= self._describe(InstanceIds=list(ids))
            except AWS_ERRORS as error:
                if len(ids) > 1:
                    parts += batched(ids, (len(ids) + 1) // 2, strict=False)
                else:
                    unread[InstanceId(ids[0])] = error
        return found, unread

    def holding(self, interface_ids: Iterable[InterfaceId]) -> dict[InstanceId, Instance]:
        """Return the instances to which these network interfaces are attached. For other texts see by_id."""
        found: dict[InstanceId, Instance] = {}
        for ids in _batches(interface_ids, INTERFACE_ID):
            found |= self._filter([{"Name": "network-interface.network-interface-id", "Values": list(ids)}])
        return found

    def spot_status(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, str]:
        """Return the status code of the Spot request of each instance that has one."""
        found: dict[InstanceId, str] = {}
        pages = self._client.get_paginator("describe_spot_instance_requests")
        for ids in _batches(instance_ids, INSTANCE_ID):
            for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": list(ids)}]):
                for request in page["SpotInstanceRequests"]:
                    found[InstanceId(request["InstanceId"])] = request["Status"]["Code"]
        return found

    def _filter(self, filters: list[FilterTypeDef]) -> dict[InstanceId, Instance]:
        return self._describe(Filters=filters, PaginationConfig={"PageSize": 1000})

    def _describe(self, **asked: Any) -> dict[InstanceId, Instance]:
        """Return the instances that match, also those that a service of AWS manages.

        EC2 hides them by default since April 2026 (ManagedResourceVisibilitySettings), but sends their events all the
        same. Where EC2 does not know the parameter, it hides none.
        """
        pages = self._client.get_paginator("describe_instances")
        try:
            return self._read_all(pages.paginate(IncludeManagedResources=True, **asked))
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnknownParameter":
                raise
            return self._read_all(pages.paginate(**asked))

    def _read_all(self, pages: Iterable[DescribeInstancesResultTypeDef]) -> dict[InstanceId, Instance]:
        return {
            InstanceId(described["InstanceId"]): self._read(described)
            for page in pages
            for reservation in page["Reservations"]
            for described in reservation["Instances"]
        }

    def _read(self, described: InstanceTypeDef) -> Instance:
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        interfaces = tuple(_read_interface(each) for each in sorted(described.get("NetworkInterfaces", []), key=_place))
        addresses = [address for interface in interfaces for address in interface.addresses]
        addresses += [_address(each) for each in _shown_only_on_the_instance(described)]
        private = [address for interface in interfaces for address in interface.private]
        private += [_ipv4(each) for each in (described.get("PrivateIpAddress"),) if each]
        return Instance(
            id=InstanceId(described["InstanceId"]),
            state=described["State"]["Name"],
            launched=described["LaunchTime"],
            pools=frozenset(PoolName(name) for name in tags.get(self._pool_tag_key, "").split()),
            public_ipv4=next((each for each in addresses if isinstance(each, IPv4Address)), None),
            private_ipv4=next(iter(private), None),
            ipv6=next((each for each in addresses if isinstance(each, IPv6Address)), None),
            group=tags.get(_GROUP_TAG),
            spot=described.get("InstanceLifecycle") == "spot",
            interfaces=interfaces,
            security_groups=_read_groups(described.get("SecurityGroups", [])),
        )


def _batches(ids: Iterable[str], form: re.Pattern[str]) -> Iterator[tuple[str, ...]]:
    """Yield the ids of this form, as many at a time as a filter takes."""
    return batched(sorted(each for each in ids if form.fullmatch(each)), _FILTER_VALUES, strict=False)


def _shown_only_on_the_instance(described: InstanceTypeDef) -> Iterator[str]:
    """Yield the public addresses that DescribeInstances shows beside those of the interfaces."""
    for shown in (described.get("PublicIpAddress"), described.get("Ipv6Address")):
        if shown:
            yield shown


def _place(interface: InstanceNetworkInterfaceTypeDef) -> tuple[int, int]:
    """Return where an interface is attached: its network card and its device index."""
    attachment = interface.get("Attachment", {})
    return attachment.get("NetworkCardIndex", 0), attachment.get("DeviceIndex", 0)


def _read_interface(described: InstanceNetworkInterfaceTypeDef) -> Interface:
    """Read an interface. In a Wavelength Zone the instance's public address is a carrier's (DescribeInstances)."""
    private = sorted(
        described.get("PrivateIpAddresses", []),
        key=lambda each: (not each.get("Primary", False), _ipv4(each.get("PrivateIpAddress") or 0)),
    )
    ipv6 = sorted(
        described.get("Ipv6Addresses", []),
        key=lambda each: (not each.get("IsPrimaryIpv6", False), IPv6Address(each["Ipv6Address"])),
    )
    associations = [described.get("Association", {}), *(each.get("Association", {}) for each in private)]
    public = [given for each in associations for given in (each.get("PublicIp"), each.get("CarrierIp")) if given]
    addresses = dict.fromkeys((*public, *(each["Ipv6Address"] for each in ipv6)))
    card, index = _place(described)
    return Interface(
        id=InterfaceId(described.get("NetworkInterfaceId", "")),
        addresses=tuple(_address(address) for address in addresses),
        security_groups=_read_groups(described.get("Groups", [])),
        private=tuple(_ipv4(shown) for each in private if (shown := each.get("PrivateIpAddress"))),
        card=card,
        index=index,
    )


def _read_groups(described: Iterable[GroupIdentifierTypeDef]) -> frozenset[SecurityGroupId]:
    return frozenset(SecurityGroupId(group["GroupId"]) for group in described)
