"""What fleet53 publishes: the events that an operator's own rule on the default bus receives."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from lab.route53.api import Route53Error
from tests.functional.views import (
    OWNER,
    admitted,
    check_of,
    delete_record,
    in_dns,
    launched,
    log_lines,
    put_record,
    record_of,
    see_healthy,
    signal,
)
from tests.template.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab

SCHEMA = json.loads((ROOT / "docs/events.schema.json").read_text(encoding="utf-8"))
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:others"


@pytest.fixture(autouse=True)
def others(lab: Lab) -> str:
    """Route what fleet53 tells to a queue, as a user does, and return its URL."""
    sqs, events = lab.client("sqs"), lab.client("events")
    url: str = sqs.create_queue(QueueName="others")["QueueUrl"]
    rule = events.put_rule(Name="others", EventPattern=json.dumps({"source": ["fleet53"]}))["RuleArn"]
    events.put_targets(Rule="others", Targets=[{"Id": "others", "Arn": QUEUE}])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    return url


def told(lab: Lab, kind: str | None = None) -> list[dict[str, Any]]:
    """Take the events out of the queue, and return those of a kind, in order, as they came."""
    sqs = lab.client("sqs")
    url, events = sqs.get_queue_url(QueueName="others")["QueueUrl"], []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            events.append(json.loads(message["Body"]))
    return [event for event in events if kind in {None, event["detail-type"]}]


def details(lab: Lab, kind: str) -> list[dict[str, Any]]:
    """Return what the events of a kind tell, but for when."""
    return [{key: value for key, value in event["detail"].items() if key != "at"} for event in told(lab, kind)]


def vanished(lab: Lab) -> tuple[str, ...]:
    """Bring four instances into DNS, let EC2 know three of them no more, and return those."""
    members = admitted(lab, 4)
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)
    return tuple(sorted(members[1:]))


# -- what a run tells


def test_an_admission_is_published_as_eventbridge_delivers_it(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check, address = check_of(lab, web), lab.fleet.address(web)

    event, answered = told(lab)
    assert answered["detail-type"] == "Pool Answered"
    assert (event["source"], event["detail-type"]) == ("fleet53", "Instance Admitted")
    assert (event["account"], event["region"]) == ("123456789012", "eu-west-1")
    assert event["time"] == event["detail"].pop("at")
    assert event["detail"] == {
        "owner": OWNER,
        "pool": "web",
        "record_name": "app.example.com",
        "hosted_zone_id": lab.zone_id,
        "instance_id": web,
        "record_type": "A",
        "address": address,
        "health_check_id": check,
        "because": "EC2 says running; Route 53 sees it healthy",
    }


def test_a_withdrawal_is_published(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check, address = check_of(lab, web), lab.fleet.address(web)
    told(lab)
    lab.fleet.stop(web)
    lab.settle()

    assert details(lab, "Instance Withdrawn") == [
        {
            "owner": OWNER,
            "pool": "web",
            "record_name": "app.example.com",
            "hosted_zone_id": lab.zone_id,
            "instance_id": web,
            "record_type": "A",
            "address": address,
            "health_check_id": check,
            "because": "EC2 says stopped",
        }
    ]


def test_an_instance_with_two_records_is_published_twice(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    lab.settle()
    (web,) = launched(lab, 1, ipv6="2a05:d018::1")
    see_healthy(lab, [web])

    assert {(each["record_type"], each["address"]) for each in details(lab, "Instance Admitted")} == {
        ("A", lab.fleet.address(web)),
        ("AAAA", "2a05:d018::1"),
    }


def test_a_corrected_record_and_the_fallback_are_not_published(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"TTL": 300})
    told(lab)
    signal(lab)
    lab.put_pool("api", fallback="198.18.0.53")
    lab.settle()

    assert record_of(lab, web)["TTL"] == 60
    assert told(lab) == []


def test_of_many_admissions_each_is_published_once(lab: Lab) -> None:
    members = admitted(lab, 23)

    assert sorted(each["instance_id"] for each in details(lab, "Instance Admitted")) == sorted(members)


def test_withdrawals_that_the_guard_holds_are_published_once_for_their_pool(lab: Lab) -> None:
    gone = vanished(lab)
    told(lab)
    signal(lab)

    (held,) = details(lab, "Withdrawal Held")
    assert held.pop("because").startswith("EC2 does not know the instance; held by the guard: 3 of 4 members")
    assert held == {"owner": OWNER, "pool": "web", "instance_ids": list(gone), "instances_left_out": 0}


def test_a_change_of_a_pass_that_then_fails_is_published_once(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    told(lab)
    lab.route53.fail("DeleteHealthCheck", Route53Error("AccessDenied", "not allowed"), 1)
    lab.fleet.stop(web)
    lab.settle()
    lab.clock.advance(6)
    lab.settle()

    assert log_lines(lab, "message returned")
    assert [each["instance_id"] for each in details(lab, "Instance Withdrawn")] == [web]


# -- what an audit tells


def test_drift_is_published_with_what_the_audit_found(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check = check_of(lab, web)
    delete_record(lab, record_of(lab, web))
    told(lab)
    lab.audit({"repair": True})

    assert details(lab, "Drift Detected") == [
        {
            "owner": OWNER,
            "pools": ["web"],
            "summary": {"missing-record": 1},
            "findings": [
                {
                    "kind": "missing-record",
                    "pool": "web",
                    "instance_id": web,
                    "record_name": "app.example.com",
                    "health_check_id": check,
                    "because": "EC2 says running; Route 53 sees it healthy",
                    "held": False,
                }
            ],
            "findings_left_out": 0,
            "queued": 1,
        }
    ]


def test_an_audit_that_finds_no_drift_publishes_nothing(lab: Lab) -> None:
    admitted(lab, 1)
    told(lab)
    assert lab.audit()["in_sync"] is True
    assert told(lab) == []


def test_an_audit_without_publish_publishes_no_events_and_writes_no_metrics(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))
    told(lab)
    assert lab.audit({"publish": False})["summary"] == {"missing-record": 1}

    assert told(lab) == []
    assert lab.invocations[-1].metrics == ()
    assert [line["report"]["in_sync"] for line in log_lines(lab, "audit")][-1] is False


def test_a_pool_that_loses_its_last_member_and_gets_another_one_is_published(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    told(lab)
    lab.fleet.terminate(web)
    lab.settle()
    emptied = {"owner": OWNER, "pool": "web", "record_name": "app.example.com"}
    because = "the last member was withdrawn, and the pool has no fallback"
    assert details(lab, "Pool Unanswered") == [emptied | {"because": because}]

    lab.audit()
    assert details(lab, "Pool Unanswered") == [emptied | {"because": "no record is at the pool's name"}]

    admitted(lab, 1)
    assert details(lab, "Pool Answered") == [emptied]


def test_one_of_two_members_that_ends_leaves_its_pool_answered(lab: Lab) -> None:
    web, _ = admitted(lab, 2)
    told(lab)
    lab.fleet.terminate(web)
    lab.settle()

    assert [event["detail-type"] for event in told(lab)] == ["Instance Withdrawn"]


def test_a_member_that_becomes_unhealthy_and_healthy_again_is_published_by_audits(lab: Lab) -> None:
    web, _ = admitted(lab, 2)
    told(lab)
    lab.clock.advance(60)  # into another minute: CloudWatch shows the average of each
    lab.report_health(web, 0)
    lab.audit()
    (unhealthy,) = told(lab)
    assert unhealthy["detail-type"] == "Member Unhealthy"
    assert (unhealthy["detail"]["instance_id"], unhealthy["detail"]["percent_healthy"]) == (web, 0.0)
    assert unhealthy["detail"]["since"] == "2026-01-05T12:01:00Z"

    lab.clock.advance(60)
    lab.report_health(web)
    lab.audit()
    (healthy,) = told(lab)
    assert healthy["detail-type"] == "Member Healthy"
    assert (healthy["detail"]["instance_id"], healthy["detail"]["since"]) == (web, "2026-01-05T12:02:00Z")


def test_withdrawals_that_are_still_held_are_published_by_every_audit(lab: Lab) -> None:
    gone = vanished(lab)
    told(lab)
    for _ in range(2):
        lab.audit()

        (held,) = (event["detail"] for event in told(lab) if event["detail-type"] == "Withdrawal Held")
        assert (held["pool"], held["instance_ids"]) == ("web", list(gone))


# -- a failure to send events changes nothing else


def test_an_event_that_the_bus_refuses_is_put_again(lab: Lab) -> None:
    lab.bus.refusals = 2
    (web,) = admitted(lab, 1)

    assert [each["instance_id"] for each in details(lab, "Instance Admitted")] == [web]
    assert log_lines(lab, "event not sent") == []


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": QUEUE},
        {"Arn": "arn:aws:sns:eu-west-1:123456789012:others"},
        {"Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:others"},
        {"Arn": QUEUE, "InputPath": "$.detail"},
    ],
)
def test_a_rule_whose_target_gets_nothing_fails_no_event(lab: Lab, target: dict[str, str]) -> None:
    events = lab.client("events")
    events.put_rule(Name="theirs", EventPattern=json.dumps({"source": ["fleet53"]}))
    events.put_targets(Rule="theirs", Targets=[{"Id": "theirs"} | target])
    admitted(lab, 1)

    assert ("theirs", target["Arn"]) in lab.bus.dropped
    assert "Instance Admitted" in {each["detail-type"] for each in lab.bus.sent}
    assert [*log_lines(lab, "events not sent"), *log_lines(lab, "event not sent")] == []


def test_a_bus_that_takes_nothing_stops_no_run_and_returns_no_message(lab: Lab) -> None:
    lab.bus.refusals = 1000
    (web,) = admitted(lab, 1)

    assert in_dns(lab) == {web}
    assert lab.invocations[-1].result == {"batchItemFailures": []}
    assert log_lines(lab, "message returned") == []
    line, _ = log_lines(lab, "event not sent")
    assert line["because"] == "Instance Admitted: InternalFailure: EventBridge could not take the event"


def test_an_audit_that_may_not_publish_events_still_reports(lab: Lab) -> None:
    web, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))
    lab.bus.refusals = 1000

    assert lab.audit()["summary"] == {"missing-record": 1}
    assert len(log_lines(lab, "event not sent")) == 1


def test_an_event_of_fleet53_is_not_a_signal(lab: Lab) -> None:
    gone = vanished(lab)
    signal(lab)
    lab.audit()
    lab.settle()
    lab.invocations.clear()

    assert {event["detail-type"] for event in lab.bus.sent if event["source"] == "fleet53"} == {
        "Instance Admitted",
        "Pool Answered",
        "Withdrawal Held",
        "Drift Detected",
    }
    assert len(gone) == 3
    assert lab.settle() == 0


# -- the schema


def test_every_event_of_a_story_has_exactly_the_fields_of_the_schema(lab: Lab) -> None:
    lab.put_pool("api", address="dualstack")
    lab.settle()
    (api,) = launched(lab, 1, pools=["api"], ipv6="2a05:d018::1")
    see_healthy(lab, [api])
    vanished(lab)
    signal(lab)
    lab.fleet.terminate(api)
    lab.settle()
    lab.audit()
    events = told(lab)

    assert {event["detail-type"] for event in events} == {
        "Drift Detected",
        "Instance Admitted",
        "Instance Withdrawn",
        "Pool Answered",
        "Pool Unanswered",
        "Withdrawal Held",
    }
    for event in events:
        validate(event)
        for place in (event["detail"], *event["detail"].get("findings", ())):
            with_more = copy.deepcopy(event)
            changed = with_more["detail"] if place is event["detail"] else with_more["detail"]["findings"][0]
            changed["extra"] = "unknown"
            with pytest.raises(ValidationError):
                validate(with_more)


def validate(event: Mapping[str, Any]) -> None:
    Draft202012Validator(SCHEMA).validate(event)
