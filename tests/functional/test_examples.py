"""The templates of examples/, deployed as `aws cloudformation deploy` does, up to a name that is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from lab.world import TEMPLATE, Lab
from tests.functional.groups import pass_time
from tests.functional.views import audit, checks, in_dns, records
from tests.template.intrinsics import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES: Final = TEMPLATE.parent / "examples"
STACK: Final = "servers"


def deploy(lab: Lab, example: str, **parameters: str) -> dict[str, str]:
    """Create a stack by a change set, as `aws cloudformation deploy` does, and return its outputs."""
    client = lab.client("cloudformation")
    with pytest.raises(ClientError, match="does not exist"):
        client.describe_stacks(StackName=STACK)
    given = {"CheckersPrefixListId": lab.fleet.security_groups.checkers()} | parameters
    change_set = client.create_change_set(
        StackName=STACK,
        ChangeSetName="deploy",
        ChangeSetType="CREATE",
        TemplateBody=(EXAMPLES / example).read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )["Id"]
    client.get_waiter("change_set_create_complete").wait(ChangeSetName=change_set)
    client.execute_change_set(ChangeSetName=change_set)
    client.get_waiter("stack_create_complete").wait(StackName=STACK)
    (stack,) = client.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    lab.fleet.emit_changes()
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def tags(lab: Lab, instance_id: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in lab.fleet.describe(instance_id)["Tags"]}


def resolved(example: str, **parameters: str | list[str]) -> dict[str, Any]:
    """Return an example's resources for the given parameter values, and the default for each other parameter."""
    template = yaml_parse((EXAMPLES / example).read_text(encoding="utf-8"))
    values: Mapping[str, Any] = {name: each.get("Default", "") for name, each in template["Parameters"].items()}
    found: dict[str, Any] = Scope({**values, **parameters}, template["Conditions"]).resolve(template["Resources"])
    return found


def test_the_fleet_is_answered_for_when_its_servers_are_healthy_and_the_audit_finds_nothing(lab: Lab) -> None:
    group = deploy(lab, "fleet.yaml")["Group"]
    pass_time(lab, 10)
    members = lab.fleet.members(group)
    assert list(members.values()) == ["Pending:Wait"] * 2
    assert lab.answers() == set()

    pass_time(lab, 120)
    assert list(lab.fleet.members(group).values()) == ["InService"] * 2
    assert in_dns(lab) == set(members)
    assert lab.answers() == {lab.fleet.address(each) for each in members}
    report = audit(lab)
    assert (report["in_sync"], report["findings"]) == (True, [])
    for each in members:
        assert (tags(lab, each)["fleet53:pool"], tags(lab, each)["Name"]) == ("web", STACK)
        assert lab.fleet.describe(each)["InstanceType"] == "t4g.nano"


def test_a_refresh_by_the_command_of_the_fleets_output_loses_no_request(lab: Lab) -> None:
    outputs = deploy(lab, "fleet.yaml")
    pass_time(lab, 130)
    old = set(lab.fleet.members(outputs["Group"]))
    clients = lab.visitors(10)

    words = outputs["Refresh"].split()
    assert words[:3] == ["aws", "autoscaling", "start-instance-refresh"]
    preferences = dict(each.split("=") for each in words[words.index("--preferences") + 1].split(","))
    lab.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName=words[words.index("--auto-scaling-group-name") + 1],
        Preferences={name: int(value) for name, value in preferences.items()},
    )
    pass_time(lab, 1200)

    (refresh,) = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=outputs["Group"])[
        "InstanceRefreshes"
    ]
    new = set(lab.fleet.members(outputs["Group"]))
    assert refresh["Status"] == "Successful"
    assert (len(new), new & old) == (2, set())
    assert in_dns(lab) == new
    assert (clients.failures, clients.unanswered) == ([], 0)
    assert clients.connections > 1000


@pytest.mark.parametrize("example", ["fleet.yaml", "two-servers.yaml"])
def test_a_stack_that_is_deleted_leaves_no_record_and_no_check(lab: Lab, example: str) -> None:
    deploy(lab, example)
    pass_time(lab, 130)
    assert len(in_dns(lab)) == 2
    lab.client("cloudformation").delete_stack(StackName=STACK)
    lab.fleet.emit_changes()
    pass_time(lab, 60)
    assert (records(lab), checks(lab)) == ({}, {})


def test_two_servers_are_answered_for_when_they_are_healthy_and_the_audit_finds_nothing(lab: Lab) -> None:
    servers = deploy(lab, "two-servers.yaml", ClientCidr="203.0.113.0/24")["Servers"].split()
    pass_time(lab, 130)
    assert in_dns(lab) == set(servers)
    assert lab.answers() == {lab.fleet.address(each) for each in servers}
    report = audit(lab)
    assert (report["verdict"], report["findings"]) == ("ok", [])
    described = [lab.fleet.describe(each) for each in servers]
    assert {each["InstanceType"] for each in described} == {"t4g.nano"}
    assert all(each["ImageId"].startswith("ami-") for each in described)


def test_two_servers_are_out_of_dns_at_once_when_their_stack_is_deleted(lab: Lab) -> None:
    deploy(lab, "two-servers.yaml")
    pass_time(lab, 130)
    lab.client("cloudformation").delete_stack(StackName=STACK)
    lab.fleet.emit_changes()
    lab.settle()
    assert in_dns(lab) == set()


def test_spot_is_an_option_that_lets_the_group_replace_a_server_before_it_is_interrupted() -> None:
    usual, spot = (resolved("fleet.yaml", Spot=choice)["Group"]["Properties"] for choice in ("no", "yes"))
    shares = [
        each["MixedInstancesPolicy"]["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"]
        for each in (usual, spot)
    ]
    assert shares == [100, 0]
    assert (usual["CapacityRebalance"], spot["CapacityRebalance"]) == (False, True)


def test_the_fleet_is_in_the_default_vpc_or_in_a_given_one() -> None:
    default = resolved("fleet.yaml")
    given = resolved("fleet.yaml", VpcId="vpc-0a1b2c3d", SubnetIds=["subnet-0a1b2c3d", "subnet-1a1b2c3d"])
    assert "VpcId" not in default["Access"]["Properties"]
    assert "VPCZoneIdentifier" not in default["Group"]["Properties"]
    assert given["Access"]["Properties"]["VpcId"] == "vpc-0a1b2c3d"
    assert given["Group"]["Properties"]["VPCZoneIdentifier"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    assert "AvailabilityZones" not in given["Group"]["Properties"]


def test_a_given_vpc_needs_its_subnets() -> None:
    template = yaml_parse((EXAMPLES / "fleet.yaml").read_text(encoding="utf-8"))
    rule = template["Rules"]["SubnetsOfTheVpc"]
    (assertion,) = rule["Assertions"]
    for subnets, holds in ([""], False), (["subnet-0a1b2c3d"], True):
        scope = Scope({"VpcId": "vpc-0a1b2c3d", "SubnetIds": subnets}, {})
        assert scope.holds(rule["RuleCondition"])
        assert scope.holds(assertion["Assert"]) is holds


def test_the_hooks_wait_longer_than_fleet53_needs() -> None:
    parameters = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]
    launch, terminate = resolved("fleet.yaml")["Group"]["Properties"]["LifecycleHookSpecificationList"]
    assert launch["HeartbeatTimeout"] > parameters["AdmitTimeout"]["Default"]
    assert terminate["HeartbeatTimeout"] > parameters["RecordTTL"]["Default"] + 60
    assert {each["LifecycleHookName"].split("-")[0] for each in (launch, terminate)} == {
        parameters["HookPrefix"]["Default"]
    }
