"""The results of health checkers in a lab without servers: a test reports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.route53.check_config import is_of_endpoint
from lab.route53.health import every_check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.route53.api import Route53
    from lab.route53.health import HealthMetrics
    from lab.traffic.serving import Serving


@dataclass(frozen=True, slots=True)
class Reported:
    """Reports what the regions see of health checks.

    The metrics are published at once, so that the next pass can read them.
    """

    route53: Route53
    health: HealthMetrics
    addresses: Callable[[str], Iterable[str]]
    """Returns the addresses of an instance, by its id."""
    serving: Serving

    def checks_of(self, address: str) -> tuple[str, ...]:
        """Return the ids of the health checks of an address."""
        return tuple(
            str(check["Id"])
            for check in every_check(self.route53)
            if check["HealthCheckConfig"].get("IPAddress") == address
        )

    def share(self, target: str, percent: float) -> None:
        """Let that share of the regions see a health check as healthy, or all of an instance or an address."""
        known = {str(check["Id"]) for check in every_check(self.route53)}
        if target in known:
            checks: tuple[str, ...] = (target,)
        else:
            addresses = tuple(self.addresses(target)) if target.startswith("i-") else (target,)
            checks = tuple(each for address in addresses for each in self.checks_of(address))
        if not checks:
            raise LookupError(f"no health check of {target}")
        for check in checks:
            self.health.see(check, percent)
        self.health.publish()

    def what_serves(self) -> None:
        """Let every region see of each health check whether the instance at its address serves now."""
        for check in every_check(self.route53):
            if not is_of_endpoint(check["HealthCheckConfig"]):
                continue
            refused = self.serving.refusal(str(check["HealthCheckConfig"].get("IPAddress")))
            percent = 100 if refused is None else 0
            if self.route53.percent_healthy(check["Id"]) != percent:
                self.share(check["Id"], percent)
