"""The configuration of health checks, as CreateHealthCheck takes it and ListHealthChecks returns it."""

from __future__ import annotations

from dataclasses import asdict, fields
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.health_check import AWS_NAME, CHECKER_REGIONS, CheckConfig, CheckSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_route53.type_defs import HealthCheckConfigTypeDef

_PROTOCOLS: Final[dict[str, Literal["http", "https", "tcp"]]] = {"HTTP": "http", "HTTPS": "https", "TCP": "tcp"}
"""HealthCheckConfig.Type of the health checks of an endpoint, without the suffix of those that search a string."""

_SETTINGS: Final = {each.name: each.metadata[AWS_NAME] for each in fields(CheckSettings) if each.name != "protocol"}
"""The names in HealthCheckConfig by the fields of CheckSettings. A field that is not set has the same default there."""

_FLAGS: Final = {"inverted": "Inverted", "disabled": "Disabled"}
"""The flags that fleet53 only reads. A health check of an endpoint has MeasureLatency, too."""
_OF_ALARM: Final = "CLOUDWATCH_METRIC"


def read_config(listed: Mapping[str, Any]) -> CheckConfig | AlarmConfig | None:
    """Return the configuration of a health check of an endpoint or an alarm, None for any other.

    All eight regions are read as None. Route 53 need not name the alarm (HealthCheckConfig, AlarmIdentifier).
    """
    flags = {field: listed.get(key, False) for field, key in _FLAGS.items()}
    if listed["Type"] == _OF_ALARM:
        if (alarm := listed.get("AlarmIdentifier")) is None:
            return None
        return AlarmConfig(alarm["Name"], alarm["Region"], listed.get("InsufficientDataHealthStatus", ""), **flags)
    protocol = _PROTOCOLS.get(listed["Type"].removesuffix("_STR_MATCH"))
    settings = {field: listed[key] for field, key in _SETTINGS.items() if key in listed}
    if protocol is None or "port" not in settings:
        return None
    regions = frozenset(settings.pop("regions", ()))
    address = listed.get("IPAddress")
    return CheckConfig(
        CheckSettings(protocol, regions=None if regions in (frozenset(), CHECKER_REGIONS) else regions, **settings),
        ip_address(address) if address else None,
        enable_sni=protocol == "https" and listed.get("EnableSNI", False),
        measure_latency=listed.get("MeasureLatency", False),
        **flags,
    )


def write_config(config: CheckConfig | AlarmConfig) -> HealthCheckConfigTypeDef:
    """Return what CreateHealthCheck takes. SNI is always written for HTTPS, because its default is not documented."""
    if isinstance(config, AlarmConfig):
        alarm = {"Name": config.alarm, "Region": config.region}
        of_alarm = {
            "Type": _OF_ALARM,
            "AlarmIdentifier": alarm,
            "InsufficientDataHealthStatus": config.insufficient_data,
        }
        return cast("HealthCheckConfigTypeDef", of_alarm)
    settings = asdict(config.settings)
    written = {key: settings[field] for field, key in _SETTINGS.items() if settings[field] is not None}
    written |= {"Type": config.settings.kind, "IPAddress": str(config.address)}
    if "Regions" in written:
        written["Regions"] = sorted(written["Regions"])
    if config.settings.protocol == "https":
        written["EnableSNI"] = config.enable_sni
    return cast("HealthCheckConfigTypeDef", written)
