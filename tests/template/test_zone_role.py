"""The role of examples/zone-role.yaml allows what the stack's own policies allow where the zones are in its account."""

from __future__ import annotations

from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.template.constraints import accepts
from tests.template.iam import iam_actions, statements
from tests.template.intrinsics import Scope
from tests.template.stack import ROOT, stack

OWN: dict[str, str] = {"AllowedRecordNames": "*.api.example.com", "AllowedZoneIds": "Z2"}
GIVEN: dict[str, str | list[str]] = {
    "HostedZoneIds": ["Z0123456789ABC", "Z2"],
    "RecordNames": ["app.example.com", "*.api.example.com"],
    "StackAccountId": "123456789012",
    "ExternalId": "fleet53/7f3a",
}


def role(**differs: str) -> dict[str, Any]:
    """Return the properties of the role, resolved."""
    template = yaml_parse((ROOT / "examples/zone-role.yaml").read_text(encoding="utf-8"))
    defaults = {name: each["Default"] for name, each in template["Parameters"].items() if "Default" in each}
    scope = Scope(defaults | GIVEN | differs, {})
    properties: dict[str, Any] = scope.resolve(template["Resources"]["ZoneRole"]["Properties"])
    return properties


def allowed() -> dict[str, dict[str, Any]]:
    (policy,) = role()["Policies"]
    return {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}


def test_the_role_is_for_the_names_and_zones_and_types_that_the_stacks_own_policy_would_be_for() -> None:
    (own,) = (each for each in statements(stack(**OWN), "ReconcilerFunction") if each["Sid"] == "ChangeAllowedRecords")
    theirs = allowed()["ChangeRecords"]
    assert [each.replace("arn:*:", "arn:aws:") for each in own["Resource"]] == theirs["Resource"]
    assert theirs["Condition"].pop("StringLike") == {"aws:userid": ["*:reconciler", "*:stack-lifecycle"]}
    assert (theirs["Action"], theirs["Condition"]) == (own["Action"], own["Condition"])


def test_the_role_reads_what_the_functions_read_of_a_zone_and_no_more() -> None:
    about_zones = {
        each
        for function in ("AuditFunction", "ReconcilerFunction", "StackLifecycleFunction", "WidgetFunction")
        for each in iam_actions(stack(), function) - iam_actions(stack(Route53RoleArn="arn"), function)
    }
    reads = allowed()["ReadZones"]
    assert {*reads["Action"], allowed()["ChangeRecords"]["Action"]} == about_zones
    assert reads["Resource"] == allowed()["ChangeRecords"]["Resource"]
    assert allowed().keys() == {"ReadZones", "ChangeRecords"}


@pytest.mark.parametrize(
    ("sid", "sessions", "functions"),
    [
        ("FunctionsThatChangeRecords", ["reconciler", "stack-lifecycle"], ["Reconciler", "StackLifecycle"]),
        ("FunctionsThatReadRecords", ["audit", "widget"], ["Audit", "Widget"]),
    ],
)
def test_each_function_gets_sessions_of_its_own_name_and_only_with_the_external_id(
    sid: str, sessions: list[str], functions: list[str]
) -> None:
    trust = role(StackName="dns", StackRolePath="/teams/")["AssumeRolePolicyDocument"]["Statement"]
    (statement,) = (each for each in trust if each["Sid"] == sid)
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": "fleet53/7f3a", "sts:RoleSessionName": sessions},
        "ArnLike": {
            "aws:PrincipalArn": [f"arn:aws:iam::123456789012:role/teams/dns-{each}Role-*" for each in functions]
        },
    }


@pytest.mark.parametrize(
    ("given", "taken"), [("fleet53", True), ("platform-network-producti*", True), ("*", False), ("fleet*53", False)]
)
def test_the_stacks_name_may_end_with_a_star_because_cloudformation_shortens_long_ones(
    given: str, *, taken: bool
) -> None:
    template = yaml_parse((ROOT / "examples/zone-role.yaml").read_text(encoding="utf-8"))
    assert accepts(template["Parameters"]["StackName"], given) is taken


def test_the_names_of_the_sessions_are_those_that_the_functions_ask_for() -> None:
    asked = {
        function: (ROOT / f"functions/{function}/{function}.py")
        .read_text(encoding="utf-8")
        .split("Clients(")[1]
        .split(")")[0]
        for function in ("reconciler", "stack_lifecycle", "audit", "widget")
    }
    assert asked == {
        "reconciler": '"reconciler"',
        "stack_lifecycle": '"stack-lifecycle"',
        "audit": '"audit"',
        "widget": '"widget"',
    }


def test_the_template_has_no_alias_because_cloudformation_takes_none() -> None:
    text = (ROOT / "examples/zone-role.yaml").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line.split("#")[0].strip().startswith(("*", "&"))]
    assert ": *" not in text.replace('"*:', "")
