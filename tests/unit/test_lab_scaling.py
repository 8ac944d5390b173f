"""The lab's Auto Scaling: groups that launch and terminate through lifecycle hooks, by the lab's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lab.moto.cloud import IMAGE
from lab.scaling.hooks import Hook, launch_hook, terminate_hook
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.world import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with bare_lab(tmp_path) as lab:
        yield lab


def states(lab: Lab) -> list[str]:
    return list(lab.fleet.members("web").values())


def only_instance(lab: Lab) -> str:
    (instance_id,) = lab.fleet.members("web")
    return instance_id


def actions(lab: Lab, transition: str) -> list[dict[str, Any]]:
    """Return the details of the lifecycle actions that events reported so far."""
    return [
        event["detail"]
        for event in lab.bus.sent
        if event["detail-type"] == f"EC2 Instance-{transition} Lifecycle Action"
    ]


def complete(lab: Lab, hook: str, result: str = "CONTINUE", **of: str) -> None:
    lab.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="web", LifecycleHookName=hook, LifecycleActionResult=result, **of
    )


def refusal(lab: Lab, operation: str, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        getattr(lab.client("autoscaling"), operation)(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def in_service(lab: Lab, count: int, **settings: Any) -> list[str]:
    """Create the group without hooks that hold launches, and return its instances in service."""
    lab.fleet.create_group("web", count, **settings)
    lab.run(8)
    assert states(lab) == ["InService"] * count
    return list(lab.fleet.members("web"))


# -- launching


def test_a_group_launches_its_desired_capacity_with_the_pool_tag(lab: Lab) -> None:
    first, second = in_service(lab, 2, pools=("web", "api"))
    for instance_id in (first, second):
        tags = {each["Key"]: each["Value"] for each in lab.fleet.describe(instance_id)["Tags"]}
        assert tags == {"aws:autoscaling:groupName": "web", "fleet53:pool": "web api"}


def test_instances_with_weights_fill_a_capacity_by_their_units(lab: Lab) -> None:
    lab.client("ec2").create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "t3.micro", "ImageId": IMAGE}
    )
    template = {"LaunchTemplateName": "web", "Version": "$Latest"}
    overrides = [{"InstanceType": "t3.micro", "WeightedCapacity": "3"}]
    scaling = lab.client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": template, "Overrides": overrides}},
        MinSize=0,
        MaxSize=100,
        DesiredCapacity=7,
        AvailabilityZones=["eu-west-1a"],
    )
    lab.run(8)
    described = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    assert [each["WeightedCapacity"] for each in described] == ["3", "3", "3"]

    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=6)
    lab.run(60, step=5)
    assert states(lab) == ["InService"] * 2
    _, text, _ = refusal(lab, "start_instance_refresh", AutoScalingGroupName="web")
    assert text == "The lab does not refresh groups whose instances have weights."


def test_a_launch_without_hooks_sends_its_event_when_the_instance_is_in_service(lab: Lab) -> None:
    lab.fleet.create_group("web", 1)
    lab.turn()
    assert states(lab) == ["Pending"]
    assert lab.fleet.describe(only_instance(lab))["State"]["Name"] == "pending"
    lab.run(8)
    kinds = [(event["detail-type"], event["detail"].get("state")) for event in lab.bus.sent]
    assert kinds == [
        ("EC2 Instance State-change Notification", "pending"),
        ("EC2 Instance State-change Notification", "running"),
        ("EC2 Instance Launch Successful", None),
    ]
    told = lab.bus.sent[-1]
    assert told["detail"]["Description"] == f"Launching a new EC2 instance: {only_instance(lab)}"
    assert (told["detail"]["Origin"], told["detail"]["Destination"]) == ("EC2", "AutoScalingGroup")
    assert [arn.rsplit("/", 1)[1] for arn in told["resources"]] == ["web", only_instance(lab)]


def test_a_launch_hook_holds_the_instance_until_it_is_completed_by_its_token(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook(metadata="colour=blue")])
    lab.run(60, step=10)
    assert states(lab) == ["Pending:Wait"]
    (action,) = actions(lab, "launch")
    assert action == {
        "LifecycleActionToken": action["LifecycleActionToken"],
        "AutoScalingGroupName": "web",
        "LifecycleHookName": "fleet53-launch",
        "EC2InstanceId": only_instance(lab),
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": "colour=blue",
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }
    complete(lab, "fleet53-launch", LifecycleActionToken=action["LifecycleActionToken"])
    lab.turn()
    assert states(lab) == ["Pending:Proceed"]
    lab.run(2)
    assert states(lab) == ["InService"]


def test_the_event_of_a_hook_without_metadata_has_no_metadata(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook()])
    lab.run(7)
    assert "NotificationMetadata" not in actions(lab, "launch")[0]


def test_several_hooks_hold_at_once_and_each_has_to_continue(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook("one"), launch_hook("two")])
    lab.run(7)
    assert [each["LifecycleHookName"] for each in actions(lab, "launch")] == ["one", "two"]
    complete(lab, "one", InstanceId=only_instance(lab))
    lab.run(3)
    assert states(lab) == ["Pending:Wait"]
    complete(lab, "two", InstanceId=only_instance(lab))
    lab.run(3)
    assert states(lab) == ["InService"]


def test_an_abandoned_launch_is_terminated_and_replaced(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook()])
    lab.run(7)
    abandoned = only_instance(lab)
    complete(lab, "fleet53-launch", "ABANDON", InstanceId=abandoned)
    lab.turn()
    assert states(lab) == ["Terminating", "Pending"]
    lab.run(8)
    assert lab.fleet.describe(abandoned)["State"]["Name"] == "terminated"
    assert abandoned not in lab.fleet.members("web")
    assert "EC2 Instance Launch Unsuccessful" in [event["detail-type"] for event in lab.bus.sent]


# -- time-outs


@pytest.mark.parametrize(("result", "state"), [("CONTINUE", "InService"), ("ABANDON", None)])
def test_a_hook_that_times_out_has_its_default_result(lab: Lab, result: str, state: str | None) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook(heartbeat=60, default_result=result)])
    lab.run(60)
    first = only_instance(lab)
    assert states(lab) == ["Pending:Wait"]
    lab.run(20)
    assert lab.fleet.members("web").get(first) == state


def test_a_heartbeat_restarts_the_time_out(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook(heartbeat=60, default_result="CONTINUE")])
    lab.run(55, step=5)
    lab.client("autoscaling").record_lifecycle_action_heartbeat(
        AutoScalingGroupName="web", LifecycleHookName="fleet53-launch", InstanceId=only_instance(lab)
    )
    lab.run(50, step=5)
    assert states(lab) == ["Pending:Wait"]
    lab.run(15, step=5)
    assert states(lab) == ["InService"]


@pytest.mark.parametrize(("heartbeat", "seconds", "beats", "pause"), [(30, 3000, 120, 25), (7200, 172_800, 27, 6400)])
def test_no_heartbeat_holds_an_instance_beyond_the_global_time_out(
    lab: Lab, heartbeat: int, seconds: int, beats: int, pause: int
) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook(heartbeat=heartbeat, default_result="CONTINUE")])
    (hook,) = lab.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    assert hook["GlobalTimeout"] == seconds == beats * pause
    lab.run(7)
    for _ in range(beats - 1):
        lab.clock.advance(pause)
        lab.turn()
        lab.client("autoscaling").record_lifecycle_action_heartbeat(
            AutoScalingGroupName="web", LifecycleHookName="fleet53-launch", InstanceId=only_instance(lab)
        )
    assert states(lab) == ["Pending:Wait"]
    lab.clock.advance(pause)
    lab.run(3)
    assert states(lab) == ["InService"]


# -- what is refused


def test_an_action_that_is_not_active_is_refused_in_aws_s_words(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook()])
    lab.run(7)
    action = {"AutoScalingGroupName": "web", "LifecycleHookName": "fleet53-launch", "LifecycleActionResult": "CONTINUE"}
    token, other = actions(lab, "launch")[0]["LifecycleActionToken"], "87654321-4321-4321-4321-210987654321"
    complete(lab, "fleet53-launch", LifecycleActionToken=token)
    for gone in (token, other):
        assert refusal(lab, "complete_lifecycle_action", LifecycleActionToken=gone, **action) == (
            "ValidationError",
            f"No active Lifecycle Action found with token {gone}",
            400,
        )
    assert refusal(lab, "complete_lifecycle_action", InstanceId=only_instance(lab), **action) == (
        "ValidationError",
        f"No active Lifecycle Action found with instance ID {only_instance(lab)}",
        400,
    )


def test_an_expired_token_is_refused_before_the_group_handles_the_timeout(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook(heartbeat=30)])
    lab.run(7)
    lab.clock.advance(31)
    request = {"AutoScalingGroupName": "web", "LifecycleHookName": "fleet53-launch", "InstanceId": only_instance(lab)}
    code, message, _ = refusal(lab, "record_lifecycle_action_heartbeat", **request)
    assert (code, message) == (
        "ValidationError",
        f"No active Lifecycle Action found with instance ID {only_instance(lab)}",
    )


def test_an_unknown_group_is_refused(lab: Lab) -> None:
    assert refusal(lab, "describe_lifecycle_hooks", AutoScalingGroupName="nobody")[:2] == (
        "ValidationError",
        "AutoScalingGroup name not found - null",
    )


def test_an_instance_of_no_group_is_refused(lab: Lab) -> None:
    assert refusal(lab, "set_instance_health", InstanceId="i-0a", HealthStatus="Unhealthy")[:2] == (
        "ValidationError",
        "Instance Id not found - No managed instance found for instance ID: i-0a",
    )


def test_deleting_a_hook_abandons_the_launches_that_it_holds(lab: Lab) -> None:
    lab.fleet.create_group("web", 1, hooks=[launch_hook()])
    lab.run(7)
    first = only_instance(lab)
    lab.client("autoscaling").delete_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="fleet53-launch")
    lab.turn()
    assert lab.fleet.members("web")[first] == "Terminating"
    request = {"AutoScalingGroupName": "web", "LifecycleHookName": "fleet53-launch"}
    assert refusal(lab, "delete_lifecycle_hook", **request)[1] == "No Lifecycle Hook found with name fleet53-launch"


# -- terminating


def test_a_terminate_hook_holds_the_instance_while_ec2_still_runs_it(lab: Lab) -> None:
    (instance_id,) = in_service(lab, 1, hooks=[terminate_hook()])
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    lab.turn()
    assert states(lab) == ["Terminating"]
    lab.run(60, step=5)
    assert states(lab) == ["Terminating:Wait"]
    assert lab.fleet.describe(instance_id)["State"]["Name"] == "running"
    (action,) = actions(lab, "terminate")
    assert (action["Origin"], action["Destination"]) == ("AutoScalingGroup", "EC2")
    (activity, _) = lab.client("autoscaling").describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
    assert activity["StatusCode"] == "MidTerminatingLifecycleAction"
    assert activity["Description"] == f"Terminating EC2 instance: {instance_id}"


def test_a_completed_termination_passes_through_ec2_s_states_and_out_of_the_group(lab: Lab) -> None:
    (instance_id,) = in_service(lab, 1, hooks=[terminate_hook()])
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    lab.run(3)
    complete(lab, "fleet53-terminate", InstanceId=instance_id)
    seen = []
    for _ in range(12):
        lab.run(1)
        pair = (states(lab), lab.fleet.describe(instance_id)["State"]["Name"])
        seen += [pair] if pair not in seen else []
    assert seen == [
        (["Terminating:Proceed"], "running"),
        (["Terminating:Proceed"], "shutting-down"),
        (["Terminated"], "terminated"),
        ([], "terminated"),
    ]
    assert [event["detail-type"] for event in lab.bus.sent][-3:] == [
        "EC2 Instance State-change Notification",
        "EC2 Instance State-change Notification",
        "EC2 Instance Terminate Successful",
    ]


def test_an_abandoned_termination_skips_the_other_hooks(lab: Lab) -> None:
    (instance_id,) = in_service(lab, 1, hooks=[terminate_hook("one"), terminate_hook("two")])
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    lab.run(3)
    complete(lab, "one", "ABANDON", InstanceId=instance_id)
    lab.turn()
    assert states(lab) == ["Terminating:Proceed"]
    request = {"AutoScalingGroupName": "web", "LifecycleHookName": "two", "LifecycleActionResult": "CONTINUE"}
    assert refusal(lab, "complete_lifecycle_action", InstanceId=instance_id, **request)[0] == "ValidationError"


def test_a_group_with_retention_keeps_an_abandoned_instance_until_it_is_terminated_explicitly(lab: Lab) -> None:
    (instance_id,) = in_service(lab, 1, hooks=[terminate_hook(heartbeat=30)], retain=True)
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    lab.run(40)
    assert states(lab) == ["Terminating:Retained"]
    assert lab.fleet.describe(instance_id)["State"]["Name"] == "running"
    lab.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
    )
    lab.run(8)
    assert states(lab) == []
    assert lab.fleet.describe(instance_id)["State"]["Name"] == "terminated"


def test_a_group_with_instances_is_deleted_only_with_force_and_without_its_hooks(lab: Lab) -> None:
    (instance_id,) = in_service(lab, 1, hooks=[terminate_hook()])
    assert refusal(lab, "delete_auto_scaling_group", AutoScalingGroupName="web")[0] == "ResourceInUse"
    lab.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    lab.run(3)
    assert lab.fleet.describe(instance_id)["State"]["Name"] == "terminated"
    assert actions(lab, "terminate") == []


# -- what a group does by itself


def test_a_lost_instance_is_replaced_after_a_health_check(lab: Lab) -> None:
    lost, kept = in_service(lab, 2)
    lab.fleet.terminate(lost)
    lab.run(5)
    assert lab.fleet.members("web") == {lost: "InService", kept: "InService"}
    lab.run(30)
    assert lost not in lab.fleet.members("web")
    assert states(lab) == ["InService", "InService"]


def test_an_unhealthy_instance_is_replaced(lab: Lab) -> None:
    ill, well = in_service(lab, 2)
    lab.client("autoscaling").set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
    lab.turn()
    assert lab.fleet.members("web")[ill] == "Terminating"
    lab.run(15)
    assert ill not in lab.fleet.members("web")
    assert states(lab) == ["InService", "InService"]
    assert well in lab.fleet.members("web")


@pytest.mark.parametrize(("respect", "state"), [(True, "InService"), (False, "Terminating")])
def test_the_grace_period_applies_unless_the_request_ignores_it(lab: Lab, respect: bool, state: str) -> None:
    (young,) = in_service(lab, 1, health_grace_period=300)
    lab.client("autoscaling").set_instance_health(
        InstanceId=young, HealthStatus="Unhealthy", ShouldRespectGracePeriod=respect
    )
    lab.turn()
    assert lab.fleet.members("web")[young] == state


def test_after_the_grace_period_health_counts(lab: Lab) -> None:
    (old,) = in_service(lab, 1, health_grace_period=60)
    lab.run(61, step=20)
    lab.client("autoscaling").set_instance_health(InstanceId=old, HealthStatus="Unhealthy")
    lab.turn()
    assert lab.fleet.members("web")[old] == "Terminating"


def test_a_group_without_a_desired_capacity_changes_nothing_about_its_instances(lab: Lab) -> None:
    lab.fleet.create_group("web")
    lab.fleet.launch(group="web", lifecycle_state="Pending:Wait")
    lab.fleet.launch(group="web", lifecycle_state="Terminating")
    lab.run(120, step=10)
    assert states(lab) == ["Pending:Wait", "Terminating"]


def test_a_capacity_outside_the_groups_bounds_is_refused(lab: Lab) -> None:
    in_service(lab, 1, max_size=2)
    request = {"AutoScalingGroupName": "web", "DesiredCapacity": 3}
    assert refusal(lab, "set_desired_capacity", **request)[0] == "ValidationError"


# -- standby and detaching


def test_an_instance_enters_and_exits_standby_without_its_hooks(lab: Lab) -> None:
    first, second = in_service(lab, 2)
    lab.client("autoscaling").put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName="fleet53-launch",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )
    request = {"AutoScalingGroupName": "web", "InstanceIds": [first]}
    lab.client("autoscaling").enter_standby(ShouldDecrementDesiredCapacity=True, **request)
    assert lab.fleet.members("web") == {first: "EnteringStandby", second: "InService"}
    lab.run(2)
    assert lab.fleet.members("web") == {first: "Standby", second: "InService"}
    lab.client("autoscaling").exit_standby(**request)
    assert lab.fleet.members("web") == {first: "Pending", second: "InService"}
    lab.run(2)
    assert lab.fleet.members("web") == {first: "InService", second: "InService"}
    calls = [event for event in lab.bus.sent if event["detail-type"] == "AWS API Call via CloudTrail"]
    assert [(each["source"], each["detail"]["eventName"]) for each in calls] == [
        ("aws.autoscaling", "EnterStandby"),
        ("aws.autoscaling", "ExitStandby"),
    ]
    assert calls[0]["detail"]["requestParameters"] == {
        "autoScalingGroupName": "web",
        "instanceIds": [first],
        "shouldDecrementDesiredCapacity": True,
    }


def test_without_decrement_another_instance_replaces_one_in_standby(lab: Lab) -> None:
    (first,) = in_service(lab, 1)
    lab.client("autoscaling").enter_standby(
        AutoScalingGroupName="web", InstanceIds=[first], ShouldDecrementDesiredCapacity=False
    )
    lab.run(9)
    assert states(lab) == ["Standby", "InService"]


def test_a_detached_instance_runs_on_in_no_group(lab: Lab) -> None:
    (first,) = in_service(lab, 1, hooks=[terminate_hook()])
    request = {"AutoScalingGroupName": "web", "InstanceIds": [first], "ShouldDecrementDesiredCapacity": True}
    lab.client("autoscaling").detach_instances(**request)
    assert states(lab) == ["Detaching"]
    lab.run(3)
    assert states(lab) == []
    assert lab.fleet.describe(first)["State"]["Name"] == "running"
    assert [each["Key"] for each in lab.fleet.describe(first)["Tags"]] == ["fleet53:pool"]
    assert (
        refusal(lab, "detach_instances", **request)[1] == f"The instance {first} is not part of Auto Scaling group web."
    )


def test_an_attached_instance_gets_the_tags_that_its_group_propagates_and_an_event_reports_them(lab: Lab) -> None:
    in_service(lab, 1)
    alone = lab.fleet.launch(("api",), tags={"Name": "one"})
    lab.client("autoscaling").attach_instances(AutoScalingGroupName="web", InstanceIds=[alone])
    lab.run(2)
    assert lab.fleet.members("web")[alone] == "InService"
    tags = {"Name": "one", "fleet53:pool": "web", "aws:autoscaling:groupName": "web"}
    assert {each["Key"]: each["Value"] for each in lab.fleet.describe(alone)["Tags"]} == tags
    (event,) = [each for each in lab.bus.sent if each["detail-type"] == "Tag Change on Resource"]
    assert event["detail"]["changed-tag-keys"] == ["aws:autoscaling:groupName", "fleet53:pool"]


# -- describing


def test_up_to_50_instances_are_described_and_unknown_ids_are_left_out(lab: Lab) -> None:
    known = in_service(lab, 1)
    described = lab.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[*known, "i-0a"])
    (member,) = described["AutoScalingInstances"]
    assert (member["InstanceId"], member["AutoScalingGroupName"]) == (known[0], "web")
    assert (member["LifecycleState"], member["HealthStatus"]) == ("InService", "HEALTHY")
    too_many = [f"i-{number}" for number in range(51)]
    assert refusal(lab, "describe_auto_scaling_instances", InstanceIds=too_many)[0] == "ValidationError"


def test_a_hook_is_put_changed_and_described(lab: Lab) -> None:
    lab.fleet.create_group("web", 0, hooks=[Hook("fleet53-in", "autoscaling:EC2_INSTANCE_LAUNCHING")])
    client = lab.client("autoscaling")
    client.put_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="fleet53-in", HeartbeatTimeout=120)
    (hook,) = client.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    assert hook == {
        "LifecycleHookName": "fleet53-in",
        "AutoScalingGroupName": "web",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "HeartbeatTimeout": 120,
        "GlobalTimeout": 12_000,
        "DefaultResult": "ABANDON",
    }
    request = {"AutoScalingGroupName": "web", "LifecycleHookName": "fleet53-in", "HeartbeatTimeout": 29}
    assert refusal(lab, "put_lifecycle_hook", **request)[0] == "ValidationError"


# -- Spot


def test_spot_interrupts_an_instance_two_minutes_after_its_warning_and_the_group_replaces_it(lab: Lab) -> None:
    (spot,) = in_service(lab, 1, spot=True)
    lab.fleet.spot.warn(spot)
    filters = [{"Name": "instance-id", "Values": [spot]}]
    (request,) = lab.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert request["Status"]["Code"] == "instance-terminated-no-capacity"
    lab.run(115, step=5)
    assert lab.fleet.describe(spot)["State"]["Name"] == "running"
    lab.run(10)
    assert lab.fleet.describe(spot)["State"]["Name"] == "terminated"
    lab.run(30)
    assert spot not in lab.fleet.members("web")
    assert states(lab) == ["InService"]


def test_a_person_can_neither_stop_a_spot_instance_nor_start_one_that_ec2_has_stopped(lab: Lab) -> None:
    spot = lab.fleet.launch(spot=True)
    lab.run(5)
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        lab.fleet.stop(spot)
    assert lab.fleet.describe(spot)["State"]["Name"] == "running"
    lab.fleet.spot.warn(spot, "stop")
    lab.run(125, step=5)
    with pytest.raises(ClientError, match="IncorrectSpotRequestState"):
        lab.fleet.start(spot)
    assert lab.fleet.describe(spot)["State"]["Name"] == "stopped"


def test_spot_stops_an_instance_whose_interruption_is_a_stop(lab: Lab) -> None:
    spot = lab.fleet.launch(spot=True)
    lab.fleet.spot.warn(spot, "stop")
    lab.run(125, step=5)
    assert lab.fleet.describe(spot)["State"]["Name"] == "stopped"
    filters = [{"Name": "instance-id", "Values": [spot]}]
    (request,) = lab.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert request["Status"]["Code"] == "instance-stopped-no-capacity"
