"""The stack's life: what runs already enters DNS with no event, and all of it goes with the stack, and no more."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from urllib3.util import Retry

from fleet53.domain.errors import AnswerNotSentError
from lab.moto.cloudformation import put_stack_status
from lab.route53.error import Route53Error
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import before_each, meanwhile, set_timeout, wait_in_lab_time
from tests.functional.views import (
    OWNER,
    admitted,
    allowed_zone,
    batches,
    calls,
    checks,
    checks_of,
    create_check,
    in_dns,
    launched,
    log_lines,
    put_record,
    records,
    see_healthy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION = "StackLifecycleFunction"


@pytest.fixture(autouse=True)
def _waits_in_lab_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_in_lab_time(lab, monkeypatch)


def ours(lab: Lab, name: str = "app.example.com") -> list[str]:
    return [identifier for identifier in records(lab, name) if identifier.startswith(f"{OWNER}/")]


def put_ours(lab: Lab, count: int, name: str = "app.example.com") -> None:
    """Put records of this stack, with no instance behind them."""
    for number in range(count):
        record = {
            "Name": name,
            "Type": "A",
            "SetIdentifier": f"{OWNER}/i-{number:017x}",
            "MultiValueAnswer": True,
            "TTL": 60,
            "ResourceRecords": [{"Value": f"198.18.{number // 250}.{number % 250}"}],
        }
        put_record(lab, record)


def delete(lab: Lab, **options: Any) -> tuple[str, dict[str, str]]:
    """Delete the stack; return its status, and what CloudFormation was answered."""
    resource = lab.custom_resources["StackLifecycle"]
    status = lab.delete_stack(**options)
    return status, resource.answers[-1]


def request(lab: Lab, kind: str = "Create", **differs: Any) -> dict[str, Any]:
    """Return a request as CloudFormation sends it; its answer is at `lab.answer_urls`."""
    return {
        "RequestType": kind,
        "ResponseURL": lab.answer_urls.url("r-1"),
        "StackId": lab.deployment.stack_id,
        "RequestId": "r-1",
        "ResourceType": "Custom::StackLifecycle",
        "LogicalResourceId": "StackLifecycle",
        "ResourceProperties": {"OnStackDelete": "withdraw"},
    } | differs


# -- Create and Update


def test_a_fleet_that_runs_already_is_registered_with_no_event() -> None:
    with Lab(start=MONDAY_NOON, running=2) as lab:
        assert [len(checks_of(lab, instance_id)) for instance_id in lab.running] == [1, 1]
        see_healthy(lab, lab.running)
        assert in_dns(lab) == set(lab.running)


def test_a_changed_setting_of_the_first_pool_reaches_dns_by_the_update_alone(lab: Lab) -> None:
    admitted(lab, 1)
    lab.client("events").disable_rule(Name=lab.deployment.resources["PoolSettingRule"])
    lab.update_stack({"RecordTTL": "30"})
    lab.settle()
    assert [record["TTL"] for record in records(lab).values()] == [30]


def test_an_update_keeps_the_physical_id_and_withdraws_nothing(lab: Lab) -> None:
    members = admitted(lab, 2)
    before = lab.custom_resources["StackLifecycle"].physical_id
    lab.update_stack({"MaxWithdrawPercent": "10"})
    assert lab.custom_resources["StackLifecycle"].physical_id == before
    assert [answer["Status"] for answer in lab.custom_resources["StackLifecycle"].answers] == ["SUCCESS", "SUCCESS"]
    assert in_dns(lab) == set(members)


def test_an_update_that_changes_no_setting_asks_for_nothing(lab: Lab) -> None:
    lab.update_stack({"LogLevel": "DEBUG"})
    assert len(lab.custom_resources["StackLifecycle"].answers) == 1


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_first_audit_of_all_pools_is_started_and_not_waited_for(lab: Lab, kind: str) -> None:
    audit = lab.deployment.functions["AuditFunction"].name
    lab.invoke(FUNCTION, request(lab, kind, ResourceProperties={"AuditFunction": audit}))
    assert lab.answer_urls.answer("r-1")["Status"] == "SUCCESS"
    assert [each.function for each in lab.invocations] == [FUNCTION]
    lab.settle()

    (audited,) = (each for each in lab.invocations if each.function == "AuditFunction")
    assert (audited.event, audited.metric("Audits", Owner=OWNER)) == ({}, [1.0])


def test_an_audit_that_cannot_be_started_fails_nothing(lab: Lab) -> None:
    invocation = lab.invoke(FUNCTION, request(lab, ResourceProperties={"AuditFunction": "gone"}))
    assert lab.answer_urls.answer("r-1")["Status"] == "SUCCESS"
    (line,) = (line for line in invocation.logs if line["message"] == "audit not started")
    assert "AccessDeniedException" in line["because"]  # IAM refuses before Lambda looks
    lab.faults.permissions.refused.clear()


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("schedule", "seconds"), [("rate(15 minutes)", "900"), ("rate(1 hour)", "3600"), ("cron(0 3 * * ? *)", "86400")]
)
def test_the_answer_has_the_seconds_that_alarms_count_in(lab: Lab, kind: str, schedule: str, seconds: str) -> None:
    properties = {"OnStackDelete": "withdraw", "AuditSchedule": schedule}
    lab.invoke(FUNCTION, request(lab, kind, ResourceProperties=properties))
    assert lab.answer_urls.answer("r-1")["Data"] == {"AuditPeriod": seconds}


def test_an_older_templates_properties_are_answered_too(lab: Lab) -> None:
    lab.invoke(FUNCTION, request(lab, "Update"))
    assert lab.answer_urls.answer("r-1")["Data"] == {"AuditPeriod": "86400"}


def test_a_deletion_and_a_failure_are_answered_without(lab: Lab) -> None:
    put_stack_status(lab.deployment.stack_name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    lab.invoke(FUNCTION, request(lab, "Delete", PhysicalResourceId="p"))
    assert "Data" not in lab.answer_urls.answer("r-1")
    lab.client("sqs").delete_queue(QueueUrl=lab.deployment.queue_url("Signals"))
    lab.invoke(FUNCTION, request(lab))
    answer = lab.answer_urls.answer("r-1")
    assert (answer["Status"], "Data" in answer) == ("FAILED", False)


def test_a_changed_schedule_keeps_the_physical_id_and_changes_the_seconds(lab: Lab) -> None:
    resource = lab.custom_resources["StackLifecycle"]
    before = resource.physical_id
    lab.update_stack({"AuditSchedule": "rate(1 hour)"})
    assert (resource.physical_id, resource.answers[-1]["Data"]) == (before, {"AuditPeriod": "3600"})


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_pass_that_cannot_be_queued_is_answered_as_a_failure(lab: Lab, kind: str) -> None:
    lab.client("sqs").delete_queue(QueueUrl=lab.deployment.queue_url("Signals"))
    lab.invoke(FUNCTION, request(lab, kind))
    answer = lab.answer_urls.answer("r-1")
    assert answer["Status"] == "FAILED"
    assert "QueueDoesNotExist" in answer["Reason"]


def test_wrong_settings_are_answered_as_a_failure(lab: Lab) -> None:
    lab.deployment.functions[FUNCTION].environment["FLEET53_MAX_WITHDRAW_PERCENT"] = "half"
    lab.invoke(FUNCTION, request(lab))
    answer = lab.answer_urls.answer("r-1")
    assert answer["Status"] == "FAILED"
    assert "FLEET53_MAX_WITHDRAW_PERCENT='half'" in answer["Reason"]


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send an answer again at once."""
    monkeypatch.setattr(Retry, "sleep", lambda _retry, _response=None: None)


