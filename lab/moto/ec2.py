"""EC2 in moto: instances, their addresses and tags, Spot requests, prefix lists. Corrections are in ec2_gaps.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.ec2.models import ec2_backends

from lab.moto.cloud import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Sequence

CODES: Final = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""EC2's states and their codes (EC2 API Reference, InstanceState)."""


# -- instances


def instances() -> list[Any]:
    """Return every instance that EC2 knows, oldest first."""
    reservations = list(ec2_backends[ACCOUNT][REGION].reservations.values())
    return [instance for reservation in reservations for instance in reservation.instances]


def instance(instance_id: str) -> Any:
    """Return one instance; a LookupError if EC2 does not know it."""
    for each in instances():
        if each.id == instance_id:
            return each
    raise LookupError(f"EC2 knows no instance {instance_id}")


def put_state(instance_id: str, name: str) -> None:
    """Put an instance into any of EC2's states."""
    state = instance(instance_id).instance_state
    state.name, state.code = name, CODES[name]


def state_of(instance_id: str) -> str | None:
    """Return an instance's state; None if EC2 does not know it."""
    found = next((each for each in instances() if each.id == instance_id), None)
    return None if found is None else str(found.state)


def forget_instance(instance_id: str) -> None:
    """Remove an instance from every answer of EC2, as EC2 does about an hour after it was terminated."""
    for reservation in ec2_backends[ACCOUNT][REGION].reservations.values():
        reservation.instances[:] = [each for each in reservation.instances if each.id != instance_id]


def put_operator(instance_id: str, service: str) -> None:
    """Let a service of AWS manage an instance, which hides it from answers that do not ask for managed resources.

    `service` is a principal, for example eks.amazonaws.com (EC2 API Reference, OperatorResponse).
    """
    instance(instance_id).operator = {"Managed": True, "Principal": service, "HiddenByDefault": True}


def is_hidden(each: Any) -> bool:
    """Tell whether DescribeInstances leaves an instance out by default."""
    return bool(getattr(each, "operator", {}).get("HiddenByDefault"))


# -- tags


def tags_of(each: Any) -> dict[str, str]:
    """Return an instance's tags."""
    return {str(tag["key"]): str(tag["value"]) for tag in each.get_tags()}


def remove_tag(instance_id: str, key: str) -> None:
    """Remove a tag from an instance, also one that only AWS may set."""
    ec2_backends[ACCOUNT][REGION].delete_tags([instance_id], {key: None})


# -- addresses


def elastic_address_at(interface: Any) -> str | None:
    """Return the Elastic IP associated with the primary private address of a network interface, if there is one."""
    for address in interface.ec2_backend.addresses:
        if address.eni is interface and not hasattr(address, "secondary"):
            return str(address.public_ip)
    return None


def at_secondary_addresses(interface: Any) -> dict[str, Any]:
    """Return moto's Elastic IPs that are associated with secondary private addresses of an interface, by these."""
    addresses = interface.ec2_backend.addresses
    return {each.secondary: each for each in addresses if each.eni is interface and hasattr(each, "secondary")}


def elastic_address_of(each: Any) -> str | None:
    """Return an instance's Elastic IP, if it has one."""
    return next((found for nic in each.nics.values() if (found := elastic_address_at(nic))), None)


def is_associated(address: str) -> bool:
    """Return whether an Elastic IP is associated with a network interface now."""
    return any(each.public_ip == address and each.eni for each in ec2_backends[ACCOUNT][REGION].addresses)


def addresses_of(each: Any) -> tuple[list[str], list[str]]:
    """Return every public IPv4 address and every IPv6 address of an instance."""
    interfaces = each.network_interfaces
    secondary = [address for nic in interfaces for address in at_secondary_addresses(nic).values()]
    return (
        [str(place.public_ip) for place in (*interfaces, *secondary) if place.public_ip],
        [str(address["Ipv6Address"]) for nic in interfaces for address in nic.instance_ipv6_address_list],
    )


