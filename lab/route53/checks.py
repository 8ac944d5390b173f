"""The health checks of one account under the rules of CreateHealthCheck, UpdateHealthCheck and related operations."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from lab.route53.error import Route53Error, invalid_input, no_such_health_check
from lab.route53.page import page_by_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

DEFAULT_QUOTA = 200  # active checks of an account (Developer Guide, "Quotas")
MAX_CREATIONS = 1_000  # CreateHealthCheck requests of an account in CREATION_PERIOD (same page)
CREATION_PERIOD = timedelta(hours=24)
HEALTHY_ABOVE_PERCENT = 18  # Developer Guide, "How Route 53 determines whether a health check is healthy"
DEFAULT_PAGE, MAX_PAGE = 100, 1_000  # ListHealthChecks
MAX_REFERENCE_CHARACTERS = 64
MAX_TEXT_CHARACTERS = 255
MIN_REGIONS = 3
_PORTS = range(1, 65536)
_FAILURE_THRESHOLDS = range(1, 11)
_REQUEST_INTERVALS = (10, 30)  # seconds
REGIONS = (
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
)
_HTTP_TYPES = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH")
_ENDPOINT_TYPES = (*_HTTP_TYPES, "TCP")
_OTHER_TYPES = ("CALCULATED", "CLOUDWATCH_METRIC", "RECOVERY_CONTROL")
_RESETTABLE = ("FullyQualifiedDomainName", "Regions", "ResourcePath", "ChildHealthChecks")
_UPDATABLE = (
    "IPAddress",
    "Port",
    "ResourcePath",
    "FullyQualifiedDomainName",
    "SearchString",
    "FailureThreshold",
    "Inverted",
    "Disabled",
    "HealthThreshold",
    "ChildHealthChecks",
    "EnableSNI",
    "Regions",
    "AlarmIdentifier",
    "InsufficientDataHealthStatus",
)
# CreateHealthCheck refuses the special-use ranges of RFC 5735, RFC 6598 and RFC 5156. The ipaddress module
# follows the later registries, so what those RFCs name and it calls global is listed here.
_RESERVED = (
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/32"),
    IPv6Network("2001:10::/28"),
    IPv6Network("2002::/16"),
    IPv6Network("3ffe::/16"),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Observation:
    """The newest observation of a region's checkers."""

    region: str
    succeeded: bool
    status: str
    at: datetime


@dataclass(slots=True)
class _Check:
    id: str
    reference: str
    requested: dict[str, Any]
    config: dict[str, Any]
    version: int = 1
    observations: dict[str, Observation] = field(default_factory=dict)
    failures: dict[str, Observation] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "CallerReference": self.reference,
            "HealthCheckConfig": copy.deepcopy(self.config),
            "HealthCheckVersion": self.version,
        }

    def current_observations(self) -> list[Observation]:
        regions = self.config.get("Regions")
        return [seen for seen in self.observations.values() if not regions or seen.region in regions]


