"""What a person changed by hand is found by the audit, by its kind, and put right by a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.views import (
    OWNER,
    admitted,
    audit,
    batches,
    check_of,
    checks,
    create_check,
    delete_check,
    delete_record,
    edit_check,
    findings,
    in_dns,
    kinds,
    launched,
    put_record,
    record_of,
    records,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab


def repair(lab: Lab) -> dict[str, Any]:
    report = audit(lab, {"repair": True})
    lab.settle()
    return report


def test_a_fleet_in_order_is_in_sync_and_nothing_is_queued(lab: Lab) -> None:
    admitted(lab, 3)

    report = repair(lab)

    assert report["in_sync"] is True
    assert report["findings"] == []
    assert report["queued"] == 0


def test_an_audit_that_is_not_asked_to_repairs_nothing(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))

    report = audit(lab)
    lab.settle()

    assert kinds(report) == {"missing-record": 1}
    assert report["queued"] == 0
    assert records(lab) == {}


def test_a_record_deleted_by_hand_comes_back_with_the_check_it_had(lab: Lab) -> None:
    web, _ = admitted(lab, 2)
    record, check = record_of(lab, web), check_of(lab, web)
    delete_record(lab, record)

    report = repair(lab)

    assert [each["instance_id"] for each in findings(report, "missing-record")] == [web]
    assert kinds(report) == {"missing-record": 1}
    assert record_of(lab, web) == record
    assert record["HealthCheckId"] == check


@pytest.mark.parametrize(
    "edit",
    [{"TTL": 5}, {"HealthCheckId": None}],
    ids=["TTL", "no check"],
)
def test_a_record_edited_by_hand_is_put_right(lab: Lab, edit: dict[str, Any]) -> None:
    (web,) = admitted(lab, 1)
    right = record_of(lab, web)
    put_record(lab, {key: value for key, value in (right | edit).items() if value is not None})

    report = repair(lab)

    assert [each["instance_id"] for each in findings(report, "stale-record")] == [web]
    assert report["in_sync"] is False
    assert record_of(lab, web) == right


def test_a_record_pointed_at_another_members_check_is_pointed_back(lab: Lab) -> None:
    web, other = admitted(lab, 2)
    right = record_of(lab, web)
    put_record(lab, right | {"HealthCheckId": check_of(lab, other)})

    report = repair(lab)

    assert [each["instance_id"] for each in findings(report, "stale-record")] == [web]
    assert record_of(lab, web) == right
    assert len(checks(lab)) == 2


def test_a_record_pointed_at_a_foreign_check_while_its_own_is_gone_gets_a_new_one(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    own = check_of(lab, web)
    foreign = create_check(lab, "by hand", lab.fleet.address(web))
    put_record(lab, record_of(lab, web) | {"HealthCheckId": foreign})
    delete_check(lab, own)

    report = repair(lab)
    assert record_of(lab, web)["HealthCheckId"] == foreign
    see_healthy(lab, [web])
    wait(lab)

    assert kinds(report) == {"stale-record": 1}
    assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)
    assert foreign in checks(lab)


def test_a_health_check_deleted_by_hand_is_created_again_and_the_record_names_the_new_one_at_once(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    old = check_of(lab, web)
    delete_check(lab, old)

    report = repair(lab)
    assert kinds(report) == {"dead-check-reference": 1}
    assert [each["instance_id"] for each in findings(report, "dead-check-reference")] == [web]
    new = check_of(lab, web)
    assert new != old
    assert record_of(lab, web)["HealthCheckId"] == new
    assert audit(lab)["in_sync"] is True


def test_a_dead_server_whose_check_was_deleted_by_hand_leaves_the_answers_after_a_repair(lab: Lab) -> None:
    web, dead = admitted(lab, 2)
    delete_check(lab, check_of(lab, dead))
    assert lab.answers() == {lab.fleet.address(web), lab.fleet.address(dead)}

    repair(lab)
    see_healthy(lab, [dead], percent=0)

    assert lab.answers() == {lab.fleet.address(web)}
    assert in_dns(lab) == {web, dead}


@pytest.mark.parametrize(
    "edit",
    [
        {"ResourcePath": "/edited"},
        {"Inverted": True},
        {"Disabled": True},
        {"Regions": ["us-east-1", "us-west-1", "eu-west-1"]},
        {"FailureThreshold": 10},
        {"Port": 81},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_a_check_edited_by_hand_is_replaced_by_one_as_the_pool_wants_it(lab: Lab, edit: dict[str, Any]) -> None:
    (web,) = admitted(lab, 1)
    old = check_of(lab, web)
    right = checks(lab)[old]["HealthCheckConfig"]
    edit_check(lab, old, **edit)

    report = repair(lab)
    (finding,) = findings(report, "check-mismatch")
    assert finding["instance_id"] == web
    assert old in finding["because"]
    assert in_dns(lab) == {web}
    see_healthy(lab, [web])
    wait(lab)

    new = check_of(lab, web)
    assert new != old
    assert checks(lab)[new]["HealthCheckConfig"] == right
    assert record_of(lab, web)["HealthCheckId"] == new


def test_the_finding_of_an_edited_check_names_the_check(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check = check_of(lab, web)
    edit_check(lab, check, Disabled=True)

    assert [each["health_check_id"] for each in findings(audit(lab), "check-mismatch")] == [check]


def test_a_check_of_ours_that_no_record_needs_is_an_orphan_and_deleted(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    own = check_of(lab, web)
    needless = create_check(lab, checks(lab)[own]["CallerReference"][:-12] + "0" * 12, lab.fleet.address(web))

    report = repair(lab)

    assert [each["health_check_id"] for each in findings(report, "orphan-check")] == [needless]
    assert list(checks(lab)) == [own]


def test_the_check_of_an_instance_that_ec2_has_forgotten_is_an_orphan_and_deleted(lab: Lab) -> None:
    (web,) = launched(lab, 1)
    lab.fleet.forget(web)

    report = repair(lab)

    assert kinds(report) == {"orphan-check": 1, "empty-pool": 1}
    assert checks(lab) == {}


@pytest.mark.parametrize("holder", ["web-1", "i-0a1b2c3d4e5f60001-copy"])
def test_a_record_by_hand_whose_identifier_names_no_instance_is_deleted_from_a_pool_of_four_too(
    lab: Lab, holder: str
) -> None:
    members = admitted(lab, 4)
    put_record(lab, record_of(lab, members[0]) | {"SetIdentifier": f"{OWNER}/{holder}"})

    report = repair(lab)

    assert [each["instance_id"] for each in findings(report, "orphan-record")] == [holder]
    assert records(lab).keys() == {f"{OWNER}/{each}" for each in members}


def test_a_record_put_back_by_hand_for_a_terminated_instance_is_an_orphan_and_deleted(lab: Lab) -> None:
    gone, stays = admitted(lab, 2)
    record = record_of(lab, gone)
    lab.fleet.terminate(gone)
    lab.settle()
    put_record(lab, {key: value for key, value in record.items() if key != "HealthCheckId"})

    report = repair(lab)

    assert [each["instance_id"] for each in findings(report, "orphan-record")] == [gone]
    assert in_dns(lab) == {stays}


def test_a_record_of_ours_copied_to_another_name_is_an_orphan_and_deleted(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_record(lab, record_of(lab, web) | {"Name": "www.example.com."})

    report = repair(lab)

    assert [each["record_name"] for each in findings(report, "orphan-record")] == ["www.example.com"]
    assert records(lab, "www.example.com") == {}
    assert in_dns(lab) == {web}


def test_many_hand_edits_at_once_are_put_right_in_one_batch(lab: Lab) -> None:
    web = admitted(lab, 4)
    right = records(lab)
    delete_record(lab, record_of(lab, web[0]))
    put_record(lab, record_of(lab, web[1]) | {"TTL": 5})
    put_record(lab, record_of(lab, web[2]) | {"HealthCheckId": check_of(lab, web[3])})
    lab.route53.reset_calls()

    repair(lab)

    assert records(lab) == right
    assert len(batches(lab)) == 1


def test_the_next_signal_of_a_pool_also_puts_an_edited_record_right(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    right = record_of(lab, web)
    put_record(lab, right | {"TTL": 5})

    signal(lab, "web")

    assert record_of(lab, web) == right
