"""What the report says of each instance: its state, what Route 53 sees, and why it is in DNS or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import denied
from tests.functional.views import (
    admitted,
    audit,
    check_of,
    checks_of,
    delete_record,
    launched,
    log_lines,
    put_record,
    record_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def rows(report: Mapping[str, Any], pool: str = "web") -> dict[str, dict[str, Any]]:
    """Return a pool's rows by instance id."""
    (found,) = [each for each in report["pools"] if each["name"] == pool]
    return {each["instance_id"]: each for each in found["instances"]}


def test_a_member_in_dns_shows_its_address_its_launch_and_what_route_53_sees(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    launch = lab.fleet.describe(web)["LaunchTime"]

    assert rows(audit(lab)) == {
        web: {
            "instance_id": web,
            "state": "running",
            "lifecycle_state": None,
            "group": None,
            "addresses": [lab.fleet.address(web)],
            "launched_at": launch.isoformat(timespec="seconds"),
            "membership": "admit",
            "in_dns": True,
            "well": True,
            "because": "EC2 says running",
            "health_check_ids": [check_of(lab, web)],
            "percent_healthy": 100.0,
            "seen_since": "2026-01-05T12:00:00+00:00",
        }
    }


def test_a_member_of_a_group_shows_its_lifecycle_state(lab: Lab) -> None:
    lab.fleet.create_group("fleet")
    (web,) = admitted(lab, 1, group="fleet")

    row = rows(audit(lab))[web]
    assert (row["group"], row["lifecycle_state"]) == ("fleet", "InService")
    assert row["because"] == "Auto Scaling says InService"


def test_a_member_that_turned_bad_shows_since_when(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    for percent in (100, 0, 0, 12.5):
        lab.clock.advance(60)
        lab.report_health(web, percent)

    row = rows(audit(lab))[web]
    assert (row["in_dns"], row["percent_healthy"]) == (True, 12.5)
    assert row["seen_since"] == "2026-01-05T12:02:00+00:00"


def test_what_was_seen_ten_minutes_ago_is_not_what_route_53_sees(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.clock.advance(11 * 60)

    row = rows(audit(lab))[web]
    assert (row["percent_healthy"], row["seen_since"]) == (None, None)


def test_a_member_that_waits_shows_for_what(lab: Lab) -> None:
    (web,) = launched(lab, 1)

    row = rows(audit(lab))[web]
    assert (row["in_dns"], row["membership"]) == (False, "admit")
    assert row["because"] == "Route 53 has not seen it yet"
    assert row["health_check_ids"] == checks_of(lab, web)


def test_a_member_whose_record_is_missing_is_about_to_be_admitted(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))

    row = rows(audit(lab))[web]
    assert (row["in_dns"], row["because"]) == (False, "is to be admitted: EC2 says running; Route 53 sees it healthy")


def test_a_member_whose_launch_event_was_lost_is_about_to_get_a_health_check(lab: Lab) -> None:
    web = lab.fleet.launch(events=False)

    assert (
        rows(audit(lab))[web]["because"] == "a health check is to be created: EC2 says running; it has no health check"
    )


def test_a_member_whose_record_was_edited_is_about_to_be_corrected(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"TTL": 300})

    assert rows(audit(lab))[web]["because"] == "is to be corrected: its record has TTL 300 s, not 60 s"


def test_a_member_that_stopped_is_about_to_be_withdrawn_until_it_is(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    address = lab.fleet.address(web)
    lab.fleet.stop(web, events=False)

    before = rows(audit(lab, {"repair": True}))[web]
    assert (before["state"], before["in_dns"], before["membership"]) == ("stopped", True, "withdraw")
    assert before["because"] == "is to be withdrawn: EC2 says stopped"
    assert before["addresses"] == [address]
    lab.settle()
    after = rows(audit(lab))[web]
    assert (after["in_dns"], after["because"], after["addresses"]) == (False, "EC2 says stopped", [])


def test_instances_that_ec2_does_not_know_are_shown_while_they_have_a_record(lab: Lab) -> None:
    members = admitted(lab, 4)
    address = lab.fleet.address(members[1])
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)

    report = audit(lab)
    row = rows(report)[members[1]]
    assert (row["state"], row["launched_at"], row["addresses"]) == (None, None, [address])
    assert row["because"].startswith("EC2 does not know the instance; held by the guard: 3 of 4 members")
    assert (report["pools"][0]["members"], len(rows(report))) == (1, 4)


def test_a_member_of_two_families_shows_both_addresses_and_its_worse_check(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    lab.settle()
    (web,) = admitted(lab, 1, ipv6="2600:1f18::10")
    lab.clock.advance(60)
    lab.report_health("2600:1f18::10", 50)

    row = rows(audit(lab))[web]
    assert row["addresses"] == [lab.fleet.address(web), "2600:1f18::10"]
    assert len(row["health_check_ids"]) == 2
    assert row["percent_healthy"] == 50.0


def test_checks_created_in_the_last_day_are_counted_and_older_ones_are_not() -> None:
    with Lab(start=MONDAY_NOON) as lab:
        launched(lab, 3)
        assert audit(lab)["quotas"]["check_creations_last_day"] == {"used": 3, "limit": 1000}
        lab.clock.advance(26 * 3600)
        launched(lab, 1)
        assert audit(lab)["quotas"]["check_creations_last_day"]["used"] == 1


def test_an_audit_succeeds_without_the_number_of_created_health_checks_from_cloudwatch(lab: Lab) -> None:
    admitted(lab, 1)
    audit(lab)
    lab.invoke("WidgetFunction", {})
    with (
        denied("audit", "own_cloudwatch", "GetMetricStatistics"),
        denied("widget", "own_cloudwatch", "GetMetricStatistics"),
    ):
        report = audit(lab)
        text = str(lab.invoke("AuditFunction", {"format": "text"}).result)
        page = str(lab.invoke("WidgetFunction", {}).result)

    assert (report["in_sync"], report["quotas"]["check_creations_last_day"]) == (True, None)
    assert "health checks created in 24 hours  unknown" in text
    assert "NOT EVERYTHING WAS READ: 1 read failed." in page
    assert "created in 24 hours" not in page
    assert len(log_lines(lab, "number of created health checks not read")) == 3


def test_the_cost_is_that_of_our_checks_beyond_the_free_ones(lab: Lab) -> None:
    lab.put_pool(
        "web", health_check={"url": "https://:443/", "interval": 10, "failure_threshold": 3, "search_string": "ok"}
    )
    launched(lab, 2)

    assert audit(lab)["cost"] == {"checks": 2, "usd_a_month": 6.0, "monitoring_usd_a_month": 10.46}
