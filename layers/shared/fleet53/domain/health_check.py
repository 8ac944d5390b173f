"""Health checks: the settings of a pool, the health checks in Route 53, and what its checkers see."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from fleet53.domain.alarm import AlarmConfig
    from fleet53.domain.ids import CheckId, IPAddress

HEALTHY_ABOVE = 18.0
"""Percent of checkers above which Route 53 counts an endpoint healthy (Route 53 Developer Guide, How Amazon
Route 53 determines whether a health check is healthy)."""

HISTORY = timedelta(hours=1)
"""How far back an audit reads the results of health checks."""

MAX_CHECK_CREATIONS = 1000
"""The most health checks that an account may create in 24 hours (Route 53 Developer Guide, Quotas)."""

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

AWS_NAME: Final = "aws_name"
"""The key of a field's metadata that has the field's name in Route 53's API."""


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What a health check asks of an address.

    `host` is sent as the Host header, and as the server name with https; it is never resolved. `interval` is in
    seconds. `failure_threshold` is how many requests in a row must fail or succeed before a checker changes the status.
    `search_string` is a text that the body must contain. `regions` are those to check from, None for all eight.

    This is the only list of the settings, apart from the keys of a pool's JSON. The metadata of a field has its name in
    HealthCheckConfig (CreateHealthCheck). CallerReferences are made of the fields in this order.
    """

    protocol: Literal["http", "https", "tcp"]
    port: int = field(metadata={AWS_NAME: "Port"})
    host: str | None = field(default=None, metadata={AWS_NAME: "FullyQualifiedDomainName"})
    path: str | None = field(default=None, metadata={AWS_NAME: "ResourcePath"})
    interval: int = field(default=30, metadata={AWS_NAME: "RequestInterval"})
    failure_threshold: int = field(default=3, metadata={AWS_NAME: "FailureThreshold"})
    search_string: str | None = field(default=None, metadata={AWS_NAME: "SearchString"})
    regions: frozenset[str] | None = field(default=None, metadata={AWS_NAME: "Regions"})

    @property
    def kind(self) -> str:
        """The type of the health check (CreateHealthCheck, HealthCheckConfig.Type)."""
        return self.protocol.upper() + ("_STR_MATCH" if self.search_string else "")

    def reference_parts(self) -> tuple[object, ...]:
        """Return the settings as CallerReferences are made of them, as JSON's values in the order of the fields.

        The type takes the place of the protocol. Another order or form, or one more field, gives every health check of
        every running fleet another reference.
        """
        regions = sorted(self.regions) if self.regions is not None else None
        return tuple((asdict(self) | {"protocol": self.kind, "regions": regions}).values())


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """The whole configuration of a Route 53 health check of an endpoint, so that an edit of any part of it is noticed.

    The flags are named as in HealthCheckConfig; fleet53 sets only `enable_sni`. `address` is None only if the health
    check is of a domain name, which fleet53 never makes.
    """

    settings: CheckSettings
    address: IPAddress | None
    enable_sni: bool = False
    inverted: bool = False
    disabled: bool = False
    measure_latency: bool = False

    @classmethod
    def of(cls, settings: CheckSettings, address: IPAddress) -> CheckConfig:
        """Return the health check that asks `settings` of `address`. SNI is sent where there is a host to send."""
        return cls(settings, address, enable_sni=settings.protocol == "https" and settings.host is not None)

    def reference_parts(self) -> tuple[object, ...]:
        """Return the configuration, but for the address, as CallerReferences are made of it."""
        return (*self.settings.reference_parts(), self.enable_sni)


@dataclass(frozen=True, slots=True)
class Check:
    """A Route 53 health check. `reference` is its CallerReference.

    `config` is None for a health check of another kind, such as a calculated one, which fleet53 never makes. `children`
    are the health checks that a calculated one counts.
    """

    id: CheckId
    reference: str
    config: CheckConfig | AlarmConfig | None
    children: frozenset[CheckId] = frozenset()

    @property
    def address(self) -> IPAddress | None:
        """The address that is checked, None where there is none."""
        return self.config.address if self.config is not None else None


@dataclass(frozen=True, slots=True)
class HealthObservation:
    """What Route 53 sees of a health check: the percentage of checkers whose requests succeed.

    `since` is when the health check became healthy, or unhealthy, as it is now, or the start of what was read if that
    is later. `changed` is whether the health check had the opposite status just before `since`.
    """

    percent: float
    since: datetime
    changed: bool = False

    @property
    def healthy(self) -> bool:
        """Whether Route 53 counts the health check healthy."""
        return self.percent > HEALTHY_ABOVE
