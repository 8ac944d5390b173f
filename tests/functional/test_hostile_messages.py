"""A message from a stranger, or one that is broken: those received with it are handled at once."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.test_messages import TO_WEB, message_ids
from tests.functional.views import OWNER, admitted, in_dns, log_lines, put_record, record_of, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.world import Lab


def event(source: str, kind: str, **detail: Any) -> str:
    body = {"source": source, "detail-type": kind, "time": "2026-01-05T12:00:00Z", "detail": detail}
    return json.dumps(body)


def lifecycle(**detail: str) -> str:
    usual = {
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": "web",
        "LifecycleHookName": "fleet53-launch",
        "EC2InstanceId": "i-0a1b2c3d4e5f60001",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    }
    return event("aws.autoscaling", "EC2 Instance-launch Lifecycle Action", **usual | detail)


NESTED = event("aws.ec2", "AWS API Call via CloudTrail", eventName="AssignIpv6Addresses", requestParameters=0).replace(
    '"requestParameters": 0', '"requestParameters": ' + '{"a":' * 3000 + "1" + "}" * 3000
)
ACTION = {
    "group": "web\ud800",
    "hook": "fleet53-launch",
    "instance_id": "i-0a1b2c3d4e5f60001",
    "transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "at": "2026-01-05T12:00:00+00:00",
    "beat": "2026-01-05T12:00:00+00:00",
}
HOSTILE = {
    "an id that is not Unicode": event(
        "aws.ec2", "EC2 Instance State-change Notification", **{"instance-id": "i-0a1b\ud800", "state": "stopped"}
    ),
    "an interface that is not Unicode": event(
        "aws.ec2",
        "AWS API Call via CloudTrail",
        eventName="AssignIpv6Addresses",
        requestParameters={"networkInterfaceId": "eni-0a1b\ud800"},
    ),
    "a group that is not Unicode": lifecycle(AutoScalingGroupName="web\ud800"),
    "a token that Auto Scaling's client refuses": lifecycle(LifecycleActionToken="87654321"),
    "an action of a group that is not Unicode": event(
        "fleet53", "Reconcile", pools=["web"], because="a test", actions=[ACTION]
    ),
    "a time that is no more": event(
        "fleet53",
        "Reconcile",
        pools=["web"],
        because="a test",
        actions=[ACTION | {"group": "web", "at": "9999-12-31T23:59:59Z"}],
    ),
    "more levels than Python reads": NESTED,
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_member_leaves_dns_at_once_whichever_message_is_received_with_its_event(lab: Lab, hostile: str) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    web = lab.fleet.launch()
    lab.settle()
    assert in_dns(lab) == {web}
    lab.invocations.clear()

    lab.send(HOSTILE[hostile])
    lab.fleet.stop(web)
    lab.settle()

    assert in_dns(lab) == set()
    (first, *_) = lab.invocations
    assert first.result == {"batchItemFailures": [{"itemIdentifier": message_ids(first)[HOSTILE[hostile]]}]}
    assert log_lines(lab, "run failed") == []


def test_an_event_of_another_account_reaches_no_queue_and_costs_no_call(lab: Lab) -> None:
    # An event bus that takes another account's events matches them against its rules (EventBridge User Guide).
    lab.put_pool("api")
    lab.settle()
    lab.route53.reset_calls()
    detail = {"instance-id": "i-0a1b2c3d4e5f60001", "state": "terminated"}
    foreign = lab.bus.event("aws.ec2", "EC2 Instance State-change Notification", detail)
    matched = lab.bus.deliver(foreign | {"account": "999999999999"})

    assert (matched, lab.settle(), lab.route53.calls) == ((), 0, [])
    assert lab.bus.deliver(foreign) != ()


def test_an_event_of_another_region_reaches_no_queue_and_costs_no_call(lab: Lab) -> None:
    # A bus may take the events of other Regions, and each keeps its own Region (EventBridge User Guide, "Sending and
    # receiving events between AWS Regions"). EC2 knows none of their instances here.
    lab.put_pool("api")
    lab.settle()
    lab.route53.reset_calls()
    detail = {"instance-id": "i-0a1b2c3d4e5f60001", "state": "terminated"}
    here = lab.bus.event("aws.ec2", "EC2 Instance State-change Notification", detail)
    lab.bus.deliver(here | {"region": "us-east-1"})
    lab.settle()

    assert lab.route53.calls == []
    assert lab.bus.deliver(here) != ()


@contextlib.contextmanager
def asked_of_ec2() -> Iterator[list[str]]:
    """Collect the values of each filter with which the warm reconciler asks EC2."""
    values: list[str] = []

    def note(params: dict[str, Any], **_: object) -> None:
        values.extend(value for each in params.get("Filters", []) for value in each["Values"])

    events = sys.modules["reconciler"].clients.ec2.meta.events
    events.register("before-parameter-build.ec2", note)
    try:
        yield values
    finally:
        events.unregister("before-parameter-build.ec2", note)


@pytest.mark.parametrize("wildcard", ["*", "i-*", "i-????????"])
def test_a_wildcard_never_reaches_a_filter_of_ec2(lab: Lab, wildcard: str) -> None:
    (web,) = admitted(lab, 1)
    # A person who may change the zone can write any SetIdentifier.
    put_record(lab, record_of(lab, web) | {"SetIdentifier": f"{OWNER}/{wildcard}"})
    with asked_of_ec2() as asked:
        lab.send(
            event("aws.ec2", "EC2 Instance State-change Notification", **{"instance-id": wildcard, "state": "stopped"})
        )
        lab.send(
            event(
                "aws.ec2",
                "AWS API Call via CloudTrail",
                eventName="AssignIpv6Addresses",
                requestParameters={"networkInterfaceId": wildcard},
            )
        )
        lab.send(TO_WEB)
        lab.settle()

    assert web in in_dns(lab)
    assert asked != []
    assert [value for value in asked if "*" in value or "?" in value] == []


def test_an_error_about_one_messages_instance_returns_that_message_alone(lab: Lab) -> None:
    for pool in ("web", "api"):
        lab.put_pool(pool, health_check=None, admit_when="running")
    lab.settle()
    one, other = lab.fleet.launch(["web"]), lab.fleet.launch(["api"])
    lab.settle()
    lab.invocations.clear()

    def refuse(params: dict[str, Any], **_: object) -> None:
        if any(one in each["Values"] for each in params.get("Filters", [])):
            raise ValueError(f"no answer about {one}")

    events = sys.modules["reconciler"].clients.ec2.meta.events
    events.register("before-parameter-build.ec2.DescribeInstances", refuse)
    try:
        lab.fleet.stop(one)
        lab.fleet.stop(other)
        lab.settle()
    finally:
        events.unregister("before-parameter-build.ec2.DescribeInstances", refuse)

    assert in_dns(lab, "api.example.com") == set()
    invocation = lab.invocations[0]
    returned = {failure["itemIdentifier"] for failure in invocation.result["batchItemFailures"]}
    about_one = {message for body, message in message_ids(invocation).items() if one in body}
    assert returned == about_one
    wait(lab, 6)
    assert in_dns(lab) == set()
