"""What EC2, Auto Scaling and Lambda do and moto leaves out: the only module that changes moto itself.

Missing in moto 5.2, and put right here while `filled()` is entered:

- LaunchTime is "the time that the instance was last launched" (EC2 DescribeInstances); moto keeps the
  first.
- An instance with an Elastic IP keeps it over stop and start, and gives it back when it is terminated (EC2
  User Guide, "Amazon EC2 instance IP addressing"); moto replaces it on start and leaves it on the dead.
- A public address is globally routable and belongs to one instance at a time; moto draws Elastic IPs
  from 127/8 and never looks whether an address is taken. Here they are dealt in order, so that a run can
  be repeated.
- Auto Scaling launches and terminates in its own time, through hooks and warm pools; moto does it within the
  request that asks for it. Here moto only holds the groups, and the lab's own Auto Scaling says what becomes of them.
- Lambda runs a function's code; moto needs Docker for that. The lab runs the handler in this process, and moto need
  not understand the code: it takes a template's inline code for an archive when the stack is updated.
- Fn::GetAtt gives a parameter's Value (CloudFormation, AWS::SSM::Parameter); moto knows none of its attributes.
- A template in JSON is read as such; moto reads it as YAML, and takes a quarter of a second for ours.
- A parameter that a resource names in Fn::Sub changes the resource with it; moto looks for Ref only.
- DescribeSpotInstanceRequests filters by instance and by status code; moto refuses both.
- Among the AWS-managed prefix lists are those of Route 53's health checkers (VPC User Guide, "AWS-managed prefix
  lists"); moto has others only.
- Invoke with InvocationType Event answers at once and runs the function later; moto runs it first.
- PutEvents delivers an event with its own id and nothing added; moto adds a key, and knows no target but a few.

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
from typing import TYPE_CHECKING, Any, Final, Protocol
from unittest.mock import patch

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState, autoscaling_backends
from moto.autoscaling.responses import AutoScalingResponse
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.models import Stack, cloudformation_backends
from moto.cloudformation.parsing import clean_json, get_model_map
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.ec2.models import ec2_backends, elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.spot_requests import SpotInstanceRequest
from moto.events.models import EventsBackend, events_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import Parameter

from lab.moto.cloud import ACCOUNT, REGION
from lab.route53 import checker_ranges
from lab.scaling.error import ScalingError
from lab.stack.dependencies import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

type Invoke = Callable[[str, Any], tuple[Any, bool]]
"""From a function's name and an event to its answer, and whether that answer is an error."""

type Start = Callable[[str, Any], None]
"""From a function's name and an event to nothing: the function runs later."""

type Put = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""From the entries of PutEvents to their answers."""

type Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
"""From an operation of Auto Scaling and its parameters to its answer."""

GROUP_TAG: Final = "aws:autoscaling:groupName"


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


type _Gap = tuple[Any, str, Any]
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


def _add_prefix_lists() -> None:
    """Add to the account's prefix lists those that AWS manages for Route 53."""
    backend = ec2_backends[ACCOUNT][REGION]
    for family, part, ranges in (("IPv4", "", checker_ranges.IPV4), ("IPv6", "ipv6.", checker_ranges.IPV6)):
        entries = [{"Cidr": cidr, "Description": ""} for cidr in ranges]
        backend._create_aws_managed_prefix_list(  # noqa: SLF001 - moto has no other way in
            f"com.amazonaws.{REGION}.{part}route53-healthchecks", family, entries
        )


