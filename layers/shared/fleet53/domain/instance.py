"""Instances: the EC2 instances that may be members of pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.domain.pool import AddressType
from fleet53.domain.record import RecordType

if TYPE_CHECKING:
    from datetime import datetime
    from ipaddress import IPv4Address, IPv6Address

    from fleet53.domain.ids import InstanceId, InterfaceId, IPAddress, PoolName, SecurityGroupId


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of an instance: its public addresses, and its security groups."""

    id: InterfaceId
    addresses: frozenset[IPAddress]
    security_groups: frozenset[SecurityGroupId]


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as DescribeInstances returns it.

    `state` is its InstanceStateName. `launched` is the time of the *last* launch: it changes with every stop and start.
    `pools` are the names in its pool tag. `group` is the Auto Scaling group that its tag aws:autoscaling:groupName
    names. `security_groups` are those of the instance itself, not of one of its `interfaces`.
    """

    id: InstanceId
    state: str
    launched: datetime
    pools: frozenset[PoolName] = frozenset()
    public_ipv4: IPv4Address | None = None
    private_ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    group: str | None = None
    spot: bool = False
    interfaces: tuple[Interface, ...] = ()
    security_groups: frozenset[SecurityGroupId] = frozenset()

    def address(self, kind: AddressType, record_type: RecordType) -> IPAddress | None:
        """Return the address a record of `record_type` would hold in a pool of `kind`, or None."""
        if record_type is RecordType.AAAA:
            return self.ipv6
        return self.private_ipv4 if kind is AddressType.PRIVATE_IPV4 else self.public_ipv4

    def security_groups_at(self, address: IPAddress) -> frozenset[SecurityGroupId]:
        """Return the security groups of the interface that has `address`; the instance's own where none has it."""
        for interface in self.interfaces:
            if address in interface.addresses:
                return interface.security_groups
        return self.security_groups
