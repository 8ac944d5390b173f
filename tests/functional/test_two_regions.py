"""Two stacks with one name in one hosted zone, as in two Regions: each changes its own records only.

The lab has one Region, so the second stack has another name and another tag key. What fleet53 knows of its Region is
its owner's name and the instances that EC2 shows it, and both differ here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.stack.pools import Pools
from tests.functional.views import (
    OWNER,
    admitted,
    audit,
    calls,
    checks_of,
    findings,
    in_dns,
    kinds,
    launched,
    put_record,
    records,
    see_healthy,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.stack.life import Stack
    from lab.world import Lab

THERE = "fleet53-us"
OTHER = f"{THERE}.eu-west-1.123456789012"
TAG = "us:pool"
FALLBACK = "52.94.0.100"


@pytest.fixture
def there(lab: Lab) -> Stack:
    """Return a second stack with the same name in the same hosted zone, and no members yet."""
    return lab.add_stack(THERE, {"PoolTagKey": TAG})


def launched_there(lab: Lab, count: int) -> tuple[str, ...]:
    """Launch members of the second stack's pool, and handle their events."""
    instance_ids = tuple(lab.fleet.launch(pools=()) for _ in range(count))
    lab.client("ec2").create_tags(Resources=list(instance_ids), Tags=[{"Key": TAG, "Value": "web"}])
    lab.fleet.emit_changes()
    lab.settle()
    return instance_ids


def admitted_there(lab: Lab, count: int) -> tuple[str, ...]:
    """Launch members of the second stack's pool, and return their ids when all are in DNS."""
    instance_ids = launched_there(lab, count)
    see_healthy(lab, instance_ids)
    assert set(instance_ids) <= in_dns_there(lab)
    return instance_ids


def in_dns_there(lab: Lab) -> set[str]:
    """Return the ids of the instances that have a record of the second stack at the name."""
    return {each.removeprefix(f"{OTHER}/") for each in records(lab) if each.startswith(f"{OTHER}/i-")}


