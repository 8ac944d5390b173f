"""Instances: the EC2 instances that may be members of pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.domain.pool import AddressType
from fleet53.domain.record import RecordType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from ipaddress import IPv4Address, IPv6Address

    from fleet53.domain.ids import InstanceId, InterfaceId, IPAddress, PoolName, SecurityGroupId
    from fleet53.domain.pool import Pool


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of an instance, with its security groups.

    `addresses` are its public IPv4 addresses and its IPv6 addresses, `private` its private IPv4 addresses, both in the
    order in which an instance prefers them: its primary one first. `card` and `index` are where it is attached: the
    index of the network card, and its device index there.
    """

    id: InterfaceId
    addresses: tuple[IPAddress, ...]
    security_groups: frozenset[SecurityGroupId]
    private: tuple[IPv4Address, ...] = ()
    card: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as DescribeInstances returns it.

    `state` is its InstanceStateName. `launched` is the time of the *last* launch: it changes with every stop and start.
    `pools` are the names in its pool tag. `group` is the Auto Scaling group that its tag aws:autoscaling:groupName
    names. `security_groups` are those of the instance itself, not of one of its `interfaces`, which are in the order of
    their device indexes. `public_ipv4`, `private_ipv4` and `ipv6` are the addresses that it is admitted with: Note
    [Which address] in aws/ec2.py.
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

    def address(self, pool: Pool, record_type: RecordType) -> IPAddress | None:
        """Return the address with which the instance is admitted to a pool, or None."""
        if pool.interface is not None:
            return next(self._listed(pool, record_type), None)
        if record_type is RecordType.AAAA:
            return self.ipv6
        return self.private_ipv4 if pool.address is AddressType.PRIVATE_IPV4 else self.public_ipv4

    def own_addresses(self, pool: Pool, record_type: RecordType) -> frozenset[IPAddress]:
        """Return every address that a record of `record_type` may hold for the instance in a pool.

        A record stays while it holds one of them, also where another would be chosen now: Note [Which address].
        """
        chosen = self.address(pool, record_type)
        return frozenset(each for each in (chosen, *self._listed(pool, record_type)) if each is not None)

    def has_interface(self, index: int) -> bool:
        """Whether a network interface has this device index on network card 0."""
        return any((nic.card, nic.index) == (0, index) for nic in self.interfaces)

    def _listed(self, pool: Pool, record_type: RecordType) -> Iterator[IPAddress]:
        """Yield the addresses of the interfaces that count in a pool, of its kind, in the order of preference."""
        version = 6 if record_type is RecordType.AAAA else 4
        private = pool.address is AddressType.PRIVATE_IPV4 and record_type is RecordType.A
        for nic in self.interfaces:
            if pool.interface is None or (nic.card, nic.index) == (0, pool.interface):
                listed = nic.private if private else nic.addresses
                yield from (each for each in listed if each.version == version)

    @property
    def all_addresses(self) -> frozenset[IPAddress]:
        """Every address of the instance, private ones too."""
        chosen = (self.public_ipv4, self.private_ipv4, self.ipv6)
        listed = (each for nic in self.interfaces for each in (*nic.addresses, *nic.private))
        return frozenset(each for each in (*chosen, *listed) if each is not None)

    def security_groups_at(self, address: IPAddress) -> frozenset[SecurityGroupId]:
        """Return the security groups of the interface that has `address`; the instance's own where none has it."""
        for interface in self.interfaces:
            if address in interface.addresses:
                return interface.security_groups
        return self.security_groups
