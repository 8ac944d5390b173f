"""What EC2, Auto Scaling and Spot say of an instance decides what its pool owes it, as DNS shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.functional.views import (
    admitted,
    audit,
    checks,
    checks_of,
    findings,
    in_dns,
    launched,
    log_lines,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab

ADMITTING: Final = ("InService", "Detached")
PREPARING: Final = ("Pending:Wait", "Pending:Proceed", "RootVolumeReplaced")
WITHDRAWING: Final = (
    "Quarantined",
    "Terminating",
    "Terminating:Wait",
    "Terminating:Proceed",
    "Terminating:Retained",
    "Terminated",
    "Detaching",
    "EnteringStandby",
    "Standby",
    "ReplacingRootVolume",
    "ReplacingRootVolume:Wait",
    "ReplacingRootVolume:Proceed",
    "Warmed:Pending",
    "Warmed:Pending:Wait",
    "Warmed:Pending:Proceed",
    "Warmed:Pending:Retained",
    "Warmed:Terminating",
    "Warmed:Terminating:Wait",
    "Warmed:Terminating:Proceed",
    "Warmed:Terminating:Retained",
    "Warmed:Terminated",
    "Warmed:Stopped",
    "Warmed:Running",
    "Warmed:Hibernated",
)


def in_group(lab: Lab, *states: str) -> dict[str, str]:
    """Return a running instance of one group for each state, by the state; no event of them has been told."""
    lab.fleet.create_group("fleet")
    return {state: lab.fleet.launch(group="fleet", lifecycle_state=state, events=False) for state in states}


def admitted_in_group(lab: Lab, count: int = 1) -> tuple[str, ...]:
    lab.fleet.create_group("fleet")
    return admitted(lab, count, group="fleet")


def put_in(lab: Lab, by_state: Mapping[str, str]) -> None:
    for state, instance_id in by_state.items():
        lab.fleet.set_lifecycle_state(instance_id, state)


# -- Auto Scaling


def test_a_running_member_of_a_group_is_admitted_in_these_states(lab: Lab) -> None:
    by_state = in_group(lab, *ADMITTING)

    signal(lab, "web")
    see_healthy(lab, by_state.values())

    assert {state for state in by_state if by_state[state] in in_dns(lab)} == set(ADMITTING)


def test_a_running_member_of_a_group_gets_its_check_and_no_record_in_these_states(lab: Lab) -> None:
    by_state = in_group(lab, *PREPARING)

    signal(lab, "web")
    assert {state: len(checks_of(lab, by_state[state])) for state in by_state} == dict.fromkeys(PREPARING, 1)
    see_healthy(lab, by_state.values())
    wait(lab)
    assert in_dns(lab) == set()
    for instance_id in by_state.values():
        lab.fleet.set_lifecycle_state(instance_id, "InService")
    signal(lab, "web")

    assert in_dns(lab) == set(by_state.values())


def test_a_member_in_dns_is_withdrawn_and_keeps_its_check_when_its_group_puts_it_in_these_states(lab: Lab) -> None:
    by_state = dict(zip(PREPARING, admitted_in_group(lab, len(PREPARING)), strict=True))
    before = checks(lab)

    put_in(lab, by_state)
    signal(lab, "web")

    assert {state for state in by_state if by_state[state] in in_dns(lab)} == set()
    assert checks(lab) == before


def test_a_member_in_dns_is_withdrawn_with_its_check_when_its_group_puts_it_in_these_states(lab: Lab) -> None:
    by_state = dict(zip(WITHDRAWING, admitted_in_group(lab, len(WITHDRAWING)), strict=True))

    put_in(lab, by_state)
    signal(lab, "web")

    assert {state for state in by_state if by_state[state] in in_dns(lab)} == set()
    assert checks(lab) == {}
    assert {line["instance_id"]: line["because"] for line in log_lines(lab, "record deleted")} == {
        instance_id: f"Auto Scaling says {state}" for state, instance_id in by_state.items()
    }


def test_a_member_in_dns_stays_while_its_group_says_pending(lab: Lab) -> None:
    (instance_id,) = admitted_in_group(lab)

    lab.fleet.set_lifecycle_state(instance_id, "Pending")
    signal(lab, "web")

    assert in_dns(lab) == {instance_id}
    assert len(checks_of(lab, instance_id)) == 1


def test_a_pending_member_of_a_group_gets_nothing_yet(lab: Lab) -> None:
    instance_id = in_group(lab, "Pending")["Pending"]

    signal(lab, "web")

    assert in_dns(lab) == set()
    assert checks_of(lab, instance_id) == []


def test_a_member_of_a_group_that_terminates_is_withdrawn_by_the_events_alone(lab: Lab) -> None:
    (instance_id,) = admitted_in_group(lab)

    lab.fleet.terminate(instance_id)
    lab.settle()

    assert in_dns(lab) == set()
    assert checks_of(lab, instance_id) == []


def test_a_state_that_this_version_does_not_know_leaves_the_member_as_it_is_and_is_reported(lab: Lab) -> None:
    (instance_id,) = admitted_in_group(lab)
    check = checks_of(lab, instance_id)

    lab.fleet.set_lifecycle_state(instance_id, "Teleporting:Wait")
    signal(lab)
    report = audit(lab)

    assert in_dns(lab) == {instance_id}
    assert checks_of(lab, instance_id) == check
    (finding,) = findings(report, "unknown-state")
    assert finding["instance_id"] == instance_id
    assert "'Teleporting:Wait'" in finding["because"]


def test_a_state_that_this_version_does_not_know_admits_no_member(lab: Lab) -> None:
    (instance_id,) = in_group(lab, "Teleporting:Wait").values()

    signal(lab)

    assert in_dns(lab) == set()
    assert checks_of(lab, instance_id) == []


def test_an_instance_tagged_with_a_group_that_auto_scaling_does_not_confirm_waits(lab: Lab) -> None:
    (instance_id,) = launched(lab, 1, tags={"aws:autoscaling:groupName": "fleet"})

    assert in_dns(lab) == set()
    assert checks_of(lab, instance_id) == []


def test_a_member_in_dns_that_auto_scaling_does_not_confirm_any_more_keeps_its_record(lab: Lab) -> None:
    (instance_id,) = admitted(lab, 1)
    tag = {"Key": "aws:autoscaling:groupName", "Value": "fleet"}
    lab.client("ec2").create_tags(Resources=[instance_id], Tags=[tag])

    signal(lab)

    assert in_dns(lab) == {instance_id}
    assert len(checks_of(lab, instance_id)) == 1


# -- EC2


def test_a_pending_instance_gets_nothing_yet_and_is_admitted_when_it_runs(lab: Lab) -> None:
    (instance_id,) = launched(lab, 1, state="pending")
    assert checks_of(lab, instance_id) == []

    lab.fleet.set_state(instance_id, "running")
    lab.settle()
    see_healthy(lab, [instance_id])

    assert in_dns(lab) == {instance_id}


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_a_member_is_withdrawn_when_ec2_says(lab: Lab, state: str) -> None:
    stays, goes = admitted(lab, 2)

    lab.fleet.set_state(goes, state)
    lab.settle()

    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []
    assert log_lines(lab, "record deleted")[-1]["because"] == f"EC2 says {state}"


def test_a_member_in_dns_that_is_pending_keeps_its_record(lab: Lab) -> None:
    (instance_id,) = admitted(lab, 1)

    lab.fleet.set_state(instance_id, "pending")
    lab.settle()

    assert in_dns(lab) == {instance_id}


def test_a_member_that_ec2_does_not_know_is_withdrawn_from_every_pool(lab: Lab) -> None:
    lab.put_pool("api")
    (instance_id,) = admitted(lab, 1, pools=("web", "api"))
    assert in_dns(lab, "api.example.com") == {instance_id}
    lab.fleet.forget(instance_id)

    lab.send(
        '{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", '
        f'"detail": {{"instance-id": "{instance_id}", "state": "terminated"}}}}'
    )
    lab.settle()

    assert in_dns(lab) == set()
    assert in_dns(lab, "api.example.com") == set()


# -- Spot


@pytest.mark.parametrize(
    "status",
    [
        "marked-for-stop",
        "marked-for-termination",
        "instance-terminated-no-capacity",
        "instance-terminated-by-price",
        "instance-terminated-capacity-oversubscribed",
    ],
)
def test_a_member_is_withdrawn_while_it_still_runs_when_its_spot_request_is(lab: Lab, status: str) -> None:
    (instance_id,) = admitted(lab, 1, spot=True)

    lab.fleet.spot.set_status(instance_id, status)
    lab.fleet.spot.warn(instance_id)
    lab.settle()

    assert lab.fleet.describe(instance_id)["State"]["Name"] == "running"
    assert in_dns(lab) == set()
    assert checks_of(lab, instance_id) == []


@pytest.mark.parametrize("status", ["fulfilled", "request-canceled-and-instance-running"])
def test_a_member_stays_when_its_spot_request_is(lab: Lab, status: str) -> None:
    (instance_id,) = admitted(lab, 1, spot=True)

    lab.fleet.spot.set_status(instance_id, status)
    signal(lab, "web")

    assert in_dns(lab) == {instance_id}


# -- the tag


def test_a_member_whose_tag_goes_is_withdrawn(lab: Lab) -> None:
    stays, goes = admitted(lab, 2)

    lab.fleet.retag(goes, [])
    lab.settle()

    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []


def test_a_running_instance_that_is_tagged_later_is_admitted(lab: Lab) -> None:
    (instance_id,) = launched(lab, 1, pools=())

    lab.fleet.retag(instance_id, ["web"])
    lab.settle()
    see_healthy(lab, [instance_id])

    assert in_dns(lab) == {instance_id}


def test_a_tag_that_names_no_pool_of_ours_is_reported(lab: Lab) -> None:
    (instance_id,) = launched(lab, 1, pools=("wbe",))

    (finding,) = findings(audit(lab), "unknown-pool")

    assert finding["instance_id"] == instance_id
    assert "'wbe'" in finding["because"]
