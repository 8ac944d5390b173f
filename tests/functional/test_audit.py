"""The audit: what it is asked, what it finds, what it reports, and what it has repaired."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fleet53 import __version__
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.views import (
    READS,
    admitted,
    allowed_zone,
    audit,
    check_of,
    checks,
    checks_of,
    create_check,
    delete_check,
    delete_record,
    edit_check,
    findings,
    in_dns,
    kinds,
    launched,
    log_lines,
    put_record,
    record_of,
    records,
    see_healthy,
    signal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWNER = "fleet53.eu-west-1.123456789012"


def queued(lab: Lab) -> list[dict[str, Any]]:
    """Take the messages that can be received now out of the signals queue."""
    sqs, url = lab.client("sqs"), lab.deployment.queue_url("Signals")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def address_record(address: str, **settings: Any) -> dict[str, Any]:
    """Return an A record set at the first pool's name."""
    values = [{"Value": address}]
    return {"Name": "app.example.com", "Type": "A", "TTL": 60, "ResourceRecords": values} | settings


def seen_for(lab: Lab, target: str, percent: float = 0, *, minutes: int) -> None:
    """Let Route 53 report the health of a health check, or of an instance's, for each of so many minutes."""
    for _minute in range(minutes):
        lab.report_health(target, percent)
        lab.clock.advance(60)


# -- what it is asked


def test_an_empty_order_reports_and_queues_nothing(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))
    report = audit(lab, {})

    assert kinds(report) == {"missing-record": 1}
    assert report["in_sync"] is False
    assert report["queued"] == 0
    assert queued(lab) == []


def test_a_repair_queues_one_signal_for_the_pools_that_drifted(lab: Lab) -> None:
    lab.put_pool("api")
    lab.put_pool("idle")
    web, api = admitted(lab, 1) + admitted(lab, 1, name="api.example.com", pools=("api",))
    delete_record(lab, record_of(lab, web))
    delete_record(lab, record_of(lab, api, "api.example.com"))
    report = audit(lab, {"repair": True})

    assert report["queued"] == 1
    (message,) = queued(lab)
    assert (message["source"], message["detail-type"]) == ("fleet53", "Reconcile")
    assert message["detail"]["pools"] == ["api", "web"]
    assert message["detail"]["because"] == "the audit found missing-record"


def test_a_repair_makes_the_drift_go(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))
    audit(lab, {"repair": True})
    lab.settle()

    assert in_dns(lab) == {web}
    assert audit(lab)["in_sync"] is True


def test_a_repair_queues_nothing_where_nothing_drifted_and_every_check_has_its_name(lab: Lab) -> None:
    admitted(lab, 1)
    audit(lab, {"repair": True})
    lab.settle()
    report = audit(lab, {"repair": True})

    assert (report["in_sync"], report["queued"], queued(lab)) == (True, 0, [])


def vanished(lab: Lab) -> tuple[str, ...]:
    """Bring four instances into DNS and let EC2 know three of them no more."""
    members = admitted(lab, 4)
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)
    return members


def test_withdrawals_that_the_guard_holds_are_reported_as_held_and_not_queued(lab: Lab) -> None:
    members = vanished(lab)
    report = audit(lab, {"repair": True})

    held = findings(report, "withdrawal-held")
    assert {each["instance_id"] for each in held} == set(members[1:])
    assert all(each["held"] is True for each in held)
    assert held[0]["because"].startswith("EC2 does not know the instance; held by the guard: 3 of 4 members")
    assert report["queued"] == 0
    assert in_dns(lab) == set(members)


def test_force_passes_the_guard(lab: Lab) -> None:
    members = vanished(lab)
    report = audit(lab, {"repair": True, "force": True})
    lab.settle()

    assert report["queued"] == 1
    assert in_dns(lab) == {members[0]}
    assert audit(lab)["in_sync"] is True


def test_pools_narrow_the_report_and_the_repair(lab: Lab) -> None:
    lab.put_pool("api")
    web, api = admitted(lab, 1) + admitted(lab, 1, name="api.example.com", pools=("api",))
    delete_record(lab, record_of(lab, web))
    delete_record(lab, record_of(lab, api, "api.example.com"))
    report = audit(lab, {"pools": ["api"], "repair": True})
    lab.settle()

    assert [pool["name"] for pool in report["pools"]] == ["api"]
    assert {each["pool"] for each in report["findings"]} == {"api"}
    assert in_dns(lab, "api.example.com") == {api}
    assert in_dns(lab) == set()


