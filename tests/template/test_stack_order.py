"""The order in which CloudFormation makes and deletes what the stack's lifecycle needs, and what feeds signals."""

from __future__ import annotations

import pytest

from fleet53.stack.withdraw import LONGEST_RUN
from lab.stack.dependencies import deletion_order, dependencies
from tests.template.stack import stack

LIFECYCLE = "StackLifecycle"


def outlived_by(name: str) -> set[str]:
    """Return all that a resource depends on, near and far: what is made before it, and deleted after it."""
    graph = dependencies(stack().template["Resources"])
    found: set[str] = set()
    new = {name}
    while new:
        new = {needed for each in new for needed in graph[each]} - found
        found |= new
    return found


def of_types(*kinds: str) -> set[str]:
    return {name for name, each in stack().template["Resources"].items() if each["Type"] in kinds}


def test_all_that_feeds_the_reconciler_is_gone_before_the_withdrawal() -> None:
    feeding = of_types("AWS::Events::Rule", "AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule")
    assert len(feeding) == 10
    assert {name for name in feeding if LIFECYCLE not in outlived_by(name)} == set()


def test_roles_queues_logs_functions_and_the_pool_are_there_until_the_withdrawal_is_over() -> None:
    needed = of_types(
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::SQS::Queue",
        "AWS::Logs::LogGroup",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::SSM::Parameter",
    )
    assert needed - outlived_by(LIFECYCLE) == set()


def test_the_first_pass_is_made_when_every_rule_stands() -> None:
    rules = {name for name, rule in stack().of_type("AWS::Events::Rule") if "EventPattern" in rule}
    assert rules <= outlived_by("ReconcilerFunctionSignals")


def test_a_rule_comes_after_the_policies_that_let_it_send() -> None:
    # EventBridge does not retry an event that a target does not permit (EventBridge User Guide).
    for name, rule in stack().of_type("AWS::Events::Rule"):
        (target,) = rule["Targets"]
        queues = {target["Arn"], target["DeadLetterConfig"]["Arn"]} & {"Signals.Arn", "DeadLetters.Arn"}
        assert {f"{queue.removesuffix('.Arn')}Policy" for queue in queues} <= outlived_by(name)


def test_alarms_that_follow_the_schedule_come_after_the_lifecycle_and_go_before_it() -> None:
    following = {"DriftAlarm", "NoAuditAlarm"}
    assert {name for name in following if LIFECYCLE in outlived_by(name)} == following


def test_the_lifecycle_comes_after_the_audit_that_it_starts() -> None:
    assert {"AuditFunction", "AuditRole", "GatherPolicy"} <= outlived_by(LIFECYCLE)


def test_an_update_may_be_refused_before_it_changes_a_pool_or_what_the_functions_may_do() -> None:
    changed = {"FirstPool", "GatherPolicy", "WithdrawPolicy", "ReconcilerFunction", "AuditFunction", "WidgetFunction"}
    assert {name for name in changed if "StackPrecondition" not in outlived_by(name)} == set()
    assert not {"GatherPolicy", "WithdrawPolicy", "FirstPool"} & outlived_by("StackPrecondition")


def test_a_rollback_takes_records_back_between_the_first_pool_and_the_policy_that_still_allows_it() -> None:
    assert "StackHandover" in outlived_by("WithdrawPolicy")
    assert outlived_by("StackHandover") >= {"FirstPool", "StackPrecondition"}
    assert not {"WithdrawPolicy", "ReconcilerFunction", "AuditFunction"} & outlived_by("StackHandover")


@pytest.mark.parametrize(
    ("parameters", "zone_ids", "names"),
    [
        ({}, ["Z0123456789ABC"], ["app.example.com"]),
        (
            {"AllowedZoneIds": "Z2, Z3", "AllowedRecordNames": "api.example.com, *.example.com"},
            ["Z0123456789ABC", "Z2", "Z3"],
            ["app.example.com", "api.example.com", "*.example.com"],
        ),
    ],
)
def test_the_custom_resources_get_the_places_that_the_functions_may_change(
    parameters: dict[str, str], zone_ids: list[str], names: list[str]
) -> None:
    for resource in ("StackPrecondition", "StackHandover", LIFECYCLE):
        told = stack(**parameters).properties(resource)
        assert (told["HostedZoneIds"], told["RecordNames"]) == (zone_ids, names)
    given = stack(**parameters).properties("ReconcilerFunction")["Environment"]["Variables"]
    assert (given["FLEET53_ZONE_IDS"], given["FLEET53_RECORD_NAMES"]) == (",".join(zone_ids), ",".join(names))


def test_the_lab_deletes_in_that_order() -> None:
    order = deletion_order(stack().template["Resources"])
    assert order.index("ReconcilerFunctionSignals") < order.index("AddressRule") < order.index(LIFECYCLE)
    assert order.index(LIFECYCLE) < order.index("StackLifecycleFunction") < order.index("StackLifecycleRole")


def test_the_withdrawal_has_15_minutes_and_cloudformation_waits_a_little_longer() -> None:
    timeout = stack().properties("StackLifecycleFunction")["Timeout"]
    assert timeout == 900
    assert timeout < int(stack().properties(LIFECYCLE)["ServiceTimeout"]) <= 1000


def test_no_run_of_the_reconciler_takes_longer_than_the_withdrawal_believes() -> None:
    assert stack().properties("ReconcilerFunction")["Timeout"] == LONGEST_RUN


@pytest.mark.parametrize("choice", ["withdraw", "keep"])
def test_the_lifecycle_has_the_setting_for_the_deletion_of_the_stack(choice: str) -> None:
    assert stack(OnStackDelete=choice).properties(LIFECYCLE)["OnStackDelete"] == choice


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("PoolTagKey", "dns/pool"),
        ("PoolName", "www"),
        ("HookPrefix", "mine"),
        ("MaxWithdrawPercent", "10"),
        ("AdmitTimeout", "60"),
        ("UnhealthyLaunchResult", "ABANDON"),
        ("AllowedRecordNames", "api.example.com"),
        ("AllowedZoneIds", "Z2"),
        ("OnStackDelete", "keep"),
        ("AuditSchedule", "rate(1 hour)"),
    ],
)
def test_a_changed_setting_makes_cloudformation_ask_for_an_update(parameter: str, value: str) -> None:
    assert stack(**{parameter: value}).properties(LIFECYCLE) != stack().properties(LIFECYCLE)


def test_a_changed_setting_of_the_first_pool_makes_cloudformation_ask_for_an_update() -> None:
    assert "FirstPool.Value" in stack().properties(LIFECYCLE)["Settings"]
