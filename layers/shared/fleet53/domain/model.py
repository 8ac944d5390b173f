"""The values the package speaks in. No input or output, no clock.

Names are kept as Route 53 compares them: lower-case, without the trailing dot, `*` unescaped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Literal, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

InstanceId = NewType("InstanceId", str)
CheckId = NewType("CheckId", str)
ZoneId = NewType("ZoneId", str)
PoolName = NewType("PoolName", str)
SecurityGroupId = NewType("SecurityGroupId", str)
IPAddress = IPv4Address | IPv6Address

MAX_RECORDS_PER_NAME = 100
"""Multivalue records of one name and type (Route 53 Developer Guide, Quotas)."""

HEALTHY_ABOVE = 18.0
"""Percent of checkers above which Route 53 counts an endpoint healthy (Route 53 Developer Guide, How Amazon
Route 53 determines whether a health check is healthy)."""

HISTORY = timedelta(hours=1)
"""How far an audit looks back at what the checkers saw."""

MAX_CHECK_CREATIONS = 1000
"""CreateHealthCheck requests of an account in 24 hours (Route 53 Developer Guide, Quotas)."""

CHECKER_REGIONS = frozenset(
    {
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    }
)
"""The regions Route 53 checks from (CreateHealthCheck, HealthCheckConfig.Regions)."""


class RecordType(StrEnum):
    """The two record types that hold an address."""

    A = "A"
    AAAA = "AAAA"


class AddressType(StrEnum):
    """Which address of an instance a pool answers with."""

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
    """What an instance must be before its record enters DNS."""

    HEALTHY = "healthy"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What a health check asks of an address.

    `host` is sent as the Host header, and as the server name with https; it is never resolved. `interval` is in
    seconds. `failure_threshold` is how many checks in a row must fail or pass before a checker changes its mind.
    `search_string` is what the body must hold. `regions` are those to check from, None for all eight.
    """

    protocol: Literal["http", "https", "tcp"]
    port: int
    host: str | None = None
    path: str | None = None
    interval: int = 30
    failure_threshold: int = 3
    search_string: str | None = None
    regions: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        """The type of the health check (CreateHealthCheck, HealthCheckConfig.Type)."""
        return self.protocol.upper() + ("_STR_MATCH" if self.search_string else "")

    def reference_parts(self) -> tuple[object, ...]:
        """Return the settings as CallerReferences are made of them, as JSON's values in an order that never changes.

        Another order or form gives every health check of every running fleet another reference.
        """
        return (
            self.kind,
            self.port,
            self.host,
            self.path,
            self.interval,
            self.failure_threshold,
            self.search_string,
            sorted(self.regions) if self.regions is not None else None,
        )


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """The whole configuration of a Route 53 health check of an endpoint, so that an edit of any part of it shows.

    The flags are named as in HealthCheckConfig; fleet53 sets only `enable_sni`. `address` is None only where somebody
    else made the check, of a domain name.
    """

    settings: CheckSettings
    address: IPAddress | None
    enable_sni: bool = False
    inverted: bool = False
    disabled: bool = False
    measure_latency: bool = False

    @classmethod
    def of(cls, settings: CheckSettings, address: IPAddress) -> CheckConfig:
        """Return the check that asks `settings` of `address`. SNI is sent where there is a host to send."""
        return cls(settings, address, enable_sni=settings.protocol == "https" and settings.host is not None)


@dataclass(frozen=True, slots=True)
class Pool:
    """One DNS name in one hosted zone, with its settings. `ttl` in seconds."""

    name: PoolName
    zone_id: ZoneId
    record_name: str
    ttl: int = 60
    address: AddressType = AddressType.PUBLIC_IPV4
    check: CheckSettings | None = None
    admit_when: AdmitWhen = AdmitWhen.HEALTHY
    fallback: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A hosted zone. `name` is the domain it holds; `name_servers` are those that answer for it, none if it is private.

    They are written as names are.
    """

    id: ZoneId
    name: str
    private: bool = False
    name_servers: frozenset[str] = frozenset()

    def holds(self, record_name: str) -> bool:
        """Whether `record_name` is the zone's own name or lies below it."""
        return record_name == self.name or record_name.endswith(f".{self.name}")


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of an instance: the addresses at which the internet reaches it, and its security groups."""

    addresses: frozenset[IPAddress]
    security_groups: frozenset[SecurityGroupId]


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as DescribeInstances gives it.

    `launched` is the time of the *last* launch: it changes with every stop and start.
    `group` is the Auto Scaling group its tag names. `security_groups` are those EC2 shows at the instance itself.
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
        """Return the groups of the interface that holds `address`; where none shows it, the instance's own."""
        for interface in self.interfaces:
            if address in interface.addresses:
                return interface.security_groups
        return self.security_groups