def put_public_address(instance_id: str, address: str | None) -> None:
    """Change an instance's automatic public address; with None it has none from now on."""
    interface = instance(instance_id).nics[0]
    interface.public_ip = address
    if address is None:
        interface.public_ip_auto_assign = False


def add_ipv6_address(instance_id: str, address: str) -> None:
    """Give an instance an IPv6 address."""
    instance(instance_id).nics[0].ipv6_addresses.append(address)


def put_ipv6_addresses(instance_id: str, addresses: Sequence[str]) -> None:
    """Change the IPv6 addresses of an instance's first network interface."""
    instance(instance_id).nics[0].ipv6_addresses[:] = addresses


def put_interface_addresses(interface_id: str, address: str | None, ipv6: Sequence[str]) -> None:
    """Give a network interface a public address and IPv6 addresses."""
    interface = ec2_backends[ACCOUNT][REGION].get_network_interface(interface_id)
    interface.public_ip, interface.ipv6_addresses = address, list(ipv6)


def add_managed_prefix_list(name: str, family: int, ranges: Sequence[str]) -> None:
    """Add a prefix list that AWS manages (VPC User Guide, "AWS-managed prefix lists"); moto has only some of them."""
    entries = [{"Cidr": cidr, "Description": ""} for cidr in ranges]
    backend = ec2_backends[ACCOUNT][REGION]
    backend._create_aws_managed_prefix_list(name, f"IPv{family}", entries)  # noqa: SLF001 - moto has no other way in


# -- security groups


def default_security_group() -> str:
    """Return the id of the default VPC's default security group."""
    backend = ec2_backends[ACCOUNT][REGION]
    return str(backend.get_security_group_from_name("default", backend.get_default_vpc().id).id)


def allow_tcp(group_id: str, ipv4: Sequence[str], ipv6: Sequence[str], ports: tuple[int, int]) -> None:
    """Add an inbound rule for each range, as AuthorizeSecurityGroupIngress does."""
    for ranges in ([{"CidrIp": each} for each in ipv4], [{"CidrIpv6": each} for each in ipv6]):
        ec2_backends[ACCOUNT][REGION].authorize_security_group_ingress(
            group_name_or_id=group_id, ip_protocol="tcp", from_port=ports[0], to_port=ports[1], ip_ranges=ranges
        )


# -- Spot

INTERRUPTED_BY_STOP: Final = "instance-stopped-no-capacity"
"""The status of a Spot request whose instance EC2 stops, to start it again (EC2 User Guide, "Spot request status")."""


def request_spot_instance(image: str, instance_type: str, price: str) -> str:
    """Launch an instance by a Spot request that is fulfilled at once; return its id."""
    (request,) = ec2_backends[ACCOUNT][REGION].request_spot_instances(
        price=price,
        image_id=image,
        count=1,
        spot_instance_type="one-time",
        valid_from=None,
        valid_until=None,
        launch_group=None,
        availability_zone_group=None,
        key_name="",
        security_groups=[],
        user_data=None,
        instance_type=instance_type,
        placement=None,
        kernel_id=None,
        ramdisk_id=None,
        monitoring_enabled=False,
        subnet_id="",
    )
    instance_id = str(request.instance.id)
    put_spot_status(instance_id, "fulfilled", "active")
    return instance_id


def put_spot_status(instance_id: str, code: str, state: str) -> None:
    """Set what an instance's Spot request says: its status code and its state."""
    request = _spot_request(instance_id)
    if request is None:
        raise LookupError(f"{instance_id} was not launched by a Spot request")
    request._status_code, request.state = code, state  # noqa: SLF001 - moto has no other way in
    request.instance.spot_instance_request_id = request.id


def spot_status_of(instance_id: str) -> str | None:
    """Return the status code of an instance's Spot request; None for an On-Demand instance."""
    request = _spot_request(instance_id)
    return None if request is None else str(request._status_code)  # noqa: SLF001 - moto has no other way in


def _spot_request(instance_id: str) -> Any | None:
    requests = ec2_backends[ACCOUNT][REGION].spot_instance_requests.values()
    return next((each for each in requests if each.instance.id == instance_id), None)
