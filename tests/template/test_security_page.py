"""The policies in docs/security.md: they are valid, and name what the template names."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any, Final

import botocore.session
import pytest

from tests.template.iam import iam_actions
from tests.template.stack import ROOT, source, stack

PAGE: Final = (ROOT / "docs/security.md").read_text(encoding="utf-8")
POLICIES: Final = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
STATEMENTS: Final[list[dict[str, Any]]] = [each for policy in POLICIES for each in policy["Statement"]]
LONGEST_POLICY: Final = 5120
"""Characters of a service control policy, without white space (AWS Organizations User Guide, Quotas)."""
OTHER_NAMES: Final = {"lambda:InvokeFunction": "Invoke"}
"""Actions that have another name than the operation (Service Authorization Reference)."""


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy["Statement"][0]["Sid"])
def test_a_policy_denies_named_actions_to_all_but_named_roles(policy: dict[str, Any]) -> None:
    assert policy.keys() == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    assert len(json.dumps(policy, separators=(",", ":"))) <= LONGEST_POLICY
    for statement in policy["Statement"]:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Deny"
        assert re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"])
        assert "arn:aws:iam::*:role/fleet-admin" in statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]


def test_there_is_a_policy_for_each_kind_of_authority() -> None:
    actions = {action for statement in STATEMENTS for action in listed(statement["Action"])}
    assert {
        "ec2:CreateTags",
        "ssm:PutParameter",
        "sqs:SendMessage",
        "lambda:InvokeFunction",
        "events:PutRule",
    } <= actions


def test_every_action_is_one_of_aws() -> None:
    session = botocore.session.get_session()
    for statement in STATEMENTS:
        for action in listed(statement["Action"]):
            service, _, operation = action.partition(":")
            assert OTHER_NAMES.get(action, operation) in session.get_service_model(service).operation_names


def test_the_tag_the_queue_the_rules_and_the_path_are_the_templates() -> None:
    resources = {resource for statement in STATEMENTS for resource in listed(statement["Resource"])}
    tag = STATEMENTS[0]["Condition"]["ForAnyValue:StringEquals"]["aws:TagKeys"]
    assert tag == [source()["Parameters"]["PoolTagKey"]["Default"]]
    assert f"arn:aws:sqs:*:*:{stack().properties('Signals')['QueueName']}" in resources
    assert fnmatchcase(stack().properties("FirstPool")["Name"], "/fleet53/*")
    assert all(fnmatchcase(rule["Name"], "fleet53-*") for _, rule in stack().of_type("AWS::Events::Rule"))
    assert f"arn:aws:lambda:*:*:function:{stack().properties('WidgetFunction')['FunctionName']}" in resources


def test_every_function_of_the_stack_that_uses_the_queue_is_exempt() -> None:
    (statement,) = (each for each in STATEMENTS if each["Sid"] == "OnlyTheStackUsesItsQueue")
    exempt = statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    functions = [name for name, _ in stack().of_type("AWS::Lambda::Function")]
    using = {name for name in functions if iam_actions(stack(), name) & set(statement["Action"])}
    assert len(using) == 4
    for name in using:
        role = stack().properties(name)["Role"].removesuffix(".Arn")
        assert f"arn:aws:iam::*:role/fleet53-{role}-*" in exempt