class Checks:
    """The health checks of one account; a CallerReference can be used only once."""

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.quota = DEFAULT_QUOTA
        self._now = now
        self._new_id = new_id
        self._checks: dict[str, _Check] = {}
        self._ids_by_reference: dict[str, str] = {}
        self._creations: list[datetime] = []

    def __len__(self) -> int:
        return len(self._checks)

    def __contains__(self, check_id: object) -> bool:
        return check_id in self._checks

    def create(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer CreateHealthCheck; the same reference with the same settings returns the existing check."""
        self._count_creation()
        reference = parameters["CallerReference"]
        if not 1 <= len(reference) <= MAX_REFERENCE_CHARACTERS:
            raise invalid_input(f"CallerReference must have 1 to {MAX_REFERENCE_CHARACTERS} characters")
        config = _with_defaults(parameters["HealthCheckConfig"])
        _refuse_invalid(config)
        known = self._ids_by_reference.get(reference)
        if known is not None:
            check = self._checks.get(known)
            if check is None or check.requested != _comparable(config):
                raise Route53Error(
                    "HealthCheckAlreadyExists",
                    f"A health check with the caller reference {reference} was already created with other "
                    "settings, or has been deleted",
                    HTTPStatus.CONFLICT,
                )
        else:
            if len(self._checks) >= self.quota:
                raise Route53Error(
                    "TooManyHealthChecks", f"The account has reached its limit of {self.quota} health checks"
                )
            check = _Check(self._new_id(), reference, _comparable(config), config)
            self._checks[check.id] = check
            self._ids_by_reference[reference] = check.id
        return {
            "HealthCheck": check.described(),
            "Location": f"https://route53.amazonaws.com/2013-04-01/healthcheck/{check.id}",
        }

    def get(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHealthCheck."""
        return {"HealthCheck": self._find(parameters).described()}

    def update(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer UpdateHealthCheck, which has no parameters for type, interval and latency."""
        check = self._find(parameters)
        version = parameters.get("HealthCheckVersion")
        if version is not None and version != check.version:
            raise Route53Error(
                "HealthCheckVersionMismatch",
                f"The health check is at version {check.version}, not {version}",
                HTTPStatus.CONFLICT,
            )
        if "IPAddress" in parameters and "IPAddress" not in check.config:
            raise invalid_input("An IP address cannot be added to a health check that has none")
        changed = copy.deepcopy({name: parameters[name] for name in _UPDATABLE if name in parameters})
        config = {**check.config, **changed}
        for name in parameters.get("ResetElements") or ():
            if name not in _RESETTABLE:
                raise invalid_input(f"{name} cannot be reset")
            config.pop(name, None)
        _refuse_invalid(config)
        check.config = config
        check.version += 1
        return {"HealthCheck": check.described()}

    def delete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DeleteHealthCheck, also for a check that records still use."""
        del self._checks[self._find(parameters).id]
        return {}

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListHealthChecks: every check of the account, in the order of ids."""
        return page_by_id(
            self._checks,
            lambda check_id: self._checks[check_id].described(),
            parameters,
            key="HealthChecks",
            default=DEFAULT_PAGE,
            most=MAX_PAGE,
        )

    def last_failure_reason(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHealthCheckLastFailureReason: the last failure that each region's checkers saw."""
        return _reported(self._find(parameters).failures.values())

    def status(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHealthCheckStatus."""
        return _reported(self._find(parameters).current_observations())

    def observe(self, check_id: str, region: str, *, succeeded: bool, status: str) -> None:
        """Record what a checker saw, unless the check has been deleted."""
        check = self._checks.get(check_id)
        if check is not None:
            seen = check.observations[region] = Observation(region, succeeded, status, self._now())
            if not succeeded:
                check.failures[region] = seen

    def percent_healthy(self, check_id: str) -> float | None:
        """Return the percentage of regions that see it healthy, or None before the first observation."""
        check = self._checks.get(check_id)
        observations = check.current_observations() if check else []
        if not observations:
            return None
        return 100 * sum(seen.succeeded for seen in observations) / len(observations)

    def is_healthy(self, check_id: str) -> bool:
        """Tell whether DNS treats a check as healthy; an unknown check is healthy here, and undefined in AWS."""
        check = self._checks.get(check_id)
        if check is None:
            return True
        percent = None if check.config["Disabled"] else self.percent_healthy(check_id)
        healthy = percent is None or percent > HEALTHY_ABOVE_PERCENT
        return healthy is not check.config["Inverted"]

    def _find(self, parameters: Mapping[str, Any]) -> _Check:
        check = self._checks.get(parameters["HealthCheckId"])
        if check is None:
            raise no_such_health_check(parameters["HealthCheckId"])
        return check

    def _count_creation(self) -> None:
        now = self._now()
        self._creations = [at for at in self._creations if now - at < CREATION_PERIOD]
        if len(self._creations) >= MAX_CREATIONS:
            raise Route53Error("Throttling", "Rate exceeded")
        self._creations.append(now)


def _with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"Inverted": False, "Disabled": False}
    if config["Type"] in _ENDPOINT_TYPES:
        defaults |= {"RequestInterval": 30, "FailureThreshold": 3, "MeasureLatency": False}
    if config["Type"] in _HTTP_TYPES:
        defaults["Port"] = 443 if config["Type"].startswith("HTTPS") else 80
    return {**defaults, **copy.deepcopy(dict(config))}


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    lists = {name: sorted(config[name]) for name in ("Regions", "ChildHealthChecks") if config.get(name)}
    return {**copy.deepcopy(dict(config)), **lists}


def _refuse_invalid(config: Mapping[str, Any]) -> None:
    check_type = config["Type"]
    if check_type not in (*_ENDPOINT_TYPES, *_OTHER_TYPES):
        raise invalid_input(f"Type {check_type!r} is no type of health check")
    if check_type in _ENDPOINT_TYPES:
        _refuse_invalid_endpoint(config)
        _refuse_invalid_request(config)
        _refuse_invalid_schedule(config)


def _refuse_invalid_endpoint(config: Mapping[str, Any]) -> None:
    address = config.get("IPAddress")
    if address is None and not config.get("FullyQualifiedDomainName"):
        raise invalid_input("A health check needs an IPAddress or a FullyQualifiedDomainName")
    if address is not None:
        try:
            parsed = ip_address(address)
        except ValueError as error:
            raise invalid_input(f"IPAddress {address!r} is not an IP address") from error
        if _is_reserved(parsed):
            raise invalid_input(f"IPAddress {address} is in a local, private, non-routable or multicast range")
    port = config.get("Port")
    if port is None:
        raise invalid_input("A TCP health check needs a Port")
    if port not in _PORTS:
        raise invalid_input(f"Port {port} is not between 1 and 65535")


def _refuse_invalid_request(config: Mapping[str, Any]) -> None:
    for name in ("ResourcePath", "FullyQualifiedDomainName", "SearchString"):
        if len(config.get(name) or "") > MAX_TEXT_CHARACTERS:
            raise invalid_input(f"{name} is longer than {MAX_TEXT_CHARACTERS} characters")
    if config["Type"].endswith("_STR_MATCH") != bool(config.get("SearchString")):
        raise invalid_input(f"SearchString {config.get('SearchString')!r} does not go with Type {config['Type']}")


def _refuse_invalid_schedule(config: Mapping[str, Any]) -> None:
    if config["FailureThreshold"] not in _FAILURE_THRESHOLDS:
        raise invalid_input(f"FailureThreshold {config['FailureThreshold']} is not between 1 and 10")
    if config["RequestInterval"] not in _REQUEST_INTERVALS:
        raise invalid_input(f"RequestInterval {config['RequestInterval']} is neither 10 nor 30")
    regions = config.get("Regions")
    if regions is None:
        return
    unknown = sorted(set(regions) - set(REGIONS))
    if unknown:
        raise invalid_input(f"Regions {', '.join(unknown)} have no health checkers")
    if len(set(regions)) < MIN_REGIONS:
        raise invalid_input(f"Regions names {len(set(regions))}, and {MIN_REGIONS} is the least")


def _is_reserved(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return True
    return not address.is_global or address.is_multicast or any(address in network for network in _RESERVED)


def _reported(observations: Iterable[Observation]) -> dict[str, Any]:
    return {
        "HealthCheckObservations": [
            {"Region": seen.region, "StatusReport": {"Status": seen.status, "CheckedTime": seen.at}}
            for seen in observations
        ]
    }
