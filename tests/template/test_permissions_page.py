"""docs/permissions.md says what template.yaml allows, why, and what its deployer needs."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.template.iam import iam_actions
from tests.template.stack import stack
from tools import permissions

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_POLICY: Final = 6144
"""Characters of a managed policy, without white space (IAM User Guide, quotas)."""


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def statements() -> list[permissions.Statement]:
    return [each for found in permissions.functions().values() for each in found]


def scope(service: str) -> Iterator[str]:
    """Yield the last parts of the ARNs of the policy's statement on a service."""
    (found,) = (each for each in permissions.deployer_policy()["Statement"] if each["Sid"] == service)
    for arn in found["Resource"]:
        yield arn.split(":", 5)[5]


def covered(service: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in scope(service))


def test_the_page_is_what_the_template_and_the_schemas_say() -> None:
    page = permissions.PAGE.read_text(encoding="utf-8")
    assert page == permissions.written(page), "write it again: .venv/bin/python -m tools.permissions"


@pytest.mark.parametrize(
    "function", ["AuditFunction", "ReconcilerFunction", "StackLifecycleFunction", "WidgetFunction"]
)
def test_a_functions_table_has_all_that_its_role_allows(function: str) -> None:
    listed = {action for each in permissions.functions()[function] for action in each.actions}
    through_a_role = stack(Route53RoleArn="arn:aws:iam::210987654321:role/zone")
    assert listed == iam_actions(stack(), function) | iam_actions(through_a_role, function)


def test_every_statement_that_names_no_single_resource_has_a_reason_and_every_reason_a_statement() -> None:
    assert {each.sid for each in statements() if each.wide} == permissions.WHY.keys()


def test_a_statement_on_all_resources_has_only_actions_that_iam_cannot_limit_to_some() -> None:
    unlimited = {action for each in statements() if "*" in each.resources for action in each.actions}
    assert "route53:CreateHealthCheck" in unlimited
    # The resources of GetMetricData are datasets, and the metrics of Route 53 need none.
    assert {action for action in unlimited if permissions.has_resources(action)} == {"cloudwatch:GetMetricData"}


def test_the_deployers_table_has_every_resource_type_of_the_template() -> None:
    assert set(permissions.resource_types()) == {each["Type"] for each in stack().template["Resources"].values()}


def test_what_is_left_out_of_the_schemas_is_in_them() -> None:
    kinds = [kind for kind in permissions.resource_types() if not kind.startswith("Custom::")]
    listed = {
        action
        for kind in kinds
        for handler in permissions._schema(kind)["handlers"].values()
        for action in handler["permissions"]
    }
    patterns = [pattern for each in permissions.UNUSED.values() for pattern in each]
    assert [pattern for pattern in patterns if not any(fnmatchcase(action, pattern) for action in listed)] == []


def test_the_deployers_policy_has_every_action_that_is_needed_once() -> None:
    policy = permissions.deployer_policy()
    actions: list[str] = []
    for each in policy["Statement"]:
        actions += [each["Action"]] if isinstance(each["Action"], str) else each["Action"]
    needed = {action for kind in permissions.resource_types() for action in permissions.needed(kind)}
    assert sorted(actions) == sorted(needed | permissions.DEPLOYING)
    assert len(json.dumps(policy, separators=(",", ":"))) <= LONGEST_POLICY


def test_the_deployers_policy_covers_what_the_stack_names() -> None:
    of = stack()

    def names(kind: str, key: str) -> list[Any]:
        return [properties[key] for _, properties in of.of_type(kind) if key in properties]

    assert covered("sqs", of.properties("Signals")["QueueName"])
    assert all(covered("events", f"rule/{name}") for name in names("AWS::Events::Rule", "Name"))
    assert all(
        covered("cloudwatch", f"dashboard/{name}") for name in names("AWS::CloudWatch::Dashboard", "DashboardName")
    )
    assert all(covered("lambda", f"function:{name}") for name in names("AWS::Lambda::Function", "FunctionName"))
    assert all(covered("logs", f"log-group:{name}") for name in names("AWS::Logs::LogGroup", "LogGroupName"))
    assert all(covered("ssm", f"parameter{name}") for name in names("AWS::SSM::Parameter", "Name"))
    assert all(covered("lambda", f"layer:{name}:1") for name in names("AWS::Lambda::LayerVersion", "LayerName"))


def test_the_deployer_may_let_functions_call_themselves_and_invoke_the_custom_resources_function() -> None:
    assert "lambda:PutFunctionRecursionConfig" in permissions.needed("AWS::Lambda::Function")
    assert permissions.needed("Custom::StackLifecycle") == {"lambda:InvokeFunction"}


def test_the_tags_of_the_stack_reach_what_costs_or_can_be_searched_for() -> None:
    tagged = {kind for kind in permissions.resource_types() if permissions.takes_tags(kind)}
    assert {"AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::IAM::Role"} <= tagged
    assert "AWS::IAM::Policy" not in tagged
