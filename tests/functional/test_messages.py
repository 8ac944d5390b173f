"""What becomes of each message of the queue: handled, ignored, or returned alone with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.api import Route53Error
from tests.functional.incidents import answer_otherwise
from tests.functional.views import admitted, allowed_zone, calls, checks_of, in_dns, log_lines, signal, wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.stack.functions import Invocation
    from lab.world import Lab

EVENTS = Path(__file__).parents[2] / "events"


def event(source: str, kind: str, **detail: Any) -> str:
    """Return the body of a message with such an event."""
    return json.dumps({"source": source, "detail-type": kind, "detail": detail})


NOT_UNDERSTOOD = {
    "not JSON": ("reboot all", "not JSON (Expecting value: line 1 column 1 (char 0)): 'reboot all'"),
    "a list": ('["i-0a1b"]', "not an event, which is a JSON object: '[\"i-0a1b\"]'"),
    "no source": ('{"detail-type": "Reconcile", "detail": {}}', "event: source is None, not a non-empty string"),
    "no detail": (
        '{"source": "fleet53", "detail-type": "Reconcile"}',
        "fleet53 'Reconcile': detail is None, not an object",
    ),
    "no instance": (
        event("aws.ec2", "EC2 Instance State-change Notification", state="stopped"),
        "aws.ec2 'EC2 Instance State-change Notification': instance-id is None, not an instance id",
    ),
    "an instance that is a number": (
        event("aws.autoscaling", "EC2 Instance Launch Successful", EC2InstanceId=7),
        "aws.autoscaling 'EC2 Instance Launch Successful': EC2InstanceId is 7, not an instance id",
    ),
    "no changed tags": (
        event("aws.tag", "Tag Change on Resource", tags={}),
        "aws.tag 'Tag Change on Resource': detail.changed-tag-keys is None, not a list",
    ),
    "no name of a parameter": (
        event("aws.ssm", "Parameter Store Change", operation="Update"),
        "aws.ssm 'Parameter Store Change': name is None, not a non-empty string",
    ),
    "a call about no instance": (
        event("aws.autoscaling", "AWS API Call via CloudTrail", eventName="EnterStandby", requestParameters=None),
        "EnterStandby with requestParameters None names no instances",
    ),
    "pools that are a number": (
        event("fleet53", "Reconcile", pools=7, because="-"),
        "fleet53 'Reconcile': detail.pools is 7, not a list of names or '*'",
    ),
    "no pools": (
        event("fleet53", "Reconcile", pools=[], because="-"),
        "fleet53 'Reconcile': detail.pools is [], not a list of names or '*'",
    ),
    "no reason": (
        event("fleet53", "Reconcile", pools="*"),
        "fleet53 'Reconcile': because is None, not a non-empty string",
    ),
    "a since that is a list": (
        event("fleet53", "Reconcile", pools="*", because="-", since=[]),
        "fleet53 'Reconcile': detail.attempt=0, detail.since=[]",
    ),
}

TO_WEB = event("fleet53", "Reconcile", pools=["web"], because="a test asks")
TO_ODD = event("fleet53", "Reconcile", pools=["odd"], because="a test asks")


def only(lab: Lab) -> Invocation:
    """Return the one invocation since the last look."""
    (invocation,) = lab.invocations
    lab.invocations.clear()
    return invocation


def message_ids(invocation: Invocation) -> dict[str, str]:
    """Return the ids of an invocation's messages by their bodies."""
    return {record["body"]: record["messageId"] for record in invocation.event["Records"]}


def bodies_in(lab: Lab, queue: str) -> list[str]:
    received = lab.client("sqs").receive_message(QueueUrl=lab.deployment.queue_url(queue), MaxNumberOfMessages=10)
    return [message["Body"] for message in received.get("Messages", [])]


def count_in(lab: Lab, queue: str) -> int:
    """Return how many messages a queue holds: visible, in flight and delayed."""
    attributes = lab.client("sqs").get_queue_attributes(
        QueueUrl=lab.deployment.queue_url(queue), AttributeNames=["All"]
    )["Attributes"]
    names = ("", "NotVisible", "Delayed")
    return sum(int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names)


