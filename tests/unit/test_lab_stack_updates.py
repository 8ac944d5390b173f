"""The lab's CloudFormation: in which order an update changes a stack, what it replaces, and how it is rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lab.moto.cloudformation import put_stack_status
from lab.world import TEMPLATE, Lab
from tests.functional.incidents import fail_lifecycle, while_replaced
from tests.functional.versions import write_first, write_older

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATH = "/fleet53/fleet53/pools"
DENIED = "is not authorized to perform: route53:ChangeResourceRecordSets"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab({"AllowedRecordNames": ""}) as lab:
        yield lab


def parameters(lab: Lab) -> list[str]:
    found = lab.client("ssm").get_parameters_by_path(Path=PATH)["Parameters"]
    return sorted(each["Name"].rpartition("/")[2] for each in found)


def may_change(lab: Lab, name: str) -> bool:
    """Tell whether the reconciler's policies allow it now to change a name in the lab's zone."""
    statements = lab.faults.permissions.statements["ReconcilerFunction"]
    (found,) = (each for each in statements if each["Sid"] == "ChangeAllowedRecords")
    return (
        name in found["Condition"]["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
    )


def told(lab: Lab) -> str:
    return lab.deployment.functions["ReconcilerFunction"].environment["FLEET53_RECORD_NAMES"]


def statuses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the stack's statuses as they come."""
    seen: list[str] = []

    def put(name: str, status: str) -> None:
        seen.append(status)
        put_stack_status(name, status)

    monkeypatch.setattr("lab.moto.cloudformation.put_stack_status", put)
    return seen


def watched(lab: Lab, changes: dict[str, str], *, template: Path | None = None, **ask: Any) -> list[dict[str, Any]]:
    """Update the stack, and return the answers to some questions after each resource that was changed."""
    seen: list[dict[str, Any]] = []
    go_on = lab.stack._go_on

    def look(seconds: float) -> None:
        seen.append({name: question(lab) for name, question in ask.items()})
        go_on(seconds)

    lab.stack._go_on = look
    lab.update_stack(changes, template=template)
    return seen


def test_policies_are_in_force_before_the_functions_that_depend_on_them_get_their_settings(lab: Lab) -> None:
    seen = watched(
        lab,
        {"AllowedRecordNames": "api.example.com"},
        allowed=lambda lab: may_change(lab, "api.example.com"),
        told=told,
    )
    assert {"allowed": True, "told": "app.example.com"} in seen
    assert {"allowed": False, "told": "app.example.com,api.example.com"} not in seen
    assert seen[-1] == {"allowed": True, "told": "app.example.com,api.example.com"}


