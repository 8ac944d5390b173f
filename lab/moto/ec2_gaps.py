"""Where moto's EC2 differs from EC2: each difference with AWS's source."""

from __future__ import annotations

import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2 import utils
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.ec2.responses.instances import InstanceResponse

from lab.moto.ec2 import INTERRUPTED_BY_STOP, elastic_address_at, is_hidden, spot_status_of
from lab.moto.gap import Gap


def gaps() -> tuple[Gap, ...]:
    """Return how moto's EC2 is corrected."""
    return (
        _renew_launch_time(),
        *_keep_elastic_address(),
        _release_addresses(),
        *_deal_addresses(),
        _move_elastic_address(),
        _filter_spot_requests(),
        *_keep_spot_instances(),
        _filter_by_interface(),
        *_list_in_any_order(),
        _name_default_group(),
        _hide_managed_instances(),
    )


def _renew_launch_time() -> Gap:
    """Renew LaunchTime when a stopped instance starts; moto keeps the first one.

    LaunchTime is the time of the last launch (EC2 API Reference, Instance). StartInstances leaves a running instance
    as it is.
    """
    start_as_moto = Instance.start

    def start(instance: Any) -> Any:
        if instance.state == "running":
            return copy.copy(instance.instance_state)
        previous = start_as_moto(instance)
        instance.launch_time = utcnow()
        return previous

    return Gap(Instance, "start", start)


def _keep_elastic_address() -> tuple[Gap, Gap]:
    """Keep an instance's Elastic IP over stop and start; moto assigns another address on start.

    Source: EC2 User Guide, "Amazon EC2 instance IP addressing".
    """
    start_as_moto, stop_as_moto = NetworkInterface.start, NetworkInterface.stop

    def start(interface: Any) -> None:
        elastic = elastic_address_at(interface)
        if elastic is None:
            start_as_moto(interface)
        else:
            interface.public_ip = elastic

    def stop(interface: Any) -> None:
        stop_as_moto(interface)
        interface.public_ip = elastic_address_at(interface)

    return Gap(NetworkInterface, "start", start), Gap(NetworkInterface, "stop", stop)


def _release_addresses() -> Gap:
    """Release the addresses of a terminated instance; moto leaves them on it.

    Its public address is released and its Elastic IP is disassociated (EC2 User Guide, "Amazon EC2 instance IP
    addressing").
    """
    terminate_as_moto = Instance.terminate

    def terminate(instance: Any) -> Any:
        interfaces = list(instance.nics.values())
        for address in instance.ec2_backend.addresses:
            if address.instance is instance or address.eni in interfaces:
                address.instance = address.eni = address.association_id = None
        previous = terminate_as_moto(instance)
        for interface in interfaces:
            interface.public_ip = None
        return previous

    return Gap(Instance, "terminate", terminate)


def _deal_addresses() -> tuple[Gap, Gap]:
    """Give every instance a public address that no other has, in the same order in every run.

    moto draws Elastic IPs from 127/8, which no client can reach, and may draw an address twice. Source: EC2 User Guide,
    "Amazon EC2 instance IP addressing".
    """
    deal = AddressPlan()
    return Gap(elastic_network_interfaces, "random_public_ip", deal), Gap(elastic_ip_addresses, "random_ip", deal)


def _move_elastic_address() -> Gap:
    """Take an Elastic IP from its holder when it is associated with another interface; moto leaves it on both.

    An interface's own Elastic IP is disassociated when it gets another (EC2 API Reference, AssociateAddress and
    AllowReassociation); moto leaves it associated, too.
    """
    associate_as_moto = ElasticAddressBackend.associate_address

    def associate(backend: Any, *args: Any, **said: Any) -> Any:
        before = {address.public_ip: address.eni for address in backend.addresses}
        address = associate_as_moto(backend, *args, **said)
        previous = before.get(address.public_ip)
        if previous is not None and previous is not address.eni:
            previous.public_ip = None
            if previous.instance is not None and previous.instance.state == "running":
                previous.check_auto_public_ip()
        for other in backend.addresses:
            if other is not address and other.eni is not None and other.eni is address.eni:
                other.instance = other.eni = other.association_id = None
        return address

    return Gap(ElasticAddressBackend, "associate_address", associate)


def _filter_spot_requests() -> Gap:
    """Filter Spot requests by instance and by status code; moto refuses both filters.

    Source: EC2 API Reference, DescribeSpotInstanceRequests.
    """
    value_as_moto = SpotInstanceRequest.get_filter_value

    def filter_value(request: Any, name: str, method: str | None = None) -> Any:
        if name == "instance-id":
            return request.instance.id
        if name == "status-code":
            return request.status["Code"]
        return value_as_moto(request, name, method)

    return Gap(SpotInstanceRequest, "get_filter_value", filter_value)


