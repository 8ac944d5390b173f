"""What an organization may prescribe: the roles' path and boundary, the names, and a long name of the stack."""

from __future__ import annotations

from typing import Final

import pytest

from tests.template.stack import Stack, stack

BOUNDARY: Final = "arn:aws:iam::123456789012:policy/boundary"
PREFIX: Final = "a" * 51
"""The longest prefix that the template takes."""
NAMED: Final = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Events::Rule": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SQS::Queue": "QueueName",
}
"""The property that holds the name of a type's resources."""
NESTED: Final = "platform-network-production-Fleet53Stack-1ABCDEFGHIJKLMNOPQR"
"""A nested stack's name: CloudFormation makes it of the parent's name, the logical id and random characters."""


def roles(of: Stack) -> list[str]:
    return sorted(name for name, _ in of.of_type("AWS::IAM::Role"))


def names(of: Stack) -> dict[str, str]:
    """Return the name of everything that the template names itself and that has no path, by logical id."""
    found = {
        logical_id: properties.get(key, "")
        for kind, key in NAMED.items()
        for logical_id, properties in of.of_type(kind)
    }
    return {logical_id: name for logical_id, name in found.items() if name}


def test_every_role_of_the_template_has_the_path_and_the_boundary() -> None:
    of = stack(RolePath="/dns/", PermissionsBoundary=BOUNDARY)
    assert roles(of) == ["AuditRole", "ReconcilerRole", "StackLifecycleRole", "WidgetRole"]
    for role in roles(of):
        assert (of.properties(role)["Path"], of.properties(role)["PermissionsBoundary"]) == ("/dns/", BOUNDARY)


def test_every_function_has_one_of_these_roles_so_that_sam_makes_none() -> None:
    of = stack()
    given = {name: function["Role"].removesuffix(".Arn") for name, function in of.of_type("AWS::Lambda::Function")}
    assert sorted(given.values()) == roles(of)


def test_without_them_a_role_has_neither_property_so_that_an_update_replaces_no_role() -> None:
    for role in roles(stack()):
        assert stack().properties(role).keys() & {"Path", "PermissionsBoundary"} == set()


def test_by_default_the_names_begin_with_the_stacks_name() -> None:
    assert names(stack()) == {
        "Signals": "fleet53-signals",
        "WidgetFunction": "customWidget-fleet53",
        "Dashboard": "fleet53-eu-west-1",
        "InstanceStateRule": "fleet53-instances",
        "LifecycleActionRule": "fleet53-lifecycle",
        "ScalingActivityRule": "fleet53-scaling",
        "SpotInterruptionRule": "fleet53-spot",
        "PoolTagRule": "fleet53-tags",
        "PoolSettingRule": "fleet53-pools",
        "AddressRule": "fleet53-addresses",
        "StandbyRule": "fleet53-standby",
        "AuditFunctionSchedule": "fleet53-audit",
    }


def test_the_longest_prefix_gives_names_that_every_service_takes() -> None:
    given = names(stack(NamePrefix=PREFIX))
    assert {name for name, text in given.items() if PREFIX not in text} == set()
    # Lambda and EventBridge take 64 characters, SQS 80.
    assert len(given.pop("Signals")) <= 80
    assert given.pop("Dashboard") == f"{PREFIX}-eu-west-1"
    assert max(map(len, given.values())) == 64


def test_a_nested_stack_with_a_prefix_names_nothing_but_paths_after_itself() -> None:
    of = stack(NamePrefix="dns", stack_name=NESTED)
    assert {text for text in names(of).values() if NESTED in text} == set()
    assert of.properties("FirstPool")["Name"] == f"/fleet53/{NESTED}/pools/web"


@pytest.mark.parametrize("policy", ["SignalsPolicy", "DeadLettersPolicy"])
def test_a_queue_takes_the_events_of_the_rules_as_they_are_named(policy: str) -> None:
    of = stack(NamePrefix="dns")
    allowed, _tls = of.properties(policy)["PolicyDocument"]["Statement"]
    arns = {f"arn:aws:events:eu-west-1:123456789012:rule/{rule['Name']}" for _, rule in of.of_type("AWS::Events::Rule")}
    if policy == "SignalsPolicy":
        arns.remove("arn:aws:events:eu-west-1:123456789012:rule/dns-audit")
    assert set(allowed["Condition"]["ArnLike"]["aws:SourceArn"]) == arns


def test_the_dead_letter_queue_knows_the_signals_queue_by_its_name() -> None:
    assert stack(NamePrefix="dns").properties("DeadLetters")["RedriveAllowPolicy"]["sourceQueueArns"] == [
        "arn:aws:sqs:eu-west-1:123456789012:dns-signals"
    ]