def test_a_forced_repair_of_some_pools_leaves_what_the_guard_holds_elsewhere(lab: Lab) -> None:
    lab.put_pool("old")
    old = admitted(lab, 4, name="old.example.com", pools=("old",))
    members = admitted(lab, 1)
    lab.client("ssm").delete_parameter(Name="/fleet53/fleet53/pools/old")
    delete_record(lab, record_of(lab, members[0]))
    report = audit(lab, {"pools": ["web"], "repair": True, "force": True})
    lab.settle()

    assert {each["pool"] for each in report["findings"]} == {"web", None}
    assert in_dns(lab) == set(members)
    assert in_dns(lab, "old.example.com") == set(old)


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ({"repiar": True}, "repiar=True: Extra inputs are not permitted"),
        ({"repair": "yes"}, "repair='yes': Input should be a valid boolean"),
        ({"repair": True, "force": 1}, "force=1: Input should be a valid boolean"),
        ({"force": True}, "force=True: only a repair passes the guard"),
        ({"pools": []}, "pools=[]: List should have at least 1 item"),
        ({"pools": "web"}, "pools='web': Input should be a valid list"),
        ({"pools": ["web", 7]}, "pools.1=7: Input should be a valid string"),
        ({"format": "xml"}, "format='xml': Input should be 'json', 'text' or 'markdown'"),
        ({"format": True}, "format=True: Input should be 'json', 'text' or 'markdown'"),
        ([], "input=[]: Input should be"),
    ],
)
def test_an_order_that_cannot_be_read_is_refused_with_the_key_and_the_value(lab: Lab, order: Any, fault: str) -> None:
    invocation = lab.invoke("AuditFunction", order)

    assert type(invocation.error).__name__ == "NotUnderstoodError"
    assert str(invocation.error).startswith(fault)
    assert lab.route53.calls == []
    assert queued(lab) == []


def test_a_pool_that_is_not_declared_is_refused_with_those_that_are_and_nothing_is_queued(lab: Lab) -> None:
    lab.put_pool_text("api", "{}")
    admitted(lab, 1)
    invocation = lab.invoke("AuditFunction", {"pools": ["web", "nope"], "repair": True})

    assert type(invocation.error).__name__ == "NotUnderstoodError"
    assert str(invocation.error) == "pools=['nope']: not declared; the declared pools are api, web"
    assert queued(lab) == []


# -- what it reports


def test_the_report_has_the_shape_that_others_rely_on(lab: Lab) -> None:
    first, second = admitted(lab, 2)
    lab.clock.advance(60)  # into another minute: CloudWatch shows the average of each
    lab.report_health(second, 0)
    (third,) = launched(lab, 1)
    lab.route53.reset_calls()
    orphan = create_check(lab, "foreign")
    edit_check(lab, check_of(lab, first), Port=81)
    report = audit(lab)

    assert orphan in checks(lab)
    assert report.pop("at") == lab.invocations[-1].at.isoformat(timespec="seconds")
    assert report.pop("version") == __version__
    (because,) = {each.pop("because") for each in report["findings"]}
    assert because == f"its health check {check_of(lab, first)} was edited by hand"
    assert third not in in_dns(lab)
    assert [each["instance_id"] for each in report["pools"][0].pop("instances")] == sorted((first, second, third))
    assert report == {
        "owner": OWNER,
        "in_sync": False,
        "verdict": "drift",
        "headline": ["NOT IN SYNC: 1 drifted.", "Some members are unhealthy: web (app.example.com, 1 of 2 healthy)."],
        "pools": [
            {
                "name": "web",
                "record_name": "app.example.com",
                "members": 3,
                "in_dns": 2,
                "healthy": 1,
                "pending": 1,
                "standby": 0,
                "verdict": "some-unhealthy",
                "instances_left_out": 0,
            }
        ],
        "findings": [
            {
                "kind": "check-mismatch",
                "pool": "web",
                "instance_id": first,
                "record_name": None,
                "health_check_id": check_of(lab, first),
                "held": False,
                "drift": True,
            }
        ],
        "summary": {"check-mismatch": 1},
        "quotas": {
            "health_checks": {"used": 4, "limit": 200},
            "check_creations_last_day": {"used": 3, "limit": 1000},  # the foreign one counts, but not by our metric
            "records": {lab.zone_id: {"used": 4, "limit": 10000}},
            "names": {"app.example.com": {"used": 2, "limit": 100}},
        },
        "cost": {"checks": 3, "usd_a_month": 0.0, "monitoring_usd_a_month": 10.49},
        "queued": 0,
        "left_out": {"instances": 0, "findings": 0, "pools": 0, "batches": 0},
    }