def _auto_scaling_gaps(scaling: Scaling) -> list[_Gap]:
    update_as_moto = FakeAutoScalingGroup.update

    def not_noticed_yet(_backend: Any, _instance_ids: list[str]) -> None:
        """Stand for an Auto Scaling that has not noticed yet."""

    def only_wish(group: Any, capacity: int | None) -> None:
        group.desired_capacity = group.min_size if capacity is None else capacity

    def update(group: Any, *, desired_capacity: int | None = None, **changes: Any) -> None:
        wanted = group.desired_capacity if desired_capacity is None else desired_capacity
        low, high = changes.get("min_size"), changes.get("max_size")
        low, high = group.min_size if low is None else low, group.max_size if high is None else high
        update_as_moto(group, desired_capacity=min(max(wanted, low), high), **changes)

    def in_service(group: Any) -> list[Any]:
        return [each for each in group.instance_states if not each.lifecycle_state.startswith("Warmed:")]

    gaps: list[_Gap] = [
        (AutoScalingBackend, "notify_terminate_instances", not_noticed_yet),
        (FakeAutoScalingGroup, "set_desired_capacity", only_wish),
        (FakeAutoScalingGroup, "update", update),
        (FakeAutoScalingGroup, "instances", property(in_service)),
    ]
    for operation in scaling.operations:
        name = camelcase_to_underscores(operation)
        gaps.append((AutoScalingResponse, name, _answered(operation, scaling.answer, as_moto=None)))
    for operation in scaling.before:
        name = camelcase_to_underscores(operation)
        as_moto = getattr(AutoScalingResponse, name)
        gaps.append((AutoScalingResponse, name, _answered(operation, scaling.answer, as_moto)))
    for operation in scaling.after:
        name = camelcase_to_underscores(operation)
        as_moto = getattr(AutoScalingResponse, name)
        gaps.append((AutoScalingResponse, name, _followed(operation, scaling.answer, as_moto)))
    return gaps


