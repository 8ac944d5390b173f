"""A second account, which has the hosted zone and the role of examples/zone-role.yaml that leads there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lab.world import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.route53.api import Route53
    from lab.world import Lab

OTHER: Final = "222222222222"
"""The account that has the hosted zone."""
OWN: Final = "123456789012"
"""The account of the stack."""
ZONE: Final = "example.org"
NAME: Final = "app.example.org"
EXTERNAL_ID: Final = "fleet53/7f3a"
POLICY: Final = "Records"
"""The name of the role's policy in the example."""
_STACK: Final = "fleet53-zone"


def route53_of(lab: Lab) -> Route53:
    """Return the Route 53 of the account that has the hosted zone."""
    return lab.route53.beside(OTHER)


def create_zone(lab: Lab, name: str = ZONE) -> str:
    """Create a hosted zone in the other account, and return its id."""
    zone = route53_of(lab).call("CreateHostedZone", {"Name": name, "CallerReference": name})
    return str(zone["HostedZone"]["Id"]).rpartition("/")[2]


def create_role(lab: Lab, *zone_ids: str, names: str = NAME, stack: str = _STACK, **parameters: str) -> str:
    """Deploy examples/zone-role.yaml in the other account, and return the role's ARN."""
    given = {
        "HostedZoneIds": ",".join(zone_ids),
        "RecordNames": names,
        "StackAccountId": OWN,
        "ExternalId": EXTERNAL_ID,
    } | parameters
    client = lab.client("cloudformation", account=OTHER)
    client.create_stack(
        StackName=stack,
        TemplateBody=(TEMPLATE.parent / "examples/zone-role.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (created,) = client.describe_stacks(StackName=stack)["Stacks"]
    return str({each["OutputKey"]: each["OutputValue"] for each in created["Outputs"]}["RoleArn"])


def through_a_role(lab: Lab) -> Mapping[str, str]:
    """Make the other account's zone and role, and return the parameters of a stack that uses them."""
    zone_id = create_zone(lab)
    return {
        "HostedZoneId": zone_id,
        "RecordName": NAME,
        "AllowedRecordNames": "",
        "Route53RoleArn": create_role(lab, zone_id),
        "Route53RoleExternalId": EXTERNAL_ID,
    }


def role_of(lab: Lab) -> str:
    """Return the ARN of the role that the stack uses."""
    return lab.stack.parameters["Route53RoleArn"]


def trust(lab: Lab) -> dict[str, Any]:
    """Return the trust policy of the role that the stack uses."""
    role = lab.client("iam", account=OTHER).get_role(RoleName=role_of(lab).rpartition("/")[2])["Role"]
    return dict(role["AssumeRolePolicyDocument"])


def records_policy(lab: Lab) -> dict[str, Any]:
    """Return the policy of the role that the stack uses."""
    name = role_of(lab).rpartition("/")[2]
    policy = lab.client("iam", account=OTHER).get_role_policy(RoleName=name, PolicyName=POLICY)
    return dict(policy["PolicyDocument"])


def set_records_policy(lab: Lab, policy: Mapping[str, Any]) -> None:
    """Change the policy of the role that the stack uses."""
    name, document = role_of(lab).rpartition("/")[2], json.dumps(policy)
    lab.client("iam", account=OTHER).put_role_policy(RoleName=name, PolicyName=POLICY, PolicyDocument=document)


def make_anew(lab: Lab) -> None:
    """Delete the role that the stack uses, and create one with the same ARN and the same policies."""
    iam, name, trusted, policy = (
        lab.client("iam", account=OTHER),
        role_of(lab).rpartition("/")[2],
        trust(lab),
        records_policy(lab),
    )
    iam.delete_role_policy(RoleName=name, PolicyName=POLICY)
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusted))
    set_records_policy(lab, policy)


def set_trust(lab: Lab, policy: Mapping[str, Any]) -> None:
    """Change the trust policy of the role that the stack uses."""
    name = role_of(lab).rpartition("/")[2]
    lab.client("iam", account=OTHER).update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(policy))


NOT_US: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::333333333333:root"}, "Action": "sts:AssumeRole"}
    ],
}
"""A trust policy that lets only a third account assume the role."""
