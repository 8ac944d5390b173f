"""Secondary private addresses with Elastic IPs: what high availability software moves from one instance to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.moto import ec2

if TYPE_CHECKING:
    from lab.scaling.changes import Changes


@dataclass(frozen=True, slots=True)
class SecondaryAddresses:
    """The calls about secondary private addresses, each with the event that CloudTrail sends of it."""

    _ec2: Any
    _changes: Changes

    def give(self, instance_id: str) -> tuple[str, str]:
        """Give an instance a secondary private address with an Elastic IP; return both addresses."""
        interface = str(ec2.instance(instance_id).nics[0].id)
        self._ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
        private = str(ec2.instance(instance_id).nics[0].private_ip_addresses[-1]["PrivateIpAddress"])
        said = {"networkInterfaceId": interface, "secondaryPrivateIpAddressCount": 1}
        self._changes.tell_call("AssignPrivateIpAddresses", said)
        allocated = self._ec2.allocate_address(Domain="vpc")
        allocation = allocated["AllocationId"]
        self._ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=interface, PrivateIpAddress=private)
        said = {"allocationId": allocation, "networkInterfaceId": interface, "privateIpAddress": private}
        self._changes.tell_call("AssociateAddress", said)
        return private, str(allocated["PublicIp"])

    def move(self, private: str, instance_id: str) -> None:
        """Move a secondary private address to another instance, and its Elastic IP with it.

        That is one call, which names only the new holder (EC2 API Reference, AssignPrivateIpAddresses).
        """
        interface = str(ec2.instance(instance_id).nics[0].id)
        self._ec2.assign_private_ip_addresses(
            NetworkInterfaceId=interface, PrivateIpAddresses=[private], AllowReassignment=True
        )
        said = {"networkInterfaceId": interface, "privateIpAddressesSet": {"item": [{"privateIpAddress": private}]}}
        self._changes.tell_call("AssignPrivateIpAddresses", said | {"allowReassignment": True})
