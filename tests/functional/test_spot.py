"""Spot takes an instance back: it leaves DNS with the warning, two minutes before it goes, and does not return."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.functional.groups import GROUP, completions, in_service, observe, pass_time, state_of
from tests.functional.views import admitted, audit, batches, checks_of, in_dns, log_lines, signal, state_change

if TYPE_CHECKING:
    from lab.world import Lab


def state(lab: Lab, instance_id: str) -> str:
    return str(lab.fleet.describe(instance_id)["State"]["Name"])


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_the_warning_withdraws_a_member_while_it_still_runs(lab: Lab, action: str) -> None:
    (goes,) = admitted(lab, 1, spot=True)
    (stays,) = admitted(lab, 1, spot=True)

    lab.fleet.spot.warn(goes, action)
    lab.settle()

    assert state(lab, goes) == "running"
    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []
    assert log_lines(lab, "record deleted")[-1]["because"].startswith("its Spot request is ")


def test_no_signal_admits_it_again_until_it_is_gone(lab: Lab) -> None:
    (goes,) = admitted(lab, 1, spot=True)
    (stays,) = admitted(lab, 1, spot=True)
    lab.fleet.spot.warn(goes)
    lab.settle()
    seen = []
    for _ in range(10):
        lab.run(10, step=10)
        lab.send(state_change(lab, goes, "running"))
        signal(lab)
        audit(lab, {"repair": True})
        lab.settle()
        seen.append((state(lab, goes), in_dns(lab), checks_of(lab, goes)))
    lab.run(20, step=10)

    assert seen == [("running", {stays}, [])] * 10
    assert state(lab, goes) == "terminated"
    assert in_dns(lab) == {stays}


def test_a_warning_that_is_withdrawn_lets_the_member_come_back(lab: Lab) -> None:
    (member,) = admitted(lab, 1, spot=True)
    lab.fleet.spot.set_status(member, "marked-for-stop")
    signal(lab)
    assert in_dns(lab) == set()

    lab.fleet.spot.set_status(member, "fulfilled")
    signal(lab)
    pass_time(lab, 60)

    assert in_dns(lab) == {member}


def test_a_rebalance_recommendation_changes_nothing(lab: Lab) -> None:
    (member,) = admitted(lab, 1, spot=True)
    lab.route53.reset_calls()
    event = lab.bus.event("aws.ec2", "EC2 Instance Rebalance Recommendation", {"instance-id": member})

    lab.bus.deliver(event)
    lab.settle()
    lab.send(json.dumps(event))
    lab.settle()

    assert in_dns(lab) == {member}
    assert batches(lab) == []
    assert lab.route53.calls == []


def test_a_group_of_spot_instances_replaces_interrupted_instances_and_dns_follows(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = in_service(lab, 2, spot=True)
    clients = lab.visitors(10)
    asked = completions(monkeypatch)

    lab.fleet.spot.warn(goes)
    lab.turn()
    lab.settle()
    assert in_dns(lab) == {stays}
    pass_time(lab, 600)

    assert state(lab, goes) == "terminated"
    (comes,) = set(lab.fleet.members(GROUP)) - {stays}
    assert state_of(lab, comes) == "InService"
    assert in_dns(lab) == {stays, comes}
    assert (clients.failures, clients.unanswered) == ([], 0)
    assert [one.hook for one in asked if one.refusal is None and one.hook == "fleet53-launch"] == ["fleet53-launch"]
    observe(lab)
    assert audit(lab)["in_sync"] is True