@pytest.mark.parametrize("fault", NOT_UNDERSTOOD)
def test_a_message_that_is_not_an_event_is_returned_alone_with_a_log_line_that_says_why(lab: Lab, fault: str) -> None:
    body, why = NOT_UNDERSTOOD[fault]
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    lab.invocations.clear()
    lab.send(body)
    web = lab.fleet.launch()
    lab.settle()

    invocation = only(lab)
    returned = message_ids(invocation)[body]
    assert invocation.result == {"batchItemFailures": [{"itemIdentifier": returned}]}
    assert in_dns(lab) == {web}
    (line,) = (line for line in invocation.logs if line["message"] == "message returned")
    assert line["level"] == "WARNING"
    assert line["message_id"] == returned
    assert line["because"].startswith("not understood, and returned until SQS moves it to the dead-letter queue: ")
    assert why in line["because"]


def test_the_others_of_a_batch_with_a_message_that_is_not_an_event_are_deleted(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.send("reboot all")
    lab.fleet.launch()
    lab.settle()

    assert count_in(lab, "Signals") == 1


def test_a_message_that_is_not_an_event_comes_again_in_seconds_and_later_each_time(lab: Lab) -> None:
    lab.send("reboot all")
    received = [lab.settle()]
    for seconds in (4, 2, 8, 3):
        lab.clock.advance(seconds)
        received.append(lab.settle())

    assert received == [1, 0, 1, 0, 1]


def test_a_message_that_is_not_an_event_reaches_the_dead_letter_queue_after_eight_receives(lab: Lab) -> None:
    lab.send("reboot all")
    for _ in range(12):
        lab.settle()
        lab.clock.advance(301)

    assert len(log_lines(lab, "message returned")) == 8
    assert bodies_in(lab, "DeadLetters") == ["reboot all"]
    assert count_in(lab, "Signals") == 0


def test_messages_that_are_not_events_are_counted_in_a_metric(lab: Lab) -> None:
    lab.send("reboot all")
    lab.send("[]")
    lab.settle()

    assert only(lab).metric("MessagesNotUnderstood", Owner="fleet53.eu-west-1.123456789012") == [2.0]


def test_a_batch_without_such_messages_says_nothing_of_them(lab: Lab) -> None:
    signal(lab, "web")

    assert only(lab).metric("MessagesNotUnderstood") == []


def test_an_event_of_no_interest_is_deleted_and_logged_and_costs_no_call_to_route_53(lab: Lab) -> None:
    lab.send((EVENTS / "ec2-rebalance-recommendation.json").read_text(encoding="utf-8"))
    lab.settle()

    invocation = only(lab)
    assert invocation.result == {"batchItemFailures": []}
    assert count_in(lab, "Signals") == 0
    (line,) = (line for line in invocation.logs if line["message"] == "message ignored")
    assert line["because"] == "aws.ec2 'EC2 Instance Rebalance Recommendation' is not an event that fleet53 acts on"
    assert lab.route53.calls == []


def test_a_reconcile_message_for_all_serves_every_pool(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.put_pool("api")
    web = lab.fleet.launch(("web",), events=False)
    api = lab.fleet.launch(("api",), events=False)
    signal(lab)

    assert in_dns(lab) == {web}
    assert in_dns(lab, "api.example.com") == {api}


def test_a_reconcile_message_for_one_pool_serves_that_pool_only(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.put_pool("api")
    lab.settle()
    lab.fleet.launch(("web",), events=False)
    api = lab.fleet.launch(("api",), events=False)
    lab.route53.reset_calls()
    signal(lab, "api")

    assert in_dns(lab, "api.example.com") == {api}
    assert in_dns(lab) == set()
    names = [call.parameters.get("StartRecordName") for call in lab.route53.calls]
    assert set(names) == {"api.example.com", "app.example.com", None}
    assert names.count("app.example.com") == 1, "only a look whether the pool is answered, for PoolUnansweredAlarm"


def test_a_reconcile_message_for_a_pool_that_does_not_exist_changes_nothing_and_is_done(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.route53.reset_calls()
    signal(lab, "wbe")

    assert lab.invocations[-1].result == {"batchItemFailures": []}
    assert calls(lab) == {}
    assert in_dns(lab) == {web}


def put_text(lab: Lab, zone_id: str, name: str) -> None:
    """Put a foreign TXT record at a name, where it stops no admission."""
    record = {"Name": name, "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"hello"'}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": batch})


def _spoil(zone_id: str, parameters: Mapping[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    """Leave the type out of every record of a zone, which no Route 53 does."""
    if parameters["HostedZoneId"] == zone_id:
        for record in answered["ResourceRecordSets"]:
            del record["Type"]
    return answered


def test_a_surprise_in_one_pools_zone_returns_that_pools_message_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = allowed_zone(lab, "example.net")
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.put_pool("odd", hosted_zone_id=other, record_name="odd.example.net")
    put_text(lab, other, "odd.example.net")
    lab.settle()
    answer_otherwise(
        lab, monkeypatch, "ListResourceRecordSets", lambda parameters, answered: _spoil(other, parameters, answered)
    )
    lab.invocations.clear()
    lab.send(TO_WEB)
    lab.send(TO_ODD)
    web = lab.fleet.launch(events=False)
    lab.settle()

    invocation = only(lab)
    odd = message_ids(invocation)[TO_ODD]
    assert invocation.result == {"batchItemFailures": [{"itemIdentifier": odd}]}
    assert in_dns(lab) == {web}
    (line,) = (line for line in invocation.logs if line["message"] == "message returned")
    assert line["because"] == "KeyError: 'Type'"


def test_an_unexpected_error_in_one_pools_zone_does_not_stop_other_pools(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = allowed_zone(lab, "example.net")
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.put_pool("odd", hosted_zone_id=other, record_name="odd.example.net")
    lab.settle()

    def refuse(parameters: Mapping[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
        if parameters["HostedZoneId"] == other:
            raise Route53Error("ZoneOnFire", "This zone is on fire")
        return answered

    answer_otherwise(lab, monkeypatch, "ListResourceRecordSets", refuse)
    lab.send(TO_WEB)
    lab.send(TO_ODD)
    web = lab.fleet.launch(events=False)
    lab.settle()

    assert in_dns(lab) == {web}
    assert log_lines(lab, "message returned") == []
    last = lab.invocations[-1]
    assert last.metric("Findings", Pool="odd", Kind="zone-unreadable") == [1]


def test_a_pass_that_fails_after_it_created_a_health_check_leaves_one_timer_when_it_is_repeated(lab: Lab) -> None:
    (old,) = admitted(lab, 1)
    lab.route53.fail("DeleteHealthCheck", Route53Error("AccessDenied", "not allowed"), 1)

    new = lab.fleet.launch()
    lab.fleet.terminate(old)
    lab.settle()
    assert (len(checks_of(lab, new)), len(checks_of(lab, old))) == (1, 1)
    lab.clock.advance(6)
    lab.settle()

    assert (len(checks_of(lab, new)), len(checks_of(lab, old))) == (1, 0)
    assert count_in(lab, "Signals") == 1


def test_a_returned_message_is_handled_when_it_comes_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    put_text(lab, lab.zone_id, "app.example.com")
    lab.settle()
    with monkeypatch.context() as spoilt:
        answer_otherwise(
            lab,
            spoilt,
            "ListResourceRecordSets",
            lambda parameters, answered: _spoil(lab.zone_id, parameters, answered),
        )
        web = lab.fleet.launch()
        lab.settle()
        assert in_dns(lab) == set()
    wait(lab, 6)

    assert in_dns(lab) == {web}
    assert count_in(lab, "Signals") == 0
