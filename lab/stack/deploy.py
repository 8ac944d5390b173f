"""Deploys template.yaml: moto's CloudFormation creates the resources that it knows, the lab creates the others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.iam import Request, allows
from lab.moto import awslambda, cloudformation, sqs
from lab.moto.cloudformation import StackValues
from lab.stack.recursion import TERMINATE
from lab.stack.resources import put_resource
from lab.stack.template import BY_LAB, TemplateError, is_custom, read_code, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.stack.template import Template

STACK: Final = "fleet53"

_UNITS: Final = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed Lambda function with its resolved settings; `timeout` is in seconds.

    `recursive_loop` says whether messages that it sends may invoke it without end: Allow or Terminate.
    """

    logical_id: str
    name: str
    arn: str
    folder: Path
    handler: str
    environment: dict[str, str]
    timeout: int
    memory: int
    recursive_loop: str = TERMINATE
    log_group: str = ""


@dataclass(frozen=True, slots=True)
class EventSource:
    """An SQS event source mapping; `window` is in seconds."""

    logical_id: str
    uuid: str
    function: str
    queue_arn: str
    queue_url: str
    batch_size: int
    window: int
    partial_failures: bool
    maximum_concurrency: int | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that invokes a function; `rule` is its EventBridge rule, None for EventBridge Scheduler."""

    logical_id: str
    function: str
    every: timedelta
    payload: Any
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack; `created_by` says for each resource whether moto or the lab created it.

    `properties` are each resource's, resolved as they are in force. A resource that reads an attribute of a custom
    resource is missing there until it is created, after the answer.
    """

    stack_name: str
    functions: dict[str, Function]
    event_sources: tuple[EventSource, ...]
    schedules: tuple[Schedule, ...]
    layers: tuple[Path, ...]
    resources: dict[str, str]
    outputs: dict[str, str]
    created_by: dict[str, str]
    stack_id: str
    properties: dict[str, dict[str, Any]]
    kinds: dict[str, str]
    """The type of each resource, also of those that do not exist yet."""
    deletion_order: tuple[str, ...]

    @property
    def custom(self) -> dict[str, dict[str, Any]]:
        """The properties of each custom resource, in the order of their creation."""
        return {
            name: self.properties[name] for name in reversed(self.deletion_order) if is_custom(self.kinds.get(name, ""))
        }

    def queue_url(self, logical_id: str) -> str:
        """Return the URL of the stack's queue with this logical id."""
        return self.resources[logical_id]

    @property
    def polled(self) -> tuple[EventSource, ...]:
        """The event sources whose function may receive from their queue.

        Lambda polls with the function's role (Lambda Developer Guide, with-sqs, execution role permissions).
        """
        return tuple(each for each in self.event_sources if self._may_receive(each))

    def _may_receive(self, source: EventSource) -> bool:
        request = Request("sqs:ReceiveMessage", source.queue_arn)
        return any(allows(each, request) for each in self.statements(source.function))

    def role(self, function: str) -> str:
        """Return the ARN of the role of the function with this logical id."""
        return str(self.properties[function]["Role"])

    def statements(self, function: str) -> Iterator[dict[str, Any]]:
        """Yield every policy statement of the role of the function with this logical id."""
        arn = self.role(function)
        for name, kind in self.kinds.items():
            if name not in self.properties:
                continue
            properties = self.properties[name]
            if kind == "AWS::IAM::Role" and arn.endswith(f"/{self.resources[name]}"):
                for policy in properties.get("Policies", []):
                    yield from policy["PolicyDocument"]["Statement"]
            elif kind == "AWS::IAM::Policy" and arn.rpartition("/")[2] in properties["Roles"]:
                yield from properties["PolicyDocument"]["Statement"]


def deploy(path: Path, parameters: Mapping[str, str], stack_name: str = STACK) -> Deployment:
    """Create the stack of the template at `path`; a TemplateError names what cannot be created.

    What reads an attribute of a custom resource is created by `complete`.
    """
    template = read_template(path)
    cloudformation.create_stack(stack_name, template.body, parameters)
    stack = StackValues(stack_name)
    if stack.status != "CREATE_COMPLETE":
        raise TemplateError(f"the stack is {stack.status}")
    properties = {}
    for name in reversed(template.deletion_order):
        resource = template.resource(name)
        if stack.exists(resource) and name not in template.reading_custom:
            properties[name] = stack.resolved(resource.get("Properties", {}))
            if name in template.for_lab:
                put_resource(f"{stack_name}-{name}", resource["Type"], properties[name])
    return describe(template, stack_name, properties)


def complete(path: Path, deployment: Deployment, data: Mapping[str, Mapping[str, str]]) -> Deployment:
    """Create the resources that waited for the attributes of custom resources; `data` has these by logical id."""
    template, stack = read_template(path), StackValues(deployment.stack_name)
    properties = dict(deployment.properties)
    for name in reversed(template.deletion_order):
        resource = template.resource(name)
        if name not in properties and stack.exists(resource):
            properties[name] = stack.resolved(with_attributes(resource.get("Properties", {}), data))
            put_resource(f"{deployment.stack_name}-{name}", resource["Type"], properties[name])
    return describe(template, deployment.stack_name, properties)


