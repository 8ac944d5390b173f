"""Pools: a DNS name in a hosted zone, with its settings. DNS names are kept as in record.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fleet53.domain.record import RecordType

if TYPE_CHECKING:
    from fleet53.domain.alarm import AlarmSettings
    from fleet53.domain.health_check import CheckSettings
    from fleet53.domain.ids import IPAddress, PoolName, ZoneId


type Place = tuple[ZoneId, str]
"""A hosted zone and a DNS name in it."""


class AddressType(StrEnum):
    """The kind of address that a pool's records hold."""

    PUBLIC_IPV4 = "public-ipv4"
    IPV6 = "ipv6"
    DUALSTACK = "dualstack"
    PRIVATE_IPV4 = "private-ipv4"

    @property
    def record_types(self) -> tuple[RecordType, ...]:
        """The record types a member of such a pool has."""
        match self:
            case AddressType.IPV6:
                return (RecordType.AAAA,)
            case AddressType.DUALSTACK:
                return (RecordType.A, RecordType.AAAA)
            case AddressType.PUBLIC_IPV4 | AddressType.PRIVATE_IPV4:
                return (RecordType.A,)


class AdmitWhen(StrEnum):
    """What an instance must be before its record is put into DNS."""

    HEALTHY = "healthy"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Pool:
    """One DNS name in one hosted zone, with its settings.

    `ttl` is in seconds. `interface` is the device index of the network interface whose addresses count, None where
    those of all interfaces do. `check` is None where members have no health check. `fallback` is the address that the
    name answers with while no member is in DNS.
    """

    name: PoolName
    zone_id: ZoneId
    record_name: str
    ttl: int = 60
    address: AddressType = AddressType.PUBLIC_IPV4
    interface: int | None = None
    check: CheckSettings | AlarmSettings | None = None
    admit_when: AdmitWhen = AdmitWhen.HEALTHY
    fallback: IPAddress | None = None

    @property
    def place(self) -> Place:
        """The hosted zone and the name in it."""
        return self.zone_id, self.record_name


@dataclass(frozen=True, slots=True)
class Zone:
    """A hosted zone. `name` is its domain; `name_servers` are its delegation set, empty where it is private."""

    id: ZoneId
    name: str
    private: bool = False
    name_servers: frozenset[str] = frozenset()

    def holds(self, record_name: str) -> bool:
        """Whether `record_name` is the zone's own name or lies below it."""
        return record_name == self.name or record_name.endswith(f".{self.name}")
