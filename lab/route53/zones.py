"""The hosted zones of an account: how they are created and found, and which one answers for a name."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from lab.route53.error import Route53Error, invalid_input
from lab.route53.names import InvalidNameError, Name, parse_name
from lab.route53.page import page_by_id, page_size
from lab.route53.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_PAGE: Final = 100  # ListHostedZones
_OWN_SETS: Final = 2  # NS and SOA
_MAX_SETS_PER_ZONE: Final = 10_000  # Developer Guide, "Quotas"; the lab does not enforce it


@dataclass(frozen=True, slots=True)
class Zone:
    """A hosted zone; it is private if it has a VPC."""

    id: str
    name: Name
    reference: str
    config: Mapping[str, Any]
    vpc: Mapping[str, Any] | None
    name_servers: tuple[str, ...]
    records: Records

    @property
    def private(self) -> bool:
        """Whether it answers only inside VPCs."""
        return bool(self.config["PrivateZone"])

    def described(self) -> dict[str, Any]:
        """Return it as GetHostedZone does."""
        return {
            "Id": f"/hostedzone/{self.id}",
            "Name": str(self.name),
            "CallerReference": self.reference,
            "Config": dict(self.config),
            "ResourceRecordSetCount": len(self.records),
        }

    def location(self) -> dict[str, Any]:
        """Return where it answers: its name servers if it is public, its VPC if it is private."""
        if not self.private:
            return {"DelegationSet": {"NameServers": [server.removesuffix(".") for server in self.name_servers]}}
        return {"VPC": dict(self.vpc)} if self.vpc else {}


class Zones:
    """Every hosted zone of an account, by its id; `new_zone_id` makes the id of a new one.

    DNS answers from the zones of all accounts: from those of the account that this one is `beside`, too.
    """

    def __init__(self, new_zone_id: Callable[[], str], beside: Zones | None = None) -> None:
        self._new_zone_id = new_zone_id
        self._zones: dict[str, Zone] = {}
        self._accounts: list[Zones] = [] if beside is None else beside._accounts  # noqa: SLF001 - its own class
        self._accounts.append(self)

    def _in_dns(self) -> list[Zone]:
        """Return the hosted zones of all accounts."""
        return [zone for account in self._accounts for zone in account._zones.values()]  # noqa: SLF001 - as above

    def find(self, zone_id: str) -> Zone:
        """Return the hosted zone with this id, or raise NoSuchHostedZone, or AccessDenied if another account has it.

        That one is not documented (aws/aws-sdk-php issue 2141 has it for a zone of AWS's own).
        """
        zone = self._zones.get(zone_id)
        if zone is None and any(each.id == zone_id for each in self._in_dns()):
            raise Route53Error("AccessDenied", "User is not authorized to access this resource", HTTPStatus.FORBIDDEN)
        if zone is None:
            raise Route53Error("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", HTTPStatus.NOT_FOUND)
        return zone

    def answering(self, name: Name) -> Zone | None:
        """Return the hosted zone that answers for a name: the most specific one, a public one before a private one."""
        zones = [zone for zone in self._in_dns() if name.is_within(zone.name)]
        return max(zones, key=lambda zone: (len(zone.name.labels), not zone.private), default=None)

    def public(self, name: Name) -> Zone | None:
        """Return the first public hosted zone with this very name, if there is one."""
        return next((zone for zone in self._in_dns() if not zone.private and zone.name == name), None)

    def create(self, parameters: Mapping[str, Any]) -> Zone:
        """Create a hosted zone, as CreateHostedZone does."""
        reference = parameters["CallerReference"]
        if any(zone.reference == reference for zone in self._zones.values()):
            raise Route53Error(
                "HostedZoneAlreadyExists",
                f"A hosted zone has already been created with the caller reference {reference}",
                HTTPStatus.CONFLICT,
            )
        name = _parsed(parameters["Name"])
        vpc = parameters.get("VPC")
        asked = parameters.get("HostedZoneConfig") or {}
        config = {**asked, "PrivateZone": bool(vpc or asked.get("PrivateZone"))}
        servers = _name_servers(len(self._in_dns()) + 1)
        zone_id = self._new_zone_id()
        zone = Zone(zone_id, name, reference, config, vpc, servers, Records(name, zone_id, servers))
        self._zones[zone.id] = zone
        return zone

    def get(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHostedZone."""
        zone = self.find(parameters["Id"])
        answer = {"HostedZone": zone.described()} | zone.location()
        if zone.vpc:
            answer["VPCs"] = [answer.pop("VPC")]
        return answer

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListHostedZones."""
        return page_by_id(
            self._zones,
            lambda zone_id: self._zones[zone_id].described(),
            parameters,
            key="HostedZones",
            default=_MAX_PAGE,
            most=_MAX_PAGE,
        )

    def page_by_name(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListHostedZonesByName: hosted zones in the order of their names with the labels reversed."""
        size = page_size(parameters.get("MaxItems"), default=_MAX_PAGE, most=_MAX_PAGE)
        start_name, start_id = parameters.get("DNSName"), parameters.get("HostedZoneId")
        if start_id and not start_name:
            raise invalid_input("HostedZoneId needs a DNSName")
        start = (_parsed(start_name).sort_key if start_name else "", start_id or "")
        zones = sorted(self._zones.values(), key=_order_by_name)
        left = [each for each in zones if _order_by_name(each) >= start]
        answer: dict[str, Any] = {
            "HostedZones": [each.described() for each in left[:size]],
            "IsTruncated": len(left) > size,
            "MaxItems": str(size),
        }
        answer |= {"DNSName": start_name} if start_name else {}
        answer |= {"HostedZoneId": start_id} if start_id else {}
        if len(left) > size:
            answer |= {"NextDNSName": str(left[size].name), "NextHostedZoneId": left[size].id}
        return answer

    def count(self, _parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHostedZoneCount."""
        return {"HostedZoneCount": len(self._zones)}

    def delete(self, zone_id: str) -> None:
        """Delete a hosted zone that has no record sets but its own NS and SOA (DeleteHostedZone)."""
        if len(self.find(zone_id).records) > _OWN_SETS:
            text = "The specified hosted zone contains non-required resource record sets  and so cannot be deleted."
            raise Route53Error("HostedZoneNotEmpty", text)
        del self._zones[zone_id]

    def limit(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetHostedZoneLimit."""
        zone = self.find(parameters["HostedZoneId"])
        if parameters["Type"] != "MAX_RRSETS_BY_ZONE":
            raise invalid_input(f"The lab keeps no limit of type {parameters['Type']}")
        return {"Limit": {"Type": parameters["Type"], "Value": _MAX_SETS_PER_ZONE}, "Count": len(zone.records)}


def _parsed(text: str) -> Name:
    try:
        return parse_name(text)
    except InvalidNameError as error:
        raise Route53Error("InvalidDomainName", str(error)) from error


def _order_by_name(zone: Zone) -> tuple[str, str]:
    return zone.name.sort_key, zone.id


def _name_servers(number: int) -> tuple[str, ...]:
    """Return four name servers that no other hosted zone has, for the first 511 hosted zones."""
    host = number % 512
    ends = ("com.", "net.", "org.", "co.uk.")
    return tuple(f"ns-{host + 512 * place}.awsdns-{host // 8:02}.{end}" for place, end in enumerate(ends))