def _answered(operation: str, answer: Answer, as_moto: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """Return a request handler of moto's that lets the lab answer, or look first where `as_moto` answers."""

    def respond(response: Any) -> Any:
        answered = _refusing(operation, answer, response)
        return ActionResult(answered) if as_moto is None else as_moto(response)

    return respond


def _followed(operation: str, answer: Answer, as_moto: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a request handler of moto's after which the lab learns of the request."""

    def respond(response: Any) -> Any:
        result = as_moto(response)
        _refusing(operation, answer, response)
        return result

    return respond


def _refusing(operation: str, answer: Answer, response: Any) -> dict[str, Any]:
    try:
        return answer(operation, dict(response._get_params()))  # noqa: SLF001 - moto's own way to them
    except ScalingError as error:
        raise AutoscalingClientError(error.code, error.message) from error


def _stack_gaps() -> list[_Gap]:
    parse_as_moto = Stack.parse_template

    def parse(template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return parse_as_moto(template)

    def attribute(parameter: Any, name: str) -> str:
        return str({"Type": parameter.parameter_type, "Value": parameter.value}[name])

    return [
        (Parameter, "get_cfn_attribute", attribute),
        (parsing, "get_references_from_template", references),
        (Stack, "parse_template", staticmethod(parse)),
    ]


def _lambda_gaps(invoke: Invoke, start: Start) -> list[_Gap]:
    def run(function: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
        if request_headers.get("X-Amz-Invocation-Type") == "Event":
            start(function.function_name, json.loads(body or "{}"))
            return b""
        answer, failed = invoke(function.function_name, json.loads(body or "{}"))
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer).encode()

    def keep_code(function: Any, _code: Any) -> dict[str, Any]:
        configuration: dict[str, Any] = function.get_configuration()
        return configuration

    return [(LambdaFunction, "invoke", run), (LambdaFunction, "update_function_code", keep_code)]


def _event_gaps(put: Put) -> list[_Gap]:
    def put_events(_backend: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return put(events)

    return [(EventsBackend, "put_events", put_events)]


class Scaling(Protocol):
    """The lab's Auto Scaling, as moto's request handlers know it."""

    operations: Sequence[str]
    """What it answers itself."""
    before: Sequence[str]
    """What moto answers after it has looked at the request."""
    after: Sequence[str]
    """What it learns of when moto has answered."""

    def answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer a request, or refuse it with a ScalingError."""
        ...


@contextlib.contextmanager
def filled(invoke: Invoke, start: Start, scaling: Scaling, put: Put) -> Iterator[None]:
    """Let moto behave as AWS does in the points above.

    `invoke` runs a function, `start` has it run later, `scaling` are the groups, `put` takes events.
    """
    gaps = [
        *_instance_gaps(),
        *_address_gaps(),
        *_spot_gaps(),
        *_auto_scaling_gaps(scaling),
        *_lambda_gaps(invoke, start),
        *_event_gaps(put),
        *_stack_gaps(),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, replacement in gaps:
            # Operations that moto lacks are added.
            stack.enter_context(patch.object(owner, name, replacement, create=True))
        _add_prefix_lists()
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


def state_of(instance_id: str) -> str | None:
    """Return an instance's state; None if EC2 does not know it."""
    found = next((each for each in instances() if each.id == instance_id), None)
    return None if found is None else str(found.state)


def remove_tag(instance_id: str, key: str) -> None:
    """Take a tag from an instance, also one that only AWS may set."""
    ec2_backends[ACCOUNT][REGION].delete_tags([instance_id], {key: None})


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


def group_names() -> tuple[str, ...]:
    """Return the names of all Auto Scaling groups."""
    return tuple(autoscaling_backends[ACCOUNT][REGION].autoscaling_groups)


def group(name: str) -> Any:
    """Return an Auto Scaling group; a KeyError if there is none of that name."""
    return autoscaling_backends[ACCOUNT][REGION].autoscaling_groups[name]


def members() -> list[Any]:
    """Return what Auto Scaling says of each instance that is in a group."""
    groups = autoscaling_backends[ACCOUNT][REGION].autoscaling_groups.values()
    return [member for each in groups for member in each.instance_states]


def suspended_processes(of: Any) -> set[str]:
    """Return the names of a group's suspended processes."""
    return {str(each["ProcessName"]) for each in of.suspended_processes}


def launch_into(of: Any) -> tuple[str, Any]:
    """Launch a pending instance by a group's own configuration; return its id and its membership."""
    if of.launch_config is not None and of.launch_config.spot_price:
        return _launch_spot_into(of)
    of.replace_autoscaling_group_instances(1, of.get_propagated_tags())
    member = of.instance_states[-1]
    put_state(member.instance_id, "pending")
    return str(member.instance_id), member


def _launch_spot_into(of: Any) -> tuple[str, Any]:
    (request,) = ec2_backends[ACCOUNT][REGION].request_spot_instances(
        price=of.launch_config.spot_price,
        image_id=of.image_id,
        count=1,
        spot_instance_type="one-time",
        valid_from=None,
        valid_until=None,
        launch_group=None,
        availability_zone_group=None,
        key_name="",
        security_groups=[],
        user_data=None,
        instance_type=of.instance_type,
        placement=None,
        kernel_id=None,
        ramdisk_id=None,
        monitoring_enabled=False,
        subnet_id="",
    )
    instance_id = str(request.instance.id)
    put_spot_status(instance_id, "fulfilled", "active")
    put_state(instance_id, "pending")
    for key, value in of.get_propagated_tags().items():
        instance(instance_id).add_tag(key, value)
    return instance_id, join_group(instance_id, of.name)


def join_group(instance_id: str, name: str) -> Any:
    """Make an instance a member of a group, tagged as such; return its membership."""
    of, joining = group(name), instance(instance_id)
    joining.add_tag(GROUP_TAG, name)
    joining.autoscaling_group = of
    member = InstanceState(joining, autoscaling_group=of)
    of.instance_states.append(member)
    return member


def reuses(pool: Any) -> bool:
    """Tell whether a warm pool takes instances back when its group scales in."""
    return bool((pool.instance_reuse_policy or {}).get("ReuseOnScaleIn"))


def warm_pool_state(of: Any) -> str:
    """Return the state that a group's warm pool keeps instances in; what a deleted one was to hold is stopped."""
    return "Stopped" if of.warm_pool is None else str(of.warm_pool.pool_state)


def most_prepared(pool: Any) -> int:
    """Return a warm pool's MaxGroupPreparedCapacity; -1 stands for the group's largest size."""
    return -1 if pool.max_group_prepared_capacity is None else int(pool.max_group_prepared_capacity)


def warm_pool_size(of: Any) -> int:
    """Return how many instances a group's warm pool holds (PutWarmPool, MaxGroupPreparedCapacity)."""
    most = most_prepared(of.warm_pool)
    prepared = of.max_size if most == -1 else most
    return max(int(of.warm_pool.min_size), prepared - int(of.desired_capacity))


def spot_status_of(instance_id: str) -> str | None:
    """Return the status code of an instance's Spot request; None if it was launched by none."""
    for request in ec2_backends[ACCOUNT][REGION].spot_instance_requests.values():
        if request.instance.id == instance_id:
            return str(request._status_code)  # noqa: SLF001 - moto has no other way in
    return None


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


def rule_is_enabled(name: str) -> bool:
    """Tell whether a rule of the default event bus is enabled."""
    return any(rule.name == name for rule in event_rules())


def alarms() -> dict[str, Any]:
    """Return every metric alarm by its name."""
    return dict(cloudwatch_backends[ACCOUNT][REGION].alarms)


def delete_alarm(name: str) -> None:
    """Delete an alarm; one that is not there is passed over."""
    cloudwatch_backends[ACCOUNT][REGION].delete_alarms([name])


def metric_data() -> list[Any]:
    """Return every data point, in the order in which they were published."""
    data: list[Any] = cloudwatch_backends[ACCOUNT][REGION].metric_data
    return data


_OFTEN: Final = 3
"""Receives after which a message does not count as the oldest (SQS Developer Guide, available CloudWatch metrics)."""


def publish_queue_metrics(now: datetime) -> None:
    """Publish of each queue what SQS does every minute, as far as alarms need it."""
    data = []
    for queue in list(sqs_backends[ACCOUNT][REGION].queues.values()):
        sent = [each.sent_timestamp for each in queue._messages if each.approximate_receive_count <= _OFTEN]  # noqa: SLF001 - moto counts them, but gives no ages
        age = now.timestamp() - min(sent) / 1000 if sent else 0.0
        data += [
            {
                "MetricName": name,
                "Dimensions": [{"Name": "QueueName", "Value": queue.name}],
                "Timestamp": now,
                "Value": value,
                "Unit": unit,
            }
            for name, value, unit in (
                ("ApproximateNumberOfMessagesVisible", queue.approximate_number_of_messages, "Count"),
                ("ApproximateAgeOfOldestMessage", age, "Seconds"),
            )
        ]
    if data:
        publish_metrics("AWS/SQS", data)


def publish_metrics(namespace: str, data: list[dict[str, Any]], region: str = REGION) -> None:
    """Publish metrics as an AWS service does: PutMetricData refuses `AWS/...` to everybody else."""
    # moto keeps times without a zone, and compares them with what its API has read.
    plain = [{**each, "Timestamp": each["Timestamp"].astimezone(UTC).replace(tzinfo=None)} for each in data]
    cloudwatch_backends[ACCOUNT][region].put_metric_data(namespace, plain)


def creatable_types() -> set[str]:
    """Return the resource types that moto's CloudFormation creates."""
    return set(get_model_map())


def put_stack_status(stack_name: str, status: str) -> None:
    """Let CloudFormation say this of a stack: moto does at once what takes CloudFormation its time."""
    cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name).status = status


def delete_resource(stack_name: str, logical_id: str) -> None:
    """Delete one resource of a stack; one that is gone, or that moto did not make, is passed over."""
    resources = cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name).resource_map
    made = resources._parsed_resources.pop(logical_id, None)  # noqa: SLF001 - moto deletes stacks only as a whole
    if made is not None:
        resources._delete_resource(made, resources._resource_json_map[logical_id])  # noqa: SLF001 - as above


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
