"""examples/two-servers.yaml, deployed beside a fleet53 stack as `aws cloudformation deploy` does, with a change set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.views import audit, findings, in_dns, kinds, see_healthy
from tests.template.stack import ROOT

if TYPE_CHECKING:
    from lab.world import Lab

TEMPLATE = (ROOT / "examples/two-servers.yaml").read_text(encoding="utf-8")


def deployed(lab: Lab) -> dict[str, Any]:
    """Deploy the example with the checkers' prefix list, and return the stack."""
    cloudformation = lab.client("cloudformation")
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="servers")
    change_set = cloudformation.create_change_set(
        StackName="servers",
        ChangeSetName="deploy",
        ChangeSetType="CREATE",
        TemplateBody=TEMPLATE,
        Parameters=[
            {"ParameterKey": "CheckersPrefixListId", "ParameterValue": lab.fleet.security_groups.checkers()},
            {"ParameterKey": "ClientCidr", "ParameterValue": "203.0.113.0/24"},
        ],
    )["Id"]
    cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=change_set)
    cloudformation.execute_change_set(ChangeSetName=change_set)
    cloudformation.get_waiter("stack_create_complete").wait(StackName="servers")
    (stack,) = cloudformation.describe_stacks(StackName="servers")["Stacks"]
    return dict(stack)


def follow(lab: Lab) -> None:
    """Send EC2's events about what was done through its API, and let fleet53 handle them, as the running lab does."""
    lab.fleet.emit_changes()
    lab.settle()


def test_the_example_fleet_deploys_and_both_servers_are_answered(lab: Lab) -> None:
    stack = deployed(lab)
    ids = stack["Outputs"][0]["OutputValue"].split()
    follow(lab)
    see_healthy(lab, ids)

    assert in_dns(lab) == {*ids}
    assert lab.answers("app.example.com") == {lab.fleet.address(each) for each in ids}
    report = audit(lab)
    assert (report["verdict"], report["findings"]) == ("ok", [])
    described = [lab.fleet.describe(each) for each in ids]
    assert {each["InstanceType"] for each in described} == {"t4g.nano"}
    assert all(each["ImageId"].startswith("ami-") for each in described)


def test_the_example_fleet_is_out_of_dns_when_its_stack_is_deleted(lab: Lab) -> None:
    ids = deployed(lab)["Outputs"][0]["OutputValue"].split()
    follow(lab)
    see_healthy(lab, ids)
    lab.client("cloudformation").delete_stack(StackName="servers")
    follow(lab)

    assert in_dns(lab) == set()


def test_an_instance_without_a_security_group_is_in_the_default_group_which_can_keep_the_checkers_out(
    lab: Lab,
) -> None:
    ec2 = lab.client("ec2")
    launched = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "fleet53:pool", "Value": "web"}]}],
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    (group,) = lab.fleet.describe(instance_id)["SecurityGroups"]
    assert group["GroupName"] == "default"
    follow(lab)
    assert findings(audit(lab), "unreachable-by-checkers") == []

    (described,) = ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=described["IpPermissions"])

    assert kinds(audit(lab))["unreachable-by-checkers"] == 1