def describe(template: Template, stack_name: str, properties: Mapping[str, dict[str, Any]]) -> Deployment:
    """Return the stack as it is now; `properties` are those of its resources that are in force."""
    stack = StackValues(stack_name)
    resources = stack.resources()
    kinds = {name: template.resource(name)["Type"] for name in template.deletion_order}
    functions = {
        logical_id: _function(logical_id, resources[logical_id], properties[logical_id])
        for logical_id in template.code
        if logical_id in resources
    }
    return Deployment(
        stack_name=stack_name,
        functions=functions,
        event_sources=tuple(
            _event_source(name, resources[name], properties[name], functions)
            for name, kind in kinds.items()
            if kind == "AWS::Lambda::EventSourceMapping" and name in properties
        ),
        schedules=(
            *_rule_schedules(properties, kinds, resources, functions),
            *_schedules(properties, kinds, functions),
        ),
        layers=template.layers,
        resources=resources,
        outputs=stack.outputs(),
        created_by=dict.fromkeys(resources, "moto")
        | {name: BY_LAB[kinds[name]] for name in template.for_lab if name in properties},
        stack_id=stack.stack_id,
        properties=dict(properties),
        kinds=kinds,
        deletion_order=template.deletion_order,
    )


def with_attributes(node: Any, data: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a piece of the template with the attributes of custom resources filled in, or raise TemplateError."""
    match node:
        case {"Fn::GetAtt": [str(name), str(attribute)]} if name in data:
            if attribute not in data[name]:
                raise TemplateError(f"Custom Resource attribute error: {name} has no {attribute}")
            return data[name][attribute]
        case dict():
            return {key: with_attributes(value, data) for key, value in node.items()}
        case list():
            return [with_attributes(value, data) for value in node]
        case _:
            return node


def _function(logical_id: str, name: str, properties: Mapping[str, Any]) -> Function:
    settings, code = awslambda.configuration(name), read_code(properties)
    return Function(
        logical_id=logical_id,
        name=name,
        arn=settings["FunctionArn"],
        folder=code.folder,
        handler=code.handler,
        environment={k: str(v) for k, v in settings.get("Environment", {}).get("Variables", {}).items()},
        timeout=int(settings.get("Timeout", 3)),
        memory=int(settings.get("MemorySize", 128)),
        log_group=properties.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
        recursive_loop=properties.get("RecursiveLoop", TERMINATE),
    )


def _logical_id(functions: Mapping[str, Function], name_or_arn: str) -> str | None:
    for function in functions.values():
        if name_or_arn in (function.name, function.arn):
            return function.logical_id
    return None


def _event_source(
    name: str, uuid: str, properties: Mapping[str, Any], functions: Mapping[str, Function]
) -> EventSource:
    arn = properties["EventSourceArn"]
    function = _logical_id(functions, properties["FunctionName"])
    if not arn.startswith("arn:aws:sqs:") or function is None:
        raise TemplateError(f"the lab maps queues to the template's functions, not {arn} to {function}")
    return EventSource(
        logical_id=name,
        uuid=uuid,
        function=function,
        queue_arn=arn,
        queue_url=sqs.url_of(arn.rsplit(":", 1)[1]),
        batch_size=int(properties.get("BatchSize", 10)),
        window=int(properties.get("MaximumBatchingWindowInSeconds", 0)),
        partial_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
        maximum_concurrency=properties.get("ScalingConfig", {}).get("MaximumConcurrency"),
    )


def every(expression: str) -> timedelta:
    """Read a `rate(…)` expression; the lab runs no other kind of schedule."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if match is None or int(match[1]) == 0:
        raise TemplateError(f"the lab runs rate(...) schedules, not {expression!r}")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _schedules(
    properties: Mapping[str, Any], kinds: Mapping[str, str], functions: Mapping[str, Function]
) -> list[Schedule]:
    """Return the schedules of EventBridge Scheduler."""
    return [
        _schedule(name, properties[name]["ScheduleExpression"], properties[name]["Target"], functions, default="{}")
        for name, kind in kinds.items()
        if kind == "AWS::Scheduler::Schedule" and name in properties and properties[name].get("State") != "DISABLED"
    ]


def _rule_schedules(
    properties: Mapping[str, Any],
    kinds: Mapping[str, str],
    resources: Mapping[str, str],
    functions: Mapping[str, Function],
) -> list[Schedule]:
    """Return the schedules of EventBridge rules."""
    return [
        _schedule(
            name,
            properties[name]["ScheduleExpression"],
            target,
            functions,
            default='{"source": "aws.events"}',
            rule=resources[name],
        )
        for name, kind in kinds.items()
        if kind == "AWS::Events::Rule" and "ScheduleExpression" in properties.get(name, {})
        if properties[name].get("State") != "DISABLED"
        for target in properties[name].get("Targets", [])
    ]


def _schedule(
    name: str,
    expression: str,
    target: Mapping[str, Any],
    functions: Mapping[str, Function],
    *,
    default: str,
    rule: str | None = None,
) -> Schedule:
    """Return the schedule of one target; `default` is the payload, as JSON, of a target without Input."""
    function = _logical_id(functions, target["Arn"])
    if function is None:
        raise TemplateError(f"{name}: the lab schedules the template's functions, not {target['Arn']}")
    return Schedule(name, function, every(expression), json.loads(target.get("Input", default)), rule)
