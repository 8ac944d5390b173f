"""An address that is not its instance's own any more is withdrawn at once: it may serve a stranger the next minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.views import (
    admitted,
    audit,
    calls,
    check_of,
    checks,
    checks_of,
    in_dns,
    kinds,
    put_record,
    record_of,
    see_healthy,
    signal,
    state_change,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab


def test_an_instance_stopped_and_started_comes_back_with_its_new_address_only(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    old = lab.fleet.address(web)

    lab.fleet.stop(web)
    lab.settle()
    lab.fleet.start(web)
    lab.settle()
    assert values(lab) == set()
    see_healthy(lab, [web])

    assert lab.fleet.address(web) != old
    assert values(lab) == {lab.fleet.address(web)}
    assert checks(lab)[check_of(lab, web)]["HealthCheckConfig"]["IPAddress"] == lab.fleet.address(web)


def test_after_a_stop_without_an_event_the_old_address_leaves_dns_with_the_next_signal(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    old_check = check_of(lab, web)
    lab.fleet.stop(web, events=False)
    lab.fleet.start(web, events=False)

    lab.send(state_change(lab, web, "running"))
    lab.settle()

    assert values(lab) == set()
    assert old_check not in checks(lab)
    see_healthy(lab, [web])
    assert values(lab) == {lab.fleet.address(web)}


def test_an_elastic_address_given_to_a_member_replaces_its_old_one(lab: Lab) -> None:
    (web,) = admitted(lab, 1)

    elastic = lab.fleet.associate_address(web)
    lab.settle()
    assert values(lab) == set()
    see_healthy(lab, [web])

    assert values(lab) == {elastic}
    assert len(checks(lab)) == 1


def test_an_elastic_address_taken_from_a_member_is_withdrawn(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    elastic = lab.fleet.associate_address(web)
    lab.settle()
    see_healthy(lab, [web])
    assert values(lab) == {elastic}

    lab.fleet.disassociate_address(web)
    lab.settle()

    assert elastic not in values(lab)
    see_healthy(lab, [web])
    assert values(lab) == {lab.fleet.address(web)}


@pytest.mark.parametrize("change", ["associate_address", "disassociate_address"])
def test_an_address_change_without_an_event_is_found_and_repaired_by_the_audit(lab: Lab, change: str) -> None:
    (web,) = admitted(lab, 1)
    if change == "disassociate_address":
        lab.fleet.associate_address(web)
        lab.settle()
        see_healthy(lab, [web])
    old = lab.fleet.address(web)
    getattr(lab.fleet, change)(web, events=False)
    assert lab.answers() == {old}

    report = audit(lab, {"repair": True})
    lab.settle()

    assert kinds(report)["stale-record"] == 1
    assert old not in values(lab)
    see_healthy(lab, [web])
    assert values(lab) == {lab.fleet.address(web)}


def test_an_address_that_moved_to_another_instance_is_withdrawn_from_the_first(lab: Lab) -> None:
    first, other = admitted(lab, 2)
    moved = lab.fleet.address(first)
    stranger = lab.fleet.launch(pools=(), events=False)
    lab.fleet.move_address(first, "52.95.200.1")
    lab.fleet.move_address(stranger, moved)

    signal(lab, "web")

    assert values(lab) == {lab.fleet.address(other)}
    assert {check["HealthCheckConfig"]["IPAddress"] for check in checks(lab).values()} == {
        "52.95.200.1",
        lab.fleet.address(other),
    }


def test_two_members_that_swapped_addresses_both_come_back_through_new_checks(lab: Lab) -> None:
    one, two = admitted(lab, 2)
    first, second = lab.fleet.address(one), lab.fleet.address(two)
    lab.fleet.move_address(one, second)
    lab.fleet.move_address(two, first)

    signal(lab, "web")
    assert values(lab) == set()
    see_healthy(lab, [one, two])

    assert record_of(lab, one)["ResourceRecords"] == [{"Value": second}]
    assert record_of(lab, two)["ResourceRecords"] == [{"Value": first}]
    assert len(checks(lab)) == 2


def test_addresses_of_other_instances_are_not_an_absence_and_pass_at_any_number(lab: Lab) -> None:
    web = admitted(lab, 8)
    for place, instance_id in enumerate(web):
        lab.fleet.move_address(instance_id, f"52.95.200.{place + 1}")

    signal(lab, "web")

    assert values(lab) == set()


def test_a_member_that_lost_its_public_address_is_withdrawn_and_reported(lab: Lab) -> None:
    stays, bare = admitted(lab, 2)
    lab.fleet.move_address(bare, "")

    signal(lab, "web")
    assert in_dns(lab) == {stays}
    assert checks_of(lab, bare) == []
    lab.clock.advance(901)

    assert kinds(audit(lab)) == {"no-address": 1}


def test_an_instance_that_never_had_a_public_address_is_reported_and_costs_no_check(lab: Lab) -> None:
    lab.fleet.launch(public=False)
    lab.settle()
    assert checks(lab) == {}
    assert kinds(audit(lab)) == {"empty-pool": 1}
    wait(lab, 901)

    assert kinds(audit(lab)) == {"empty-pool": 1, "no-address": 1}


def test_a_record_whose_value_was_edited_by_hand_is_withdrawn_until_its_own_is_right(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"ResourceRecords": [{"Value": "52.94.0.66"}]})

    report = audit(lab, {"repair": True})
    lab.settle()
    wait(lab)

    assert kinds(report)["stale-record"] == 1
    assert values(lab) == {lab.fleet.address(web)}


def test_an_elastic_address_moved_to_a_stranger_is_withdrawn_though_the_call_names_only_the_stranger(lab: Lab) -> None:
    stays, moves = admitted(lab, 2)
    elastic = lab.fleet.associate_address(moves)
    lab.settle()
    see_healthy(lab, [moves])
    assert elastic in values(lab)
    stranger = lab.fleet.launch(pools=())
    lab.settle()
    lab.bus.sent.clear()

    lab.fleet.move_elastic_address(elastic, stranger)
    lab.settle()

    (event,) = (each for each in lab.bus.sent if each["source"] == "aws.ec2")
    assert event["detail"]["requestParameters"] == {"instanceId": stranger, "publicIp": elastic}
    assert values(lab) == {lab.fleet.address(stays)}
    assert (lab.fleet.address(stranger), in_dns(lab)) == (elastic, {stays})


def test_an_elastic_address_that_moves_with_its_private_address_is_withdrawn_from_the_former_holder(lab: Lab) -> None:
    (stays,) = admitted(lab, 1)
    active = lab.fleet.launch(public=False)
    private, elastic = lab.fleet.secondary.give(active)
    lab.settle()
    see_healthy(lab, [elastic])
    assert values(lab) == {lab.fleet.address(stays), elastic}
    stranger = lab.fleet.launch(pools=())
    lab.settle()

    lab.fleet.secondary.move(private, stranger)
    lab.settle()

    assert elastic in lab.fleet.addresses(stranger)
    assert values(lab) == {lab.fleet.address(stays)}


def test_a_secondary_private_address_that_no_instance_had_costs_no_call(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    interface = lab.fleet.describe(web)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    lab.route53.reset_calls()

    said = {"networkInterfaceId": interface, "secondaryPrivateIpAddressCount": 1, "allowReassignment": False}
    detail = {"eventSource": "ec2.amazonaws.com", "eventName": "AssignPrivateIpAddresses", "requestParameters": said}
    lab.bus.deliver(lab.bus.event("aws.ec2", "AWS API Call via CloudTrail", detail))
    wait(lab, 150)

    assert (calls(lab), in_dns(lab)) == ({}, {web})
