"""A withdrawal waits for nothing that only an admission needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.faults import Fault
from lab.route53.api import Route53Error
from tests.functional.incidents import before_each, meanwhile, wait_in_lab_time
from tests.functional.views import (
    admitted,
    allowed_zone,
    batches,
    check_of,
    checks,
    checks_of,
    in_dns,
    log_lines,
    records,
    signal,
    state_change,
    values,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab

FALLBACK = "52.94.0.100"


def writes(lab: Lab) -> list[str]:
    """Return the successful changes of Route 53 in order, those of one kind in a row only once."""
    made: list[str] = []
    for call in lab.route53.calls:
        if call.code is None and not call.operation.startswith(("List", "Get")) and made[-1:] != [call.operation]:
            made.append(call.operation)
    return made


def refuse_checks(lab: Lab, monkeypatch: pytest.MonkeyPatch, code: str, message: str, status: int) -> None:
    """Let Route 53 refuse every new health check."""

    def refuse(_parameters: Mapping[str, Any]) -> None:
        raise Route53Error(code, message, status)

    before_each(lab, monkeypatch, "CreateHealthCheck", refuse)


def deny_checks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deny the creation of health checks, as a service control policy does."""
    refuse_checks(lab, monkeypatch, "AccessDenied", "explicit deny in a service control policy", 403)


def test_a_termination_does_not_wait_for_the_checks_of_a_launch(lab: Lab) -> None:
    (old,) = admitted(lab, 1)
    lab.route53.reset_calls()

    for _ in range(12):
        lab.fleet.launch()
    lab.fleet.terminate(old)
    lab.settle()

    assert writes(lab) == ["ChangeResourceRecordSets", "CreateHealthCheck", "DeleteHealthCheck"]
    assert (in_dns(lab), len(checks(lab))) == (set(), 12)


def test_a_termination_in_another_pool_does_not_wait_for_them_either(lab: Lab) -> None:
    lab.put_pool("api", admit_when="running")
    (old,) = admitted(lab, 1)
    lab.route53.reset_calls()

    new = [lab.fleet.launch(("api",)) for _ in range(3)]
    lab.fleet.terminate(old)
    lab.settle()

    steps = ["ChangeResourceRecordSets", "CreateHealthCheck", "ChangeResourceRecordSets", "DeleteHealthCheck"]
    assert writes(lab) == steps
    assert batches(lab)[0] == [("DELETE", old)]
    assert in_dns(lab, "api.example.com") == set(new)


def test_a_refused_withdrawal_is_planned_again_before_a_check_is_created(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = admitted(lab, 2)
    by_hand = records(lab)[f"fleet53.eu-west-1.123456789012/{first}"]
    lab.route53.reset_calls()

    def delete() -> None:
        batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": by_hand}]}
        lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": batch})

    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", delete)
    lab.put_pool("api")
    new = [lab.fleet.launch(("api",)) for _ in range(3)]
    lab.fleet.terminate(first)
    lab.fleet.terminate(second)
    lab.settle()

    assert len(log_lines(lab, "batch refused")) == 1
    assert "CreateHealthCheck" not in writes(lab)[: writes(lab).index("ChangeResourceRecordSets") + 1]
    created = [call.operation for call in lab.route53.calls].index("CreateHealthCheck")
    deletions = [
        place
        for place, call in enumerate(lab.route53.calls)
        if call.operation == "ChangeResourceRecordSets" and call.code is None
    ]
    assert max(deletions) < created
    assert records(lab) == {}
    assert [len(checks_of(lab, each)) for each in new] == [1, 1, 1]


def test_the_fallback_answers_while_the_check_of_the_only_member_is_created(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("web", fallback=FALLBACK, admit_when="running")
    (old,) = (lab.fleet.launch(),)
    lab.settle()
    assert in_dns(lab) == {old}
    lab.route53.reset_calls()
    seen: list[set[str]] = []
    before_each(lab, monkeypatch, "CreateHealthCheck", lambda _: seen.append(values(lab)))

    new = lab.fleet.launch()
    lab.fleet.terminate(old)
    lab.settle()

    assert seen == [{FALLBACK}]
    assert values(lab) == {lab.fleet.address(new)}


def test_the_fallback_stays_when_the_check_of_the_only_member_is_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("web", fallback=FALLBACK, admit_when="running")
    lab.settle()
    refuse_checks(lab, monkeypatch, "InvalidInput", "the address is not routable", 400)

    lab.fleet.launch()
    lab.settle()

    assert values(lab) == {FALLBACK}


@pytest.mark.parametrize("repair", [False, True])
def test_when_checks_may_not_be_created_members_that_end_still_leave_dns(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, repair: bool
) -> None:
    lab.put_pool("api")
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, name="api.example.com", pools=("api",))
    deny_checks(lab, monkeypatch)

    new = lab.fleet.launch(events=not repair)
    lab.fleet.terminate(web, events=not repair)
    lab.fleet.terminate(api, events=not repair)
    if repair:
        signal(lab, repair=True, force=True)
    lab.settle()

    assert (in_dns(lab), in_dns(lab, "api.example.com")) == (set(), set())
    assert checks(lab) == {}
    (line,) = log_lines(lab, "health check not created")
    assert (line["instance_id"], line["kind"]) == (new, "check-refused")
    assert "AccessDenied: explicit deny in a service control policy" in line["because"]
    assert log_lines(lab, "message returned") == []


def test_while_signals_wait_checks_are_deleted_later(lab: Lab) -> None:
    lab.put_pool("api")
    web = admitted(lab, 30)
    (last,) = admitted(lab, 1, name="api.example.com", pools=("api",))
    lab.route53.reset_calls()

    for instance_id in web:
        lab.fleet.terminate(instance_id)
    for _ in range(40):  # the first batch has 100 messages, and the last termination is in the second
        lab.send(state_change(lab, web[0], "terminated"))
    lab.fleet.terminate(last)
    lab.settle()
    wait(lab, 61)

    assert writes(lab) == ["ChangeResourceRecordSets", "DeleteHealthCheck"]
    assert (in_dns(lab), in_dns(lab, "api.example.com"), checks(lab)) == (set(), set(), {})
    assert len(log_lines(lab, "deletion of health checks deferred")) == 1


def test_a_zone_that_is_busy_does_not_delay_withdrawals_in_another_zone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = allowed_zone(lab, "example.net")
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, name="api.example.net", pools=("api",))
    wait_in_lab_time(lab, monkeypatch)

    def busy(parameters: Mapping[str, Any]) -> None:
        if parameters["HostedZoneId"] == min(lab.zone_id, other):  # the zone whose batch is sent first
            raise Route53Error("PriorRequestNotComplete", "the zone is busy")

    before_each(lab, monkeypatch, "ChangeResourceRecordSets", busy)
    lab.fleet.terminate(web)
    lab.fleet.terminate(api)
    first = lab.pollers[0].poll_once()

    assert first is not None
    stays = in_dns(lab) | in_dns(lab, "api.example.net")
    assert stays == ({web} if lab.zone_id < other else {api})
    returned = {each["itemIdentifier"] for each in first.result["batchItemFailures"]}
    about = {each["messageId"] for each in first.event["Records"] if any(stayed in each["body"] for stayed in stays)}
    assert returned == about != set()
    assert {each: len(checks_of(lab, each)) for each in (web, api)} == {each: each in stays for each in (web, api)}


