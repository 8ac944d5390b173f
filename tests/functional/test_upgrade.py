"""Another version of the template: what an upgrade does to a running fleet is nothing, in DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet53 import __version__
from lab.world import TEMPLATE, Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import GROUP, in_service, pass_time, state_of, terminate
from tests.functional.incidents import after_answer, fail_lifecycle, wait_in_lab_time, while_replaced
from tests.functional.queries import asking
from tests.functional.versions import write_first, write_older
from tests.functional.views import READS, admitted, audit, calls, check_of, checks, in_dns, records, see_healthy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab whose stack was created from an older template."""
    with Lab(template=write_older(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        yield lab


def test_an_upgrade_of_a_running_fleet_changes_nothing_in_dns(lab: Lab) -> None:
    members = admitted(lab, 3)
    queries = asking(lab, "app.example.com", members)
    lab.run(25)
    before = records(lab), checks(lab)
    lab.route53.reset_calls()

    assert lab.update_stack({}, template=TEMPLATE, pause=3) == "UPDATE_COMPLETE"
    lab.run(60)
    assert set(calls(lab)) <= READS
    assert (records(lab), checks(lab)) == before
    assert (queries.wrong, audit(lab)["in_sync"]) == ([], True)
    assert queries.asked > 60


def test_what_failed_while_the_reconciler_was_replaced_is_done_right_after_the_upgrade(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = admitted(lab, 2)
    while_replaced(monkeypatch, "ReconcilerFunction", lambda: lab.fleet.terminate(one))

    assert lab.update_stack({}, template=TEMPLATE, pause=3) == "UPDATE_COMPLETE"
    assert [type(each.error) for each in lab.invocations if each.error is not None] == [ImportError]
    lab.run(5)
    assert in_dns(lab) == {two}


def test_an_upgrade_deploys_the_new_version_and_settings(lab: Lab) -> None:
    def deployed() -> tuple[str, int, int | None]:
        (source,) = lab.deployment.event_sources
        reconciler = lab.deployment.functions["ReconcilerFunction"]
        return lab.deployment.outputs["Version"], reconciler.memory, source.maximum_concurrency

    assert deployed() == ("0.0.9", 256, 3)
    lab.update_stack({}, template=TEMPLATE)
    assert deployed() == (__version__, 512, 2)


def test_a_changed_default_leaves_the_value_that_the_stack_has(lab: Lab) -> None:
    def told() -> str:
        return lab.deployment.functions["ReconcilerFunction"].environment["FLEET53_ADMIT_TIMEOUT"]

    assert told() == "600"
    lab.update_stack({}, template=TEMPLATE)
    assert told() == "600"
    lab.update_stack({"AdmitTimeout": "900"})
    assert told() == "900"


def test_a_fleet_goes_on_after_an_upgrade(lab: Lab) -> None:
    one, two = admitted(lab, 2)
    lab.update_stack({}, template=TEMPLATE)
    lab.fleet.terminate(one)
    lab.settle()
    assert in_dns(lab) == {two}
    (three,) = admitted(lab, 1)
    assert in_dns(lab) == {two, three}
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert records(lab) == {}


def test_what_only_the_queue_of_the_first_version_got_is_done_right_after_the_upgrade_that_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(template=write_first(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        one, two = admitted(lab, 2)
        lab.run(25)
        before, queue = check_of(lab, two), lab.deployment.queue_url("Signals")
        new: list[str] = []

        def change_fleet() -> None:
            lab.fleet.terminate(one)
            new.append(lab.fleet.launch())

        after_answer(lab, monkeypatch, "StackLifecycle", change_fleet)
        assert lab.update_stack({}, template=TEMPLATE, pause=3) == "UPDATE_COMPLETE"
        assert queue != lab.deployment.queue_url("Signals")
        lab.run(5)
        assert in_dns(lab) == {two}
        see_healthy(lab, new)
        assert in_dns(lab) == {two, *new}
        assert check_of(lab, two) == before


def test_an_instance_that_drains_and_one_that_launches_go_on_after_the_upgrade_that_replaces_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(template=write_first(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        goes, stays = in_service(lab, 2)
        terminate(lab, goes, replace=True)
        lab.run(30)
        (comes,) = lab.fleet.members(GROUP).keys() - {goes, stays}
        assert (state_of(lab, goes), state_of(lab, comes)) == ("Terminating:Wait", "Pending:Wait")

        assert lab.update_stack({}, template=TEMPLATE) == "UPDATE_COMPLETE"
        pass_time(lab, 180)
        assert lab.fleet.members(GROUP) == {stays: "InService", comes: "InService"}
        assert in_dns(lab) == {stays, comes}


def test_a_fleet_goes_on_when_the_upgrade_that_replaces_the_queue_is_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(template=write_first(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        one, two, three = admitted(lab, 3)
        queue = lab.deployment.queue_url("Signals")
        fail_lifecycle(lab, monkeypatch)
        after_answer(lab, monkeypatch, "StackLifecycle", lambda: lab.fleet.terminate(one))

        assert lab.update_stack({}, template=TEMPLATE, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
        lab.run(5)
        assert (lab.deployment.queue_url("Signals"), in_dns(lab)) == (queue, {two, three})
        lab.fleet.terminate(two)
        lab.run(5)
        assert in_dns(lab) == {three}
        # The role is as before when the function still has the other queue.
        assert {request.action for _, request in lab.faults.permissions.refused} == {"sqs:GetQueueAttributes"}
        lab.faults.permissions.refused.clear()


def test_an_upgrade_from_a_version_without_precondition_is_refused_if_it_drops_a_name_with_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab({"AllowedRecordNames": ""}, template=write_first(tmp_path), start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        one, two = admitted(lab, 2)
        assert lab.update_stack({"RecordName": "www.example.com"}, template=TEMPLATE) == "UPDATE_ROLLBACK_COMPLETE"
        answered = [line for each in lab.invocations for line in each.logs if line["message"] == "request answered"]
        (because,) = (line["because"] for line in answered if not line["succeeded"])
        assert because == (
            "2 records of this stack remain where it could not change them any more: 2 at app.example.com in "
            f"{lab.zone_id}. Keep app.example.com in AllowedRecordNames until they are withdrawn, then update the "
            "stack again. Nothing was changed."
        )
        lab.run(60)
        assert (in_dns(lab), in_dns(lab, "www.example.com"), audit(lab)["in_sync"]) == ({one, two}, set(), True)

        kept = {"RecordName": "www.example.com", "AllowedRecordNames": "app.example.com"}
        assert lab.update_stack(kept, template=TEMPLATE) == "UPDATE_COMPLETE"
        lab.run(60)
        assert (in_dns(lab), in_dns(lab, "www.example.com"), audit(lab)["in_sync"]) == (set(), {one, two}, True)


def test_a_stack_that_is_created_again_is_not_refused_because_of_records_that_it_has_kept_at_another_name() -> None:
    with Lab({"OnStackDelete": "keep", "AllowedRecordNames": ""}) as lab:
        (kept,) = admitted(lab, 1)
        assert lab.delete_stack() == "DELETE_COMPLETE"
        lab.stack.parameters["RecordName"] = "www.example.com"
        lab.create_stack()
        assert (in_dns(lab), list(lab.custom_resources)) == (
            {kept},
            ["StackPrecondition", "StackHandover", "StackLifecycle"],
        )
