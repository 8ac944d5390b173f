"""Deploys template.yaml: moto's CloudFormation creates the resources that it knows, the lab creates the others."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from lab.moto import awslambda, cloud, cloudformation, cloudwatch, sqs
from lab.moto.cloudformation import StackValues
from lab.stack.dependencies import attributes_of
from lab.stack.recursion import TERMINATE
from lab.stack.template import BY_LAB, TemplateError, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.stack.template import Code, Template

STACK: Final = "fleet53"

_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
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


@dataclass(frozen=True, slots=True)
class EventSource:
    """An SQS event source mapping; `window` is in seconds."""

    logical_id: str
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
    """A deployed stack; `created_by` says for each resource whether moto or the lab created it."""

    stack_name: str
    functions: dict[str, Function]
    event_sources: tuple[EventSource, ...]
    schedules: tuple[Schedule, ...]
    layers: tuple[Path, ...]
    resources: dict[str, str]
    outputs: dict[str, str]
    created_by: dict[str, str]
    stack_id: str
    custom: dict[str, dict[str, Any]]
    """The properties of each custom resource."""
    waiting: dict[str, dict[str, Any]]
    """Resources, not resolved, that read an attribute of a custom resource; they are created after its answer."""
    deletion_order: tuple[str, ...]

    def queue_url(self, logical_id: str) -> str:
        """Return the URL of the stack's queue with this logical id."""
        return self.resources[logical_id]


def deploy(path: Path, parameters: Mapping[str, str], stack_name: str = STACK) -> Deployment:
    """Create the stack of the template at `path`; a TemplateError names what cannot be created."""
    return _put("CREATE", path, parameters, stack_name)


def update(path: Path, parameters: Mapping[str, str], stack_name: str = STACK) -> Deployment:
    """Update the stack of the template at `path`; a parameter that is not given gets its default."""
    return _put("UPDATE", path, parameters, stack_name)


def _put(action: Literal["CREATE", "UPDATE"], path: Path, parameters: Mapping[str, str], stack_name: str) -> Deployment:
    template = read_template(path)
    if action == "CREATE":
        cloudformation.create_stack(stack_name, template.body, parameters)
    else:
        cloud.client("cloudformation").update_stack(
            StackName=stack_name,
            TemplateBody=template.body,
            Parameters=_listed(parameters),
            Capabilities=_CAPABILITIES,
        )
    return _deployment(template, stack_name, f"{action}_COMPLETE")


def _listed(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]


def _deployment(template: Template, stack_name: str, wanted: str) -> Deployment:
    """Create the resources that moto does not, and return the deployed stack."""
    stack = StackValues(stack_name)
    if stack.status != wanted:
        raise TemplateError(f"the stack is {stack.status}")
    resources = stack.resources()
    wanted_by_lab = {name: each for name, each in template.for_lab.items() if stack.exists(each)}
    custom = {name for name, each in wanted_by_lab.items() if each["Type"].startswith("Custom::")}
    waiting = {name: each for name, each in wanted_by_lab.items() if custom & attributes_of(each)}
    kept = {name: each for name, each in wanted_by_lab.items() if name not in waiting}
    properties = {name: stack.resolved(each.get("Properties", {})) for name, each in kept.items()}
    functions = {
        logical_id: _function(logical_id, resources[logical_id], code, template.for_moto["Resources"][logical_id])
        for logical_id, code in template.code.items()
        if logical_id in resources
    }
    for name, each in kept.items():
        _create(f"{stack_name}-{name}", each["Type"], properties[name])
    return Deployment(
        stack_name=stack_name,
        functions=functions,
        event_sources=tuple(
            _event_source(name, properties[name], functions)
            for name, each in kept.items()
            if each["Type"] == "AWS::Lambda::EventSourceMapping"
        ),
        schedules=(
            *_rule_schedules(stack, template.for_moto, functions),
            *_schedules(properties, kept, functions),
        ),
        layers=template.layers,
        resources=resources,
        outputs=stack.outputs(),
        created_by=dict.fromkeys(resources, "moto")
        | {name: BY_LAB[each["Type"]] for name, each in wanted_by_lab.items()},
        stack_id=stack.stack_id,
        custom={name: properties[name] for name in sorted(custom)},
        waiting=waiting,
        deletion_order=template.deletion_order,
    )


def complete(deployment: Deployment, answers: Mapping[str, Mapping[str, Any]]) -> None:
    """Create the resources that waited for the custom resources; `answers` are by logical id."""
    stack = StackValues(deployment.stack_name)
    data = {name: answer.get("Data", {}) for name, answer in answers.items()}
    for name, each in deployment.waiting.items():
        properties = stack.resolved(_with_attributes(each["Properties"], data))
        _create(f"{deployment.stack_name}-{name}", each["Type"], properties)