def _keep_spot_instances() -> tuple[Gap, Gap]:
    """Refuse to stop and to start a Spot instance; moto does both. All of the lab's are of one-time Spot requests.

    Only instances of persistent requests can be stopped, and only EC2 starts one that it has stopped itself (EC2 User
    Guide, "Manage your Spot Instances"; "Stop interrupted Spot Instances").
    """
    stop_as_moto, start_as_moto = EC2Backend.stop_instances, EC2Backend.start_instances

    def stop_instances(backend: Any, instance_ids: list[str]) -> Any:
        for each in instance_ids:
            if spot_status_of(each) not in {None, INTERRUPTED_BY_STOP}:
                text = (
                    f"You can't stop the Spot Instance '{each}' because it is associated with a one-time Spot request."
                )
                raise EC2ClientError("UnsupportedOperation", text)
        return stop_as_moto(backend, instance_ids)

    def start_instances(backend: Any, instance_ids: list[str]) -> Any:
        for each in instance_ids:
            if spot_status_of(each) is not None:
                text = f"You can't start the Spot Instance '{each}' because its Spot request is not disabled."
                raise EC2ClientError("IncorrectSpotRequestState", text)
        return start_as_moto(backend, instance_ids)

    return Gap(EC2Backend, "stop_instances", stop_instances), Gap(EC2Backend, "start_instances", start_instances)


def _filter_by_interface() -> Gap:
    """Filter instances by their network interfaces; moto refuses the filter.

    Source: EC2 API Reference, DescribeInstances, Filters.
    """
    known = {**utils.filter_dict_attribute_mapping, "network-interface.network-interface-id": "network_interfaces.id"}
    return Gap(utils, "filter_dict_attribute_mapping", known)


def _list_in_any_order() -> tuple[Gap, Gap]:
    """List the newest network interface and the newest IPv6 address first; moto lists the oldest first.

    EC2 promises no order, so nothing may depend on one (EC2 API Reference, Instance, InstanceNetworkInterface).
    """

    def newest_interface_first(instance: Any) -> list[Any]:
        return list(instance.nics.values())[::-1]

    def newest_address_first(interface: Any) -> list[dict[str, Any]]:
        return [{"Ipv6Address": each, "IsPrimaryIpv6": False} for each in interface.ipv6_addresses[::-1]]

    return (
        Gap(Instance, "network_interfaces", property(newest_interface_first)),
        Gap(NetworkInterface, "instance_ipv6_address_list", property(newest_address_first)),
    )


def _name_default_group() -> Gap:
    """Show an instance that was launched without security groups in its VPC's default group; moto shows it in none.

    Source: EC2 User Guide, "Security groups for your EC2 instances"; EC2 API Reference, RunInstances, SecurityGroupId.
    """
    run_as_moto = EC2Backend.run_instances

    def run_instances(backend: Any, *args: Any, **given: Any) -> Any:
        reservation = run_as_moto(backend, *args, **given)
        for instance in reservation.instances:
            if not instance.security_groups:
                instance.security_groups = list(instance.nics[0].group_set)
        return reservation

    return Gap(EC2Backend, "run_instances", run_instances)


def _hide_managed_instances() -> Gap:
    """Leave out the instances that a service of AWS manages, unless a request asks for them; moto shows all.

    Since April 2026 they are hidden by default (EC2 API Reference, DescribeInstances, IncludeManagedResources, and
    ManagedResourceVisibilitySettings). A request that names instance ids is answered with what is true, as in late.py.
    """
    describe_as_moto = InstanceResponse.describe_instances

    def describe_instances(response: Any) -> Any:
        answer = describe_as_moto(response)
        if response._get_bool_param("IncludeManagedResources") or response._get_param("InstanceIds"):  # noqa: SLF001
            return answer
        shown = []
        for reservation in answer.result["Reservations"]:
            visible = copy.copy(reservation)
            visible.instances = [each for each in reservation.instances if not is_hidden(each)]
            shown += [visible] if visible.instances else []
        return ActionResult({**answer.result, "Reservations": shown})

    return Gap(InstanceResponse, "describe_instances", describe_instances)


class AddressPlan:
    """Deals public IPv4 addresses in order from a range that no special-purpose registry reserves."""

    def __init__(self) -> None:
        self._dealt = 0

    def __call__(self) -> str:
        """Return the next address."""
        self._dealt += 1
        high, low = divmod(self._dealt, 254)
        if high > 255:  # noqa: PLR2004 - the last /24 of the range
            raise RuntimeError("the lab's 65,024 public addresses are used up")
        return f"52.95.{high}.{low + 1}"
