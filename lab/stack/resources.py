"""Resources of a stack that moto supports, but that its CloudFormation does not create."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, cloudwatch, sqs

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE: Final = ("EvaluationPeriods", "DatapointsToAlarm", "Period")


def put_resource(name: str, kind: str, properties: Mapping[str, Any]) -> None:
    """Create a resource, or change the one that has this name."""
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
