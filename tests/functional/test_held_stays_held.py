"""What the guard holds stays held until force, evidence or the instance's return, though nothing is stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from moto.sqs.models import sqs_backends

from lab.moto.cloud import ACCOUNT, REGION
from tests.functional.groups import GROUP, in_service, state_of, terminate
from tests.functional.views import admitted, audit, findings, in_dns, launched, log_lines, signal

if TYPE_CHECKING:
    from lab.world import Lab


def chains(lab: Lab) -> list[dict[str, Any]]:
    """Return the delayed messages about absent members."""
    del lab
    (queue,) = (each for each in sqs_backends[ACCOUNT][REGION].queues.values() if "Dead" not in each.name)
    details = [json.loads(each.body)["detail"] for each in queue._messages]
    return [detail for detail in details if detail.get("held") or detail.get("absent")]


def lose_tags(lab: Lab, count: int = 8, lost: int = 5) -> tuple[str, ...]:
    """Let members of a pool lose their tags at once, and return all of them. All that lost theirs are held."""
    web = admitted(lab, count)
    for instance_id in web[:lost]:
        lab.fleet.retag(instance_id, [])
    lab.settle()
    assert len(findings(audit(lab), "withdrawal-held")) == lost
    assert in_dns(lab) == set(web)
    return web


@pytest.mark.parametrize(("count", "lost"), [(8, 5), (5, 5), (5, 3)])
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("pause", [20, 70, 400])
def test_tags_that_are_put_back_one_at_a_time_withdraw_no_member(
    lab: Lab, count: int, lost: int, *, warm: bool, pause: int
) -> None:
    web = lose_tags(lab, count, lost)

    for instance_id in web[:lost]:
        lab.fleet.retag(instance_id, ["web"])
        for _ in range(0, pause, 20):
            if not warm:
                lab.functions.cold_start()
            lab.settle()
            lab.run(20, step=10)
        audit(lab, {"repair": True})
        lab.settle()
        assert in_dns(lab) == set(web)

    lab.run(130, step=10)
    assert audit(lab)["findings"] == []
    assert chains(lab) == []


@pytest.mark.parametrize("warm", [True, False])
def test_after_hours_the_guard_still_remembers(lab: Lab, *, warm: bool) -> None:
    lab.timers = ()
    web = lose_tags(lab)
    before = len(lab.invocations)
    lab.run(2 * 3600, step=30)
    assert 75 <= len(lab.invocations) - before <= 85
    assert len(chains(lab)) == 1

    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, ["web"])
        if not warm:
            lab.functions.cold_start()
        lab.settle()
        for _ in range(10):
            lab.run(40, step=20)
            if not warm:
                lab.functions.cold_start()
        assert in_dns(lab) == set(web)


def test_repairs_that_are_not_forced_and_requests_leave_held_members_in_dns(lab: Lab) -> None:
    web = lose_tags(lab)
    for instance_id in web[:2]:
        lab.fleet.retag(instance_id, ["web"])
    lab.settle()

    audit(lab, {"repair": True})
    lab.settle()
    signal(lab, "web")
    signal(lab)
    lab.run(1900, step=50)

    assert in_dns(lab) == set(web)


def test_new_members_do_not_make_the_held_ones_a_small_share(lab: Lab) -> None:
    web = lose_tags(lab)
    new = admitted(lab, 10)
    lab.run(400, step=20)

    assert in_dns(lab) == {*web, *new}


@pytest.mark.parametrize("warm", [True, False])
def test_a_held_member_that_is_terminated_leaves_dns_at_once_or_in_the_next_look(lab: Lab, *, warm: bool) -> None:
    web = lose_tags(lab)
    if not warm:
        lab.functions.cold_start()
    lab.fleet.terminate(web[0], events=warm)
    lab.settle()
    if not warm:
        lab.run(62, step=1)

    assert in_dns(lab) == set(web[1:])


@pytest.mark.parametrize("how", ["terminate", "spot"])
def test_a_held_member_leaves_dns_in_seconds_though_ec2_is_behind_its_event(lab: Lab, how: str) -> None:
    lab.timers = ()
    (goes,) = admitted(lab, 1, spot=True)
    web = (goes, *admitted(lab, 7))
    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, [])
    lab.settle()
    lab.run(3700, step=20)  # looks at held members are three minutes apart by then
    assert in_dns(lab) == set(web)
    if how == "spot":
        lab.fleet.spot.lag = timedelta(seconds=8)
        lab.fleet.spot.warn(goes)
    else:
        lab.fleet.late.states = 8
        lab.fleet.set_state(goes, "shutting-down")
    lab.settle()
    assert in_dns(lab) == set(web)
    lab.run(15)

    assert in_dns(lab) == set(web[1:])


@pytest.mark.parametrize("warm", [True, False])
def test_a_pool_that_shrinks_below_four_still_holds_what_it_held(lab: Lab, *, warm: bool) -> None:
    web = lose_tags(lab, 5, 3)
    for instance_id in web[2:]:
        lab.fleet.terminate(instance_id)
    if not warm:
        lab.functions.cold_start()
    lab.run(400, step=20)

    assert in_dns(lab) == set(web[:2])
    audit(lab, {"repair": True, "force": True})
    lab.settle()
    assert in_dns(lab) == set()


def test_a_forced_repair_withdraws_what_is_held_of_those_that_did_not_come_back(lab: Lab) -> None:
    web = lose_tags(lab)
    lab.fleet.retag(web[0], ["web"])
    lab.settle()

    audit(lab, {"repair": True, "force": True})
    lab.settle()

    assert in_dns(lab) == {web[0], *web[5:]}
    lab.run(130, step=10)
    assert chains(lab) == []


def test_a_member_that_came_back_and_leaves_again_is_withdrawn(lab: Lab) -> None:
    web = lose_tags(lab)
    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, ["web"])
    lab.run(130, step=10)

    lab.fleet.retag(web[0], [])
    lab.settle()

    assert in_dns(lab) == set(web[1:])


def test_held_members_are_published_and_logged_once_and_not_at_each_look(lab: Lab) -> None:
    lab.timers = ()
    lose_tags(lab)
    lab.run(600, step=10)

    assert len(log_lines(lab, "withdrawal held")) == 5


def test_sixty_tag_events_about_others_leave_held_members_one_chain(lab: Lab) -> None:
    lab.timers = ()
    lose_tags(lab)
    other = lab.fleet.launch(pools=())
    for number in range(60):
        lab.fleet.retag(other, ["nobody"] if number % 2 else [])
        lab.functions.cold_start()
        lab.run(7, step=7)
    lab.run(61, step=1)
    assert len(chains(lab)) == 1
    before = len(lab.invocations)

    lab.run(600, step=10)

    assert len(lab.invocations) - before <= 11


def test_an_audit_that_repairs_starts_the_chain_of_held_members_again(lab: Lab) -> None:
    web = lose_tags(lab)
    (queue,) = (each for each in sqs_backends[ACCOUNT][REGION].queues.values() if "Dead" not in each.name)
    queue._messages.clear()
    lab.functions.cold_start()

    report = audit(lab, {"repair": True})

    assert report["queued"] == 0
    (chain,) = chains(lab)
    assert set(chain["held"]) == set(web[:5])


# -- an absence of which no event tells


@pytest.mark.parametrize("warm", [True, False])
def test_a_member_whose_untag_event_was_lost_leaves_dns_five_minutes_after_the_next_audit(
    lab: Lab, *, warm: bool
) -> None:
    lab.timers = ()
    web = admitted(lab, 8)
    lab.fleet.retag(web[0], [], events=False)

    report = audit(lab, {"repair": True})
    lab.settle()

    (finding,) = report["findings"]
    assert (finding["kind"], finding["held"], report["queued"]) == ("orphan-record", False, 1)
    assert finding["because"] == (
        "its tag does not name pool web; no event reported it, so it is withdrawn when this has lasted 5 minutes, "
        "unless the guard held it before"
    )
    assert in_dns(lab) == set(web)
    for _ in range(6):
        assert len(chains(lab)) == 1
        if not warm:
            lab.functions.cold_start()
        lab.run(60, step=10)
    assert in_dns(lab) == set(web[1:])
    lab.run(60, step=10)
    assert chains(lab) == []


def test_an_untagged_member_leaves_a_large_pool_at_once_and_the_others_wait(lab: Lab) -> None:
    web = admitted(lab, 8)
    lab.fleet.retag(web[1], [], events=False)
    lab.fleet.retag(web[0], [])
    lab.settle()
    assert in_dns(lab) == set(web[1:])

    lab.run(361, step=20)

    assert in_dns(lab) == set(web[2:])


def test_a_waiting_absence_becomes_a_held_one_when_more_members_are_missing(lab: Lab) -> None:
    web = admitted(lab, 8)
    lab.fleet.retag(web[0], [], events=False)
    signal(lab, "web")
    for instance_id in web[1:5]:
        lab.fleet.retag(instance_id, [], events=False)
    lab.run(61, step=1)
    for instance_id in web[1:5]:
        lab.fleet.retag(instance_id, ["web"])
    lab.run(600, step=20)

    assert in_dns(lab) == set(web)


def test_a_message_about_a_hundred_members_is_one_message(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    web = launched(lab, 99)
    for instance_id in web:
        lab.fleet.retag(instance_id, [], events=False)
    signal(lab, "web")

    (chain,) = chains(lab)
    assert set(chain["held"]) == set(web)
    assert len(json.dumps(chain)) < 5_000


# -- evidence takes a held member out at once


def hold_group(lab: Lab) -> list[str]:
    """Let five of a group's eight members lose their tags, and return all of them."""
    members = in_service(lab, 8)
    for instance_id in members[:5]:
        lab.fleet.retag(instance_id, [])
    lab.settle()
    assert in_dns(lab) == set(members)
    return members


def test_a_held_member_that_waits_at_its_terminate_hook_leaves_dns_and_goes_on_after_the_drain(lab: Lab) -> None:
    goes, *others = hold_group(lab)
    terminate(lab, goes)
    lab.run(5)
    assert (in_dns(lab), state_of(lab, goes)) == (set(others), "Terminating:Wait")

    lab.run(150, step=5)
    assert state_of(lab, goes) != "Terminating:Wait"
    assert in_dns(lab) == set(others)


def test_a_held_member_in_standby_leaves_dns(lab: Lab) -> None:
    goes, *others = hold_group(lab)
    lab.client("autoscaling").enter_standby(
        AutoScalingGroupName=GROUP, InstanceIds=[goes], ShouldDecrementDesiredCapacity=True
    )
    lab.run(80, step=10)

    assert in_dns(lab) == set(others)


def test_a_held_member_that_spot_interrupts_leaves_dns_at_once(lab: Lab) -> None:
    goes, *others = admitted(lab, 8, spot=True)
    for instance_id in (goes, *others[:4]):
        lab.fleet.retag(instance_id, [])
    lab.settle()
    lab.fleet.spot.warn(goes)
    lab.settle()

    assert in_dns(lab) == set(others)
