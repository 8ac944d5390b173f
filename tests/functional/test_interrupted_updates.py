"""An update that a launch overtakes, or that is rolled back halfway, leaves no record that cannot be withdrawn.

Every test asks DNS in every second.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.conftest import NO_OTHER_NAME
from tests.functional.incidents import after_answer, before_each, fail_lifecycle
from tests.functional.queries import asking
from tests.functional.views import admitted, audit, checks, in_dns, kinds, launched, put_record, records, see_healthy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lab.world import Lab

OLD, NEW, API = "app.example.com", "www.example.com", "api.example.com"

pytestmark = [pytest.mark.usefixtures("lab_time"), NO_OTHER_NAME]


def refusal(lab: Lab, logical_id: str) -> str:
    """Return the reason of the only answer of a custom resource that is a failure."""
    answers = lab.custom_resources[logical_id].answers
    (reason,) = (answer["Reason"] for answer in answers if answer["Status"] == "FAILED")
    return str(reason)


def test_a_member_that_is_admitted_at_a_dropped_name_after_the_precondition_fails_the_update_and_stays_served(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = launched(lab, 1)
    queries = asking(lab, OLD, [])

    def admit() -> None:
        see_healthy(lab, boots)
        queries.members = boots

    after_answer(lab, monkeypatch, "StackPrecondition", admit)
    assert lab.update_stack({"RecordName": NEW}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert refusal(lab, "StackLifecycle") == (
        f"1 records of this stack remain where it could not change them any more: 1 at {OLD} in {lab.zone_id}. Keep "
        f"{OLD} in AllowedRecordNames until they are withdrawn, then update the stack again. They were put while the "
        "update was in progress, so it is rolled back."
    )
    lab.run(60)
    assert (in_dns(lab), in_dns(lab, NEW), queries.wrong) == (set(boots), set(), [])
    assert audit(lab)["in_sync"] is True

    lab.fleet.terminate(boots[0])
    lab.run(5)
    assert in_dns(lab) == set()


def test_a_member_of_an_additional_pool_whose_name_is_dropped_fails_the_update_too(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.update_stack({"AllowedRecordNames": API})
    lab.put_pool("api", record_name=API)
    boots = launched(lab, 1, pools=["api"])
    after_answer(lab, monkeypatch, "StackPrecondition", lambda: see_healthy(lab, boots))

    assert lab.update_stack({"AllowedRecordNames": ""}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"1 at {API} in {lab.zone_id}. Keep {API} in AllowedRecordNames" in refusal(lab, "StackLifecycle")
    lab.fleet.terminate(boots[0])
    lab.run(5)
    assert in_dns(lab, API) == set()


@pytest.mark.parametrize(("count", "pause"), [(2, 3), (5, 0)])
def test_members_that_have_moved_are_back_at_the_old_name_when_the_update_is_rolled_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, count: int, pause: int
) -> None:
    members = admitted(lab, count)
    queries = asking(lab, OLD, members, also=[NEW])
    lab.run(25)
    before = checks(lab)
    fail_lifecycle(lab, monkeypatch)

    after_answer(lab, monkeypatch, "StackLifecycle", lambda: lab.run(130))
    moved = {"RecordName": NEW, "AllowedRecordNames": OLD}
    assert lab.update_stack(moved, pause=pause) == "UPDATE_ROLLBACK_COMPLETE"
    lab.run(60)
    assert (in_dns(lab), in_dns(lab, NEW), queries.wrong) == (set(members), set(), [])
    assert (checks(lab), kinds(audit(lab))) == (before, {})


def test_members_that_have_moved_to_another_zone_are_back_when_the_update_is_rolled_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = "app.example.net"
    zone_id = lab.create_zone("example.net")
    members = admitted(lab, 3)
    queries = asking(lab, OLD, members, also=[new])
    lab.run(25)
    fail_lifecycle(lab, monkeypatch)
    after_answer(lab, monkeypatch, "StackLifecycle", lambda: lab.run(130))

    changed = {"HostedZoneId": zone_id, "RecordName": new, "AllowedZoneIds": lab.zone_id, "AllowedRecordNames": OLD}
    assert lab.update_stack(changed) == "UPDATE_ROLLBACK_COMPLETE"
    lab.run(60)
    assert (in_dns(lab), in_dns(lab, new), queries.wrong) == (set(members), set(), [])


def test_members_of_a_name_that_only_the_failed_update_allowed_are_withdrawn_there(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = launched(lab, 2)
    api = launched(lab, 1, pools=["api"])
    fail_lifecycle(lab, monkeypatch)

    def admit() -> None:
        lab.put_pool("api", record_name=API)
        lab.run(5)
        see_healthy(lab, [*boots, *api])
        assert (in_dns(lab, NEW), in_dns(lab, API)) == (set(boots), set(api))

    after_answer(lab, monkeypatch, "StackLifecycle", admit)
    assert lab.update_stack({"RecordName": NEW, "AllowedRecordNames": API}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert (records(lab, NEW), records(lab, API)) == ({}, {})
    lab.run(60)
    assert (in_dns(lab), in_dns(lab, NEW), in_dns(lab, API)) == (set(boots), set(), set())


def test_a_record_that_a_run_in_progress_puts_during_the_rollback_is_taken_back_too(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = admitted(lab, 2)
    queries = asking(lab, OLD, members, also=[NEW])
    lab.run(25)
    fail_lifecycle(lab, monkeypatch)
    late: list[tuple[datetime, dict[str, Any]]] = []

    def begin_run() -> None:
        lab.run(130)
        lab.send(json.dumps({"source": "somebody's run"}))
        queue = lab.deployment.queue_url("Signals")
        lab.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=60)
        late.append((lab.clock.now() + timedelta(seconds=20), next(iter(records(lab, NEW).values()))))

    def put_late(_parameters: Mapping[str, Any]) -> None:
        if late and late[0][0] < lab.clock.now():
            put_record(lab, late.pop()[1])

    after_answer(lab, monkeypatch, "StackLifecycle", begin_run)
    before_each(lab, monkeypatch, "ListResourceRecordSets", put_late)
    assert lab.update_stack({"RecordName": NEW, "AllowedRecordNames": OLD}) == "UPDATE_ROLLBACK_COMPLETE"
    assert (late, records(lab, NEW)) == ([], {})
    lab.run(60)
    assert (in_dns(lab), queries.wrong) == (set(members), [])


@pytest.mark.parametrize("refuse", ["locked", "busy"])
def test_records_are_taken_back_when_route_53_takes_changes_again_during_the_rollback(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, refuse: str
) -> None:
    members = admitted(lab, 2)
    lab.run(25)
    fail_lifecycle(lab, monkeypatch)

    def refuse_changes() -> None:
        lab.run(130)
        assert in_dns(lab, NEW) == set(members)
        if refuse == "busy":
            lab.route53.busy(20)
        else:
            features = {"HostedZoneId": lab.zone_id, "EnableAcceleratedRecovery": True}
            lab.route53.call("UpdateHostedZoneFeatures", features)

    after_answer(lab, monkeypatch, "StackLifecycle", refuse_changes)
    assert lab.update_stack({"RecordName": NEW, "AllowedRecordNames": OLD}) == "UPDATE_ROLLBACK_COMPLETE"
    lab.run(60)

    assert (in_dns(lab), in_dns(lab, NEW)) == (set(members), set())
