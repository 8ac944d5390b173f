"""Pools: reads the JSON of the pools' SSM parameters into values, and names every fault in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fleet53.domain.addresses import is_unicast
from fleet53.domain.alarm import EC2_STATUS, INSTANCE_ID, OWN_PREFIX, AlarmSettings
from fleet53.domain.finding import FindingKind
from fleet53.domain.health_check import CHECKER_REGIONS, CheckSettings
from fleet53.domain.ids import IPAddress, PoolName, ZoneId
from fleet53.domain.pool import AddressType, AdmitWhen, Pool
from fleet53.domain.record import RecordType

POOL_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
RECORD_NAME: Final = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_MIN_REGIONS: Final = 3  # CreateHealthCheck, HealthCheckConfig.Regions
_MAX_NAME: Final = 255
_MAX_INTERFACE: Final = 63  # more network interfaces than a network card takes
_ADDRESS_FORM: Final = "Input should be an IPv4 or IPv6 address"
_PORTS: Final = range(1, 65536)
_MAX_ALARM: Final = 255  # PutMetricAlarm, AlarmName
_LONGEST_ID: Final = "i-0123456789abcdef0"
_LONGEST_SHOWN: Final = 64
_BYTE_ORDER_MARK: Final = "\ufeff"
_NEVER_SHOWN: Final = frozenset({"url", "search_string"})
"""Keys whose wrong value may be a secret: a URL with a password, or a token that a page contains."""


@dataclass(frozen=True, slots=True)
class PoolFault:
    """A declared pool that cannot be served now. It is not treated as deleted: its records stay as they are.

    `kind` is how it is reported: INVALID_POOL, or ZONE_UNREADABLE where its hosted zone cannot be read. `because` names
    the parameter and the key, and the value where it cannot be a secret that was put there by mistake: numbers, and
    short texts of known keys other than url and search_string. `zone_id` and `record_name` are its place, where it is
    known and is one that the stack may change.
    """

    name: PoolName
    because: str
    kind: FindingKind = FindingKind.INVALID_POOL
    record_name: str | None = None
    zone_id: ZoneId | None = None


@dataclass(frozen=True, slots=True)
class FirstPool:
    """The pool that the stack's parameters define: its name, its place, and the name of its parameter."""

    name: PoolName
    zone_id: ZoneId
    record_name: str
    parameter: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosted zones, and the names in any of them, where the stack's parameters allow pools to be.

    `first` is the stack's first pool, None where the settings name no hosted zone.
    """

    zone_ids: frozenset[ZoneId]
    record_names: frozenset[str]
    first: FirstPool | None = None

    def why_not(self, pool: Pool) -> str | None:
        """Return why the stack may not change records at the pool's place, and which parameter to extend; or None."""
        reasons = []
        if pool.zone_id not in self.zone_ids:
            reasons.append(f"hosted_zone_id={pool.zone_id!r} is not allowed: add it to AllowedZoneIds")
        if pool.record_name not in self.record_names:
            reasons.append(f"record_name={pool.record_name!r} is not allowed: add it to AllowedRecordNames")
        return f"{' and '.join(reasons)} of the stack" if reasons else None


def normal_name(name: str) -> str:
    """Return a DNS name in the form in which fleet53 compares names: lower-case, without the trailing dot."""
    return name.lower().removesuffix(".")


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, Field(max_length=512)] = "http://:80/"
    interval: Literal[10, 30] = 30
    failure_threshold: Annotated[int, Field(ge=1, le=10)] = 3
    search_string: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    regions: list[str] | None = None
    alarm: str | None = None

    @field_validator("alarm")
    @classmethod
    def _alarm_of_each_member(cls, name: str | None) -> str | None:
        if name is not None and name != EC2_STATUS and (INSTANCE_ID not in name or not name.isprintable()):
            raise ValueError(f'Input should be "{EC2_STATUS}", or the name of an alarm with {INSTANCE_ID} in it')
        if name is not None and len(name.replace(INSTANCE_ID, _LONGEST_ID)) > _MAX_ALARM:
            raise ValueError(f"Input should have at most {_MAX_ALARM} characters with an instance id in it")
        if name is not None and name.startswith(OWN_PREFIX):
            raise ValueError(f"Input should not start with {OWN_PREFIX}: fleet53 deletes alarms of such names")
        return name

    @model_validator(mode="after")
    def _alarm_stands_alone(self) -> _Check:
        if self.alarm is not None and (others := sorted(self.model_fields_set - {"alarm"})):
            raise ValueError(f"alarm cannot be combined with other keys: {', '.join(others)}")
        return self

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, regions: list[str] | None) -> list[str] | None:
        if regions is not None and (len(set(regions)) < _MIN_REGIONS or not CHECKER_REGIONS.issuperset(regions)):
            known = ", ".join(sorted(CHECKER_REGIONS))
            raise ValueError(f"Input should be at least {_MIN_REGIONS} different regions of {known}")
        return regions

    @field_validator("url")
    @classmethod
    def _readable_url(cls, url: str) -> str:
        _read_url(url)
        return url

    @model_validator(mode="after")
    def _search_needs_a_body(self) -> _Check:
        if self.search_string is not None and self.url.startswith("tcp:"):
            raise ValueError("search_string needs an http or https url: a tcp health check reads no body")
        return self

    def settings(self) -> CheckSettings | AlarmSettings:
        if self.alarm is not None:
            return AlarmSettings(None if self.alarm == EC2_STATUS else self.alarm)
        protocol, host, port, path = _read_url(self.url)
        regions = frozenset(self.regions or CHECKER_REGIONS)
        return CheckSettings(
            protocol=protocol,
            port=port,
            host=host,
            path=path,
            regions=None if regions == CHECKER_REGIONS else regions,
            **self.model_dump(exclude={"url", "regions", "alarm"}),
        )


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    hosted_zone_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")]
    record_name: Annotated[str, Field(max_length=_MAX_NAME)]
    ttl: Annotated[int, Field(ge=1, le=86_400)] = 60
    address: Literal["public-ipv4", "ipv6", "dualstack", "private-ipv4"] = "public-ipv4"
    interface: Annotated[int, Field(ge=0, le=_MAX_INTERFACE)] | None = None
    health_check: _Check | None = _Check()
    admit_when: Literal["healthy", "running"] = "healthy"
    fallback: str | None = None

    @field_validator("record_name")
    @classmethod
    def _dns_name(cls, name: str) -> str:
        if RECORD_NAME.fullmatch(normal_name(name)) is None:
            raise ValueError("Input should be a DNS name such as app.example.com or *.example.com")
        return normal_name(name)

    @field_validator("fallback")
    @classmethod
    def _ip_address(cls, text: str | None) -> str | None:
        if text is not None and not is_unicast(_read_address(text)):
            raise ValueError("Input should be the address of another host, not of this host or link or of a group")
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> _Declaration:
        if self.address == "private-ipv4" and self.health_check is not None and self.health_check.alarm is None:
            raise ValueError(
                'health_check must be null or have an alarm where address is "private-ipv4": '
                "Route 53's checkers are outside the VPC"
            )
        if self.health_check is None and self.admit_when == "healthy":
            raise ValueError(
                'admit_when must be "running" where health_check is null: '
                "without a health check nothing shows whether a member is healthy"
            )
        if self.fallback is not None:
            wanted = AddressType(self.address).record_types
            if record_type_of(_read_address(self.fallback)) not in wanted:
                raise ValueError(f"fallback must be an address for {' or '.join(wanted)}, as {self.address} has")
        return self

    def pool(self, name: PoolName) -> Pool:
        return Pool(
            name=name,
            zone_id=ZoneId(self.hosted_zone_id),
            record_name=self.record_name,
            ttl=self.ttl,
            address=AddressType(self.address),
            interface=self.interface,
            check=self.health_check.settings() if self.health_check is not None else None,
            admit_when=AdmitWhen(self.admit_when),
            fallback=_read_address(self.fallback) if self.fallback is not None else None,
        )


