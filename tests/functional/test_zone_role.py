"""A hosted zone of another account: records are changed through a role there, and health checks stay in the stack's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.faults import Fault
from lab.scaling.hooks import terminate_hook
from lab.stack.template import TemplateError
from lab.world import Lab
from tests.functional.another_account import (
    EXTERNAL_ID,
    NAME,
    NOT_US,
    OTHER,
    ZONE,
    create_role,
    create_zone,
    make_anew,
    records_policy,
    role_of,
    route53_of,
    set_records_policy,
    set_trust,
    through_a_role,
    trust,
)
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import after_answer, fail_lifecycle, wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    checks,
    checks_of,
    findings,
    in_dns,
    kinds,
    launched,
    log_lines,
    record_of,
    records,
    see_healthy,
    signal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECONCILER, AUDIT, LIFECYCLE = "ReconcilerFunction", "AuditFunction", "StackLifecycleFunction"
OF_ZONES = {
    "GetHostedZone",
    "GetHostedZoneLimit",
    "ListResourceRecordSets",
    "ListResourceRecordSetProtections",
    "ChangeResourceRecordSets",
}


@pytest.fixture
def parameters() -> Mapping[str, str]:
    return {}


@pytest.fixture
def lab(parameters: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab whose stack has its hosted zone in another account."""
    with Lab(parameters, start=MONDAY_NOON, prepare=through_a_role) as lab:
        wait_in_lab_time(lab, monkeypatch)
        route53_of(lab).reset_calls()
        lab.faults.forget()
        yield lab


def refusals(lab: Lab) -> Counter[str]:
    """Return how often each action was not allowed, and forget it."""
    found = Counter(request.action for _, request in lab.faults.permissions.refused)
    lab.faults.permissions.refused.clear()
    return found


def assumed(lab: Lab) -> int:
    """Return how often a function asked STS for a session since the lab was told to forget."""
    return Counter(lab.faults.asked)["sts:AssumeRole"]


def allow_changes(lab: Lab, resource: str) -> None:
    """Let the role change records of this hosted zone, known by its ARN, and of no other."""
    policy = records_policy(lab)
    (statement,) = (each for each in policy["Statement"] if each["Sid"] == "ChangeRecords")
    statement["Resource"] = resource
    set_records_policy(lab, policy)


# -- a fleet in and out


def test_a_fleet_enters_and_leaves_the_other_accounts_zone_with_health_checks_in_the_stacks_account(lab: Lab) -> None:
    one, two = admitted(lab, 2, NAME)

    assert lab.answers(NAME) == {lab.fleet.address(one), lab.fleet.address(two)}
    assert len(checks(lab)) == 2
    assert record_of(lab, one, NAME)["HealthCheckId"] == checks_of(lab, one)[0]
    assert route53_of(lab).call("ListHealthChecks", {})["HealthChecks"] == []

    lab.fleet.terminate(one)
    lab.settle()
    assert (in_dns(lab, NAME), len(checks(lab))) == ({two}, 1)
    assert refusals(lab) == {}


def test_each_account_is_asked_only_about_what_it_has(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    audit(lab)
    lab.fleet.terminate(one)
    lab.settle()

    own, other = ({each.operation for each in route53.calls} for route53 in (lab.route53, route53_of(lab)))
    assert own & OF_ZONES == set()
    assert other == OF_ZONES


def test_an_audit_is_in_sync_and_repairs_what_is_deleted_in_the_other_account(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    report = audit(lab)
    assert (report["in_sync"], report["findings"]) == (True, [])
    assert list(report["quotas"]["records"]) == [lab.stack.parameters["HostedZoneId"]]

    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record_of(lab, one, NAME)}]}
    zone_id = lab.stack.parameters["HostedZoneId"]
    route53_of(lab).call("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": batch})
    assert kinds(audit(lab, {"repair": True})) == {"missing-record": 1}
    lab.settle()

    assert (in_dns(lab, NAME), audit(lab)["in_sync"]) == ({one}, True)


