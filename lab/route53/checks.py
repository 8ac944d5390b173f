"""The health checks of one account under the rules of CreateHealthCheck, UpdateHealthCheck and related operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lab.route53.alarms import any_alarm, copy_alarm
from lab.route53.check_config import is_of_endpoint, refuse_invalid, with_defaults
from lab.route53.copies import copied
from lab.route53.error import Route53Error, invalid_input, no_such_health_check
from lab.route53.page import page_by_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from lab.route53.alarms import FindAlarm

DEFAULT_QUOTA = 200  # active health checks of an account (Developer Guide, "Quotas")
MAX_CREATIONS = 1_000  # CreateHealthCheck requests of an account in CREATION_PERIOD (same page)
CREATION_PERIOD = timedelta(hours=24)
HEALTHY_ABOVE_PERCENT = 18  # Developer Guide, "How Route 53 determines whether a health check is healthy"
DEFAULT_PAGE, MAX_PAGE = 100, 1_000  # ListHealthChecks
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
    copied: dict[str, Any] | None = None
    """What was copied of the alarm when it was named (CloudWatchAlarmConfiguration); for CLOUDWATCH_METRIC."""
    metric_is_ok: bool | None = None
    """What the metric said last, None before there was any data."""
    lacks_data: bool | None = None
    """Whether the metric has insufficient data now, None before it was looked at."""

    def described(self) -> dict[str, Any]:
        alarm = {} if self.copied is None else {"CloudWatchAlarmConfiguration": copied(self.copied)}
        return {
            "Id": self.id,
            "CallerReference": self.reference,
            "HealthCheckConfig": copied(self.config),
            "HealthCheckVersion": self.version,
            **alarm,
        }

    def current_observations(self) -> list[Observation]:
        regions = self.config.get("Regions")
        return [seen for seen in self.observations.values() if not regions or seen.region in regions]


class Checks:
    """The health checks of one account; a CallerReference can be used only once.

    A record may name a health check of any account, and DNS asks whether it is healthy: of the account that this one is
    `beside`, too (AWS re:Post, "How do I associate a Route 53 health check in another AWS account with a record set in
    my account?", which the console does not offer).
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        find_alarm: FindAlarm = any_alarm,
        beside: Checks | None = None,
    ) -> None:
        self._accounts: list[Checks] = [] if beside is None else beside._accounts  # noqa: SLF001 - its own class
        self._accounts.append(self)
        self.quota = DEFAULT_QUOTA
        self._now = now
        self._new_id = new_id
        self._find_alarm = find_alarm
        self._checks: dict[str, _Check] = {}
        self._ids_by_reference: dict[str, str] = {}
        self._creations: list[datetime] = []

    def __len__(self) -> int:
        return len(self._checks)

    def __contains__(self, check_id: object) -> bool:
        return check_id in self._checks

    def can_be_named(self, check_id: str) -> bool:
        """Return whether a record may name a health check: whether it exists in any account."""
        return any(check_id in account for account in self._accounts)

    def is_healthy_anywhere(self, check_id: str) -> bool:
        """Return whether DNS treats a health check of any account as healthy."""
        return next((each for each in self._accounts if check_id in each), self).is_healthy(check_id)

    def create(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer CreateHealthCheck; the same reference with the same settings returns the existing health check."""
        self._count_creation()
        reference = parameters["CallerReference"]
        config = with_defaults(parameters["HealthCheckConfig"])
        self._refuse_invalid(config)
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
            copied = copy_alarm(config, self._find_alarm)
            check = _Check(self._new_id(), reference, _comparable(config), config, copied=copied)
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
        changed = copied({name: parameters[name] for name in _UPDATABLE if name in parameters})
        config = {**check.config, **changed}
        for name in parameters.get("ResetElements") or ():
            if name not in _RESETTABLE:
                raise invalid_input(f"{name} cannot be reset")
            config.pop(name, None)
        self._refuse_invalid(config)
        if "AlarmIdentifier" in parameters:
            check.copied = copy_alarm(config, self._find_alarm)
        check.config = config
        check.version += 1
        return {"HealthCheck": check.described()}

    def delete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer DeleteHealthCheck, also for a health check that records still use, but not for the child of another.

        The API Reference does not say that, and says of HealthCheckInUse that it is not in use. Programs that delete
        health checks expect this refusal (cloudamatic/mu, modules/mu/clouds/aws/dnszone.rb).
        """
        check = self._find(parameters)
        parents = [each.id for each in self._checks.values() if check.id in each.config.get("ChildHealthChecks", ())]
        if parents:
            raise invalid_input(
                f"Health check {check.id} is still referenced from parent health check(s): {', '.join(parents)}"
            )
        del self._checks[check.id]
        return {}

    def count(self, _parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHealthCheckCount."""
        return {"HealthCheckCount": len(self._checks)}

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListHealthChecks: every health check of the account, in the order of ids."""
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
        return _reported(self._find_of_endpoint(parameters).failures.values())

    def status(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHealthCheckStatus."""
        return _reported(self._find_of_endpoint(parameters).current_observations())

    def observe(self, check_id: str, region: str, *, succeeded: bool, status: str) -> None:
        """Record what a checker saw, unless the health check has been deleted."""
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

    def copied_alarms(self) -> dict[str, Mapping[str, Any]]:
        """Return what each health check copied of its alarm, by the health check's id."""
        return {check.id: check.copied for check in self._checks.values() if check.copied is not None}

    def see_metrics(self, states: Mapping[str, str]) -> None:
        """Record what the metrics of health checks say: OK, ALARM or INSUFFICIENT_DATA by the health check's id."""
        for check_id, state in states.items():
            check = self._checks.get(check_id)
            if check is not None:
                check.lacks_data = state == "INSUFFICIENT_DATA"
                if not check.lacks_data:
                    check.metric_is_ok = state == "OK"

    def is_healthy(self, check_id: str) -> bool:
        """Return whether DNS treats a health check as healthy; an unknown one is healthy here, and undefined in AWS."""
        check = self._checks.get(check_id)
        if check is None:
            return True
        healthy = bool(check.config["Disabled"]) or self._judged(check)
        return healthy is not check.config["Inverted"]

    def healthy_children(self, check_id: str) -> int | None:
        """Return how many children of a CALCULATED health check are healthy; None for one of another type."""
        check = self._checks.get(check_id)
        if check is None or check.config["Type"] != "CALCULATED":
            return None
        return sum(map(self.is_healthy, check.config.get("ChildHealthChecks", ())))

    def _judged(self, check: _Check) -> bool:
        """Return whether a health check is healthy, before Disabled and Inverted."""
        match check.config["Type"]:
            case "CALCULATED":
                # HealthCheckConfig, HealthThreshold: 0 is always healthy, more than there are children never.
                return (self.healthy_children(check.id) or 0) >= int(check.config["HealthThreshold"])
            case "CLOUDWATCH_METRIC":
                # HealthCheckConfig, InsufficientDataHealthStatus: without a last known status the health check is
                # healthy. The Developer Guide says of all new health checks that they are healthy until there is enough
                # data, so this is played here for as long as Route 53 has not looked at the metric.
                assumed = check.config.get("InsufficientDataHealthStatus", "LastKnownStatus")
                if check.lacks_data and assumed != "LastKnownStatus":
                    return bool(assumed == "Healthy")
                return check.metric_is_ok is not False
            case _:
                percent = self.percent_healthy(check.id)
                return percent is None or percent > HEALTHY_ABOVE_PERCENT

    def _refuse_invalid(self, config: Mapping[str, Any]) -> None:
        refuse_invalid(config)
        for child in config.get("ChildHealthChecks") or ():
            # CreateHealthCheck lists no NoSuchHealthCheck. A calculated child could be its own parent.
            if child not in self._checks or self._checks[child].config["Type"] == "CALCULATED":
                raise invalid_input(f"Child health check {child} does not exist, or is a calculated one.")

    def _find(self, parameters: Mapping[str, Any]) -> _Check:
        check = self._checks.get(parameters["HealthCheckId"])
        if check is None:
            raise no_such_health_check(parameters["HealthCheckId"])
        return check

    def _find_of_endpoint(self, parameters: Mapping[str, Any]) -> _Check:
        check = self._find(parameters)
        if not is_of_endpoint(check.config):
            # The API Reference says so of calculated health checks, in GetHealthCheckStatus.
            raise invalid_input(f"A health check of type {check.config['Type']} has no observations")
        return check

    def _count_creation(self) -> None:
        now = self._now()
        self._creations = [at for at in self._creations if now - at < CREATION_PERIOD]
        if len(self._creations) >= MAX_CREATIONS:
            raise Route53Error("Throttling", "Rate exceeded")
        self._creations.append(now)


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    lists = {name: sorted(config[name]) for name in ("Regions", "ChildHealthChecks") if config.get(name)}
    return {**copied(dict(config)), **lists}


def _reported(observations: Iterable[Observation]) -> dict[str, Any]:
    return {
        "HealthCheckObservations": [
            {"Region": seen.region, "StatusReport": {"Status": seen.status, "CheckedTime": seen.at}}
            for seen in observations
        ]
    }