def test_the_report_is_logged_as_it_is_returned_but_for_the_row_of_each_instance(lab: Lab) -> None:
    report = audit(lab)

    (line,) = log_lines(lab, "audit")
    assert not {"instances", "instances_left_out"} & line["report"]["pools"][0].keys()
    del report["pools"][0]["instances"], report["pools"][0]["instances_left_out"]
    assert line["report"] == report


def test_the_report_says_when_all_is_well(lab: Lab) -> None:
    admitted(lab, 2)
    report = audit(lab)

    assert report["in_sync"] is True
    assert (report["findings"], report["summary"]) == ([], {})
    (pool,) = report["pools"]
    assert (pool["members"], pool["in_dns"], pool["healthy"], pool["pending"], pool["standby"]) == (2, 2, 2, 0, 0)


def test_an_audit_writes_nothing_to_route_53_with_any_finding(lab: Lab) -> None:
    first, second, third = admitted(lab, 3)
    delete_record(lab, record_of(lab, first))
    delete_check(lab, check_of(lab, second))
    edit_check(lab, check_of(lab, third), Port=81)
    lab.fleet.terminate(first, events=False)
    lab.fleet.launch(events=False)
    lab.put_pool("bad", ttl=0)
    lab.route53.reset_calls()
    lab.audit({"repair": True, "force": True})

    assert {call.operation for call in lab.route53.calls} <= READS


# -- what it finds


def test_a_record_deleted_by_hand_is_a_missing_record(lab: Lab) -> None:
    first, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, first))

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["pool"], finding["instance_id"]) == ("missing-record", "web", first)
    assert finding["record_name"] == "app.example.com"
    assert finding["health_check_id"] == check_of(lab, first)
    assert finding["because"] == "EC2 says running; Route 53 sees it healthy"


def test_a_launch_whose_event_was_lost_is_a_missing_check(lab: Lab) -> None:
    admitted(lab, 1)
    lost = lab.fleet.launch(events=False)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("missing-check", lost)
    assert finding["because"] == "EC2 says running; it has no health check"


def test_a_ttl_edited_by_hand_is_a_stale_record(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"TTL": 300})

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("stale-record", web)
    assert finding["because"] == "its record has TTL 300 s, not 60 s"


def test_an_address_edited_by_hand_is_a_stale_record(lab: Lab) -> None:
    first, _ = admitted(lab, 2)
    put_record(lab, record_of(lab, first) | {"ResourceRecords": [{"Value": "52.95.9.9"}]})

    finding = findings(audit(lab), "stale-record")[0]
    assert finding["instance_id"] == first
    assert finding["because"] == f"its record holds 52.95.9.9, and its own address is {lab.fleet.address(first)}"


def test_the_record_and_the_check_of_an_instance_that_stopped_unheard_are_orphans(lab: Lab) -> None:
    first, _ = admitted(lab, 2)
    check = check_of(lab, first)
    lab.fleet.stop(first, events=False)
    report = audit(lab)

    assert kinds(report) == {"orphan-record": 1, "orphan-check": 1}
    (record,), (orphan,) = findings(report, "orphan-record"), findings(report, "orphan-check")
    assert (record["instance_id"], record["because"]) == (first, "EC2 says stopped")
    assert (orphan["instance_id"], orphan["health_check_id"]) == (first, check)


