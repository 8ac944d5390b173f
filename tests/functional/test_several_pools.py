"""Several pools in one stack: members of two, pools that are renamed, moved and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.views import (
    admitted,
    allowed_zone,
    audit,
    calls,
    check_of,
    checks,
    checks_of,
    findings,
    in_dns,
    launched,
    record_of,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

API = "api.example.com"


def test_an_instance_in_two_pools_has_a_record_and_a_check_in_each(lab: Lab) -> None:
    lab.put_pool("api", health_check={"url": "http://:8080/"})
    (both,) = admitted(lab, 1, pools=("web", "api"))

    assert in_dns(lab, API) == {both}
    named = {record_of(lab, both)["HealthCheckId"], record_of(lab, both, API)["HealthCheckId"]}
    assert named == set(checks_of(lab, both))
    assert len(named) == 2


def test_an_instance_that_leaves_one_of_its_pools_stays_in_the_other(lab: Lab) -> None:
    lab.put_pool("api")
    (both,) = admitted(lab, 1, pools=("web", "api"))

    lab.fleet.retag(both, ["web"])
    lab.settle()

    assert (in_dns(lab), in_dns(lab, API)) == ({both}, set())
    assert record_of(lab, both)["HealthCheckId"] == check_of(lab, both)


def test_an_instance_that_terminates_goes_from_both_its_pools(lab: Lab) -> None:
    lab.put_pool("api")
    (both,) = admitted(lab, 1, pools=("web", "api"))

    lab.fleet.terminate(both)
    lab.settle()

    assert (in_dns(lab), in_dns(lab, API)) == (set(), set())
    assert checks(lab) == {}


def test_an_instance_moves_between_pools_with_its_tag(lab: Lab) -> None:
    lab.put_pool("api")
    (moves,) = admitted(lab, 1)

    lab.fleet.retag(moves, ["api"])
    lab.settle()
    see_healthy(lab, [moves])

    assert (in_dns(lab), in_dns(lab, API)) == (set(), {moves})
    assert len(checks(lab)) == 1


def test_an_event_about_a_member_of_one_pool_does_not_read_the_other(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    admitted(lab, 1)
    lab.route53.reset_calls()

    launched(lab, 1)

    read = [call.parameters.get("StartRecordName") for call in lab.route53.calls]
    assert API not in read
    assert calls(lab)["ListResourceRecordSets"] == 1


def test_a_new_pool_takes_in_the_instances_that_already_carry_its_tag(lab: Lab) -> None:
    waiting = launched(lab, 2, pools=("api",))
    assert checks(lab) == {}

    lab.put_pool("api")
    lab.settle()
    see_healthy(lab, waiting)

    assert in_dns(lab, API) == set(waiting)


def test_a_small_pool_that_is_deleted_takes_its_records_and_checks_with_it(lab: Lab) -> None:
    lab.put_pool("api")
    (web,) = admitted(lab, 1)
    admitted(lab, 3, API, pools=("api",))

    lab.delete_pool("api")
    lab.settle()

    assert in_dns(lab, API) == set()
    assert list(checks(lab)) == [check_of(lab, web)]


def test_a_pool_of_four_that_is_deleted_is_held_with_its_checks_until_forced(lab: Lab) -> None:
    lab.put_pool("api")
    api = admitted(lab, 4, API, pools=("api",))

    lab.delete_pool("api")
    lab.settle()
    assert in_dns(lab, API) == set(api)
    assert {record_of(lab, each, API)["HealthCheckId"] for each in api} <= set(checks(lab))
    report = audit(lab, {"repair": True, "force": True})
    lab.settle()

    assert {each["instance_id"] for each in findings(report, "withdrawal-held")} == set(api)
    assert in_dns(lab, API) == set()
    assert checks(lab) == {}


def test_the_instances_of_a_deleted_pool_that_terminate_are_withdrawn_by_the_next_audit(lab: Lab) -> None:
    lab.put_pool("api")
    stays, *gone = admitted(lab, 4, API, pools=("api",))
    lab.delete_pool("api")
    lab.settle()

    for instance_id in gone:
        lab.fleet.terminate(instance_id)
    lab.settle()
    audit(lab, {"repair": True})
    lab.settle()

    assert in_dns(lab, API) <= {stays}


def test_a_pool_that_is_given_another_name_in_dns_moves_there_and_leaves_nothing_behind(lab: Lab) -> None:
    web = admitted(lab, 2)

    lab.put_pool("web", record_name="www.example.com")
    lab.settle()
    see_healthy(lab, web)

    assert in_dns(lab, "www.example.com") == set(web)
    assert in_dns(lab) == set()
    assert len(checks(lab)) == 2


def test_a_pool_that_moves_to_another_zone_leaves_nothing_in_the_old_one(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    other = allowed_zone(lab, "example.net")

    lab.put_pool("web", hosted_zone_id=other, record_name="app.example.net")
    lab.settle()
    wait(lab)

    assert in_dns(lab) == set()
    assert in_dns(lab, "app.example.net") == {web}
    assert len(checks_of(lab, web)) == 1


def test_a_big_pool_that_is_given_another_name_in_dns_moves_there_without_force(lab: Lab) -> None:
    web = admitted(lab, 4)

    lab.put_pool("web", record_name="www.example.com")
    lab.settle()
    wait(lab, 61)

    assert (in_dns(lab), in_dns(lab, "www.example.com")) == (set(), set(web))
    assert len(checks(lab)) == 4


def test_a_deleted_pool_whose_parameter_comes_back_goes_on_as_if_nothing_had_been(lab: Lab) -> None:
    lab.put_pool("api")
    settings = lab.pools.settings("api")
    api = admitted(lab, 4, API, pools=("api",))
    before = {each: record_of(lab, each, API) for each in api}
    lab.delete_pool("api")
    lab.settle()

    lab.put_pool("api", **settings)
    lab.settle()
    signal(lab)

    assert {each: record_of(lab, each, API) for each in api} == before
    assert audit(lab)["in_sync"] is True


def test_while_another_zone_cannot_be_read_the_health_checks_of_members_that_end_are_still_deleted(lab: Lab) -> None:
    zone = allowed_zone(lab, "example.net")
    lab.put_pool("api", hosted_zone_id=zone, record_name="api.example.net")
    web = admitted(lab, 6)
    lab.route53.deny(zone)
    lab.functions.cold_start()
    lab.run(100, step=20)
    for instance_id in web[:3]:
        lab.fleet.terminate(instance_id)
        lab.run(60, step=10)

    assert in_dns(lab) == set(web[3:])
    assert {each for each in web if checks_of(lab, each)} == set(web[3:])