@dataclass(frozen=True, slots=True)
class Check:
    """A Route 53 health check. `reference` is its CallerReference.

    `config` is None where the check asks no endpoint: somebody's calculated check, or one of a CloudWatch alarm.
    """

    id: CheckId
    reference: str
    config: CheckConfig | None

    @property
    def address(self) -> IPAddress | None:
        """The address that is checked, None where there is none."""
        return self.config.address if self.config is not None else None


@dataclass(frozen=True, slots=True)
class HealthObservation:
    """What Route 53 sees of a check: the share (percent) of checkers that succeed.

    `since` is since when it has been as healthy, or as unhealthy, as now; no further back than was looked.
    """

    percent: float
    since: datetime

    @property
    def healthy(self) -> bool:
        """Whether Route 53 counts the check healthy."""
        return self.percent > HEALTHY_ABOVE


@dataclass(frozen=True, slots=True)
class Record:
    """A Route 53 record set. `ttl` in seconds, None on an alias.

    `listed` is the set as Route 53 listed it: a DELETE must repeat it to the letter
    (ChangeResourceRecordSets). It is empty on a record that is not in DNS yet.
    """

    name: str
    type: str
    values: tuple[str, ...]
    identifier: str | None = None
    ttl: int | None = None
    check_id: CheckId | None = None
    multivalue: bool = False
    listed: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Protection:
    """A record set protection: while it exists Route 53 refuses every change of what has this name and type."""

    name: str
    type: str
    comment: str | None = None


class FindingKind(StrEnum):
    """What an audit can report. Kinds are relied on from outside: one may be added, none renamed."""

    MISSING_RECORD = "missing-record"
    MISSING_CHECK = "missing-check"
    STALE_RECORD = "stale-record"
    ORPHAN_RECORD = "orphan-record"
    ORPHAN_CHECK = "orphan-check"
    DEAD_CHECK_REFERENCE = "dead-check-reference"
    CHECK_MISMATCH = "check-mismatch"
    FOREIGN_RECORD_IN_THE_WAY = "foreign-record-in-the-way"
    INVALID_POOL = "invalid-pool"
    UNKNOWN_POOL = "unknown-pool"
    EMPTY_POOL = "empty-pool"
    NO_ADDRESS = "no-address"
    POOL_FULL = "pool-full"
    WITHDRAWAL_HELD = "withdrawal-held"
    ZONE_UNREADABLE = "zone-unreadable"
    NOT_HEALTHY_IN_TIME = "not-healthy-in-time"
    UNKNOWN_STATE = "unknown-state"
    CHECK_QUOTA = "check-quota"
    CHECK_REFUSED = "check-refused"
    CHANGE_REFUSED = "change-refused"
    STUCK_HOOK = "stuck-hook"
    UNHEALTHY_FOR_LONG = "unhealthy-for-long"
    UNREACHABLE_BY_CHECKERS = "unreachable-by-checkers"
    DUPLICATE_ADDRESS = "duplicate-address"
    PROTECTED_RECORD = "protected-record"
    ZONE_NOT_DELEGATED = "zone-not-delegated"
    PUBLIC_CHECKS_IN_PRIVATE_ZONE = "public-checks-in-private-zone"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person or a repair should see. `because` is one sentence that names the values.

    `drift` says whether a repair would change something; `held` whether the guard stopped that change.
    """

    kind: FindingKind
    because: str
    pool: PoolName | None = None
    instance_id: InstanceId | None = None
    record_name: str | None = None
    check_id: CheckId | None = None
    drift: bool = False
    held: bool = False
