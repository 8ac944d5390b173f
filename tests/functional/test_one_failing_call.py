"""A withdrawal depends on as little as possible: after any failing call, the address leaves DNS within one retry."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import in_dns, see_healthy

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED: Final = {
    "ec2:DescribeInstances",
    "route53:ChangeResourceRecordSets",
    "route53:ListResourceRecordSets",
    "ssm:GetParametersByPath",
}
"""What a withdrawal needs: what EC2 says, the pools' settings, the records at their names, and the change itself."""
OTHERS: Final = {
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "ec2:DescribeSpotInstanceRequests",
    "events:PutEvents",
    "route53:CreateHealthCheck",
    "route53:DeleteHealthCheck",
    "route53:GetHealthCheckStatus",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
}
"""What else a run asks for in the scene below."""


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab with members in two pools and two pools without, in which waits take no real time."""
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        lab.put_pool("new")
        lab.put_pool("changed")
        lab.put_pool("idle", health_check=None, admit_when="running")
        lab.fleet.create_group("new", pools=("new",))
        members = lab.fleet.launch(), lab.fleet.launch(("changed",)), lab.fleet.launch(("changed",), spot=True)
        lab.settle()
        see_healthy(lab, members)
        yield lab


def leave_join_and_change(lab: Lab) -> None:
    """Terminate a member, launch others for another pool, and change the settings of a third pool.

    Two further instances wait at a launch hook, one of them in a pool without health checks, which asks for no wait.
    Spot interrupts a member of the third pool.
    """
    (leaving,) = in_dns(lab)
    (warned,) = (
        each for each in in_dns(lab, "changed.example.com") if lab.fleet.describe(each).get("InstanceLifecycle")
    )
    for pool in ("new", "idle"):
        lab.fleet.create_group(f"hooked-{pool}", 1, hooks=(launch_hook(heartbeat=30),), pools=(pool,))
    for _ in range(10):
        lab.clock.advance(5)
        lab.turn()
    lab.functions.cold_start()
    lab.fleet.spot.warn(warned)
    lab.fleet.terminate(leaving)
    lab.fleet.launch(("new",))
    lab.fleet.launch(("new",), group="new")
    lab.fleet.launch(("new",), spot=True)
    lab.put_pool("changed", health_check={"url": "http://:8080/"})
    lab.settle()


def test_the_tables_have_every_call_of_the_scene(lab: Lab) -> None:
    lab.faults.forget()
    lab.faults.order(Fault.DENIED, "route53:ListHealthChecks", calls=1)
    leave_join_and_change(lab)
    lab.run(80, step=10)

    assert set(lab.faults.asked) == NEEDED | OTHERS


@pytest.mark.parametrize(("operation", "fault"), [*product(sorted(NEEDED), Fault)])
def test_after_one_failing_call_that_a_withdrawal_needs_the_address_is_out_within_one_retry(
    lab: Lab, operation: str, fault: Fault
) -> None:
    lab.faults.order(fault, operation, calls=1)
    leave_join_and_change(lab)
    lab.clock.advance(6)
    lab.settle()

    assert in_dns(lab) == set()


@pytest.mark.parametrize(("operation", "fault"), [*product(sorted(OTHERS), Fault)])
def test_while_any_other_call_fails_the_address_is_out_within_one_retry(lab: Lab, operation: str, fault: Fault) -> None:
    lab.faults.order(fault, operation)
    leave_join_and_change(lab)
    lab.clock.advance(6)
    lab.settle()

    assert in_dns(lab) == set()
