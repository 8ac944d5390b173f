"""The names of health checks in the Route 53 console: given gradually, and never on the way of anything else."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.error import Route53Error
from tests.functional.incidents import before_each
from tests.functional.views import (
    admitted,
    audit,
    calls,
    check_of,
    checks,
    checks_of,
    create_check,
    in_dns,
    launched,
    log_lines,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab

THROTTLED = Route53Error("Throttling", "Rate exceeded")
DENIED = Route53Error("AccessDenied", "not authorized to perform: route53:ChangeTagsForResource", HTTPStatus.FORBIDDEN)


def tags(lab: Lab, check_id: str) -> dict[str, str]:
    """Return the tags of a health check."""
    found = lab.route53._tags.of_one({"ResourceType": "healthcheck", "ResourceId": check_id})
    return {each["Key"]: each["Value"] for each in found["ResourceTagSet"]["Tags"]}


def names(lab: Lab) -> dict[str, str | None]:
    """Return the name of every health check, None where it has none."""
    return {check_id: tags(lab, check_id).get("Name") for check_id in checks(lab)}


def put_tag(lab: Lab, check_id: str, value: str) -> None:
    """Name a health check by hand."""
    tag = {"Key": "Name", "Value": value}
    lab.route53.call("ChangeTagsForResource", {"ResourceType": "healthcheck", "ResourceId": check_id, "AddTags": [tag]})


def repair(lab: Lab) -> None:
    """Let an audit repair, and handle what it queues."""
    audit(lab, {"repair": True})
    lab.settle()


def test_after_an_audit_that_repairs_each_check_of_a_member_in_dns_has_its_pool_and_instance_as_its_name(
    lab: Lab,
) -> None:
    lab.put_pool("web", address="dualstack")
    one, two = admitted(lab, 2, ipv6="2600:1f18::53")
    (boots,) = launched(lab, 1)
    assert "ChangeTagsForResource" not in calls(lab)

    repair(lab)

    named = dict.fromkeys(checks_of(lab, one), f"web/{one}") | dict.fromkeys(checks_of(lab, two), f"web/{two}")
    assert len(named) == 4
    assert names(lab) == named | {check_of(lab, boots): None}


def test_the_schedule_names_them_too(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    wait(lab, 901)
    assert names(lab) == {check_of(lab, web): f"web/{web}"}


@pytest.mark.parametrize("payload", [{}, {"repair": True, "dry_run": True}])
def test_an_audit_that_only_reports_reads_no_names_and_gives_none(lab: Lab, payload: Mapping[str, Any]) -> None:
    admitted(lab, 1)

    audit(lab, payload)
    lab.settle()

    assert {"ListTagsForResources", "ChangeTagsForResource"}.isdisjoint(calls(lab))


def test_named_checks_cost_a_repair_one_request_up_to_ten_and_two_above(lab: Lab) -> None:
    few = admitted(lab, 10)
    repair(lab)
    lab.invocations.clear()
    lab.route53.reset_calls()
    repair(lab)
    assert calls(lab)["ListTagsForResources"] == 1
    assert [each.function for each in lab.invocations] == ["AuditFunction"]

    more = admitted(lab, 15)
    lab.route53.reset_calls()
    repair(lab)
    assert calls(lab)["ListTagsForResources"] == 3
    assert calls(lab)["ChangeTagsForResource"] == 15
    assert set(names(lab).values()) == {f"web/{each}" for each in (*few, *more)}

    lab.route53.reset_calls()
    repair(lab)
    assert calls(lab)["ListTagsForResources"] == 2
    assert "ChangeTagsForResource" not in calls(lab)


def test_a_name_that_a_person_gave_stays(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    put_tag(lab, check_of(lab, web), "the old web server")

    repair(lab)

    assert names(lab) == {check_of(lab, web): "the old web server"}


@pytest.mark.parametrize("error", [THROTTLED, DENIED], ids=["throttled", "denied"])
def test_a_name_that_is_refused_ends_the_naming_but_not_the_run_and_the_next_repair_continues(
    lab: Lab, error: Route53Error
) -> None:
    web = admitted(lab, 3)
    lab.route53.fail("ChangeTagsForResource", error, 1)
    lab.invocations.clear()
    lab.route53.reset_calls()

    repair(lab)

    assert calls(lab)["ChangeTagsForResource"] == 1
    (run,) = (each for each in lab.invocations if each.function == "ReconcilerFunction")
    assert (run.error, run.result, run.metric("RunsFailed")) == (None, {"batchItemFailures": []}, [0])
    assert run.metric("Route53Calls") == [calls(lab).total() - 7]
    repair(lab)
    assert set(names(lab).values()) == {f"web/{each}" for each in web}


@pytest.mark.parametrize("error", [THROTTLED, DENIED], ids=["throttled", "denied"])
def test_where_the_names_cannot_be_read_the_audit_reports_all_else(lab: Lab, error: Route53Error) -> None:
    admitted(lab, 1)
    lab.route53.fail("ListTagsForResources", error, 1)

    report = audit(lab, {"repair": True})

    assert (report["in_sync"], report["findings"]) == (True, [])
    assert calls(lab)["ListTagsForResources"] == 1


def test_a_run_that_was_throttled_names_nothing(lab: Lab) -> None:
    admitted(lab, 1)
    audit(lab, {"repair": True})
    lab.route53.fail("ListResourceRecordSets", THROTTLED, 1)

    lab.settle()

    assert "ChangeTagsForResource" not in calls(lab)


def test_signals_that_come_in_the_middle_end_the_naming(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    web = admitted(lab, 30)
    audit(lab, {"repair": True})

    def terminate_in_the_middle(_parameters: Mapping[str, Any]) -> None:
        if calls(lab)["ChangeTagsForResource"] == 10:
            lab.fleet.terminate(web[0])
            lab.clock.advance(1)

    before_each(lab, monkeypatch, "ChangeTagsForResource", terminate_in_the_middle)
    lab.settle()

    operations = [call.operation for call in lab.route53.calls]
    assert operations[: operations.index("DeleteHealthCheck")].count("ChangeTagsForResource") <= 12
    assert web[0] not in in_dns(lab)
    (line,) = log_lines(lab, "health checks named")
    assert line["count"] + line["left"] == 30
    repair(lab)
    assert None not in names(lab).values()


def test_a_check_that_is_deleted_meanwhile_ends_nothing(lab: Lab) -> None:
    one, two = admitted(lab, 2)
    audit(lab, {"repair": True})
    gone = min(checks(lab))
    lab.route53.fail("ChangeTagsForResource", Route53Error("NoSuchHealthCheck", gone, HTTPStatus.NOT_FOUND), 1)

    lab.settle()

    assert list(names(lab).values()).count(None) == 1
    assert set(names(lab).values()) - {None} <= {f"web/{one}", f"web/{two}"}


def test_a_message_names_no_check_of_others(lab: Lab) -> None:
    theirs = create_check(lab, "by hand")
    (web,) = admitted(lab, 1)

    signal(lab, "web", unnamed=[theirs, check_of(lab, web), "../hostedzone/Z1", ""], attempt=1)

    assert names(lab) == {theirs: None, check_of(lab, web): f"web/{web}"}


def test_a_message_whose_unnamed_checks_are_not_a_list_of_texts_is_returned(lab: Lab) -> None:
    detail = {"pools": ["web"], "because": "a test", "unnamed": {"a": 1}}
    lab.send(json.dumps({"source": "fleet53", "detail-type": "Reconcile", "detail": detail}))
    lab.settle()

    (line,) = log_lines(lab, "message returned")
    assert "detail.unnamed is {'a': 1}, not a list of health check ids" in line["because"]


def test_a_new_check_of_an_old_member_gets_its_name_too(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    repair(lab)

    lab.put_pool("web", health_check={"url": "http://:80/ready"})
    lab.settle()
    see_healthy(lab, [web])
    assert list(names(lab).values()) == [None]
    repair(lab)

    assert list(names(lab).values()) == [f"web/{web}"]
