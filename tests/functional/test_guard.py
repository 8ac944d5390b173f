"""What rests on absence withdraws only a part of a pool at once; what has evidence always passes."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lab.world import Lab
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    READS,
    admitted,
    audit,
    checks,
    checks_of,
    findings,
    in_dns,
    log_lines,
    signal,
    state_change,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def vanish(lab: Lab, instance_ids: Sequence[str]) -> None:
    for instance_id in instance_ids:
        lab.fleet.forget(instance_id)


def queued_order(lab: Lab) -> str:
    """Return the body of the one message in the queue with a person's order, and leave it there."""
    queue = lab.deployment.queue_url("Signals")
    received = lab.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    (order,) = [each["Body"] for each in received["Messages"] if '"force": true' in each["Body"]]
    return str(order)


@contextlib.contextmanager
def listing_that_fails(fails: Callable[[str], bool]) -> Iterator[None]:
    """Let the reconciler find no way to EC2 where `fails` says so of a DescribeInstances request's fields.

    A listing comes in pages of five, so that one can break off in the middle.
    """
    events = sys.modules["reconciler"].clients.ec2.meta.events

    def shorten(params: dict[str, Any], **_: Any) -> None:
        params["MaxResults"] = 5

    def break_off(params: dict[str, Any], **_: Any) -> None:
        if fails(str(params["body"])):
            raise EndpointConnectionError(endpoint_url="https://ec2.eu-west-1.amazonaws.com/")

    events.register("provide-client-params.ec2.DescribeInstances", shorten)
    events.register("before-call.ec2.DescribeInstances", break_off)
    try:
        yield
    finally:
        events.unregister("provide-client-params.ec2.DescribeInstances", shorten)
        events.unregister("before-call.ec2.DescribeInstances", break_off)


def test_five_vanished_members_of_eight_are_held_in_dns(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    signal(lab, "web")
    lab.run(600)  # any absence has lasted by then

    assert in_dns(lab) == set(web)
    assert len(checks(lab)) == 8


def test_each_held_withdrawal_is_one_structured_log_line(lab: Lab) -> None:
    web = admitted(lab, 8)
    addresses = {instance_id: lab.fleet.address(instance_id) for instance_id in web}
    vanish(lab, web[:5])

    signal(lab, "web")

    lines = log_lines(lab, "withdrawal held")
    assert {(line["pool"], line["instance_id"], line["address"]) for line in lines} == {
        ("web", instance_id, addresses[instance_id]) for instance_id in web[:5]
    }
    assert len(lines) == 5
    assert all(line["check_id"] in checks(lab) for line in lines)
    assert all("EC2 does not know the instance; held by the guard: 5 of 8" in line["because"] for line in lines)


def test_held_withdrawals_are_in_the_audits_report_which_is_not_in_sync(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    report = audit(lab)

    held = findings(report, "withdrawal-held")
    assert report["in_sync"] is False
    assert {each["instance_id"] for each in held} == set(web[:5])
    assert [each["held"] for each in held] == [True] * 5
    assert report["summary"]["withdrawal-held"] == 5


def test_admissions_go_on_while_withdrawals_are_held(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    new = admitted(lab, 2)

    assert in_dns(lab) == {*web, *new}


def test_a_repair_does_not_pass_the_guard(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    report = audit(lab, {"repair": True})
    lab.settle()

    assert report["queued"] == 0
    assert in_dns(lab) == set(web)


def test_a_forced_repair_passes_the_guard(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    audit(lab, {"repair": True, "force": True})
    lab.settle()

    assert in_dns(lab) == set(web[5:])
    assert len(checks(lab)) == 3
    assert audit(lab)["in_sync"] is True


def test_an_order_to_force_that_comes_back_from_the_dead_letters_a_day_later_withdraws_no_member(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])
    audit(lab, {"repair": True, "force": True})
    order = queued_order(lab)
    lab.settle()
    assert in_dns(lab) == set(web[5:])
    more = admitted(lab, 5)
    lab.clock.advance(86_400)
    vanish(lab, more)

    lab.send(order)
    lab.settle()

    assert in_dns(lab) == {*web[5:], *more}
    (line,) = log_lines(lab, "order expired")
    assert line["because"].startswith("a person ordered it at 2026-01-05T12:0")


def test_half_of_a_pool_may_disappear_if_an_event_reports_each_instance(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:4])

    for instance_id in web[:4]:
        lab.send(state_change(lab, instance_id, "terminated"))
    lab.settle()

    assert in_dns(lab) == set(web[4:])


def test_half_of_a_pool_may_vanish_unheard_once_that_has_lasted_five_minutes(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:4])

    signal(lab, "web")
    lab.run(299, step=13)
    assert in_dns(lab) == set(web)
    lab.run(62, step=13)

    assert in_dns(lab) == set(web[4:])


def test_a_pool_of_three_is_not_guarded(lab: Lab) -> None:
    web = admitted(lab, 3)
    vanish(lab, web)

    signal(lab, "web")

    assert in_dns(lab) == set()
    assert checks(lab) == {}


def test_a_pool_of_four_is_guarded(lab: Lab) -> None:
    web = admitted(lab, 4)
    vanish(lab, web[:3])

    signal(lab, "web")

    assert in_dns(lab) == set(web)


@pytest.mark.parametrize("end", ["terminate", "stop"])
def test_with_evidence_a_whole_pool_goes_at_once(lab: Lab, end: str) -> None:
    web = admitted(lab, 8)

    for instance_id in web:
        getattr(lab.fleet, end)(instance_id)
    lab.settle()

    assert in_dns(lab) == set()
    assert checks(lab) == {}


def test_evidence_passes_beside_what_is_held(lab: Lab) -> None:
    web = admitted(lab, 8)
    vanish(lab, web[:5])

    lab.fleet.terminate(web[5])
    lab.settle()

    assert in_dns(lab) == {*web[:5], web[6], web[7]}


def test_lost_tags_are_an_absence(lab: Lab) -> None:
    web = admitted(lab, 8)

    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, [])
    lab.settle()

    assert in_dns(lab) == set(web)
    assert len(findings(audit(lab), "withdrawal-held")) == 5


def test_held_members_that_come_back_are_held_no_longer(lab: Lab) -> None:
    web = admitted(lab, 8)
    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, [])
    lab.settle()

    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, ["web"])
    lab.settle()

    assert in_dns(lab) == set(web)
    assert audit(lab)["findings"] == []