def read_pool(parameter: str, text: str | None) -> Pool | PoolFault:
    """Return the pool that one parameter declares, or a PoolFault that names every fault of it.

    `text` is None where it is encrypted. A byte order mark before it, which some editors write, is ignored (RFC 8259,
    8.1).
    """
    name = PoolName(parameter.rpartition("/")[2])
    if POOL_NAME.fullmatch(name) is None:
        because = f"{parameter}: a pool's name is 1 to 32 of a-z, 0-9 and '-', not {name!r}"
        return PoolFault(name, because)
    if text is None:
        because = f"{parameter} is a SecureString, and fleet53 decrypts none: delete it, and create it as a String"
        return PoolFault(name, because)
    try:
        return _Declaration.model_validate_json(text.removeprefix(_BYTE_ORDER_MARK)).pool(name)
    except ValidationError as error:
        because = "; ".join(_explain(fault) for fault in error.errors(include_url=False))
        return PoolFault(name, f"{parameter}: {because}")


def record_type_of(address: IPAddress) -> RecordType:
    """Return the record type that holds `address`."""
    return RecordType.A if isinstance(address, IPv4Address) else RecordType.AAAA


def _explain(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    right = fault["msg"].removeprefix("Value error, ")
    match fault["type"]:
        case "json_invalid":
            return f"not JSON ({right})"
        case "extra_forbidden":
            return f"{_shown_key(key)} is an unknown key"
        case "missing":
            return f"{key} is missing"
        case _ if not key:
            return str(right)
        case _ if fault["loc"][-1] in _NEVER_SHOWN or not _is_shown(fault["input"]):
            return f"{key} is refused: {right}"
        case _:
            return f"{key}={fault['input']!r} is refused: {right}"


def _is_shown(value: object) -> bool:
    """Whether a wrong value is written into a finding, which everyone who may read the report sees."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_SHOWN
    return value is None or isinstance(value, int | float)


def _shown_key(key: str) -> str:
    """Return an unknown key as one line of at most 64 printable characters."""
    line = key if key.isprintable() else repr(key)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}..."


def _read_address(text: str) -> IPAddress:
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        raise ValueError(_ADDRESS_FORM) from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(_ADDRESS_FORM)
    return address


def _read_url(url: str) -> tuple[Literal["http", "https", "tcp"], str | None, int, str | None]:
    """Return protocol, host, port and path of a health check's URL. The host is a header, and is never resolved."""
    form = "Input should be one of http://[host][:port][/path], https://[host][:port][/path], tcp://:port"
    if " " in url or not url.isprintable():  # urlsplit leaves line ends and tabs out
        raise ValueError(f"{form}, without spaces, line ends and characters that are not seen")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(form) from None
    if "@" in parts.netloc or parts.fragment or (port is not None and port not in _PORTS):
        raise ValueError(form)
    host = parts.hostname
    if host is not None and RECORD_NAME.fullmatch(host) is None:
        raise ValueError(form)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if len(path) > _MAX_NAME:
        raise ValueError(f"Input should have a path of at most {_MAX_NAME} characters")
    match parts.scheme:
        case "tcp" if host is None and port is not None and path == "/" and not url.endswith("/"):
            return "tcp", None, port, None
        case "http":
            return "http", host, port or 80, path
        case "https":
            return "https", host, port or 443, path
        case _:
            raise ValueError(form)
