"""The settings of a health check (HealthCheckConfig): their defaults, and the rules on which of them go together.

constraints.py has the rules on each setting by itself. Texts without another source are Route 53's, as its clients
quote them.
"""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final

from lab.route53.copies import copied
from lab.route53.error import Route53Error, invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_REGIONS: Final = 3
REGIONS: Final = (
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
)
_REQUEST_INTERVALS: Final = (10, 30)  # seconds
_HTTP_TYPES: Final = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH")
_ENDPOINT_TYPES: Final = (*_HTTP_TYPES, "TCP")
_NOT_FOR_ENDPOINTS: Final = {
    "AlarmIdentifier": "an metric region",
    "InsufficientDataHealthStatus": "an insufficient data health state",
}
_ONLY_FOR_ENDPOINTS: Final = {
    "FailureThreshold": "a failure threshold",
    "RequestInterval": "a request interval",
    "IPAddress": "an IP address",
    "Port": "a port",
    "FullyQualifiedDomainName": "a fully qualified domain name",
    "ResourcePath": "a resource path",
    "SearchString": "a search string",
}
"""The text on FailureThreshold is Route 53's, and the others have its form."""
# CreateHealthCheck refuses the special-use ranges of RFC 5735, RFC 6598 and RFC 5156. The ipaddress module
# follows the later registries, so what those RFCs name and it calls global is listed here.
_RESERVED: Final = (
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/32"),
    IPv6Network("2001:10::/28"),
    IPv6Network("2002::/16"),
    IPv6Network("3ffe::/16"),
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")


def is_of_endpoint(config: Mapping[str, Any]) -> bool:
    """Return whether Route 53's checkers connect to an endpoint for this health check."""
    return config["Type"] in _ENDPOINT_TYPES


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with the defaults of what is left out."""
    defaults: dict[str, Any] = {"Inverted": False, "Disabled": False}
    if config["Type"] in _ENDPOINT_TYPES:
        defaults |= {"RequestInterval": 30, "FailureThreshold": 3, "MeasureLatency": False}
    if config["Type"] in _HTTP_TYPES:
        https = config["Type"].startswith("HTTPS")
        # EnableSNI's default is not documented: hashicorp/terraform#9822 found it out.
        defaults |= {"Port": 443 if https else 80, "EnableSNI": https}
    return {**defaults, **copied(dict(config))}


def refuse_invalid(config: Mapping[str, Any]) -> None:
    """Raise Route53Error unless the settings, with defaults, go together."""
    match config["Type"]:
        case "CALCULATED":
            _refuse_set(config, "Calculated", _ONLY_FOR_ENDPOINTS | _NOT_FOR_ENDPOINTS)
            if "HealthThreshold" not in config:
                raise invalid_input("Calculated health checks must have a health threshold specified.")
        case "CLOUDWATCH_METRIC":
            _refuse_set(config, "CloudWatch metric", _ONLY_FOR_ENDPOINTS)
            if "AlarmIdentifier" not in config:
                raise invalid_input("CloudWatch metric health checks must have an alarm specified.")
        case "RECOVERY_CONTROL":
            text = "The lab's Route 53 does not play health checks of type RECOVERY_CONTROL"
            raise Route53Error("NotImplemented", text, HTTPStatus.NOT_IMPLEMENTED)
        case _:
            _refuse_set(config, "Basic", _NOT_FOR_ENDPOINTS)
            _refuse_invalid_endpoint(config)
            _refuse_invalid_request(config)
            _refuse_invalid_schedule(config)


def _refuse_set(config: Mapping[str, Any], kind: str, settings: Mapping[str, str]) -> None:
    for name, words in settings.items():
        if config.get(name) is not None:
            raise invalid_input(f"Invalid parameter : {kind} health checks must not have {words} specified.")


def _refuse_invalid_endpoint(config: Mapping[str, Any]) -> None:
    address = config.get("IPAddress")
    if address is None and not config.get("FullyQualifiedDomainName"):
        raise invalid_input("A health check needs an IPAddress or a FullyQualifiedDomainName")
    if address is not None and _is_reserved(ip_address(address)):
        raise invalid_input(f"IPAddress {address} is in a local, private, non-routable or multicast range")
    if config.get("Port") is None:
        raise invalid_input("A TCP health check needs a Port")


def _refuse_invalid_request(config: Mapping[str, Any]) -> None:
    check_type = config["Type"]
    if check_type.endswith("_STR_MATCH") != bool(config.get("SearchString")):
        raise invalid_input(f"SearchString {config.get('SearchString')!r} does not go with Type {check_type}")
    if check_type == "TCP" and config.get("ResourcePath"):
        raise invalid_input("TCP health checks must not have a resource path specified.")
    if check_type == "TCP" and config.get("IPAddress") and config.get("FullyQualifiedDomainName"):
        raise invalid_input(
            "TCP health checks that have IP address must not have a fully qualified domain name specified."
        )
    if config.get("EnableSNI") and not check_type.startswith("HTTPS"):
        # HealthCheckConfig documents EnableSNI for HTTPS only; the text is the lab's own.
        raise invalid_input(f"Invalid parameter : {check_type} health checks must not have SNI enabled.")


def _refuse_invalid_schedule(config: Mapping[str, Any]) -> None:
    if config["RequestInterval"] not in _REQUEST_INTERVALS:
        raise invalid_input(f"RequestInterval {config['RequestInterval']} is neither 10 nor 30")
    regions = config.get("Regions")
    if regions is not None and len(set(regions)) < MIN_REGIONS:
        raise invalid_input(f"Regions names {len(set(regions))}, and {MIN_REGIONS} is the least")


def _is_reserved(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return True
    return not address.is_global or address.is_multicast or any(address in network for network in _RESERVED)
