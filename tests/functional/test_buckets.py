"""Where Route 53's token buckets are empty, fleet53 creates health checks gradually and withdraws at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from lab.route53.limits import Buckets
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import GROUP, completions, heartbeats, pass_time, state_of
from tests.functional.incidents import before_each
from tests.functional.views import admitted, audit, calls, checks, findings, in_dns, log_lines, see_healthy, wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

pytestmark = pytest.mark.usefixtures("lab_time")

ABANDON = {"AdmitTimeout": "300", "UnhealthyLaunchResult": "ABANDON"}


@pytest.fixture
def lab(parameters: Mapping[str, str]) -> Iterator[Lab]:
    """Return a lab whose Route 53 throttles as AWS does."""
    with Lab(parameters, start=MONDAY_NOON, limits=Buckets) as lab:
        yield lab


def drain(lab: Lab, operation: str, *, left: int = 0) -> None:
    """Let another sender take tokens of an operation, so that only so many are left."""
    limits = lab.route53._refusals._limits
    assert isinstance(limits, Buckets)
    while limits.take(operation, lab.clock.now()):
        pass
    limits._operations[operation].tokens += left
    limits._account.tokens = 50


def throttled(lab: Lab) -> Counter[str]:
    return Counter(call.operation for call in lab.route53.calls if call.code == "Throttling")


def settle(lab: Lab) -> float:
    """Handle what is queued now, and return how many seconds that took."""
    before = lab.clock.now()
    lab.settle()
    return (lab.clock.now() - before).total_seconds()


# -- creations


def test_health_checks_for_which_no_token_is_left_are_created_gradually_and_no_run_waits_for_them(lab: Lab) -> None:
    drain(lab, "CreateHealthCheck", left=10)
    members = [lab.fleet.launch() for _ in range(40)]

    assert settle(lab) < 20
    assert 10 <= len(checks(lab)) <= 15
    for _ in range(8):
        wait(lab, 10)

    assert len(checks(lab)) == 40
    assert throttled(lab)["CreateHealthCheck"] <= 3
    assert calls(lab)["CreateHealthCheck"] - throttled(lab)["CreateHealthCheck"] == 40
    assert log_lines(lab, "message returned") == log_lines(lab, "health check not created") == []
    see_healthy(lab, members)
    assert in_dns(lab) == set(members)


def test_a_pool_whose_path_changes_keeps_its_records_until_each_has_its_new_check(lab: Lab) -> None:
    members = admitted(lab, 30)
    former = checks(lab).keys()
    drain(lab, "CreateHealthCheck", left=5)

    lab.put_pool("web", health_check={"url": "http://:80/other"})
    lab.settle()
    assert len(checks(lab)) < 60
    for _ in range(8):
        wait(lab, 10)
        assert in_dns(lab) == set(members)
    assert len(checks(lab)) == 60
    see_healthy(lab, members)
    wait(lab, 60)

    assert in_dns(lab) == set(members)
    assert len(checks(lab)) == 30
    assert checks(lab).keys().isdisjoint(former)


def test_a_withdrawal_while_a_run_waits_to_create_its_last_checks_is_made_within_seconds(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = admitted(lab, 1)
    drain(lab, "CreateHealthCheck", left=5)
    created: list[str] = []
    ended: list[datetime] = []
    gone: list[datetime] = []

    def end_one(parameters: Mapping[str, Any]) -> None:
        created.append(parameters["CallerReference"])
        if len(set(created)) == 9 and not ended:
            ended.append(lab.clock.now())
            lab.fleet.terminate(old)

    before_each(lab, monkeypatch, "CreateHealthCheck", end_one)
    before_each(lab, monkeypatch, "ChangeResourceRecordSets", lambda _: gone.append(lab.clock.now()))
    members = [lab.fleet.launch() for _ in range(15)]
    lab.settle()

    assert in_dns(lab) == set()
    assert (gone[0] - ended[0]).total_seconds() < 3
    for _ in range(4):
        wait(lab, 10)
    assert len(checks(lab)) == 15
    see_healthy(lab, members)
    assert in_dns(lab) == set(members)


@pytest.mark.parametrize("parameters", [ABANDON], ids=["abandon"])
def test_an_instance_whose_check_cannot_be_created_in_time_is_not_abandoned(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, kept = completions(monkeypatch), heartbeats(monkeypatch)
    others = lambda _: drain(lab, "CreateHealthCheck")  # noqa: E731 - another sender is always first
    before_each(lab, monkeypatch, "CreateHealthCheck", others)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(heartbeat=60),))
    pass_time(lab, 420, step=10)

    (instance_id,) = lab.fleet.members(GROUP)
    assert (checks(lab), [each.result for each in asked]) == ({}, ["CONTINUE"])
    assert state_of(lab, instance_id) == "InService"
    assert kept
    assert findings(audit(lab), "not-healthy-in-time") == []


# -- deletions


def test_checks_for_which_no_token_is_left_are_deleted_at_the_pace_of_the_bucket(lab: Lab) -> None:
    members = admitted(lab, 40)
    drain(lab, "DeleteHealthCheck")
    for each in members:
        lab.fleet.set_state(each, "shutting-down")

    assert settle(lab) < 20
    assert (in_dns(lab), checks(lab)) == (set(), {})
    assert throttled(lab)["DeleteHealthCheck"] <= 5


def test_a_stack_is_deleted_at_the_pace_of_the_bucket(lab: Lab) -> None:
    admitted(lab, 30)
    drain(lab, "DeleteHealthCheck")

    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert (in_dns(lab), checks(lab)) == (set(), {})
    assert throttled(lab)["DeleteHealthCheck"] <= 5


# -- statuses


def test_ten_waiting_members_are_asked_for_without_a_throttled_request(lab: Lab) -> None:
    members = [lab.fleet.launch() for _ in range(10)]
    lab.settle()
    for _ in range(3):
        wait(lab, 20)

    assert calls(lab)["GetHealthCheckStatus"] >= 20
    assert throttled(lab).total() == 0
    see_healthy(lab, members)
    assert in_dns(lab) == set(members)


def test_a_pass_that_withdraws_asks_for_no_status(lab: Lab) -> None:
    (old,) = admitted(lab, 1)
    waiting = [lab.fleet.launch() for _ in range(5)]
    lab.settle()
    lab.route53.reset_calls()

    lab.fleet.terminate(old)
    lab.settle()

    operations = [call.operation for call in lab.route53.calls]
    assert "GetHealthCheckStatus" not in operations[: operations.index("ChangeResourceRecordSets")]
    see_healthy(lab, waiting)
    assert in_dns(lab) == set(waiting)


def test_a_launch_asks_for_no_status_of_members_that_have_a_look_of_their_own(lab: Lab) -> None:
    waiting = [lab.fleet.launch() for _ in range(3)]
    lab.settle()
    lab.route53.reset_calls()

    lab.fleet.launch()
    lab.settle()

    assert (calls(lab)["CreateHealthCheck"], calls(lab)["GetHealthCheckStatus"]) == (1, 0)
    wait(lab, 30)
    assert calls(lab)["GetHealthCheckStatus"] >= 4
    see_healthy(lab, waiting)
    assert in_dns(lab) == set(waiting)


def test_a_withdrawal_while_a_look_waits_to_ask_for_statuses_is_made_within_seconds(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = admitted(lab, 1)
    waiting = [lab.fleet.launch() for _ in range(10)]
    lab.settle()
    asked: list[str] = []
    ended: list[datetime] = []
    gone: list[datetime] = []

    def end_one(parameters: Mapping[str, Any]) -> None:
        asked.append(parameters["HealthCheckId"])
        if len(asked) == 5:
            ended.append(lab.clock.now())
            lab.fleet.terminate(old)

    before_each(lab, monkeypatch, "GetHealthCheckStatus", end_one)
    before_each(lab, monkeypatch, "ChangeResourceRecordSets", lambda _: gone.append(lab.clock.now()))
    wait(lab, 20)

    assert in_dns(lab) == set()
    assert (gone[0] - ended[0]).total_seconds() < 3
    see_healthy(lab, waiting)
    assert in_dns(lab) == set(waiting)
