"""What the report counts is what a person would count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.groups import GROUP, in_service
from tests.functional.views import admitted, audit, kinds, launched, put_record

if TYPE_CHECKING:
    from lab.world import Lab


def counts(lab: Lab) -> tuple[int, int, int, int, int]:
    """Return a pool's members, those in DNS, healthy and pending, and those without a place."""
    (pool,) = audit(lab)["pools"]
    return pool["members"], pool["in_dns"], pool["healthy"], pool["pending"], pool["standby"]


def table(lab: Lab) -> list[list[str]]:
    """Return the words of the text report's table of pools, line by line."""
    text = lab.invoke("AuditFunction", {"format": "text"}).result
    return [line.split() for line in text.partition("\nPools\n\n")[2].partition("\n\n")[0].splitlines()]


def test_a_terminated_instance_is_not_a_member(lab: Lab) -> None:
    first, second = admitted(lab, 2)
    assert counts(lab) == (2, 2, 2, 0, 0)
    lab.fleet.terminate(second)
    lab.settle()

    assert counts(lab) == (1, 1, 1, 0, 0)
    assert lab.fleet.describe(second)["Tags"]
    assert lab.fleet.describe(first)["State"]["Name"] == "running"


def test_a_member_in_auto_scalings_standby_is_out_of_dns_and_not_among_those_without_a_place(lab: Lab) -> None:
    first, _second = in_service(lab, 2)
    lab.client("autoscaling").enter_standby(
        AutoScalingGroupName=GROUP, InstanceIds=[first], ShouldDecrementDesiredCapacity=True
    )
    lab.run(5)

    assert counts(lab) == (2, 1, 1, 0, 0)
    head, row = table(lab)
    assert head[:8] == ["pool", "members", "in", "DNS", "healthy", "pending", "no", "place"]
    assert row[:6] == ["web", "2", "1", "1", "0", "0"]


def test_members_that_were_just_admitted_are_healthy(lab: Lab) -> None:
    lab.put_pool("web", admit_when="running")
    lab.settle()
    launched(lab, 3)

    assert counts(lab) == (3, 3, 3, 0, 0)


def test_an_invalid_pool_keeps_its_row_without_numbers(lab: Lab) -> None:
    admitted(lab, 1)
    lab.put_pool("api", ttl=0)

    assert [row[:7] for row in table(lab)[1:]] == [
        ["api", "-", "-", "-", "-", "-", "invalid-pool"],
        ["web", "1", "1", "1", "0", "0", "healthy"],
    ]


def test_an_empty_pool_where_a_foreign_cname_answers_is_not_reported_as_answered_negatively(lab: Lab) -> None:
    theirs = {"Name": "app.example.com", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "example.net"}]}
    put_record(lab, theirs)
    launched(lab, 1)
    report = audit(lab)

    assert kinds(report) == {"foreign-record-in-the-way": 1}
    assert report["verdict"] != "unanswered"
    assert "negative answer" not in lab.invoke("AuditFunction", {"format": "text"}).result
