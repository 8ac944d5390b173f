"""What EC2, Auto Scaling and Lambda do and moto leaves out: the only module that changes moto itself.

Missing in moto 5.2, and put right here while `filled()` is entered:

- LaunchTime is "the time that the instance was last launched" (EC2 DescribeInstances); moto keeps the
  first.
- An instance with an Elastic IP keeps it over stop and start, and gives it back when it is terminated (EC2
  User Guide, "Amazon EC2 instance IP addressing"); moto replaces it on start and leaves it on the dead.
- A public address is globally routable and belongs to one instance at a time; moto draws Elastic IPs
  from 127/8 and never looks whether an address is taken. Here they are dealt in order, so that a run can
  be repeated.
- Auto Scaling replaces a lost instance in its own time; moto does it within TerminateInstances. The lab's
  fleet says itself what a group does.
- Lambda runs a function's code; moto needs Docker for that. The lab runs the handler in this process.
- DescribeSpotInstanceRequests filters by instance and by status code; moto refuses both.

The functions below `filled()` reach what AWS does on its own and moto has no API for: a Spot status, a
lifecycle state, an address that changes by itself, metrics that a service publishes, the values of a
template's expressions.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from moto.autoscaling.models import AutoScalingBackend, autoscaling_backends
from moto.awslambda.models import LambdaFunction
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json, get_model_map
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends, elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.events.models import events_backends

from lab.cloud import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

type Invoke = Callable[[str, Any], tuple[Any, bool]]
"""From a function's name and an event to its answer, and whether that answer is an error."""


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


def _elastic_address(interface: Any) -> str | None:
    """Return the Elastic IP associated with a network interface, if there is one."""
    for address in interface.ec2_backend.addresses:
        if address.eni is interface:
            return str(address.public_ip)
    return None


type _Gap = tuple[Any, str, Callable[..., Any]]
"""Whose attribute is replaced, its name, and by what."""


def _instance_gaps() -> list[_Gap]:
    start_as_moto, terminate_as_moto = Instance.start, Instance.terminate

    def start(instance: Any) -> Any:
        if instance.state == "running":
            return copy.copy(instance.instance_state)
        previous = start_as_moto(instance)
        instance.launch_time = utcnow()
        return previous

    def terminate(instance: Any) -> Any:
        interfaces = list(instance.nics.values())
        for address in instance.ec2_backend.addresses:
            if address.instance is instance or address.eni in interfaces:
                address.instance = address.eni = address.association_id = None
        previous = terminate_as_moto(instance)
        for interface in interfaces:
            interface.public_ip = None
        return previous

    return [(Instance, "start", start), (Instance, "terminate", terminate)]


def _address_gaps() -> list[_Gap]:
    start_as_moto, stop_as_moto, deal = NetworkInterface.start, NetworkInterface.stop, AddressPlan()

    def start(interface: Any) -> None:
        elastic = _elastic_address(interface)
        if elastic is None:
            start_as_moto(interface)
        else:
            interface.public_ip = elastic

    def stop(interface: Any) -> None:
        stop_as_moto(interface)
        interface.public_ip = _elastic_address(interface)

    return [
        (NetworkInterface, "start", start),
        (NetworkInterface, "stop", stop),
        (elastic_network_interfaces, "random_public_ip", deal),
        (elastic_ip_addresses, "random_ip", deal),
    ]


def _spot_gaps() -> list[_Gap]:
    value_as_moto = SpotInstanceRequest.get_filter_value

    def filter_value(request: Any, name: str, method: str | None = None) -> Any:
        if name == "instance-id":
            return request.instance.id
        if name == "status-code":
            return request.status["Code"]
        return value_as_moto(request, name, method)

    return [(SpotInstanceRequest, "get_filter_value", filter_value)]


def _auto_scaling_gaps() -> list[_Gap]:
    def leave_to_the_fleet(_backend: Any, _instance_ids: list[str]) -> None:
        """Stand for an Auto Scaling that has not noticed yet."""

    return [(AutoScalingBackend, "notify_terminate_instances", leave_to_the_fleet)]


def _lambda_gaps(invoke: Invoke) -> list[_Gap]:
    def run(function: Any, body: str, _request_headers: Any, response_headers: Any) -> bytes:
        answer, failed = invoke(function.function_name, json.loads(body or "{}"))
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer).encode()

    return [(LambdaFunction, "invoke", run)]


