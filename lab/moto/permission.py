"""The action, the resource and the condition keys with which IAM evaluates a request to a service that moto plays.

Source: Service Authorization Reference, the pages of Amazon SQS, AWS Systems Manager, Amazon EventBridge, AWS Lambda,
Amazon EC2 Auto Scaling, Amazon EC2, Amazon CloudWatch, AWS CloudFormation and AWS Security Token Service. Operations
that take no resource are about `*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.iam import Request
from lab.moto.cloud import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ACTIONS: Final = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
"""Operations whose action has another name."""
_OF_ONE_GROUP: Final = frozenset({"CompleteLifecycleAction", "RecordLifecycleActionHeartbeat", "SetInstanceHealth"})
_ANY_ID: Final = "5eb53000-0000-4000-8000-000000000000"
"""In place of a group's random id, which no policy of ours names."""
_ITS_GROUP: Final = "the-group-of-the-instance"
"""In place of a group that a request names only by one of its instances."""


def requests_of(service: str, operation: str, parameters: Mapping[str, Any]) -> tuple[Request, ...]:
    """Return a request to a service as IAM sees it: one for each resource, each of which has to be allowed."""
    if operation != "DeleteAlarms":
        return (request_of(service, operation, parameters),)
    return tuple(request_of(service, operation, {"AlarmName": name}) for name in parameters["AlarmNames"])


def request_of(service: str, operation: str, parameters: Mapping[str, Any]) -> Request:
    """Return a request to a service about one resource, in boto3's names and shapes, as IAM sees it."""
    called = f"{service}:{operation}"
    return Request(
        _ACTIONS.get(called, called), _resource(service, operation, parameters), _context(called, parameters)
    )


def _resource(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    match parameters:
        case {"RoleArn": arn} if operation == "AssumeRole":
            return str(arn)
        case {"QueueUrl": url}:
            return _arn("sqs", url.rpartition("/")[2])
        case {"Path": path} if service == "ssm":
            return _arn("ssm", f"parameter{path}")
        case {"Entries": entries} if operation == "PutEvents":
            (bus,) = {entry.get("EventBusName", "default") for entry in entries}
            return _named(bus, "events", "event-bus/")
        case {"FunctionName": name}:
            return _named(name, "lambda", "function:")
        case {"StackName": name}:
            return _named(name, "cloudformation", "stack/")
        case {"AlarmName": name}:
            return _arn("cloudwatch", f"alarm:{name}")
        case _ if operation == "DescribeAlarms":
            return _arn("cloudwatch", "alarm:*")
        case {"PrefixListId": list_id}:
            return _arn("ec2", f"prefix-list/{list_id}")
        case _ if operation in _OF_ONE_GROUP:
            name = parameters.get("AutoScalingGroupName", _ITS_GROUP)
            return _arn("autoscaling", f"autoScalingGroup:{_ANY_ID}:autoScalingGroupName/{name}")
        case _:
            return "*"


def _named(name: str, service: str, prefix: str) -> str:
    """Return the ARN of what a request names by its ARN or by its name."""
    return name if name.startswith("arn:") else _arn(service, f"{prefix}{name}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _context(called: str, parameters: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    match called:
        case "events:PutEvents":
            return {"events:source": [entry["Source"] for entry in parameters["Entries"]]}
        case "sts:AssumeRole":
            given = {"sts:RoleSessionName": "RoleSessionName", "sts:ExternalId": "ExternalId"}
            return {key: [parameters[name]] for key, name in given.items() if name in parameters}
        case _:
            return {}
