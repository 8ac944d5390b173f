"""A record always refers to a health check that exists, and the health check outlives the last such record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.views import (
    admitted,
    batches,
    calls,
    checks,
    in_dns,
    intercept,
    launched,
    log_lines,
    records,
    see_healthy,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab


def named(lab: Lab) -> set[str]:
    """Return the ids of the health checks that records at the pool's name name."""
    return {record["HealthCheckId"] for record in records(lab).values() if "HealthCheckId" in record}


def watch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what goes wrong from now on, as sentences; it must stay empty."""
    wrong: list[str] = []

    def before_deletion(parameters: Mapping[str, Any]) -> None:
        if parameters["HealthCheckId"] in named(lab):
            wrong.append(f"check {parameters['HealthCheckId']} deleted while a record names it")

    def before_change(parameters: Mapping[str, Any]) -> None:
        for change in parameters["ChangeBatch"]["Changes"]:
            check = change["ResourceRecordSet"].get("HealthCheckId")
            if change["Action"] != "DELETE" and check is not None and check not in checks(lab):
                wrong.append(f"a record would name check {check}, which does not exist")

    intercept(lab, monkeypatch, "DeleteHealthCheck", before_deletion)
    intercept(lab, monkeypatch, "ChangeResourceRecordSets", before_change)
    return wrong


@pytest.mark.parametrize("admit_when", ["healthy", "running"])
def test_no_step_of_a_fleets_life_leaves_a_record_without_its_check(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, admit_when: str
) -> None:
    lab.put_pool("web", admit_when=admit_when)
    wrong = watch(lab, monkeypatch)

    web = admitted(lab, 4)
    lab.fleet.stop(web[0])
    lab.fleet.associate_address(web[1])
    lab.settle()
    lab.fleet.start(web[0])
    see_healthy(lab, [web[1]])
    lab.put_pool("web", ttl=30, health_check={"url": "tcp://:443", "interval": 10})
    lab.settle()
    see_healthy(lab, web)
    wait(lab)
    lab.fleet.retag(web[2], [])
    lab.settle()
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    lab.put_pool("web", health_check={"url": "http://:80/"}, admit_when=admit_when)
    lab.settle()
    see_healthy(lab, [web[0], web[1], web[3]])
    for instance_id in web:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert wrong == []
    assert calls(lab)["DeleteHealthCheck"] >= 8
    assert in_dns(lab) == set()


def test_an_instance_that_terminates_between_reading_and_admission_is_not_left_in_dns(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed, stays = launched(lab, 2)

    def terminate(_parameters: Mapping[str, Any]) -> None:
        if lab.fleet.describe(doomed)["State"]["Name"] == "running":
            lab.fleet.terminate(doomed, events=False)

    intercept(lab, monkeypatch, "ChangeResourceRecordSets", terminate)
    see_healthy(lab, [doomed, stays])

    assert doomed in {holder for batch in batches(lab) for action, holder in batch if action == "CREATE"}
    assert in_dns(lab) == {stays}
    assert len(checks(lab)) == 1


def test_an_instance_that_terminates_while_its_record_comes_at_once_is_not_left_in_dns(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("web", admit_when="running", health_check=None)
    doomed = lab.fleet.launch()

    def terminate(_parameters: Mapping[str, Any]) -> None:
        if lab.fleet.describe(doomed)["State"]["Name"] == "running":
            lab.fleet.terminate(doomed, events=False)

    intercept(lab, monkeypatch, "ChangeResourceRecordSets", terminate)
    lab.settle()

    assert batches(lab) == [[("CREATE", doomed)], [("DELETE", doomed)]]
    assert in_dns(lab) == set()


def test_a_check_deleted_by_another_pass_just_before_the_record_names_it_is_planned_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (web,) = launched(lab, 1)
    doomed = list(checks(lab))

    def delete(_parameters: Mapping[str, Any]) -> None:
        if doomed:
            lab.route53.call("DeleteHealthCheck", {"HealthCheckId": doomed.pop()})

    intercept(lab, monkeypatch, "ChangeResourceRecordSets", delete)
    see_healthy(lab, [web])
    assert len(log_lines(lab, "batch refused")) == 1
    assert in_dns(lab) == set()
    see_healthy(lab, [web])

    assert in_dns(lab) == {web}
    assert named(lab) == set(checks(lab))


def test_after_a_record_was_deleted_by_hand_between_reading_and_withdrawal_the_others_are_withdrawn(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = admitted(lab, 2)
    by_hand = [record for record in lab.route53.records("app.example.com", "A") if first in record["SetIdentifier"]]

    def delete(_parameters: Mapping[str, Any]) -> None:
        if by_hand:
            batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": by_hand.pop()}]}
            lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": batch})

    intercept(lab, monkeypatch, "ChangeResourceRecordSets", delete)
    lab.fleet.terminate(first)
    lab.fleet.terminate(second)
    lab.settle()

    assert len(log_lines(lab, "batch refused")) == 1
    assert records(lab) == {}
    assert checks(lab) == {}
