"""What fleet53 does at Route 53's limits: pages, places of a name, health checks of an account, size of a batch."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from lab.route53.batch import MAX_ELEMENTS
from tests.functional.views import (
    admitted,
    audit,
    batches,
    calls,
    checks,
    checks_of,
    create_check,
    findings,
    in_dns,
    kinds,
    launched,
    log_lines,
    put_record,
    records,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

DAY = 86_400


def put_foreign(lab: Lab, count: int, name: str, **settings: Any) -> None:
    """Put foreign records, at `name` with the number for {}, with the number as their SetIdentifier if multivalue."""
    for number in range(count):
        record = {
            "Name": name.format(number),
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": f"198.18.{number // 250}.{number % 250}"}],
        }
        put_record(lab, record | ({"SetIdentifier": f"foreign-{number}"} if settings else {}) | settings)


def launch_quietly(lab: Lab, count: int, *pools: str) -> list[str]:
    """Launch instances of which no event tells."""
    return [lab.fleet.launch(pools, events=False) for _ in range(count)]


# -- listings of more than one page


def test_a_zone_of_320_other_records_is_read_to_the_end(lab: Lab) -> None:
    put_foreign(lab, 320, "a{:03}.example.com")
    members = admitted(lab, 3)
    lab.route53.reset_calls()
    report = audit(lab)

    assert calls(lab)["ListResourceRecordSets"] == 2
    assert report["in_sync"] is True
    assert report["pools"][0]["in_dns"] == 3
    assert in_dns(lab) == set(members)


def test_a_record_of_ours_behind_the_first_page_is_swept_when_its_pool_is_gone(lab: Lab) -> None:
    put_foreign(lab, 320, "a{:03}.example.com")
    lab.put_pool("old", record_name="z.example.com")
    admitted(lab, 1, name="z.example.com", pools=("old",))
    lab.delete_pool("old")
    lab.settle()

    assert in_dns(lab, "z.example.com") == set()
    assert checks(lab) == {}


def test_a_name_of_more_than_a_page_of_records_before_and_behind_it_is_read_whole(lab: Lab) -> None:
    put_foreign(lab, 320, "a{:03}.example.com")
    put_foreign(lab, 320, "b{:03}.example.com")
    members = admitted(lab, 3)
    lab.route53.reset_calls()
    signal(lab, "web")

    assert in_dns(lab) == set(members)
    assert calls(lab)["ListResourceRecordSets"] == 1
    assert batches(lab) == []


def test_an_account_of_130_other_checks_is_read_to_the_end(lab: Lab) -> None:
    lab.route53.health_check_quota = 400
    for number in range(130):
        create_check(lab, f"foreign-{number}")
    members = admitted(lab, 8)

    assert audit(lab)["in_sync"] is True
    assert [len(checks_of(lab, each)) for each in members] == [1] * 8
    assert len(checks(lab)) == 138


def test_an_account_of_more_checks_than_a_page_holds_is_read_to_the_end(lab: Lab) -> None:
    lab.route53.health_check_quota = 3000
    for number in range(2200):
        if number % 900 == 0:
            lab.clock.advance(DAY)
        create_check(lab, f"foreign-{number}")
    lab.clock.advance(DAY)
    members = admitted(lab, 12)
    lab.route53.reset_calls()
    report = audit(lab)

    assert calls(lab)["ListHealthChecks"] == 3
    assert report["in_sync"] is True
    assert [len(checks_of(lab, each)) for each in members] == [1] * 12
    assert report["quotas"]["health_checks"] == {"used": 2212, "limit": 3000}


# -- a hundred records of one name and type


def fill(lab: Lab) -> tuple[list[str], tuple[str, ...]]:
    """Bring 100 instances into DNS and launch four more; return both."""
    lab.put_pool("web", admit_when="running")
    lab.settle()
    oldest = launch_quietly(lab, 100, "web")
    signal(lab, "web")
    assert in_dns(lab) == set(oldest)
    return oldest, launched(lab, 4)


def test_a_full_pool_keeps_its_members_and_reports_the_others_as_standby_without_health_checks(lab: Lab) -> None:
    oldest, late = fill(lab)

    assert in_dns(lab) == set(oldest)
    assert len(checks(lab)) == 100
    assert [checks_of(lab, each) for each in late] == [[]] * 4
    assert lab.invocations[-1].metric("Standby", Pool="web") == [4.0]
    report = audit(lab)
    assert report["in_sync"] is True
    (pool,) = report["pools"]
    assert (pool["members"], pool["in_dns"], pool["standby"]) == (104, 100, 4)
    full = findings(report, "pool-full")
    assert {each["instance_id"] for each in full} == set(late)
    assert full[0]["because"].startswith("app.example.com has 100 A records")


def test_places_that_become_free_go_to_standby_and_the_other_records_are_not_touched(lab: Lab) -> None:
    oldest, late = fill(lab)
    before = records(lab)
    lab.route53.reset_calls()
    for instance_id in oldest[:4]:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert in_dns(lab) == {*oldest[4:], *late}
    assert len(checks(lab)) == 100
    kept = {identifier: record for identifier, record in before.items() if identifier.rpartition("/")[2] in oldest[4:]}
    assert len(kept) == 96
    assert kept == {identifier: records(lab)[identifier] for identifier in kept}
    changed = {instance_id for batch in batches(lab) for _, instance_id in batch}
    assert changed == {*oldest[:4], *late}
    assert kinds(audit(lab)) == {}


def test_a_free_place_goes_to_the_oldest_member_on_standby(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    put_foreign(lab, 99, "app.example.com", MultiValueAnswer=True)
    lab.settle()
    first = lab.fleet.launch(events=False)
    lab.clock.advance(60)
    second = lab.fleet.launch(events=False)
    lab.clock.advance(60)
    lab.fleet.launch(events=False)
    signal(lab, "web")
    assert in_dns(lab) == {first}
    lab.fleet.terminate(first)
    lab.settle()

    assert in_dns(lab) == {second}


def test_foreign_multivalue_records_take_places_of_the_pools_name_and_stay(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    put_foreign(lab, 98, "app.example.com", MultiValueAnswer=True)
    members = launched(lab, 4)

    assert len(in_dns(lab)) == 2
    assert len(records(lab)) == 100
    standby = set(members) - in_dns(lab)
    assert {each["instance_id"] for each in findings(audit(lab), "pool-full")} == standby


# -- the health checks that an account may have


def test_where_the_account_is_full_those_that_fit_are_served_and_the_rest_is_reported(lab: Lab) -> None:
    lab.route53.health_check_quota = 3
    members = launched(lab, 5)
    served = [each for each in members if checks_of(lab, each)]
    see_healthy(lab, served)

    assert len(served) == 3
    assert in_dns(lab) == set(served)
    first = lab.invocations[0]
    assert first.result == {"batchItemFailures": []}
    assert first.metric("Findings", Pool="web", Kind="check-quota") == [1.0]
    (line,) = [line for line in first.logs if line["message"] == "health check not created"]
    assert (line["kind"], line["pool"]) == ("check-quota", "web")
    assert "could not be created: TooManyHealthChecks: " in line["because"]
    report = audit(lab)
    assert report["quotas"]["health_checks"] == {"used": 3, "limit": 3}
    assert {each["instance_id"] for each in findings(report, "missing-check")} == set(members) - set(served)


def test_a_full_account_is_not_asked_in_a_storm(lab: Lab) -> None:
    lab.route53.health_check_quota = 3
    members = launched(lab, 5)
    see_healthy(lab, [each for each in members if checks_of(lab, each)])
    lab.route53.reset_calls()
    lab.run(3600, step=15)

    assert 1 <= calls(lab)["CreateHealthCheck"] <= 16
    assert sum(calls(lab).values()) <= 80


def test_a_member_that_waited_for_a_health_check_is_served_once_the_account_has_room(lab: Lab) -> None:
    lab.route53.health_check_quota = 3
    members = launched(lab, 5)
    lab.route53.health_check_quota = 200
    wait(lab)
    see_healthy(lab, members)

    assert in_dns(lab) == set(members)


# -- how much one batch may hold


def test_a_change_of_more_than_a_batch_holds_is_split_and_made_whole(lab: Lab) -> None:
    pools = ("web", "admin", "api", "idle", "new", "old")
    lab.put_pool("web", health_check=None, admit_when="running")
    for pool in pools[1:]:
        lab.put_pool(pool)
    lab.settle()
    members = launch_quietly(lab, 84, *pools)
    signal(lab)
    lab.route53.reset_calls()

    for pool in pools:
        lab.put_pool(pool, ttl=30)
    lab.settle()

    sizes = [len(batch) for batch in batches(lab)]  # a correction deletes a record and creates it
    assert sorted(sizes) == [2 * 84, 2 * 420]
    assert max(sizes) <= MAX_ELEMENTS
    assert calls(lab)["ChangeResourceRecordSets"] == 2
    names = ("app.example.com", *(f"{pool}.example.com" for pool in pools[1:]))
    assert all(in_dns(lab, name) == set(members) for name in names)


def test_a_burst_of_launches_costs_a_call_for_each_check_and_few_more(lab: Lab) -> None:
    members = launch_quietly(lab, 30, "web")
    bodies = [
        json.dumps(
            lab.bus.event(
                "aws.ec2", "EC2 Instance State-change Notification", {"instance-id": each, "state": "running"}
            )
        )
        for each in members
    ]
    lab.route53.reset_calls()
    for body in bodies:
        lab.send(body)
    lab.settle()
    see_healthy(lab, members)

    assert in_dns(lab) == set(members)
    assert calls(lab)["CreateHealthCheck"] == 30
    assert sum(calls(lab).values()) <= 36
    assert Counter(line["instance_id"] for line in log_lines(lab, "record put")) == Counter(members)