@pytest.mark.usefixtures("no_pauses")
def test_an_answer_that_is_not_taken_at_first_is_sent_again(lab: Lab) -> None:
    lab.answer_urls.outages = 3
    lab.invoke(FUNCTION, request(lab))
    assert lab.answer_urls.answer("r-1")["Status"] == "SUCCESS"


@pytest.mark.usefixtures("no_pauses")
def test_an_answer_that_is_never_taken_leaves_the_handler_so_that_lambda_invokes_it_again(lab: Lab) -> None:
    lab.answer_urls.outages = 4
    assert isinstance(lab.invoke(FUNCTION, request(lab)).error, AnswerNotSentError)


def test_the_signed_url_is_not_logged(lab: Lab) -> None:
    invocation = lab.invoke(FUNCTION, request(lab))
    assert lab.answer_urls.url("r-1") not in invocation.text


# -- Delete


def test_a_deleted_stack_leaves_no_record_and_no_check(lab: Lab) -> None:
    admitted(lab, 3)
    launched(lab, 2)
    status, answer = delete(lab)
    assert (status, answer["Status"], answer["Reason"]) == (
        "DELETE_COMPLETE",
        "SUCCESS",
        "withdrawn: 8 records and health checks",
    )
    assert (records(lab), checks(lab)) == ({}, {})