def test_a_parameter_with_another_name_is_created_before_the_old_one_is_deleted_in_the_clean_up(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = statuses(monkeypatch)
    during = watched(lab, {"PoolName": "www"}, parameters=parameters, status=lambda _: seen[-1])
    assert {"parameters": ["web", "www"], "status": "UPDATE_IN_PROGRESS"} in during
    assert {"parameters": ["www"], "status": "UPDATE_IN_PROGRESS"} not in during
    assert (parameters(lab), seen[-2:]) == (["www"], ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"])
    changes = [each["detail"] for each in lab.bus.sent if each["source"] == "aws.ssm"]
    assert [(each["operation"], each["name"]) for each in changes] == [
        ("Create", f"{PATH}/www"),
        ("Delete", f"{PATH}/web"),
    ]


def test_a_parameter_with_another_value_is_updated_in_place(lab: Lab) -> None:
    lab.update_stack({"RecordTTL": "30"})
    (change,) = (each["detail"] for each in lab.bus.sent if each["source"] == "aws.ssm")
    assert (change["operation"], change["name"]) == ("Update", f"{PATH}/web")
    assert lab.pools.settings("web")["ttl"] == 30


def test_only_what_has_another_property_is_changed(lab: Lab) -> None:
    before = lab.deployment.properties
    lab.update_stack({"LogLevel": "DEBUG"})
    changed = {name for name, properties in lab.deployment.properties.items() if properties != before[name]}
    assert changed == {"AuditFunction", "ReconcilerFunction", "StackLifecycleFunction", "WidgetFunction"}


def test_an_update_whose_custom_resource_fails_is_rolled_back_and_what_it_created_is_deleted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = statuses(monkeypatch)
    before = lab.deployment.properties
    fail_lifecycle(lab, monkeypatch)
    changes = {"PoolName": "www", "RecordTTL": "30", "AuditSchedule": "rate(1 hour)"}
    assert lab.update_stack(changes) == "UPDATE_ROLLBACK_COMPLETE"
    assert seen == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert (parameters(lab), lab.pools.settings("web")["ttl"]) == (["web"], 60)
    assert lab.deployment.properties == before


def test_a_resource_that_failed_is_asked_to_go_back_with_what_it_refused_as_its_old_properties(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_lifecycle(lab, monkeypatch)
    lab.update_stack({"MaxWithdrawPercent": "10"})
    asked = [each.event for each in lab.invocations if each.event.get("LogicalResourceId") == "StackLifecycle"]
    percents = [
        (each["OldResourceProperties"]["Settings"][3], each["ResourceProperties"]["Settings"][3]) for each in asked
    ]
    assert percents == [("50", "10"), ("10", "50")]


def test_a_rollback_that_fails_is_reported(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_lifecycle(lab, monkeypatch, times=2)
    assert lab.update_stack({"MaxWithdrawPercent": "10"}) == "UPDATE_ROLLBACK_FAILED"


def test_a_function_may_change_no_name_in_route_53_that_its_policies_do_not_have(lab: Lab) -> None:
    lab.deployment.functions["ReconcilerFunction"].environment["FLEET53_RECORD_NAMES"] += ",api.example.com"
    lab.put_pool("api", record_name="api.example.com", health_check=None, admit_when="running")
    lab.fleet.launch(pools=["api"])
    lab.settle()
    refused = [call for call in lab.route53.calls if call.operation == "ChangeResourceRecordSets"]
    assert {call.code for call in refused} == {"AccessDenied"}
    assert any(DENIED in str(line) for each in lab.invocations for line in each.logs)


def asked(lab: Lab, **given: str) -> None:
    """Ask CloudFormation to update the stack to some parameters, of which the others keep their values."""
    keys = set(lab.stack.parameters) - set(given)
    parameters: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": each} for key, each in given.items()]
    parameters += [{"ParameterKey": key, "UsePreviousValue": True} for key in keys]
    client = lab.client("cloudformation")
    client.update_stack(StackName="fleet53", UsePreviousTemplate=True, Parameters=parameters)


def status(lab: Lab) -> str:
    (stack,) = lab.client("cloudformation").describe_stacks(StackName="fleet53")["Stacks"]
    return str(stack["StackStatus"])


def test_an_update_that_is_asked_for_through_the_api_reaches_the_functions(lab: Lab) -> None:
    asked(lab, AllowedRecordNames="api.example.com")
    assert status(lab) == "UPDATE_IN_PROGRESS"
    assert "api.example.com" not in told(lab)
    lab.work()
    assert status(lab) == "UPDATE_COMPLETE"
    assert "api.example.com" in told(lab)
    assert may_change(lab, "api.example.com")


def test_an_update_through_the_api_that_a_custom_resource_refuses_is_rolled_back(lab: Lab) -> None:
    instance = lab.fleet.launch()
    lab.settle()
    lab.report_health(instance)
    lab.run(31, step=31)
    asked(lab, RecordName="www.example.com")
    lab.work()
    assert status(lab) == "UPDATE_ROLLBACK_COMPLETE"
    assert lab.answers() == set(lab.fleet.addresses(instance))


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"AuditMode": "fix"}, "Parameter 'AuditMode' must be one of AllowedValues"),
        ({"HostedZoneId": "?"}, "Parameter 'HostedZoneId' must match pattern"),
        ({"Colour": "red"}, r"Parameters: \[Colour\] do not exist in the template"),
        ({}, "No updates are to be performed"),
    ],
    ids=repr,
)
def test_an_update_that_cloudformation_refuses_is_refused(lab: Lab, given: dict[str, str], refusal: str) -> None:
    with pytest.raises(ClientError, match=refusal):
        asked(lab, **given)
    assert status(lab) == "CREATE_COMPLETE"


def test_a_second_update_waits_for_the_first_to_end(lab: Lab) -> None:
    asked(lab, RecordTTL="30")
    with pytest.raises(ClientError, match="is in UPDATE_IN_PROGRESS state and can not be updated"):
        asked(lab, RecordTTL="20")
    lab.work()
    asked(lab, RecordTTL="20")


def test_what_the_lab_does_not_play_of_an_update_is_refused(lab: Lab) -> None:
    client = lab.client("cloudformation")
    with pytest.raises(ClientError, match="use the previous template"):
        client.update_stack(StackName="fleet53", TemplateBody="{}")
    with pytest.raises(ClientError, match="no change set of its own stack"):
        client.create_change_set(StackName="fleet53", ChangeSetName="c", UsePreviousTemplate=True)