def test_what_is_left_of_a_pool_that_is_gone_is_orphans_without_a_pool(lab: Lab) -> None:
    lab.put_pool("old")
    (old,) = admitted(lab, 1, name="old.example.com", pools=("old",))
    lab.client("ssm").delete_parameter(Name="/fleet53/fleet53/pools/old")
    report = audit(lab)

    (record,), (check,) = findings(report, "orphan-record"), findings(report, "orphan-check")
    assert (record["pool"], record["record_name"], record["instance_id"]) == (None, "old.example.com", old)
    assert record["because"] == "no pool has the name old.example.com"
    assert (check["pool"], check["because"]) == (None, "its pool is not declared any more")


def test_a_check_deleted_by_hand_is_a_dead_reference_of_its_record(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check = check_of(lab, web)
    delete_check(lab, check)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("dead-check-reference", web)
    assert finding["because"] == f"its record refers to health check {check}, which is gone"


def test_a_dead_reference_of_an_old_launch_is_one_finding_until_it_is_repaired(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.clock.advance(86_400)
    check = check_of(lab, web)
    delete_check(lab, check)
    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["health_check_id"]) == ("dead-check-reference", check)

    audit(lab, {"repair": True})
    lab.settle()
    assert audit(lab)["findings"] == []


def test_a_new_check_of_a_member_in_dns_is_late_when_it_was_unhealthy_for_too_long_itself(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.clock.advance(86_400)
    old = check_of(lab, web)
    lab.put_pool("web", health_check={"url": "http://:80/other"})
    lab.settle()
    (new,) = checks(lab).keys() - {old}
    assert kinds(audit(lab)) == {}

    seen_for(lab, new, minutes=5)
    assert kinds(audit(lab)) == {}
    seen_for(lab, new, minutes=16)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["health_check_id"]) == ("not-healthy-in-time", new)


def test_an_instance_that_is_tagged_long_after_its_launch_has_its_time_to_become_healthy(lab: Lab) -> None:
    admitted(lab, 1)
    late = lab.fleet.launch(())
    lab.clock.advance(86_400)
    lab.fleet.retag(late, ("web",))
    lab.settle()
    seen_for(lab, late, minutes=5)
    assert kinds(audit(lab)) == {}
    seen_for(lab, late, minutes=16)
    assert kinds(audit(lab)) == {"not-healthy-in-time": 1}


def test_a_check_edited_by_hand_is_a_mismatch(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    edit_check(lab, check_of(lab, web), ResourcePath="/other")

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("check-mismatch", web)


def test_a_foreign_simple_record_at_the_pools_name_is_in_the_way(lab: Lab) -> None:
    put_record(lab, address_record("198.18.0.1"))
    launched(lab, 1)

    (finding,) = findings(audit(lab), "foreign-record-in-the-way")
    assert (finding["pool"], finding["record_name"]) == ("web", "app.example.com")
    assert finding["because"].startswith("app.example.com has a record of type A that is not ours and not multivalue")


def test_an_instance_whose_tag_names_no_pool_is_reported_with_the_names_there_are(lab: Lab) -> None:
    lab.put_pool("api")
    mistyped = lab.fleet.launch(("wbe",))
    report = audit(lab)

    (finding,) = findings(report, "unknown-pool")
    assert (finding["pool"], finding["instance_id"]) == ("wbe", mistyped)
    assert finding["because"] == "its tag names pool 'wbe', which is not declared (declared: api, web)"
    assert report["in_sync"] is True


def test_a_pool_without_members_in_dns_and_without_fallback_is_empty(lab: Lab) -> None:
    (finding,) = audit(lab)["findings"]

    assert (finding["kind"], finding["pool"], finding["record_name"]) == ("empty-pool", "web", "app.example.com")
    assert (
        finding["because"]
        == "app.example.com has no member in DNS and no fallback: DNS queries for it get a negative answer"
    )


def test_a_pool_whose_fallback_answers_is_not_empty(lab: Lab) -> None:
    lab.put_pool("web", fallback="198.18.0.53")
    lab.settle()

    assert lab.answers("app.example.com") == {"198.18.0.53"}
    assert audit(lab)["findings"] == []


def test_an_instance_without_an_address_is_reported_once_the_time_to_admit_has_passed(lab: Lab) -> None:
    admitted(lab, 1)
    bare = lab.fleet.launch(public=False)
    lab.settle()
    assert kinds(audit(lab)) == {}
    lab.clock.advance(901)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("no-address", bare)
    assert finding["because"].startswith("running without a public IPv4 address, 90")


def test_an_instance_that_is_never_healthy_is_reported_once_the_time_to_admit_has_passed(lab: Lab) -> None:
    admitted(lab, 1)
    (sick,) = launched(lab, 1)
    seen_for(lab, sick, minutes=14)
    assert kinds(audit(lab)) == {}
    seen_for(lab, sick, minutes=2)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("not-healthy-in-time", sick)
    assert finding["health_check_id"] == check_of(lab, sick)
    assert finding["because"].startswith("Route 53 does not see it healthy, 96")


def test_a_state_that_this_version_does_not_know_is_reported_and_left_alone(lab: Lab) -> None:
    lab.fleet.create_group("web")
    (web,) = admitted(lab, 1, group="web")
    lab.fleet.set_lifecycle_state(web, "Hovering")
    report = audit(lab, {"repair": True})

    (finding,) = report["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("unknown-state", web)
    assert finding["because"] == "Auto Scaling state 'Hovering' is unknown to this version"
    assert (report["in_sync"], report["queued"]) == (True, 0)
    signal(lab)
    assert in_dns(lab) == {web}
    assert len(checks_of(lab, web)) == 1


def test_a_zone_that_no_pool_uses_any_more_is_reported_if_it_cannot_be_read(lab: Lab) -> None:
    other = allowed_zone(lab, "example.net")
    lab.put_pool("web", hosted_zone_id=other, record_name="app.example.net")
    lab.route53.deny(lab.zone_id)

    (finding,) = findings(audit(lab), "zone-unreadable")
    assert finding["pool"] is None
    assert finding["because"].startswith(f"hosted zone {lab.zone_id}: AccessDenied")


# -- what it leaves alone


def test_foreign_records_and_health_checks_are_not_findings_and_stay(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    other_stack = address_record(
        "198.18.0.1", SetIdentifier="other.eu-west-1.123456789012/i-0a1b", MultiValueAnswer=True
    )
    put_record(lab, other_stack)
    foreign = create_check(lab, "fleet53/0000ffff/4b5e57f6/i-0a1b/0123456789ab")
    report = audit(lab, {"repair": True})
    signal(lab)

    assert report["findings"] == []
    assert foreign in checks(lab)
    assert len(records(lab)) == 2
    assert in_dns(lab) == {web}


# -- the schedule


def give_names(lab: Lab) -> None:
    """Let the health checks get their names, because the message about those without names is a signal."""
    lab.audit({"repair": True})
    lab.settle()


def test_a_lost_event_is_repaired_by_the_schedule(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    give_names(lab)
    second = lab.fleet.launch(events=False)
    lab.run(900, step=30)
    assert len(checks_of(lab, second)) == 1
    see_healthy(lab, [second])
    lab.run(900, step=30)

    assert in_dns(lab) == {first, second}


def test_a_lost_termination_is_repaired_by_the_schedule(lab: Lab) -> None:
    first, second = admitted(lab, 2)
    give_names(lab)
    lab.fleet.terminate(second, events=False)
    lab.run(900, step=30)

    assert in_dns(lab) == {first}
    assert checks_of(lab, second) == []


@pytest.fixture
def reporting() -> Iterator[Lab]:
    """Return a stack whose schedule only reports."""
    with Lab({"AuditMode": "report"}, start=MONDAY_NOON) as lab:
        yield lab


def test_a_schedule_that_only_reports_repairs_nothing(reporting: Lab) -> None:
    first, second = admitted(reporting, 2)
    reporting.fleet.terminate(second, events=False)
    reporting.run(1800, step=30)

    assert in_dns(reporting) == {first, second}
    reports: list[Mapping[str, Any]] = [line["report"] for line in log_lines(reporting, "audit")]
    assert [report["summary"] for report in reports] == [{"orphan-check": 1, "orphan-record": 1}] * 2
    assert [report["queued"] for report in reports] == [0, 0]


def test_a_member_that_waits_to_be_seen_healthy_is_not_drift(lab: Lab) -> None:
    admitted(lab, 1)
    launched(lab, 1)
    report = audit(lab, {"repair": True})

    assert (report["in_sync"], report["findings"], report["queued"]) == (True, [], 0)
    assert report["pools"][0]["pending"] == 1
