"""A foreign calculated health check counts health checks of members, which Route 53 then does not delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    check_of,
    checks,
    delete_check,
    findings,
    in_dns,
    intercept,
    log_lines,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from lab.world import Lab


def calculated(lab: Lab, *children: str) -> str:
    """Create a health check that is healthy while one of the children is, and return its id."""
    config = {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": list(children)}
    made = lab.route53.call("CreateHealthCheck", {"CallerReference": "any is up", "HealthCheckConfig": config})
    return str(made["HealthCheck"]["Id"])


def terminate(lab: Lab, *members: str) -> None:
    for member in members:
        lab.fleet.terminate(member)
    lab.settle()


def test_a_check_that_route_53_does_not_delete_fails_no_run_and_stops_no_other_deletion(lab: Lab) -> None:
    members = admitted(lab, 3)
    first = min(check_of(lab, each) for each in members)
    parent = calculated(lab, first)

    terminate(lab, *members)

    assert in_dns(lab) == set()
    assert checks(lab).keys() == {first, parent}
    assert log_lines(lab, "message returned") == []


def test_the_audit_names_the_calculated_check_and_queues_no_repair(lab: Lab) -> None:
    gone, _ = admitted(lab, 2)
    child = check_of(lab, gone)
    parent = calculated(lab, child)
    terminate(lab, gone)

    report = audit(lab, {"repair": True})

    (finding,) = findings(report, "orphan-check")
    assert (finding["instance_id"], finding["health_check_id"], finding["drift"]) == (gone, child, False)
    assert parent in finding["because"]
    assert (report["in_sync"], report["queued"]) == (True, 0)


def test_a_check_is_deleted_by_the_next_repair_after_the_calculated_check_is_gone(lab: Lab) -> None:
    gone, stays = admitted(lab, 2)
    parent = calculated(lab, check_of(lab, gone))
    terminate(lab, gone)
    delete_check(lab, parent)

    audit(lab, {"repair": True})
    lab.settle()

    assert list(checks(lab)) == [check_of(lab, stays)]


def test_a_check_that_gets_a_parent_while_a_run_deletes_it_stays_and_the_others_are_deleted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = admitted(lab, 3)
    first = min(check_of(lab, each) for each in members)
    parents: list[str] = []

    def count_it(_: Mapping[str, Any]) -> None:
        if not parents:
            parents.append(calculated(lab, first))

    intercept(lab, monkeypatch, "DeleteHealthCheck", count_it)

    terminate(lab, *members)

    assert checks(lab).keys() == {first, *parents}
    assert log_lines(lab, "message returned") == []
    (line,) = log_lines(lab, "health check not deleted")
    assert line["check_id"] == first
    assert "still referenced from parent health check" in line["because"]


def test_a_deleted_stack_leaves_only_the_check_with_a_parent_and_says_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    members = admitted(lab, 3)
    first = min(check_of(lab, each) for each in members)
    parent = calculated(lab, first)

    assert lab.delete_stack() == "DELETE_FAILED"
    answer = lab.custom_resources["StackLifecycle"].answers[-1]
    assert checks(lab).keys() == {first, parent}
    assert f"Left: 1 health checks ({first})" in answer["Reason"]
    assert f"still referenced from parent health check(s): {parent}" in answer["Reason"]

    delete_check(lab, parent)
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert checks(lab) == {}