def queues(lab: Lab) -> set[str]:
    """Return the names of the queues, without the dead-letter queue."""
    urls = lab.client("sqs").list_queues()["QueueUrls"]
    return {url.rpartition("/")[2] for url in urls if "DeadLetters" not in url}


def polled(lab: Lab) -> list[str]:
    return [each.source.queue_arn.rpartition(":")[2] for each in lab.pollers]


def rules(lab: Lab) -> set[str]:
    return {each["Name"] for each in lab.client("events").list_rules()["Rules"]}


def test_what_gets_a_name_is_replaced_and_the_former_one_is_deleted_in_the_clean_up(tmp_path: Path) -> None:
    with Lab(template=write_first(tmp_path)) as lab:
        (former,), former_rules = queues(lab), rules(lab)
        seen = watched(lab, {}, template=TEMPLATE, queues=queues, rules=rules)
        assert {"queues": {former, "fleet53-signals"}, "rules": former_rules} in seen
        assert seen[-1]["queues"] == queues(lab) == {"fleet53-signals"}
        assert rules(lab) == {
            *("fleet53-instances", "fleet53-lifecycle", "fleet53-scaling", "fleet53-spot", "fleet53-tags"),
            *("fleet53-pools", "fleet53-addresses", "fleet53-standby", "fleet53-audit"),
        }


def test_a_queue_is_polled_only_while_the_functions_role_allows_it(tmp_path: Path) -> None:
    with Lab(template=write_first(tmp_path)) as lab:
        (former,) = queues(lab)
        seen = [each["polled"] for each in watched(lab, {}, template=TEMPLATE, polled=polled)]
        assert [each for each, before in zip(seen, [None, *seen], strict=False) if each != before] == [
            [former],
            [],
            ["fleet53-signals"],
        ]


def requests(lab: Lab) -> list[tuple[str, str]]:
    """Return what CloudFormation has asked of the custom resources, in order."""
    asked = [each.event for each in lab.invocations if each.function == "StackLifecycleFunction"]
    return [(each["LogicalResourceId"], each["RequestType"]) for each in asked]


def test_a_custom_resource_that_a_template_adds_is_asked_for_after_what_it_depends_on(tmp_path: Path) -> None:
    with Lab(template=write_first(tmp_path)) as lab:
        assert lab.update_stack({}, template=TEMPLATE) == "UPDATE_COMPLETE"
        assert requests(lab) == [
            ("StackPrecondition", "Create"),
            ("StackHandover", "Create"),
            ("StackLifecycle", "Update"),
        ]
        assert list(lab.custom_resources) == ["StackLifecycle", "StackPrecondition", "StackHandover"]


def test_a_custom_resource_that_a_template_drops_is_deleted_in_the_clean_up(lab: Lab, tmp_path: Path) -> None:
    assert lab.update_stack({}, template=write_first(tmp_path)) == "UPDATE_COMPLETE"
    assert requests(lab) == [
        ("StackLifecycle", "Update"),
        ("StackHandover", "Delete"),
        ("StackPrecondition", "Delete"),
    ]
    assert list(lab.custom_resources) == ["StackLifecycle"]


def test_a_rollback_deletes_the_custom_resources_that_the_update_has_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(template=write_first(tmp_path)) as lab:
        fail_lifecycle(lab, monkeypatch)
        assert lab.update_stack({}, template=TEMPLATE) == "UPDATE_ROLLBACK_COMPLETE"
        assert requests(lab)[2:] == [
            ("StackLifecycle", "Update"),
            ("StackLifecycle", "Update"),
            ("StackHandover", "Delete"),
            ("StackPrecondition", "Delete"),
        ]
        assert list(lab.custom_resources) == ["StackLifecycle"]


@pytest.mark.parametrize(("write", "mismatched"), [(write_older, ["ReconcilerFunction"]), (write_first, [])])
def test_a_function_fails_between_the_requests_that_give_it_new_layers_and_new_code(
    tmp_path: Path, write: Callable[[Path], Path], mismatched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(template=write(tmp_path)) as lab:
        while_replaced(monkeypatch, "ReconcilerFunction", lambda: lab.invoke("ReconcilerFunction", {"Records": []}))
        lab.update_stack({}, template=TEMPLATE)
        assert [each.function for each in lab.invocations if isinstance(each.error, ImportError)] == mismatched
        assert lab.invoke("ReconcilerFunction", {"Records": []}).error is None
