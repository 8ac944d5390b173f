"""Secondary private addresses in moto's EC2, each with an Elastic IP of its own.

moto associates an Elastic IP with a network interface only, and shows it at the primary private address.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.utils import random_eip_association_id

from lab.moto.ec2 import at_secondary_addresses
from lab.moto.gap import Gap


def gaps() -> tuple[Gap, ...]:
    """Return how moto's EC2 is corrected."""
    return _associate_with_secondary_addresses(), _show_secondary_addresses(), _move_secondary_addresses()


def _associate_with_secondary_addresses() -> Gap:
    """Associate an Elastic IP with the private address that the request names.

    Source: EC2 API Reference, AssociateAddress, PrivateIpAddress.
    """
    associate_as_moto = ElasticIPAddresses.associate_address

    def associate(response: Any) -> Any:
        backend, private = response.ec2_backend, response._get_param("PrivateIpAddress")  # noqa: SLF001
        if private is None:
            return associate_as_moto(response)
        interface = backend.get_network_interface(response._get_param("NetworkInterfaceId"))  # noqa: SLF001
        if private == interface.private_ip_address:
            return associate_as_moto(response)
        (address,) = backend.address_by_allocation([response._get_param("AllocationId")])  # noqa: SLF001
        address.eni, address.secondary, address.association_id = interface, private, random_eip_association_id()
        return ActionResult({"AssociationId": address.association_id})

    return Gap(ElasticIPAddresses, "associate_address", associate)


def _show_secondary_addresses() -> Gap:
    """Show the Elastic IP of a secondary private address beside it.

    Source: EC2 API Reference, InstancePrivateIpAddress, Association.
    """
    shown_by_moto = NetworkInterface.instance_private_ip_address_list.fget  # type: ignore[attr-defined,unused-ignore]

    def shown(interface: Any) -> list[dict[str, Any]]:
        elastic = at_secondary_addresses(interface)
        listed: list[dict[str, Any]] = shown_by_moto(interface)
        for each in listed:
            if (address := elastic.get(each["PrivateIpAddress"])) is not None:
                each["Association"] = {"PublicIp": address.public_ip}
        return listed

    return Gap(NetworkInterface, "instance_private_ip_address_list", property(shown))


def _move_secondary_addresses() -> Gap:
    """Move a secondary private address to another interface, with its Elastic IP, if the request allows it.

    moto assigns it to both. Source: EC2 API Reference, AssignPrivateIpAddresses, AllowReassignment. The text of the
    refusal is in the documentation of Ansible's module amazon.aws.ec2_eni.
    """
    assign_as_moto = ElasticNetworkInterfaces.assign_private_ip_addresses

    def assign(response: Any) -> Any:
        backend = response.ec2_backend
        target = backend.get_network_interface(response._get_param("NetworkInterfaceId"))  # noqa: SLF001
        wanted = response._get_param("PrivateIpAddresses", [])  # noqa: SLF001
        holders = {private: interface for interface in backend.enis.values() for private in _private(interface)}
        taken = {each: holders[each] for each in wanted if holders.get(each, target) is not target}
        if taken and not response._get_bool_param("AllowReassignment"):  # noqa: SLF001
            raise EC2ClientError("InvalidParameterValue", f"[{', '.join(taken)}] assigned, but move is not allowed.")
        for private, holder in taken.items():
            if (elastic := at_secondary_addresses(holder).get(private)) is not None:
                elastic.eni = target
            holder.private_ip_addresses[:] = [
                each for each in holder.private_ip_addresses if each["PrivateIpAddress"] != private
            ]
        return assign_as_moto(response)

    return Gap(ElasticNetworkInterfaces, "assign_private_ip_addresses", assign)


def _private(interface: Any) -> list[str]:
    return [str(each["PrivateIpAddress"]) for each in interface.private_ip_addresses]