@contextlib.contextmanager
def filled(invoke: Invoke) -> Iterator[None]:
    """Let moto behave as AWS does in the points above; `invoke` runs a Lambda function."""
    gaps = [
        *_instance_gaps(),
        *_address_gaps(),
        *_spot_gaps(),
        *_auto_scaling_gaps(),
        *_lambda_gaps(invoke),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, replacement in gaps:
            stack.enter_context(patch.object(owner, name, replacement))
        yield


# -- EC2 and Auto Scaling

_CODES: Final = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


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
    state.name, state.code = name, _CODES[name]


def tags_of(each: Any) -> dict[str, str]:
    """Return an instance's tags."""
    return {str(tag["key"]): str(tag["value"]) for tag in each.get_tags()}


def elastic_address_of(each: Any) -> str | None:
    """Return an instance's Elastic IP, if it has one."""
    return next((found for nic in each.nics.values() if (found := _elastic_address(nic))), None)


def put_public_address(instance_id: str, address: str | None) -> None:
    """Change an instance's automatic public address; None takes it away for good."""
    interface = instance(instance_id).nics[0]
    interface.public_ip = address
    if address is None:
        interface.public_ip_auto_assign = False


def add_ipv6_address(instance_id: str, address: str) -> None:
    """Give an instance an IPv6 address."""
    instance(instance_id).nics[0].ipv6_addresses.append(address)


def forget_instance(instance_id: str) -> None:
    """Let EC2 know the id no more."""
    for reservation in ec2_backends[ACCOUNT][REGION].reservations.values():
        reservation.instances[:] = [each for each in reservation.instances if each.id != instance_id]


def put_spot_status(instance_id: str, code: str, state: str) -> None:
    """Set what an instance's Spot request says: its status code and its state."""
    for request in ec2_backends[ACCOUNT][REGION].spot_instance_requests.values():
        if request.instance.id == instance_id:
            request._status_code, request.state = code, state  # noqa: SLF001 - moto has no other way in
            request.instance.spot_instance_request_id = request.id
            return
    raise LookupError(f"{instance_id} was not launched by a Spot request")


def put_lifecycle_state(instance_id: str, state: str) -> None:
    """Put an instance into a lifecycle state of its Auto Scaling group."""
    for group in autoscaling_backends[ACCOUNT][REGION].autoscaling_groups.values():
        for member in group.instance_states:
            if member.instance_id == instance_id:
                member.lifecycle_state = state
                return
    raise LookupError(f"{instance_id} is in no Auto Scaling group")


def leave_group(instance_id: str) -> None:
    """Take an instance out of its Auto Scaling group, whose name its tag keeps."""
    for group in autoscaling_backends[ACCOUNT][REGION].autoscaling_groups.values():
        group.instance_states[:] = [each for each in group.instance_states if each.instance_id != instance_id]


# -- EventBridge, CloudWatch and CloudFormation


def event_rules() -> tuple[Any, ...]:
    """Return the enabled rules of the default event bus."""
    bus = events_backends[ACCOUNT][REGION].event_buses["default"]
    return tuple(rule for rule in bus.rules.values() if rule.state == "ENABLED")


def publish_metrics(namespace: str, data: list[dict[str, Any]], region: str = REGION) -> None:
    """Publish metrics as an AWS service does: PutMetricData refuses `AWS/...` to everybody else."""
    # moto keeps times without a zone, and compares them with what its API has read.
    plain = [{**each, "Timestamp": each["Timestamp"].astimezone(UTC).replace(tzinfo=None)} for each in data]
    cloudwatch_backends[ACCOUNT][region].put_metric_data(namespace, plain)


def creatable_types() -> set[str]:
    """Return the resource types that moto's CloudFormation creates."""
    return set(get_model_map())


class StackValues:
    """What the expressions of a template come to in a stack that stands."""

    def __init__(self, stack_name: str) -> None:
        self._map = cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name).resource_map

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Tell whether a resource's condition, if it has one, holds."""
        condition = resource.get("Condition")
        return condition is None or bool(self._map.lazy_condition_map[condition])

    def resolved(self, value: Any) -> Any:
        """Return a piece of the template with every intrinsic function computed."""
        return clean_json(copy.deepcopy(value), self._map)
