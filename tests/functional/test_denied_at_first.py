"""A call that AWS denies right after a deployment is made again when the message comes again.

IAM is eventually consistent (IAM User Guide, Troubleshooting IAM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.faults import Fault
from lab.world import TEMPLATE, Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.versions import write_first
from tests.functional.views import admitted, allowed_zone, audit, checks_of, in_dns, see_healthy, signal

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


FINAL = [
    "route53:CreateHealthCheck",
    "route53:ChangeResourceRecordSets",
    "route53:ListResourceRecordSets",
    "route53:ListHealthChecks",
    "ec2:DescribeInstances",
    "ssm:GetParametersByPath",
    "autoscaling:DescribeAutoScalingInstances",
]


def failed_runs(lab: Lab) -> float:
    return sum(sum(each.metric("RunsFailed")) for each in lab.invocations)


@pytest.mark.parametrize("operation", FINAL)
def test_changes_that_are_denied_for_half_a_minute_are_made_then_and_no_run_counts_as_failed(
    lab: Lab, operation: str
) -> None:
    (old,) = admitted(lab, 1)
    lab.fleet.create_group("grouped")
    lab.invocations.clear()
    lab.faults.order(Fault.DENIED, operation)
    lab.fleet.terminate(old)
    new = [lab.fleet.launch(), lab.fleet.launch(group="grouped")]
    lab.run(30, step=1)

    lab.faults.end()
    lab.run(15, step=1)  # three pauses of 35 seconds in all, and the waits for Route 53 of four runs
    see_healthy(lab, new)

    assert in_dns(lab) == set(new)
    assert failed_runs(lab) == 0
    assert "ReconcilerErrorsAlarm" not in lab.alarms.ringing()


def test_a_change_that_is_denied_four_times_is_final_until_the_next_signal(lab: Lab) -> None:
    lab.timers = ()
    (web,) = admitted(lab, 1)
    lab.faults.order(Fault.DENIED, "route53:ChangeResourceRecordSets")
    lab.invocations.clear()
    lab.fleet.terminate(web)
    lab.run(50, step=1)
    assert failed_runs(lab) == 0
    before = len(lab.invocations)

    lab.run(600, step=5)

    assert before == len(lab.invocations) == 4
    lab.faults.end()
    audit(lab, {"repair": True})
    lab.settle()
    assert in_dns(lab) == set()


def test_a_creation_that_is_denied_is_made_in_the_next_look_and_returns_no_message(lab: Lab) -> None:
    lab.faults.order(Fault.DENIED, "route53:CreateHealthCheck", calls=1)
    web = lab.fleet.launch()
    lab.run(31, step=1)
    see_healthy(lab, [web])

    assert in_dns(lab) == {web}
    assert {str(each.result) for each in lab.invocations} == {"{'batchItemFailures': []}"}


def test_deletions_of_health_checks_that_are_finally_denied_do_not_return_messages_repeatedly(lab: Lab) -> None:
    lab.timers = ()
    (web,) = admitted(lab, 1)
    lab.faults.order(Fault.DENIED, "route53:DeleteHealthCheck")
    lab.invocations.clear()
    lab.fleet.terminate(web)
    lab.run(600, step=5)
    assert in_dns(lab) == set()
    assert len(checks_of(lab, web)) == 1
    assert len(lab.invocations) == 4
    assert failed_runs(lab) == 0
    assert lab.invocations[-1].metric("Findings", Pool="web", Kind="orphan-check") == [1.0]

    lab.faults.end()
    audit(lab, {"repair": True})
    lab.settle()
    assert checks_of(lab, web) == []


def test_reads_that_are_denied_for_good_are_failed_runs(lab: Lab) -> None:
    signal(lab, "web")
    lab.invocations.clear()
    lab.faults.order(Fault.DENIED, "ec2:DescribeInstances")
    signal(lab, "web")
    lab.run(30, step=1)
    assert failed_runs(lab) == 0

    lab.run(600, step=10)

    assert failed_runs(lab) > 1


def test_a_pool_whose_zone_is_denied_returns_no_message_about_another_pool(lab: Lab) -> None:
    lab.put_pool("api", hosted_zone_id=allowed_zone(lab, "example.net"), record_name="api.example.net")
    lab.settle()
    lab.route53.deny(lab.zone_id)
    lab.invocations.clear()

    signal(lab, "api")

    assert [each.result for each in lab.invocations] == [{"batchItemFailures": []}]


def test_the_first_message_of_a_stack_may_be_denied_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        resource = lab.custom_resources["StackLifecycle"]
        lab.faults.order(Fault.DENIED, "sqs:SendMessage", calls=4)
        began = lab.clock.now()
        answer: dict[str, Any] = resource.create()
        assert answer["Status"] == "SUCCESS"
        assert (lab.clock.now() - began).total_seconds() == pytest.approx(60, abs=5)

        lab.faults.order(Fault.DENIED, "sqs:SendMessage")
        assert resource.create()["Status"] == "FAILED"
        lab.faults.end()
        assert audit(lab)["in_sync"] is True


@pytest.mark.parametrize("operation", ["cloudformation:DescribeStacks", "route53:ListResourceRecordSets"])
def test_what_the_precondition_asks_in_an_upgrade_from_the_first_version_may_be_denied_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    with Lab(template=write_first(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        lab.faults.order(Fault.DENIED, operation, calls=4)
        began = lab.clock.now()
        assert lab.update_stack({}, template=TEMPLATE) == "UPDATE_COMPLETE"
        assert (lab.clock.now() - began).total_seconds() == pytest.approx(60, abs=5)


def test_a_listing_that_is_denied_once_loses_no_withdrawal_where_another_pools_parameter_is_wrong(lab: Lab) -> None:
    lab.put_pool("api")
    stays, ends = admitted(lab, 2, "api.example.com", pools=("api",))
    lab.put_pool_text("www", "{")  # so the records at each place are read first: they tell whose it is
    lab.settle()
    lab.faults.order(Fault.DENIED, "route53:ListResourceRecordSets", calls=1)
    lab.fleet.terminate(ends)
    lab.run(10)

    assert in_dns(lab, "api.example.com") == {stays}


def test_a_listing_that_is_denied_once_loses_no_withdrawal_from_a_pool_whose_own_parameter_is_wrong(lab: Lab) -> None:
    stays, ends = admitted(lab, 2)
    lab.put_pool_text("web", "{")
    lab.settle()
    lab.faults.order(Fault.DENIED, "route53:ListResourceRecordSets", calls=1)
    lab.fleet.terminate(ends)
    lab.run(10)

    assert in_dns(lab) == {stays}