def fail_sweeps(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Route 53 throttle every listing of a whole hosted zone."""

    def throttle(parameters: Mapping[str, Any]) -> None:
        if "StartRecordName" not in parameters:
            raise Route53Error("Throttling", "Rate exceeded")

    before_each(lab, monkeypatch, "ListResourceRecordSets", throttle)


def test_a_termination_does_not_wait_for_a_sweep_that_is_received_with_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    stays, ends = admitted(lab, 2)
    fail_sweeps(lab, monkeypatch)
    lab.fleet.terminate(ends)
    signal(lab)

    assert in_dns(lab) == {stays}
    assert log_lines(lab, "message returned") != []


def test_a_termination_of_a_member_with_a_record_at_a_former_name_does_not_wait_for_the_sweep(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    lab.put_pool("api", health_check=None, admit_when="running")
    lab.put_pool("new", health_check=None, admit_when="running")
    lab.settle()
    both = [lab.fleet.launch(("api", "new")) for _ in range(4)]
    lab.settle()
    lab.delete_pool("api")
    lab.settle()
    assert in_dns(lab, "api.example.com") == in_dns(lab, "new.example.com") == set(both)
    fail_sweeps(lab, monkeypatch)
    lab.fleet.terminate(both[0])
    lab.settle()

    assert in_dns(lab, "new.example.com") == set(both[1:])


def test_tags_that_come_back_between_a_pass_and_the_sweep_after_it_withdraw_no_member(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = admitted(lab, 8)
    for instance_id in web[:5]:
        lab.fleet.retag(instance_id, [])

    def put_back(parameters: Mapping[str, Any]) -> None:
        if "StartRecordName" not in parameters:
            for instance_id in web[:2]:
                lab.fleet.retag(instance_id, ["web"], events=False)

    before_each(lab, monkeypatch, "ListResourceRecordSets", put_back)
    signal(lab)

    assert in_dns(lab) == set(web)


def test_a_health_check_whose_deletion_is_not_answered_does_not_delay_other_health_checks_and_messages(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("api")
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, name="api.example.com", pools=("api",))
    wait_in_lab_time(lab, monkeypatch)
    lab.faults.order(Fault.SERVER_ERROR, "route53:DeleteHealthCheck", about=check_of(lab, api))
    lab.fleet.terminate(web)
    lab.fleet.terminate(api)
    run = lab.pollers[0].poll_once()

    assert run is not None
    assert (in_dns(lab), in_dns(lab, "api.example.com")) == (set(), set())
    assert (len(checks_of(lab, web)), len(checks_of(lab, api))) == (0, 1)
    returned = {each["itemIdentifier"] for each in run.result["batchItemFailures"]}
    assert returned == {each["messageId"] for each in run.event["Records"] if api in each["body"]}
    lab.faults.end()
    lab.run(10, step=5)
    assert checks(lab) == {}