def test_all_families_further_names_and_the_fallback_go_too(lab: Lab) -> None:
    lab.put_pool("api", address="dualstack", fallback="52.95.255.1")
    lab.settle()
    (member,) = launched(lab, 1, pools=["api"], ipv6="2a05:d018::1")
    see_healthy(lab, [member])
    put_ours(lab, 1, "old.example.com")
    assert records(lab, "api.example.com", "AAAA")
    delete(lab)
    for name in ("api.example.com", "old.example.com"):
        assert (records(lab, name), records(lab, name, "AAAA")) == ({}, {})
    assert checks(lab) == {}


def test_records_and_checks_of_others_stay(lab: Lab) -> None:
    admitted(lab, 1)
    put_record(lab, {"Name": "www.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "52.94.0.1"}]})
    green = {
        "Name": "app.example.com",
        "Type": "A",
        "SetIdentifier": f"{OWNER}0/i-1",
        "MultiValueAnswer": True,
        "TTL": 60,
        "ResourceRecords": [{"Value": "52.94.0.2"}],
    }
    put_record(lab, green)
    check = create_check(lab, "fleet53/00000000/4b5e57f6/i-1/d98573835d08")
    delete(lab)
    assert list(records(lab)) == [f"{OWNER}0/i-1"]
    assert list(records(lab, "www.example.com")) == [""]
    assert list(checks(lab)) == [check]


def test_the_checks_go_after_the_records_that_name_them(lab: Lab) -> None:
    admitted(lab, 2)
    lab.route53.reset_calls()
    delete(lab)
    made = [call.operation for call in lab.route53.calls if call.operation.startswith(("Change", "Delete"))]
    assert made == ["ChangeResourceRecordSets", "DeleteHealthCheck", "DeleteHealthCheck"]


def test_more_records_than_a_page_and_a_name_hold_go_in_one_batch(lab: Lab) -> None:
    for name in ("app", "api", "new", "www"):
        put_ours(lab, 100, f"{name}.example.com")
    lab.route53.reset_calls()
    status, _ = delete(lab)
    assert status == "DELETE_COMPLETE"
    assert [len(batch) for batch in batches(lab)] == [400]
    assert ours(lab) == []


def test_more_records_than_a_batch_holds_go_in_several(lab: Lab) -> None:
    names = [f"n{number:02}.example.com" for number in range(11)]
    lab.update_stack({"AllowedRecordNames": ",".join(names)})
    for name in names:
        put_ours(lab, 100, name)
    lab.route53.reset_calls()
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert [len(batch) for batch in batches(lab)] == [1000, 100]


def test_with_keep_nothing_is_touched_or_even_read() -> None:
    with Lab({"OnStackDelete": "keep"}, start=MONDAY_NOON) as lab:
        members = admitted(lab, 2)
        lab.route53.reset_calls()
        status, answer = delete(lab)
        assert (status, answer["Status"]) == ("DELETE_COMPLETE", "SUCCESS")
        assert in_dns(lab) == set(members)
        assert len(checks(lab)) == 2
        assert calls(lab) == {}


@pytest.mark.parametrize(
    "status", ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"]
)
def test_an_update_that_drops_the_resource_withdraws_nothing(lab: Lab, status: str) -> None:
    members = admitted(lab, 2)
    put_stack_status(lab.deployment.stack_name, status)
    lab.invoke(FUNCTION, request(lab, "Delete", PhysicalResourceId="an-older-one"))
    answer = lab.answer_urls.answer("r-1")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "an-older-one")
    assert status in answer["Reason"]
    assert in_dns(lab) == set(members)


def test_a_stack_whose_creation_is_undone_takes_its_records_along(lab: Lab) -> None:
    admitted(lab, 1)
    put_stack_status(lab.deployment.stack_name, "ROLLBACK_IN_PROGRESS")
    lab.invoke(FUNCTION, request(lab, "Delete", PhysicalResourceId="p"))
    assert lab.answer_urls.answer("r-1")["Status"] == "SUCCESS"
    assert (records(lab), checks(lab)) == ({}, {})


def test_a_throttled_withdrawal_goes_on_until_all_is_gone(lab: Lab) -> None:
    admitted(lab, 2)
    lab.route53.throttle(20)
    status, _ = delete(lab)
    assert status == "DELETE_COMPLETE"
    assert (records(lab), checks(lab)) == ({}, {})


def test_what_a_run_that_still_goes_on_puts_back_is_found_by_the_next_round(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(lab, 1)
    meanwhile(lab, monkeypatch, "DeleteHealthCheck", lambda: put_ours(lab, 1))
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert records(lab) == {}


def test_rounds_go_on_while_a_message_is_with_the_reconciler(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.send(json.dumps({"source": "somebody's run"}))
    queue = lab.deployment.queue_url("Signals")
    lab.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=60)
    late = [20.0]

    def put_late(_parameters: Mapping[str, Any]) -> None:
        if late and (lab.clock.now() - MONDAY_NOON).total_seconds() > late[0]:
            late.clear()
            put_ours(lab, 1)

    before_each(lab, monkeypatch, "ListHealthChecks", put_late)
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert (late, records(lab)) == ([], {})
    assert 60 <= (lab.clock.now() - MONDAY_NOON).total_seconds() < 120


def test_a_message_that_stays_in_flight_holds_the_deletion_no_longer_than_a_run_can_take(lab: Lab) -> None:
    lab.send(json.dumps({"source": "somebody's run"}))
    queue = lab.deployment.queue_url("Signals")
    lab.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=1800)
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert 300 <= (lab.clock.now() - MONDAY_NOON).total_seconds() < 360


# -- Delete, when not all of it can be done


def test_a_protected_name_is_left_and_reported_and_the_rest_is_withdrawn(lab: Lab) -> None:
    lab.put_pool("api")
    admitted(lab, 1)
    (member,) = admitted(lab, 1, "api.example.com", pools=["api"])
    lab.route53.protect(lab.zone_id, "api.example.com", "A", "do not touch")
    (kept,) = checks_of(lab, member)

    status, answer = delete(lab)
    assert (status, answer["Status"]) == ("DELETE_FAILED", "FAILED")
    assert f"1 records (1 of api.example.com A in {lab.zone_id}) and 1 health checks ({kept})" in answer["Reason"]
    assert "do not touch" in answer["Reason"]
    assert "Delete the stack again" in answer["Reason"]
    assert (in_dns(lab), in_dns(lab, "api.example.com")) == (set(), {member})
    assert list(checks(lab)) == [kept]
    assert {line.get("record_name", line["check_id"]) for line in log_lines(lab, "not withdrawn")} == {
        "api.example.com",
        kept,
    }


def test_a_failed_deletion_says_why_first_and_fits_a_stack_event_with_long_names() -> None:
    name = ".".join(["a" * 63, "b" * 63, "c" * 40, "example.com"])
    with Lab({"RecordName": name}, start=MONDAY_NOON) as lab:
        admitted(lab, 1, name)
        lab.route53.protect(lab.zone_id, name, "A", "do not touch")
        reason = delete(lab)[1]["Reason"]

    assert reason.startswith("Not withdrawn, because ")
    assert "do not touch" in reason[:600]
    assert "Left: 1 records (1 of aaa" in reason
    assert reason.endswith("--retain-resources StackLifecycle. The function's log names the rest.")
    assert len(reason) <= 1024


def test_a_stack_whose_deletion_failed_is_deleted_by_the_next_once_the_cause_is_repaired(lab: Lab) -> None:
    admitted(lab, 1)
    denied = Route53Error("AccessDenied", "not allowed to list", HTTPStatus.FORBIDDEN)
    lab.route53.fail("ListHealthChecks", denied, 1)
    status, answer = delete(lab)
    assert status == "DELETE_FAILED"
    assert "not allowed to list" in answer["Reason"]
    assert (ours(lab), len(checks(lab))) == ([], 1)
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert checks(lab) == {}


def test_a_stack_can_be_deleted_without_its_withdrawal(lab: Lab) -> None:
    (member,) = admitted(lab, 1)
    lab.route53.deny(lab.zone_id)
    assert delete(lab)[0] == "DELETE_FAILED"
    assert lab.delete_stack(retain=["StackLifecycle"]) == "DELETE_COMPLETE"
    assert in_dns(lab) == {member}


def test_a_zone_that_cannot_be_read_keeps_its_checks_and_fails_the_deletion(lab: Lab) -> None:
    (member,) = admitted(lab, 1)
    before = checks_of(lab, member)
    lab.route53.deny(lab.zone_id)
    status, answer = delete(lab)
    assert status == "DELETE_FAILED"
    assert f"hosted zone {lab.zone_id}: AccessDenied" in answer["Reason"]
    assert list(checks(lab)) == before != []


def test_a_zone_that_cannot_be_read_does_not_keep_the_others(lab: Lab) -> None:
    with_two = lab.create_zone("example.net")
    lab.update_stack({"AllowedZoneIds": with_two})
    (member,) = admitted(lab, 1)
    lab.route53.deny(with_two)
    assert delete(lab)[0] == "DELETE_FAILED"
    assert (ours(lab), checks_of(lab, member)) == ([], [])


def test_a_zone_that_is_gone_does_not_stop_the_deletion(lab: Lab) -> None:
    lab.update_stack({"AllowedZoneIds": "Z0GONE"})
    admitted(lab, 1)
    assert delete(lab)[0] == "DELETE_COMPLETE"


def test_a_zone_that_only_a_pool_names_is_read_and_does_not_stop_the_deletion_if_it_cannot_be_read(lab: Lab) -> None:
    other, denied = allowed_zone(lab, "example.net"), lab.create_zone("example.org")
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    lab.put_pool("bad", hosted_zone_id=denied, record_name="bad.example.org")
    lab.settle()
    admitted(lab, 1, "api.example.net", pools=["api"])
    lab.route53.deny(denied)
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert (records(lab, "api.example.net"), checks(lab)) == ({}, {})


def test_a_withdrawal_that_nears_its_time_out_stops_and_is_answered_and_the_next_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(lab, 6)
    before_each(lab, monkeypatch, "DeleteHealthCheck", lambda _parameters: lab.clock.advance(200))
    began = lab.clock.now()
    status, answer = delete(lab)
    assert (status, answer["Status"]) == ("DELETE_FAILED", "FAILED")
    assert "Left: 1 health checks (" in answer["Reason"]
    assert (lab.clock.now() - began).total_seconds() < 15 * 60 + 240
    assert delete(lab)[0] == "DELETE_COMPLETE"
    assert (records(lab), checks(lab)) == ({}, {})


def test_without_time_left_cloudformation_still_gets_an_answer(lab: Lab) -> None:
    admitted(lab, 1)
    set_timeout(lab, FUNCTION, 55)
    status, answer = delete(lab)
    assert status == "DELETE_FAILED"
    assert "10 s are kept for a clean end" in answer["Reason"]


def test_a_long_list_of_what_is_left_fits_the_answer(lab: Lab) -> None:
    names = [f"{'n' * 30}{number:02}.example.com" for number in range(60)]
    lab.update_stack({"AllowedRecordNames": ",".join(names)})
    for name in names:
        put_ours(lab, 1, name)
        lab.route53.protect(lab.zone_id, name, "A", 'é"' * 100)
    status, answer = delete(lab)
    assert status == "DELETE_FAILED"
    assert "60 records" in answer["Reason"]
    assert len(json.dumps(answer)) < 4096


def test_a_stack_that_is_deleted_through_the_api_is_withdrawn_first_and_the_lab_goes_on(lab: Lab) -> None:
    (instance,) = admitted(lab, 1)
    cloudformation = lab.client("cloudformation")
    cloudformation.delete_stack(StackName="fleet53")
    (stack,) = cloudformation.describe_stacks(StackName="fleet53")["Stacks"]
    assert (stack["StackStatus"], in_dns(lab)) == ("DELETE_IN_PROGRESS", {instance})
    lab.run(2)
    assert (in_dns(lab), checks(lab)) == (set(), {})
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="fleet53")
    lab.client("ec2").stop_instances(InstanceIds=[instance])
    lab.fleet.emit_changes()
    lab.run(1000, step=100)


def test_resources_are_retained_only_of_a_stack_whose_deletion_failed(lab: Lab) -> None:
    with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state"):
        lab.client("cloudformation").delete_stack(StackName="fleet53", RetainResources=["StackLifecycle"])