def audit_there(stack: Stack, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the report of the second stack's audit."""
    invocation = stack.functions.invoke("AuditFunction", payload or {})
    assert invocation.error is None
    return dict(invocation.result)


def put_fallback_there(lab: Lab, fallback: str) -> None:
    """Give the second stack's pool a fallback."""
    pools = Pools(f"/fleet53/{THERE}/pools", lab.bus)
    pools.put("web", pools.settings("web") | {"fallback": fallback})
    lab.settle()


@pytest.fixture
def falling_back(lab: Lab, there: Stack) -> Stack:
    """Return the second stack. Both stacks have the same fallback and no members, and an audit has seen both."""
    lab.put_pool("web", fallback=FALLBACK)
    lab.settle()
    put_fallback_there(lab, FALLBACK)
    audit(lab, {"repair": True})
    lab.run(61)
    return there


def test_the_members_of_both_stacks_answer_and_both_audits_are_in_sync(lab: Lab, there: Stack) -> None:
    here = admitted(lab, 2)
    others = admitted_there(lab, 2)

    assert values(lab) == {lab.fleet.address(each) for each in (*here, *others)}
    assert in_dns(lab) == set(here)
    for report, members in ((audit(lab), here), (audit_there(there), others)):
        assert (report["in_sync"], report["findings"]) == (True, [])
        assert [each["instance_id"] for each in report["pools"][0]["instances"]] == sorted(members)


@pytest.mark.usefixtures("there")
def test_a_withdrawal_in_one_stack_leaves_the_records_and_checks_of_the_other(lab: Lab) -> None:
    one, two = admitted(lab, 2)
    (other,) = admitted_there(lab, 1)
    theirs = records(lab)[f"{OTHER}/{other}"]

    lab.fleet.terminate(one)
    lab.settle()
    assert (in_dns(lab), records(lab)[f"{OTHER}/{other}"], len(checks_of(lab, other))) == ({two}, theirs, 1)

    lab.fleet.terminate(other)
    lab.settle()
    assert (in_dns(lab), in_dns_there(lab)) == ({two}, set())
    assert (len(checks_of(lab, two)), checks_of(lab, other)) == (1, [])


def test_the_deletion_of_one_stack_leaves_what_the_other_has(lab: Lab, there: Stack) -> None:
    (web,) = admitted(lab, 1)
    (other,) = admitted_there(lab, 1)

    assert there.delete() == "DELETE_COMPLETE"

    assert list(records(lab)) == [f"{OWNER}/{web}"]
    assert (len(checks_of(lab, web)), checks_of(lab, other)) == (1, [])


def test_a_stack_of_another_name_takes_a_fleet_over_and_the_name_is_answered_all_the_time(lab: Lab) -> None:
    members = admitted(lab, 2)
    clients = lab.visitors(10)
    new = lab.add_stack("dns", {})
    see_healthy(lab, members)
    assert kinds(audit_there(new)) == {"duplicate-address": 2}

    assert lab.delete_stack() == "DELETE_COMPLETE"
    wait(lab)
    assert records(lab).keys() == {f"dns.eu-west-1.123456789012/{each}" for each in members}
    assert kinds(audit_there(new)) == {}
    assert clients.connections > 0
    assert (clients.unanswered, clients.failures) == (0, [])


def test_two_empty_stacks_with_the_same_fallback_are_in_sync(lab: Lab, falling_back: Stack) -> None:
    assert set(records(lab)) == {f"{OWNER}/fallback", f"{OTHER}/fallback"}
    assert lab.answers() == {FALLBACK}
    assert kinds(audit(lab)) == kinds(audit_there(falling_back)) == {}


def test_no_fallback_is_answered_a_minute_after_one_stack_has_admitted_a_member(lab: Lab, falling_back: Stack) -> None:
    (other,) = launched_there(lab, 1)
    lab.report_health(other)
    lab.run(30)
    assert set(records(lab)) - {f"{OWNER}/fallback"} == {f"{OTHER}/{other}"}

    lab.run(61)

    assert set(records(lab)) == {f"{OTHER}/{other}"}
    assert kinds(audit_there(falling_back)) == {}
    (finding,) = findings(audit(lab), "empty-pool")
    assert finding["because"].endswith("1 record of others answers, and the fallback does not")


@pytest.mark.usefixtures("falling_back")
def test_the_fallback_is_answered_at_once_when_the_last_member_of_both_leaves(lab: Lab) -> None:
    (other,) = admitted_there(lab, 1)
    lab.run(61)
    lab.fleet.terminate(other)
    lab.settle()

    assert lab.answers() == {FALLBACK}


def test_a_fallback_of_one_stack_only_is_answered_a_minute_after_the_other_has_withdrawn_its_last_member(
    lab: Lab, there: Stack
) -> None:
    (other,) = admitted_there(lab, 1)
    lab.put_pool("web", fallback=FALLBACK)
    lab.settle()
    assert values(lab) == {lab.fleet.address(other)}

    lab.fleet.terminate(other)
    lab.run(61)

    assert values(lab) == {FALLBACK}
    (finding,) = findings(audit_there(there), "empty-pool")
    assert finding["because"] == "app.example.com has no member in DNS: the fallback of another stack answers"


def test_an_empty_stack_looks_once_a_minute_and_only_while_another_stack_has_records_at_the_name(
    lab: Lab, falling_back: Stack
) -> None:
    (other,) = admitted_there(lab, 1)
    lab.run(61)
    lab.route53.reset_calls()
    lab.run(300)
    assert calls(lab).keys() == {"ListResourceRecordSets", "ListHealthChecks"}
    assert set(calls(lab).values()) <= {5, 6}  # the lab's clock moves with the real one, too

    assert falling_back.delete() == "DELETE_COMPLETE"
    lab.fleet.terminate(other)
    lab.run(61)
    assert values(lab) == {FALLBACK}
    lab.route53.reset_calls()
    lab.run(300)
    assert calls(lab) == {}


@pytest.mark.usefixtures("falling_back")
def test_a_chain_of_looks_that_was_lost_begins_again_with_a_repair(lab: Lab) -> None:
    admitted_there(lab, 1)
    lab.run(130)
    assert audit(lab)["in_sync"] is True
    lab.client("sqs").purge_queue(QueueUrl=lab.deployment.queue_url("Signals"))
    lab.functions.cold_start()
    lab.route53.reset_calls()
    lab.run(130)
    assert calls(lab) == {}

    audit(lab, {"repair": True})
    lab.route53.reset_calls()
    lab.run(61)

    assert "ListResourceRecordSets" in calls(lab)


def test_the_hundred_records_of_a_name_are_for_both_and_a_place_is_taken_a_minute_after_the_other_frees_it(
    lab: Lab, there: Stack
) -> None:
    for number in range(97):
        put_record(
            lab,
            {
                "Name": "app.example.com",
                "Type": "A",
                "SetIdentifier": f"by-hand-{number}",
                "MultiValueAnswer": True,
                "TTL": 60,
                "ResourceRecords": [{"Value": f"198.18.0.{number}"}],
            },
        )
    (other,) = admitted_there(lab, 1)
    admitted(lab, 2)
    (late,) = launched(lab, 1)
    assert checks_of(lab, late) == []

    (finding,) = findings(audit(lab), "pool-full")
    assert finding["instance_id"] == late
    assert finding["because"].startswith("app.example.com has 100 A records (98 of others), counting members")
    assert kinds(audit_there(there)) == {}

    lab.fleet.terminate(other)
    lab.run(61)
    see_healthy(lab, [late])
    assert late in in_dns(lab)
    wait(lab)
    assert kinds(audit(lab)) == {}
