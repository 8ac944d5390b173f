"""Each member that waits has one chain of timers, independently of other events."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from moto.sqs.models import sqs_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import GROUP
from tests.functional.incidents import overlap
from tests.functional.views import admitted, audit, calls, in_dns, launched, see_healthy, signal, state_change

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Return a lab whose members are looked at less and less often after a minute."""
    with Lab({"AdmitTimeout": "60"}, start=MONDAY_NOON) as lab:
        yield lab


def timers(instance_id: str) -> int:
    """Return how many delayed messages are about a member that waits."""
    (queue,) = (each for each in sqs_backends[ACCOUNT][REGION].queues.values() if "Dead" not in each.name)
    details = [json.loads(each.body)["detail"] for each in queue._messages]
    held = [action["instance_id"] for detail in details for action in detail.get("actions", ())]
    return held.count(instance_id) + sum(instance_id in detail.get("since", {}) for detail in details)


def unhealthy(lab: Lab, count: int = 1) -> tuple[str, ...]:
    """Return members that have waited for minutes, because Route 53 does not see them healthy."""
    members = launched(lab, count)
    see_healthy(lab, members, percent=0)
    lab.run(600, step=10)
    return members


def test_sixty_tag_events_about_other_instances_leave_a_waiting_member_one_chain(lab: Lab) -> None:
    lab.timers = ()
    (waits,) = unhealthy(lab)
    other = lab.fleet.launch(pools=())
    for number in range(60):
        lab.fleet.retag(other, ["nobody"] if number % 2 else [])
        lab.functions.cold_start()
        lab.run(7, step=7)
    assert timers(waits) == 1
    before = len(lab.invocations)
    lab.route53.reset_calls()

    lab.run(HOUR, step=10)

    assert timers(waits) == 1
    assert len(lab.invocations) - before == 4
    assert calls(lab).total() <= 12


def test_addresses_that_others_lose_leave_a_waiting_member_one_chain(lab: Lab) -> None:
    (waits,) = unhealthy(lab)
    detail = {"eventName": "DisassociateAddress", "requestParameters": {"associationId": "eipassoc-1"}}
    for _ in range(20):
        lab.functions.cold_start()
        lab.send(json.dumps(lab.bus.event("aws.ec2", "AWS API Call via CloudTrail", detail)))
        lab.run(7, step=7)

    assert timers(waits) == 1


def start_chains_cold(lab: Lab, member: str) -> None:
    """Let functions that start cold handle ten events about a member, which starts several chains."""
    for _ in range(10):
        lab.functions.cold_start()
        lab.send(state_change(lab, member, "running"))
        lab.run(3, step=3)
    assert timers(member) > 1


def test_chains_that_cold_functions_started_merge_when_the_longest_step_is_due(lab: Lab) -> None:
    lab.timers = ()
    (waits,) = unhealthy(lab)
    start_chains_cold(lab, waits)

    lab.run(950, step=10)

    assert timers(waits) == 1


def test_chains_that_two_functions_start_at_once_merge_when_they_are_due(lab: Lab) -> None:
    lab.timers = ()

    def come_again() -> None:
        lab.send(state_change(lab, lab.fleet.ids()[-1], "running"))
        lab.settle()
        lab.clock.advance(3)

    met = overlap(lab, "route53:CreateHealthCheck", come_again)
    (waits,) = launched(lab, 1)
    assert (len(met), timers(waits)) == (1, 2)

    for _ in range(100):
        lab.functions.cold_start()
        lab.run(2, step=2)

    assert timers(waits) == 1


def test_chains_merge_in_a_warm_function_where_each_message_comes_in_a_batch_of_its_own(lab: Lab) -> None:
    lab.timers = ()
    (waits,) = unhealthy(lab)
    for poller in lab.pollers:
        poller.source = replace(poller.source, batch_size=1)
    start_chains_cold(lab, waits)

    lab.run(1850, step=10)

    assert timers(waits) == 1


def test_events_about_a_warm_functions_member_add_no_chain(lab: Lab) -> None:
    (waits,) = launched(lab, 1)
    for _ in range(5):
        lab.send(state_change(lab, waits, "running"))
        lab.settle()
        signal(lab, "web")

    assert timers(waits) == 1


def test_members_that_wait_longest_share_the_moments_in_which_they_are_looked_at(lab: Lab) -> None:
    lab.timers = ()
    for _ in range(6):
        launched(lab, 1)
        lab.run(50, step=10)
    lab.run(1800, step=10)
    before = len(lab.invocations)

    lab.run(HOUR, step=10)

    assert len(lab.invocations) - before == 4


def test_sweeps_add_no_timer_to_a_launch_hook_that_is_held(lab: Lab) -> None:
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(12)
    (instance_id,) = lab.fleet.members(GROUP)
    before = timers(instance_id)

    for _ in range(5):
        signal(lab)

    assert timers(instance_id) == before


def lose_timers() -> None:
    (queue,) = (each for each in sqs_backends[ACCOUNT][REGION].queues.values() if "Dead" not in each.name)
    queue._messages.clear()


def test_audits_leave_a_waiting_member_one_chain(lab: Lab) -> None:
    (waits,) = unhealthy(lab)

    lab.run(HOUR, step=60)

    assert 1 <= timers(waits) <= 2  # the one of the last audit merges when it is due
    lab.timers = ()
    lab.run(1850, step=30)
    assert timers(waits) == 1


def test_an_audit_that_repairs_starts_a_chain_for_a_member_that_has_lost_its_own(lab: Lab) -> None:
    lab.timers = ()
    (waits,) = unhealthy(lab)
    lose_timers()
    lab.run(HOUR, step=60)
    assert timers(waits) == 0

    report = audit(lab, {"repair": True})

    assert (report["in_sync"], report["queued"], timers(waits)) == (True, 0, 1)
    lab.report_health(waits)
    for _ in range(16):
        lab.run(60, step=30)
        lab.report_health(waits)
    assert in_dns(lab) == {waits}


def test_an_audit_names_many_waiting_and_many_held_members_in_several_messages(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet53.signals.messages.MOST_MEMBERS", 2)
    held = admitted(lab, 5)
    waiting = unhealthy(lab, 5)
    for instance_id in held:
        lab.fleet.forget(instance_id)
    lose_timers()
    audit(lab, {"repair": True})

    (queue,) = (each for each in sqs_backends[ACCOUNT][REGION].queues.values() if "Dead" not in each.name)
    sent = [json.loads(each.body)["detail"] for each in queue._messages]
    for kind, members in (("since", waiting), ("held", held)):
        named = [list(detail[kind]) for detail in sent if kind in detail]
        assert [len(each) for each in named] == [2, 2, 1]
        assert sorted(member for each in named for member in each) == sorted(members)


def test_an_audit_that_only_reports_starts_no_chain(lab: Lab) -> None:
    (waits,) = unhealthy(lab)
    lose_timers()

    audit(lab)

    assert timers(waits) == 0