def test_a_stopped_instance_that_has_lost_its_tag_is_withdrawn_by_evidence(lab: Lab) -> None:
    web = admitted(lab, 8)

    for instance_id in web:
        lab.fleet.retag(instance_id, [], events=False)
        lab.fleet.stop(instance_id, events=False)
    signal(lab, "web")

    assert in_dns(lab) == set()


def test_the_percentage_is_the_stacks_parameter() -> None:
    with Lab({"MaxWithdrawPercent": "0"}) as lab:
        web = admitted(lab, 4)
        vanish(lab, web[:1])

        signal(lab, "web")

        assert in_dns(lab) == set(web)


@pytest.mark.parametrize(
    "fails",
    [lambda _: True, lambda body: "tag-key" in body, lambda body: "NextToken" in body],
    ids=["every one", "that of the tagged instances", "its second page"],
)
def test_a_listing_that_fails_withdraws_no_member_and_the_signal_comes_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, fails: Callable[[str], bool]
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    web = admitted(lab, 8)
    gone = web[7]
    lab.fleet.terminate(gone, events=False)
    lab.route53.reset_calls()

    with listing_that_fails(fails):
        lab.send(state_change(lab, gone, "terminated"))
        lab.settle()
    assert {call.operation for call in lab.route53.calls} <= READS
    assert in_dns(lab) == set(web)
    assert "Could not connect" in log_lines(lab, "message returned")[-1]["because"]
    wait(lab, 6)

    assert in_dns(lab) == set(web[:7])
    assert checks_of(lab, gone) == []


def test_members_that_lose_their_tags_and_then_end_leave_dns_though_the_guard_held_them(lab: Lab) -> None:
    web = admitted(lab, 6)
    for instance_id in web:
        lab.fleet.retag(instance_id, [], events=False)
    signal(lab)
    assert in_dns(lab) == set(web)

    for instance_id in web:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert in_dns(lab) == set()
    assert checks(lab) == {}