def test_the_widget_shows_the_other_accounts_zone_and_changes_nothing_there(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    route53_of(lab).reset_calls()
    page = str(lab.invoke("WidgetFunction", {}).result)
    assert one in page
    assert "zone-unreadable" not in page
    assert {each.operation for each in route53_of(lab).calls} == OF_ZONES - {"ChangeResourceRecordSets"}
    assert refusals(lab) == {}


def test_requests_to_both_accounts_are_counted(lab: Lab) -> None:
    signal(lab, "web")
    before = len(lab.route53.calls) + len(route53_of(lab).calls)
    lab.invocations.clear()
    signal(lab, "web")
    (invocation,) = lab.invocations
    made = len(lab.route53.calls) + len(route53_of(lab).calls) - before
    assert invocation.metric("Route53Calls") == [made]
    assert made > 0


# -- sessions


def test_a_warm_function_assumes_the_role_once_an_hour_and_not_later(lab: Lab) -> None:
    signal(lab, "web")
    lab.faults.forget()
    for _ in range(10):
        lab.clock.advance(300)
        signal(lab, "web")
    assert assumed(lab) == 0

    lab.clock.advance(300)  # the session has less than five minutes left
    signal(lab, "web")
    signal(lab, "web")
    assert assumed(lab) == 1
    assert refusals(lab) == {}


def test_a_function_that_only_looks_at_an_instance_of_no_pool_assumes_no_role(lab: Lab) -> None:
    signal(lab)
    lab.functions.cold_start()
    lab.faults.forget()
    lab.fleet.launch(pools=[])
    lab.settle()
    assert assumed(lab) == 0


def test_a_role_that_is_created_again_with_the_same_arn_is_assumed_again_in_the_same_run(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    make_anew(lab)
    lab.invocations.clear()

    lab.fleet.terminate(one)
    lab.settle()

    assert in_dns(lab, NAME) == set()
    assert {str(each.result) for each in lab.invocations} == {"{'batchItemFailures': []}"}


# -- what the role and its trust policy refuse


@pytest.mark.parametrize(
    ("function", "name"), [(RECONCILER, "reconciler"), (LIFECYCLE, "stack-lifecycle"), (AUDIT, "audit")]
)
def test_each_function_may_assume_the_role_with_its_own_name_and_the_external_id_only(
    lab: Lab, function: str, name: str
) -> None:
    sts, arn = lab.client("sts"), role_of(lab)
    with lab.faults.invoked(function):
        sts.assume_role(RoleArn=arn, RoleSessionName=name, ExternalId=EXTERNAL_ID)
        for given in ({}, {"ExternalId": "another"}):
            with pytest.raises(ClientError, match="AccessDenied"):
                sts.assume_role(RoleArn=arn, RoleSessionName=name, **given)
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=f"{arn}-2", RoleSessionName=name, ExternalId=EXTERNAL_ID)
    assert refusals(lab) == {"sts:AssumeRole": 1}


@pytest.mark.parametrize("name", ["reconciler", "stack-lifecycle", "another"])
def test_an_audit_gets_no_session_that_may_change_records(lab: Lab, name: str) -> None:
    with lab.faults.invoked(AUDIT), pytest.raises(ClientError, match="AccessDenied"):
        lab.client("sts").assume_role(RoleArn=role_of(lab), RoleSessionName=name, ExternalId=EXTERNAL_ID)
    assert refusals(lab) == {"sts:AssumeRole": 1}


def test_no_other_caller_in_the_stacks_account_may_assume_the_role(lab: Lab) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        lab.client("sts").assume_role(RoleArn=role_of(lab), RoleSessionName="reconciler", ExternalId=EXTERNAL_ID)


def session_client(lab: Lab, function: str, name: str) -> Any:
    """Return a Route 53 client with the session that a function gets."""
    with lab.faults.invoked(function):
        given = lab.client("sts").assume_role(RoleArn=role_of(lab), RoleSessionName=name, ExternalId=EXTERNAL_ID)
    return boto3.client(
        "route53",
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
    )


def change(client: Any, zone_id: str, name: str = NAME, kind: str = "A", value: str = "52.94.0.9") -> None:
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    client.change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )


