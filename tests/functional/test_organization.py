"""A stack whose roles and names follow an organization's rules works as any other."""

from __future__ import annotations

from typing import Final

import pytest

from lab.stack.template import TemplateError
from lab.world import Lab
from tests.functional.views import admitted, in_dns, launched, see_healthy

BOUNDARY: Final = "arn:aws:iam::123456789012:policy/boundary"
NESTED: Final = "platform-network-production-Fleet53Stack-1ABCDEFGHIJKLMNOPQR"
"""A nested stack's name, longer than the 51 characters that the names of its resources leave for a prefix."""


def test_a_nested_stack_with_a_prefix_admits_withdraws_and_is_deleted() -> None:
    with Lab({"NamePrefix": "dns"}, stack_name=NESTED) as lab:
        (member,) = launched(lab, 1)
        see_healthy(lab, [member])
        (record,) = lab.route53.records("app.example.com", "A")
        assert record["SetIdentifier"] == f"{NESTED}.eu-west-1.123456789012/{member}"
        assert lab.deployment.functions["WidgetFunction"].name == "customWidget-dns"
        lab.fleet.terminate(member)
        lab.settle()
        assert not lab.route53.records("app.example.com", "A")
        assert lab.delete_stack() == "DELETE_COMPLETE"


def test_a_stack_whose_name_is_too_long_is_not_created_and_its_creation_is_undone() -> None:
    name = "platform-network-production-Fleet53NestedStackFleet53NestedStackResource-1ABCDEFGHIJKL"
    with pytest.raises(TemplateError) as error, Lab({"NamePrefix": "dns"}, stack_name=name):
        pass
    assert str(error.value).endswith(
        "the stack's name has 86 characters, and 85 fit into the SetIdentifiers of its records in this Region: create "
        "the stack under a shorter name"
    )


def test_roles_with_a_path_and_a_boundary_are_those_that_the_functions_have() -> None:
    with Lab({"RolePath": "/dns/", "PermissionsBoundary": BOUNDARY}) as lab:
        iam = lab.client("iam")
        names = [each["RoleName"] for each in iam.list_roles(PathPrefix="/dns/")["Roles"]]
        made = [iam.get_role(RoleName=name)["Role"] for name in names]
        arns = {each["Arn"] for each in made}
        assert {each["PermissionsBoundary"]["PermissionsBoundaryArn"] for each in made} == {BOUNDARY}
        assert {lab.deployment.properties[name]["Role"] for name in lab.deployment.functions} == arns
        assert all(":role/dns/" in arn for arn in arns)
        (member,) = admitted(lab, 1)
        assert in_dns(lab) == {member}
