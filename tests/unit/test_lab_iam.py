"""The lab's IAM: a request is allowed if a statement of the function's role has its action, resource and conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.iam import Permissions, Request, Session, allows
from lab.route53.permission import request_of

ZONE = "arn:aws:route53:::hostedzone/Z1"
NAMES = "route53:ChangeResourceRecordSetsNormalizedRecordNames"


def refusal(request: Request, **statement: Any) -> str | None:
    permissions = Permissions()
    usual = {"Effect": "Allow", "Action": "route53:ChangeResourceRecordSets", "Resource": ZONE}
    permissions.grant("reconciler", [usual | statement])
    with permissions.acting("reconciler"):
        return permissions.refusal(request)


def change(*names: str, zone_id: str = "Z1", kind: str = "A") -> Request:
    changes = [{"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind}} for name in names]
    return request_of("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}})


def test_a_request_that_a_statement_has_is_allowed() -> None:
    assert refusal(change("app.example.com")) is None


@pytest.mark.parametrize(
    "request_", [change("app.example.com", zone_id="Z2"), request_of("ListResourceRecordSets", {"HostedZoneId": "Z1"})]
)
def test_another_resource_or_action_is_refused_as_aws_says_it(request_: Request) -> None:
    assert refusal(request_) == (
        f"User: reconciler is not authorized to perform: {request_.action} on resource: {request_.resource} because no "
        f"identity-based policy allows the {request_.action} action"
    )


def test_without_a_statement_everything_is_refused_and_callers_other_than_functions_may_do_everything() -> None:
    permissions = Permissions()
    assert permissions.refusal(change("app.example.com")) is None
    with permissions.acting("audit"):
        assert permissions.refusal(change("app.example.com")) is not None


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        (("app.example.com",), True),
        (("APP.example.com.",), True),
        (("*.example.com",), True),
        (("\\052.example.com",), True),
        (("api.example.com",), False),
        (("app.example.com", "api.example.com"), False),
    ],
)
def test_every_name_of_a_batch_is_compared_in_its_normalized_form(names: tuple[str, ...], allowed: bool) -> None:
    condition = {"ForAllValues:StringEquals": {NAMES: ["app.example.com", "\\052.example.com"]}}
    assert (refusal(change(*names), Condition=condition) is None) is allowed


@pytest.mark.parametrize(("kind", "allowed"), [("A", True), ("AAAA", True), ("TXT", False)])
def test_the_types_of_a_batch_are_compared(kind: str, allowed: bool) -> None:
    condition = {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"]}}
    assert (refusal(change("app.example.com", kind=kind), Condition=condition) is None) is allowed


@pytest.mark.parametrize(("null", "allowed"), [("false", True), (False, True), ("true", False)])
def test_null_says_whether_a_key_must_be_there(null: object, allowed: bool) -> None:
    assert (refusal(change("app.example.com"), Condition={"Null": {NAMES: null}}) is None) is allowed


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [("arn:*:route53:::hostedzone/Z1", True), ("arn:aws:route53:::hostedzone/*", True), ("*", True), ("Z1", False)],
)
def test_a_star_in_a_resource_stands_for_anything(resource: str, allowed: bool) -> None:
    assert (refusal(change("app.example.com"), Resource=[resource]) is None) is allowed


def test_a_request_about_a_health_check_or_about_nothing_has_that_resource() -> None:
    assert request_of("DeleteHealthCheck", {"HealthCheckId": "c-1"}).resource == "arn:aws:route53:::healthcheck/c-1"
    assert request_of("GetHostedZone", {"Id": "/hostedzone/Z1"}).resource == ZONE
    assert request_of("ListHealthChecks", {}).resource == "*"


# -- sessions and trust policies


SESSION = Session(
    arn="arn:aws:sts::222222222222:assumed-role/zone/audit",
    account="222222222222",
    user_id="AROA1:audit",
    statements=(
        {"Effect": "Allow", "Action": "route53:ListResourceRecordSets", "Resource": ZONE},
        {
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": ZONE,
            "Condition": {"StringLike": {"aws:userid": "*:reconciler"}},
        },
    ),
)


def test_the_policies_of_a_session_decide_and_not_those_of_the_function_that_has_it() -> None:
    permissions = Permissions()
    permissions.grant("audit", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    with permissions.acting("audit"):
        assert permissions.refusal(request_of("ListResourceRecordSets", {"HostedZoneId": "Z1"}), SESSION) is None
        refused = permissions.refusal(change("app.example.com"), SESSION)
        assert refused is not None
        assert refused.startswith(f"User: {SESSION.arn} is not authorized to perform: {change().action}")
        assert permissions.refusal(change("app.example.com"), replace(SESSION, user_id="AROA1:reconciler")) is None


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"sts:ExternalId": "7f3a"}}, True),
        ({"StringEquals": {"sts:ExternalId": ["a", "7f3a"]}}, True),
        ({"StringEquals": {"sts:ExternalId": "7f3"}}, False),
        ({"StringEquals": {"sts:RoleSessionName": "audit"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/fleet53-*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/fleet53"}}, False),
    ],
)
def test_a_trust_policys_conditions_need_a_value_that_they_allow(condition: dict[str, Any], allowed: bool) -> None:
    context = {"sts:ExternalId": ["7f3a"], "aws:PrincipalArn": ["arn:aws:iam::123456789012:role/fleet53-AuditRole-1"]}
    request = Request("sts:AssumeRole", "arn:aws:iam::222222222222:role/zone", context)
    assert allows({"Effect": "Allow", "Action": "sts:AssumeRole", "Condition": condition}, request) is allowed
