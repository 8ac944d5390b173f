"""No function is killed: if any service does not answer, an invocation ends within its timeout and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import admitted, in_dns, launched, log_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stack.functions import Invocation

SERVICES = ("ec2", "autoscaling", "route53", "cloudwatch", "ssm", "sqs", "events")


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    """Return a lab with a member in DNS, and one in a group and a Spot instance that wait for their health."""
    with Lab(start=MONDAY_NOON) as lab:
        lab.fleet.create_group("web")
        admitted(lab, 1)
        launched(lab, 1, group="web")
        launched(lab, 1, spot=True)
        yield lab


@pytest.fixture
def lab(one_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return that lab without faults, in which waits take no real time."""
    wait_in_lab_time(one_lab, monkeypatch)
    one_lab.faults.end()
    one_lab.invocations.clear()
    return one_lab


def invoke(lab: Lab, function: str) -> tuple[Invocation, float]:
    """Invoke a function with an usual event; return how many seconds it took too."""
    events: dict[str, Any] = {"ReconcilerFunction": messages(), "AuditFunction": {"repair": True}, "WidgetFunction": {}}
    before = lab.clock.now()
    invocation = lab.invoke(function, events[function])
    return invocation, (lab.clock.now() - before).total_seconds()


def messages(count: int = 20) -> dict[str, Any]:
    """Return a batch of messages about all pools, as Lambda receives it."""
    body = '{"source": "fleet53", "detail-type": "Reconcile", "detail": {"pools": "*", "because": "a test asks"}}'
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number in range(count)
        ]
    }


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.THROTTLED])
def test_a_run_ends_in_time_when_any_service_does_not_answer(lab: Lab, service: str, fault: Fault) -> None:
    lab.faults.order(fault, f"{service}:*")
    invocation, seconds = invoke(lab, "ReconcilerFunction")

    assert invocation.error is None
    assert seconds < 300


@pytest.mark.parametrize("function", ["AuditFunction", "WidgetFunction"])
@pytest.mark.parametrize("service", SERVICES)
def test_an_audit_and_a_page_end_in_time_when_any_service_does_not_answer(
    lab: Lab, service: str, function: str
) -> None:
    lab.faults.order(Fault.HANG, f"{service}:*")
    _, seconds = invoke(lab, function)

    assert seconds < {"AuditFunction": 300, "WidgetFunction": 60}[function]


def test_a_page_is_shown_in_time_where_nothing_of_aws_answers(lab: Lab) -> None:
    for service in SERVICES:
        lab.faults.order(Fault.HANG, f"{service}:*")
    invocation, seconds = invoke(lab, "WidgetFunction")

    assert seconds < 60
    assert invocation.error is None
    assert "The audit failed" in invocation.result


def test_a_throttled_parameter_store_returns_the_messages_after_one_pass(lab: Lab) -> None:
    lab.faults.order(Fault.THROTTLED, "ssm:GetParametersByPath")
    lab.faults.forget()
    invocation, seconds = invoke(lab, "ReconcilerFunction")

    assert len(invocation.result["batchItemFailures"]) == 20
    assert lab.faults.asked.count("ssm:GetParametersByPath") == 8
    assert seconds < 60
    assert log_lines(lab, "pass failed") == []
    (because,) = {line["because"] for line in log_lines(lab, "message returned")}
    assert because.startswith("tried 8 times: An error occurred (ThrottlingException)")


def test_a_call_begins_only_if_its_timeouts_fit_into_the_time_left(lab: Lab) -> None:
    lab.faults.order(Fault.HANG, "ec2:*")
    lab.faults.forget()
    invocation, seconds = invoke(lab, "WidgetFunction")

    assert 30 < seconds < 50
    assert "no time left to try again: Read timeout" in invocation.result
    assert lab.faults.asked.count("ec2:DescribeInstances") == 4


def test_a_bus_that_hangs_delays_many_withdrawals_once_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        lab.put_pool("web", health_check=None, admit_when="running")
        lab.settle()
        leaving = launched(lab, 25)
        assert in_dns(lab) == set(leaving)
        lab.clock.advance(10)  # so that no request waits because of those before
        lab.invocations.clear()
        lab.faults.order(Fault.HANG, "events:PutEvents")
        for instance_id in leaving:
            lab.fleet.terminate(instance_id)
        before = lab.clock.now()
        lab.settle()

        assert in_dns(lab) == set()
        assert (lab.clock.now() - before).total_seconds() == 2
        (line,) = log_lines(lab, "event not sent")
        # 25 withdrawals, and that the pool is unanswered
        assert line["because"].startswith("26 events dropped: Read timeout")


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [
        ("autoscaling:CompleteLifecycleAction", 10),
        ("autoscaling:DescribeLifecycleHooks", 10),
        ("cloudwatch:PutMetricAlarm", 5),
        ("route53:CreateHealthCheck", 10),
        ("route53:DeleteHealthCheck", 10),
    ],
)
def test_a_call_that_hangs_and_that_no_withdrawal_needs_delays_the_next_messages_by_one_time_out(
    monkeypatch: pytest.MonkeyPatch, operation: str, seconds: int
) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        lab.put_pool("idle", health_check=None, admit_when="running")
        lab.put_pool("api", health_check={"alarm": "ec2-status"})
        leaving = admitted(lab, 3)
        for pool in ("idle", "new"):
            lab.fleet.create_group(pool, 3, hooks=(launch_hook(heartbeat=30),), pools=(pool,))
        lab.put_pool(
            "new", **lab.pools.settings("web") | {"record_name": "new.example.com"}
        )  # its members have to wait
        lab.settle()
        for _ in range(10):  # until the instances of both groups wait at their hooks
            lab.clock.advance(5)
            lab.turn()
        for instance_id in leaving:
            lab.fleet.launch(("api",))
            lab.fleet.terminate(instance_id)
        lab.faults.order(Fault.HANG, operation)
        lab.faults.forget()
        before = lab.clock.now()
        lab.settle()

        assert in_dns(lab) == set()
        assert lab.faults.asked.count(operation) == 1
        assert seconds <= (lab.clock.now() - before).total_seconds() < seconds + 10
