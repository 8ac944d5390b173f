"""Route 53 locks a hosted zone for some minutes while accelerated recovery is turned on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    admitted,
    allowed_zone,
    calls,
    checks,
    in_dns,
    launched,
    log_lines,
    see_healthy,
)

if TYPE_CHECKING:
    import pytest

    from lab.world import Lab


def lock(lab: Lab) -> None:
    """Turn accelerated recovery on for the lab's first zone, and let no audit repair anything."""
    lab.timers = ()
    features = {"HostedZoneId": lab.zone_id, "EnableAcceleratedRecovery": True}
    lab.route53.call("UpdateHostedZoneFeatures", features)
    lab.route53.reset_calls()


def test_a_member_that_ends_leaves_dns_when_the_zone_takes_changes_again_and_no_audit_is_needed(lab: Lab) -> None:
    gone, stays = admitted(lab, 2)
    lock(lab)

    lab.fleet.terminate(gone)
    lab.run(290, step=5)
    assert in_dns(lab) == {gone, stays}
    lab.run(200, step=5)

    assert in_dns(lab) == {stays}
    assert len(checks(lab)) == 1


def test_a_member_that_becomes_healthy_enters_dns_when_the_zone_takes_changes_again(lab: Lab) -> None:
    (web,) = launched(lab, 1)
    lock(lab)

    see_healthy(lab, [web])
    lab.run(400, step=5)

    assert in_dns(lab) == {web}


def test_a_batch_for_a_locked_zone_is_not_planned_again_in_the_same_pass_and_is_not_a_finding(lab: Lab) -> None:
    (gone,) = admitted(lab, 1)
    lock(lab)

    lab.fleet.terminate(gone)
    lab.settle()

    (run,) = lab.invocations[-1:]
    assert calls(lab)["ChangeResourceRecordSets"] == 2  # by the pass, and by the sweep after it
    assert len(run.result["batchItemFailures"]) == len(run.event["Records"])
    assert run.metric("Findings", Kind="change-refused") == []
    assert {line["because"] for line in log_lines(lab, "message returned")} == {
        f"hosted zone {lab.zone_id}: InvalidInput: HostedZone {lab.zone_id} is marked disabled for mutation"
    }


def test_a_locked_zone_stops_no_pool_of_another_zone(lab: Lab) -> None:
    zone_id = allowed_zone(lab, "example.net")
    lab.put_pool("api", hosted_zone_id=zone_id, record_name="api.example.net")
    lab.settle()
    web = lab.fleet.launch(pools=["web", "api"])
    lab.settle()
    see_healthy(lab, [web])
    assert (in_dns(lab), in_dns(lab, "api.example.net")) == ({web}, {web})
    lock(lab)

    lab.fleet.terminate(web)
    lab.settle()

    assert (in_dns(lab), in_dns(lab, "api.example.net")) == ({web}, set())


def test_a_stack_is_deleted_as_soon_as_its_zone_takes_changes_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_in_lab_time(lab, monkeypatch)
    admitted(lab, 2)
    lock(lab)

    assert lab.delete_stack() == "DELETE_COMPLETE"

    assert in_dns(lab) == set()
    assert checks(lab) == {}