def _with_attributes(node: Any, data: Mapping[str, Mapping[str, str]]) -> Any:
    """Return a piece of the template with the attributes of custom resources filled in, or raise TemplateError."""
    match node:
        case {"Fn::GetAtt": [str(name), str(attribute)]} if name in data:
            if attribute not in data[name]:
                raise TemplateError(f"Custom Resource attribute error: {name} has no {attribute}")
            return data[name][attribute]
        case dict():
            return {key: _with_attributes(value, data) for key, value in node.items()}
        case list():
            return [_with_attributes(value, data) for value in node]
        case _:
            return node


def _function(logical_id: str, name: str, code: Code, resource: Mapping[str, Any]) -> Function:
    settings = awslambda.configuration(name)
    return Function(
        logical_id=logical_id,
        name=name,
        arn=settings["FunctionArn"],
        folder=code.folder,
        handler=code.handler,
        environment={k: str(v) for k, v in settings.get("Environment", {}).get("Variables", {}).items()},
        timeout=int(settings.get("Timeout", 3)),
        memory=int(settings.get("MemorySize", 128)),
        recursive_loop=resource["Properties"].get("RecursiveLoop", TERMINATE),
    )


def _logical_id(functions: Mapping[str, Function], name_or_arn: str) -> str | None:
    for function in functions.values():
        if name_or_arn in (function.name, function.arn):
            return function.logical_id
    return None


def _event_source(name: str, properties: Mapping[str, Any], functions: Mapping[str, Function]) -> EventSource:
    arn = properties["EventSourceArn"]
    function = _logical_id(functions, properties["FunctionName"])
    if not arn.startswith("arn:aws:sqs:") or function is None:
        raise TemplateError(f"the lab maps queues to the template's functions, not {arn} to {function}")
    return EventSource(
        logical_id=name,
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
    properties: Mapping[str, Any], kept: Mapping[str, Any], functions: Mapping[str, Function]
) -> list[Schedule]:
    """Return the schedules of EventBridge Scheduler."""
    return [
        _schedule(name, properties[name]["ScheduleExpression"], properties[name]["Target"], functions, default="{}")
        for name, each in kept.items()
        if each["Type"] == "AWS::Scheduler::Schedule" and properties[name].get("State") != "DISABLED"
    ]


def _rule_schedules(
    stack: StackValues, for_moto: Mapping[str, Any], functions: Mapping[str, Function]
) -> list[Schedule]:
    """Return the schedules of EventBridge rules."""
    found = []
    for name, each in for_moto["Resources"].items():
        if each["Type"] != "AWS::Events::Rule" or not stack.exists(each):
            continue
        properties = stack.resolved(each["Properties"])
        if "ScheduleExpression" not in properties or properties.get("State") == "DISABLED":
            continue
        rule = stack.resolved({"Ref": name})
        found += [
            _schedule(
                name,
                properties["ScheduleExpression"],
                target,
                functions,
                default='{"source": "aws.events"}',
                rule=rule,
            )
            for target in properties.get("Targets", [])
        ]
    return found


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


def _create(name: str, kind: str, properties: Mapping[str, Any]) -> None:
    """Create a resource that moto supports, but its CloudFormation does not."""
    if kind == "AWS::SQS::QueuePolicy":
        for url in properties["Queues"]:
            sqs.put_policy(url, json.dumps(properties["PolicyDocument"]))
    elif kind == "AWS::CloudWatch::Alarm":
        cloudwatch.put_alarm({"AlarmName": name, **_typed(properties)})
    elif kind == "AWS::CloudWatch::Dashboard":
        cloudwatch.put_dashboard(properties["DashboardName"], properties["DashboardBody"])
    elif kind == "AWS::SNS::Subscription":
        topic, protocol, endpoint = (properties[key] for key in ("TopicArn", "Protocol", "Endpoint"))
        cloud.client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    elif kind == "AWS::SNS::TopicPolicy":
        for topic in properties["Topics"]:
            document = json.dumps(properties["PolicyDocument"])
            cloud.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document)


_WHOLE = ("EvaluationPeriods", "DatapointsToAlarm", "Period")


def _typed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm's properties with numbers as numbers: CloudFormation accepts strings, the API does not."""
    typed = dict(properties)
    if "Metrics" in typed:
        typed["Metrics"] = [
            {**query, "MetricStat": _typed(query["MetricStat"])} if "MetricStat" in query else query
            for query in typed["Metrics"]
        ]
    for key in _WHOLE:
        if key in typed:
            typed[key] = int(typed[key])
    if "Threshold" in typed:
        typed["Threshold"] = float(typed["Threshold"])
    return typed