def test_a_session_of_the_reconciler_changes_only_the_allowed_names_and_types_of_the_allowed_zone(lab: Lab) -> None:
    zone_id, another = lab.stack.parameters["HostedZoneId"], create_zone(lab, "example.net")
    route53 = session_client(lab, RECONCILER, "reconciler")
    for wrong in (
        (zone_id, "shop.example.org"),
        (zone_id, NAME, "TXT", '"text"'),
        (another, "app.example.net"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            change(route53, *wrong)
    with pytest.raises(ClientError, match="AccessDenied"):
        route53.list_health_checks()
    assert refusals(lab) == {"route53:ChangeResourceRecordSets": 3, "route53:ListHealthChecks": 1}
    change(route53, zone_id)


def test_a_session_of_the_audit_changes_nothing(lab: Lab) -> None:
    route53, zone_id = session_client(lab, AUDIT, "audit"), lab.stack.parameters["HostedZoneId"]
    assert route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    with pytest.raises(ClientError, match="AccessDenied"):
        change(route53, zone_id)
    assert refusals(lab) == {"route53:ChangeResourceRecordSets": 1}


def test_the_functions_may_change_no_record_of_the_stacks_own_account(lab: Lab) -> None:
    with lab.faults.invoked(RECONCILER), pytest.raises(ClientError, match="AccessDenied"):
        change(lab.client("route53"), lab.zone_id, "app.example.com")
    assert refusals(lab) == {"route53:ChangeResourceRecordSets": 1}


# -- a role that is denied for a while


def test_a_role_that_may_not_be_assumed_is_a_finding_that_names_it_and_says_what_to_do(lab: Lab) -> None:
    admitted(lab, 1, NAME)
    set_trust(lab, NOT_US)
    lab.functions.cold_start()

    (finding,) = findings(audit(lab), "zone-unreadable")
    zone_id, arn = lab.stack.parameters["HostedZoneId"], role_of(lab)
    assert finding["pool"] == "web"
    assert finding["because"].startswith(
        f"hosted zone {zone_id}: the role {arn} cannot be assumed (AccessDenied: User: "
    )
    assert finding["because"].endswith(
        "its trust policy has to allow this function with the external ID that Route53RoleExternalId has"
    )
    assert EXTERNAL_ID not in finding["because"]


def test_what_is_refused_is_asked_once_in_an_audit_however_many_pools_there_are(lab: Lab) -> None:
    zone_id = lab.stack.parameters["HostedZoneId"]
    assert lab.update_stack({"AllowedRecordNames": "api.example.org"}) == "UPDATE_COMPLETE"
    lab.put_pool("api", hosted_zone_id=zone_id, record_name="api.example.org")
    lab.settle()
    set_trust(lab, NOT_US)
    lab.functions.cold_start()
    lab.faults.forget()
    report = audit(lab)
    assert [each["pool"] for each in findings(report, "zone-unreadable")] == ["api", "web"]
    assert assumed(lab) == 1


@pytest.mark.parametrize("parameters", [{"AuditMode": "report"}])
def test_a_withdrawal_that_the_role_does_not_allow_is_made_soon_after_it_does_and_no_audit_is_needed(lab: Lab) -> None:
    gone, stays = admitted(lab, 2, NAME)
    trusted = trust(lab)
    set_trust(lab, NOT_US)
    lab.functions.cold_start()
    lab.timers = ()
    lab.fleet.terminate(gone)
    lab.run(3600, step=10)
    assert in_dns(lab, NAME) == {gone, stays}
    looks = len(lab.invocations)

    set_trust(lab, trusted)
    lab.run(320, step=10)
    assert (in_dns(lab, NAME), checks_of(lab, gone)) == ({stays}, [])
    assert looks < 100
    lab.invocations.clear()
    lab.run(1200, step=10)
    assert lab.invocations == []


def test_changes_that_the_roles_policy_denies_are_findings_and_are_made_when_it_allows_them(lab: Lab) -> None:
    gone, stays = admitted(lab, 2, NAME)
    zone = f"arn:aws:route53:::hostedzone/{lab.stack.parameters['HostedZoneId']}"
    allow_changes(lab, "arn:aws:route53:::hostedzone/ZOTHER")
    lab.timers = ()
    lab.fleet.terminate(gone)
    lab.run(60, step=5)
    assert in_dns(lab, NAME) == {gone, stays}
    assert log_lines(lab, "batch refused")[-1]["because"].startswith(
        f"hosted zone {zone.rpartition('/')[2]}: AccessDenied"
    )
    assert refusals(lab).keys() == {"route53:ChangeResourceRecordSets"}

    allow_changes(lab, zone)
    lab.run(320, step=10)
    assert in_dns(lab, NAME) == {stays}


def test_a_terminate_hook_holds_the_instance_until_the_role_lets_its_record_go(lab: Lab) -> None:
    lab.fleet.create_group("hooked", 2, hooks=(terminate_hook(heartbeat=3600),))
    for _ in range(20):
        lab.run(5, step=5)
        lab.report_serving()
    gone, stays = lab.fleet.members("hooked")
    trusted = trust(lab)
    set_trust(lab, NOT_US)
    lab.functions.cold_start()
    lab.timers = ()
    lab.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=gone, ShouldDecrementDesiredCapacity=True
    )
    lab.run(600, step=5)
    assert (in_dns(lab, NAME), lab.fleet.members("hooked")[gone]) == ({gone, stays}, "Terminating:Wait")

    set_trust(lab, trusted)
    lab.run(480, step=5)
    assert (in_dns(lab, NAME), lab.fleet.members("hooked")) == ({stays}, {stays: "InService"})


def test_a_role_that_is_denied_for_half_a_minute_is_assumed_then_and_no_run_counts_as_failed(lab: Lab) -> None:
    (gone,) = admitted(lab, 1, NAME)
    lab.functions.cold_start()
    lab.timers = ()
    lab.invocations.clear()
    lab.faults.order(Fault.DENIED, "sts:AssumeRole")
    lab.fleet.terminate(gone)
    lab.run(25, step=1)
    assert in_dns(lab, NAME) == {gone}

    lab.faults.end()
    lab.run(15, step=1)
    assert in_dns(lab, NAME) == set()
    assert sum(sum(each.metric("RunsFailed")) for each in lab.invocations) == 0


def test_sts_that_does_not_answer_returns_the_messages_and_loses_nothing(lab: Lab) -> None:
    gone, stays = admitted(lab, 2, NAME)
    lab.functions.cold_start()
    lab.faults.order(Fault.UNREACHABLE, "sts:AssumeRole")
    lab.fleet.terminate(gone)
    lab.run(60, step=5)
    assert in_dns(lab, NAME) == {gone, stays}

    lab.faults.end()
    lab.run(320, step=5)
    assert in_dns(lab, NAME) == {stays}


# -- the stack's life


def test_without_a_role_a_zone_of_another_account_is_a_finding_and_its_records_are_not_taken_for_gone() -> None:
    with Lab(start=MONDAY_NOON, prepare=without_a_role) as lab:
        (finding,) = findings(lab.audit(), "zone-unreadable")
        assert finding["because"].endswith("AccessDenied: User is not authorized to access this resource")


def without_a_role(lab: Lab) -> Mapping[str, str]:
    """Return the parameters of a stack that names the other account's zone by mistake."""
    return {"HostedZoneId": create_zone(lab), "RecordName": NAME, "AllowedRecordNames": ""}


def test_a_stack_with_a_zone_of_another_account_by_mistake_is_updated_to_its_own_zone() -> None:
    with Lab(start=MONDAY_NOON, prepare=without_a_role) as lab:
        (web,) = launched(lab, 1)
        own = {"HostedZoneId": lab.zone_id, "RecordName": "app.example.com"}
        assert lab.update_stack(own) == "UPDATE_COMPLETE"
        lab.settle()
        see_healthy(lab, [web])
        assert in_dns(lab) == {web}


def test_a_stack_with_a_zone_of_another_account_by_mistake_is_deleted() -> None:
    with Lab(start=MONDAY_NOON, prepare=without_a_role) as lab:
        launched(lab, 1)
        assert lab.delete_stack() == "DELETE_COMPLETE"
        assert checks(lab) == {}


def test_health_checks_that_records_in_another_accounts_zone_may_name_are_not_deleted_with_the_stack(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = admitted(lab, 1, NAME)
    without = {"FLEET53_ROUTE53_ROLE_ARN": "", "FLEET53_ROUTE53_ROLE_EXTERNAL_ID": ""}
    for name, value in without.items():
        monkeypatch.setitem(lab.deployment.functions[LIFECYCLE].environment, name, value)

    assert lab.delete_stack() == "DELETE_FAILED"
    assert "not authorized to access this resource" in lab.custom_resources["StackLifecycle"].answers[-1]["Reason"]
    assert len(checks_of(lab, one)) == 1


def created(prepare: Any, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> None:
    """Create a stack, and let time pass while it waits."""

    def waiting(lab: Lab) -> Mapping[str, str]:
        wait_in_lab_time(lab, monkeypatch)
        return dict(prepare(lab)) | parameters

    with Lab(start=MONDAY_NOON, prepare=waiting) as lab:
        assert findings(lab.audit(), "zone-unreadable") == []


@pytest.mark.parametrize(
    ("parameters", "because"),
    [
        ({"Route53RoleExternalId": "another"}, "has to allow this function with the external ID that"),
        ({"Route53RoleExternalId": ""}, "has to allow this function, and Route53RoleExternalId is empty"),
        (
            {"Route53RoleArn": f"arn:aws:iam::{OTHER}:role/unknown"},
            f"arn:aws:iam::{OTHER}:role/unknown cannot be assumed",
        ),
        ({"HostedZoneId": "Z0UNKNOWN"}, "hosted zone Z0UNKNOWN: AccessDenied"),
    ],
)
def test_a_stack_whose_role_does_not_lead_to_its_zone_is_not_created_and_the_reason_says_why(
    monkeypatch: pytest.MonkeyPatch, parameters: Mapping[str, str], because: str
) -> None:
    with pytest.raises(TemplateError) as error:
        created(through_a_role, monkeypatch, **parameters)
    assert "StackPrecondition failed: Route53RoleArn does not lead to the hosted zones: " in str(error.value)
    assert because in str(error.value)


def test_a_role_of_another_stack_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_another_stack(lab: Lab) -> Mapping[str, str]:
        zone_id = create_zone(lab)
        arn = create_role(lab, zone_id, StackName="another")
        return {
            "HostedZoneId": zone_id,
            "RecordName": NAME,
            "Route53RoleArn": arn,
            "Route53RoleExternalId": EXTERNAL_ID,
        }

    with pytest.raises(TemplateError, match="cannot be assumed"):
        created(of_another_stack, monkeypatch)


LONG = "platform-network-production-Fleet53Stack-1ABCDEFGHIJKLMNOPQR"
"""A nested stack's name, of which CloudFormation takes another beginning into the name of each role."""


def for_a_long_name(monkeypatch: pytest.MonkeyPatch, *, given: str) -> Lab:
    """Return a lab whose stack has a long name, and a role for stacks of the name that is given."""

    def prepare(lab: Lab) -> Mapping[str, str]:
        wait_in_lab_time(lab, monkeypatch)
        zone_id = create_zone(lab)
        arn = create_role(lab, zone_id, StackName=given)
        role = {"Route53RoleArn": arn, "Route53RoleExternalId": EXTERNAL_ID}
        return {"HostedZoneId": zone_id, "RecordName": NAME, "AllowedRecordNames": "", "NamePrefix": "dns"} | role

    return Lab(start=MONDAY_NOON, stack_name=LONG, prepare=prepare)


def test_the_role_for_a_stack_with_a_long_name_is_given_the_beginning_and_a_star(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with for_a_long_name(monkeypatch, given="platform-network-producti*") as lab:
        (one,) = launched(lab, 1)
        see_healthy(lab, [one])
        assert lab.answers(NAME) == {lab.fleet.address(one)}
        assert lab.audit()["in_sync"]
        lab.fleet.terminate(one)
        lab.settle()
        assert lab.answers(NAME) == set()


@pytest.mark.parametrize("given", [LONG, "platform-network-producti"])
def test_neither_a_long_name_of_a_stack_nor_its_beginning_alone_is_that_of_its_roles(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    with pytest.raises(TemplateError, match="cannot be assumed"), for_a_long_name(monkeypatch, given=given):
        pass


def test_a_role_that_is_denied_at_first_delays_the_creation_and_does_not_fail_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(lab: Lab) -> Mapping[str, str]:
        lab.faults.order(Fault.DENIED, "sts:AssumeRole", calls=3)
        return through_a_role(lab)

    created(late, monkeypatch)


def test_a_stack_that_is_deleted_leaves_no_record_in_the_other_account_and_no_check_in_its_own(lab: Lab) -> None:
    admitted(lab, 2, NAME)
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert (records(lab, NAME), checks(lab)) == ({}, {})
    assert refusals(lab) == {}


def test_a_deletion_without_the_role_fails_with_its_name_and_goes_on_when_it_is_allowed_again(lab: Lab) -> None:
    members = admitted(lab, 2, NAME)
    trusted, resource = trust(lab), lab.custom_resources["StackLifecycle"]
    set_trust(lab, NOT_US)
    lab.functions.cold_start()
    assert lab.delete_stack() == "DELETE_FAILED"
    assert f"the role {role_of(lab)} cannot be assumed" in resource.answers[-1]["Reason"]
    assert (in_dns(lab, NAME), len(checks(lab))) == (set(members), 2)

    set_trust(lab, trusted)
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert (records(lab, NAME), checks(lab)) == ({}, {})


def update_refusal(lab: Lab) -> str:
    """Return the newest answer of the precondition that is a failure."""
    answers = lab.custom_resources["StackPrecondition"].answers
    return str([answer["Reason"] for answer in answers if answer["Status"] == "FAILED"][-1])


def test_another_role_that_leads_to_the_same_zone_changes_nothing_in_dns(lab: Lab) -> None:
    members = admitted(lab, 2, NAME)
    before = records(lab, NAME)
    new = create_role(lab, lab.stack.parameters["HostedZoneId"], stack="new-role")
    assert lab.update_stack({"Route53RoleArn": new}) == "UPDATE_COMPLETE"
    lab.run(60)
    assert records(lab, NAME) == before
    lab.fleet.terminate(members[0])
    lab.settle()
    assert in_dns(lab, NAME) == {members[1]}
    assert refusals(lab) == {}


def test_an_update_to_a_role_that_leads_nowhere_is_refused_and_changes_nothing(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    unknown = f"arn:aws:iam::{OTHER}:role/unknown"
    assert lab.update_stack({"Route53RoleArn": unknown}) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"the role {unknown} cannot be assumed" in update_refusal(lab)
    assert update_refusal(lab).endswith("Nothing was changed.")

    lab.fleet.terminate(one)
    lab.settle()
    assert in_dns(lab, NAME) == set()


def test_a_zone_of_the_other_account_is_not_dropped_while_it_has_records(lab: Lab) -> None:
    (one,) = admitted(lab, 1, NAME)
    moved = {"HostedZoneId": lab.zone_id, "RecordName": "app.example.com", "Route53RoleArn": ""}
    assert lab.update_stack(moved) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"1 records of this stack remain where it could not change them any more: 1 at {NAME}" in update_refusal(lab)
    assert "and Route53RoleArn until they are withdrawn" in update_refusal(lab)
    assert in_dns(lab, NAME) == {one}

    lab.fleet.terminate(one)
    lab.settle()
    assert lab.update_stack(moved) == "UPDATE_COMPLETE"
    lab.settle()
    (new,) = admitted(lab, 1, "app.example.com")
    assert in_dns(lab, "app.example.com") == {new}


@pytest.mark.parametrize("another_role", [False, True])
def test_members_that_have_moved_in_the_other_account_are_back_when_the_update_is_rolled_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, another_role: bool
) -> None:
    moved, zone_id = f"www.{ZONE}", lab.stack.parameters["HostedZoneId"]
    roles = [create_role(lab, zone_id, names=f"{NAME},{moved}", stack=name) for name in ("wide", "wider")]
    assert lab.update_stack({"Route53RoleArn": roles[0]}) == "UPDATE_COMPLETE"
    members = set(admitted(lab, 2, NAME))
    fail_lifecycle(lab, monkeypatch)
    after_answer(lab, monkeypatch, "StackLifecycle", lambda: lab.run(130))

    changed = {"RecordName": moved, "AllowedRecordNames": NAME, "Route53RoleArn": roles[another_role]}
    assert lab.update_stack(changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert (in_dns(lab, NAME), in_dns(lab, moved)) == (members, set())
    lab.run(60)
    assert (in_dns(lab, NAME), in_dns(lab, moved), refusals(lab)) == (members, set(), {})


def test_a_role_is_not_dropped_while_its_zone_that_the_parameters_still_name_has_records(lab: Lab) -> None:
    admitted(lab, 1, NAME)
    assert lab.update_stack({"Route53RoleArn": ""}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Keep Route53RoleArn until they are withdrawn" in update_refusal(lab)


def test_a_stack_moves_to_a_zone_of_another_account_when_its_own_zone_has_no_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Lab({"AllowedRecordNames": ""}, start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        (one,) = admitted(lab, 1)
        moved = through_a_role(lab)
        assert lab.update_stack(moved) == "UPDATE_ROLLBACK_COMPLETE"
        assert "1 at app.example.com" in update_refusal(lab)
        assert in_dns(lab) == {one}

        lab.fleet.terminate(one)
        lab.settle()
        assert lab.update_stack(moved) == "UPDATE_COMPLETE"
        lab.settle()
        (two,) = admitted(lab, 1, NAME)
        assert in_dns(lab, NAME) == {two}
