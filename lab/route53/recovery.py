"""Accelerated recovery of public hosted zones. While it is being turned on or off, a hosted zone takes no changes.

AWS's guide does not mention that. The status has values that end with HOSTED_ZONE_LOCKED, and others have met the
refusal (go-to-k/cdkd issue 1467). They do not say which error code it has.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.route53.error import Route53Error, invalid_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lab.route53.zones import Zone

TURNING: Final = timedelta(minutes=5)
"""How long it takes to turn it on or off: some minutes (hashicorp/terraform-provider-aws pull request 45302)."""


class Recovery:
    """Which hosted zones have accelerated recovery, and which are locked now."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._asked: dict[str, tuple[bool, datetime]] = {}

    def update(self, zone: Zone, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer UpdateHostedZoneFeatures."""
        if zone.private:
            raise invalid_input("Accelerated recovery is supported for public hosted zones only")
        if self._locked(zone.id):
            raise Route53Error("PriorRequestNotComplete", "Route 53 is still processing a prior request.")
        self._asked[zone.id] = bool(parameters.get("EnableAcceleratedRecovery")), self._now()
        return {}

    def features(self, zone_id: str) -> dict[str, Any]:
        """Return the features of a hosted zone, as GetHostedZone has them."""
        if zone_id not in self._asked:
            return {}
        enabled, _ = self._asked[zone_id]
        status = ("ENABL" if enabled else "DISABL") + ("ING" if self._locked(zone_id) else "ED")
        return {"Features": {"AcceleratedRecoveryStatus": status}}

    def refuse_locked(self, zone_id: str) -> None:
        """Refuse a change of a hosted zone that is locked."""
        if self._locked(zone_id):
            raise invalid_input(f"HostedZone {zone_id} is marked disabled for mutation")

    def _locked(self, zone_id: str) -> bool:
        return zone_id in self._asked and self._now() - self._asked[zone_id][1] < TURNING
