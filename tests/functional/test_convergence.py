"""Signals in any order, any number of times, lead to the same state, because none of them is taken for a truth."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.error import Route53Error
from tests.functional.views import (
    admitted,
    audit,
    calls,
    check_of,
    checks,
    checks_of,
    in_dns,
    intercept,
    launched,
    log_lines,
    record_of,
    see_healthy,
    signal,
    state_change,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.world import Lab

LIFE = ("pending", "running", "stopping", "stopped", "pending", "running", "shutting-down", "terminated")


def deliver(lab: Lab, instance_id: str, states: Sequence[str], *, one_batch: bool) -> None:
    for state in states:
        lab.send(state_change(lab, instance_id, state))
        if not one_batch:
            lab.settle()
    lab.settle()


def test_a_launched_instance_is_in_dns_with_one_check_once_route_53_has_seen_it_healthy(lab: Lab) -> None:
    (web,) = admitted(lab, 1)

    record = record_of(lab, web)
    assert record["ResourceRecords"] == [{"Value": lab.fleet.address(web)}]
    assert record["HealthCheckId"] == check_of(lab, web)
    assert record["TTL"] == 60
    assert record["MultiValueAnswer"] is True
    assert record["SetIdentifier"] == f"fleet53.eu-west-1.123456789012/{web}"


def test_a_terminated_instance_leaves_no_record_and_no_check(lab: Lab) -> None:
    stays, goes = admitted(lab, 2)

    lab.fleet.terminate(goes)
    lab.settle()

    assert in_dns(lab) == {stays}
    assert list(checks(lab)) == [check_of(lab, stays)]


@pytest.mark.parametrize("one_batch", [True, False], ids=["in one batch", "in a batch each"])
@pytest.mark.parametrize(
    "states",
    [LIFE, LIFE[::-1], [state for state in LIFE for _ in range(2)], ["terminated", "running"], ["running"] * 5],
    ids=["in order", "reversed", "twice", "running after terminated", "only running, again and again"],
)
def test_the_events_of_a_life_that_is_over_leave_nothing(lab: Lab, states: Sequence[str], *, one_batch: bool) -> None:
    (stays, gone) = admitted(lab, 2)
    lab.fleet.terminate(gone, events=False)

    deliver(lab, gone, states, one_batch=one_batch)

    assert in_dns(lab) == {stays}
    assert list(checks(lab)) == [check_of(lab, stays)]


@pytest.mark.parametrize("one_batch", [True, False], ids=["in one batch", "in a batch each"])
@pytest.mark.parametrize(
    "states",
    [LIFE, LIFE[::-1], [state for state in LIFE for _ in range(2)], ["stopped", "terminated"], ["pending"]],
    ids=["in order", "reversed", "twice", "only of other states", "only the first"],
)
def test_events_that_say_otherwise_do_not_harm_an_instance_that_runs(
    lab: Lab, states: Sequence[str], *, one_batch: bool
) -> None:
    (steady,) = admitted(lab, 1)
    (new,) = launched(lab, 1, events=False)
    check = check_of(lab, steady)

    deliver(lab, steady, states, one_batch=one_batch)
    deliver(lab, new, states, one_batch=one_batch)
    assert in_dns(lab) == {steady}
    assert len(checks_of(lab, new)) == 1
    see_healthy(lab, [new])

    assert in_dns(lab) == {steady, new}
    assert check_of(lab, steady) == check
    assert len(checks(lab)) == 2


def test_a_fleet_is_right_after_events_in_any_order_over_several_batches(lab: Lab) -> None:
    old = admitted(lab, 6)
    for instance_id in old[:3]:
        lab.fleet.terminate(instance_id, events=False)
    lab.fleet.stop(old[3], events=False)
    new = [lab.fleet.launch(events=False) for _ in range(6)]
    for instance_id in (*new, *reversed(old), *new[::2]):
        for state in ("terminated", "running", "stopped", "running"):
            lab.send(state_change(lab, instance_id, state))
        lab.settle()
    see_healthy(lab, new)

    assert in_dns(lab) == {*new, old[4], old[5]}
    assert {instance_id: len(checks_of(lab, instance_id)) for instance_id in (*old, *new)} == {
        **dict.fromkeys(old[:4], 0),
        **dict.fromkeys([*old[4:], *new], 1),
    }


def test_after_all_is_done_the_same_signals_again_change_nothing(lab: Lab) -> None:
    web = admitted(lab, 3)
    lab.route53.reset_calls()

    for instance_id in web:
        lab.send(state_change(lab, instance_id, "running"))
    signal(lab, "web")
    signal(lab)

    assert {call.operation for call in lab.route53.calls} <= {"ListResourceRecordSets", "ListHealthChecks"}


def test_an_instance_whose_launch_had_no_event_is_found_with_the_next_signal_of_its_pool(lab: Lab) -> None:
    (silent,) = launched(lab, 1, events=False)
    assert checks_of(lab, silent) == []

    (told,) = launched(lab, 1)
    see_healthy(lab, [told, silent])

    assert in_dns(lab) == {told, silent}


def test_a_termination_without_an_event_is_found_with_the_next_signal_of_its_pool(lab: Lab) -> None:
    silent, told, stays = admitted(lab, 3)
    lab.fleet.terminate(silent, events=False)

    lab.fleet.terminate(told)
    lab.settle()

    assert in_dns(lab) == {stays}
    assert list(checks(lab)) == [check_of(lab, stays)]


def test_changes_without_events_are_found_by_the_scheduled_audit(lab: Lab) -> None:
    gone, stays = admitted(lab, 2)
    lab.fleet.terminate(gone, events=False)
    (new,) = launched(lab, 1, events=False)

    wait(lab, 15 * 60)
    see_healthy(lab, [new])
    wait(lab, 15 * 60)

    assert in_dns(lab) == {stays, new}
    assert checks_of(lab, gone) == []
    assert audit(lab)["in_sync"] is True


def test_a_pass_that_read_the_checks_before_another_made_one_makes_no_second(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copy.deepcopy(lab.route53.call("ListHealthChecks", {}))
    (web,) = launched(lab, 1)
    first = check_of(lab, web)
    lab.route53.reset_calls()

    def answer_late(_parameters: Mapping[str, Any]) -> dict[str, Any]:
        return before

    intercept(lab, monkeypatch, "ListHealthChecks", answer_late)
    signal(lab, "web")

    assert calls(lab)["CreateHealthCheck"] == 1
    assert checks_of(lab, web) == [first]


def test_an_admission_that_fails_in_the_middle_is_completed_by_the_next_run(lab: Lab) -> None:
    lab.route53.fail("ListHealthChecks", Route53Error("AccessDenied", "not now"), 1)
    web = launched(lab, 3)
    assert len(log_lines(lab, "message returned")) > 0

    wait(lab, 6)
    see_healthy(lab, web)

    assert in_dns(lab) == set(web)
    assert [len(checks_of(lab, instance_id)) for instance_id in web] == [1, 1, 1]


def test_a_member_whose_check_was_refused_once_gets_it_at_the_next_look(lab: Lab) -> None:
    lab.route53.fail("CreateHealthCheck", Route53Error("AccessDenied", "not now"), 1)
    web = launched(lab, 3)
    assert sorted(len(checks_of(lab, instance_id)) for instance_id in web) == [0, 1, 1]

    wait(lab)
    see_healthy(lab, web)

    assert in_dns(lab) == set(web)
    assert [len(checks_of(lab, instance_id)) for instance_id in web] == [1, 1, 1]


@pytest.mark.parametrize("operation", ["ListHealthChecks", "ChangeResourceRecordSets", "DeleteHealthCheck"])
def test_a_withdrawal_that_fails_in_the_middle_is_completed_by_the_next_run(lab: Lab, operation: str) -> None:
    stays, *gone = admitted(lab, 3)
    lab.route53.fail(operation, Route53Error("AccessDenied", "not now"), 1)

    for instance_id in gone:
        lab.fleet.terminate(instance_id)
    lab.settle()
    wait(lab, 6)

    assert in_dns(lab) == {stays}
    assert list(checks(lab)) == [check_of(lab, stays)]
