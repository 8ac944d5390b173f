"""The lab's warm pools: every transition of one, with its states and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.scaling.fleet import WarmPool
from lab.scaling.hooks import launch_hook, terminate_hook
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.world import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with bare_lab(tmp_path) as lab:
        yield lab


def pass_through(lab: Lab, instance_id: str, seconds: int = 20) -> list[tuple[str, str]]:
    """Complete every hook as time passes; return the states that an instance is seen in, its group's and EC2's."""
    seen: list[tuple[str, str]] = []
    for _ in range(seconds):
        lab.run(1)
        for action in lab.scaling.hooks.waiting("web"):
            lab.client("autoscaling").complete_lifecycle_action(
                AutoScalingGroupName="web",
                LifecycleHookName=action.hook.name,
                LifecycleActionToken=action.token,
                LifecycleActionResult="CONTINUE",
            )
        pair = (lab.fleet.members("web").get(instance_id, "gone"), lab.fleet.describe(instance_id)["State"]["Name"])
        seen += [pair] if pair not in seen[-1:] else []
    return seen


def told(lab: Lab, instance_id: str) -> list[tuple[str, str, str]]:
    """Return the events of Auto Scaling about an instance: their kind, origin and destination."""
    return [
        (event["detail-type"], event["detail"]["Origin"], event["detail"]["Destination"])
        for event in lab.bus.sent
        if event["detail"].get("EC2InstanceId") == instance_id
    ]


def warmed(lab: Lab, state: str, *, reuse: bool = False) -> tuple[str, str]:
    """Return the one instance in service and the one in the pool."""
    lab.fleet.create_group("web", 1, hooks=[launch_hook(), terminate_hook()], warm_pool=WarmPool(1, state, reuse=reuse))
    lab.turn()
    serving, warm = lab.fleet.members("web")
    pass_through(lab, warm)
    assert lab.fleet.members("web") == {serving: "InService", warm: f"Warmed:{state}"}
    return serving, warm


def scale(lab: Lab, capacity: int) -> None:
    lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=capacity)


def test_an_instance_that_enters_a_stopped_pool_is_held_and_then_stopped(lab: Lab) -> None:
    lab.fleet.create_group("web", 0, hooks=[launch_hook()], warm_pool=WarmPool(1))
    lab.turn()
    (warm,) = lab.fleet.members("web")
    assert pass_through(lab, warm) == [
        ("Warmed:Pending", "pending"),
        ("Warmed:Pending:Wait", "running"),
        ("Warmed:Pending:Proceed", "running"),
        ("Warmed:Pending:Proceed", "stopping"),
        ("Warmed:Stopped", "stopped"),
    ]
    assert told(lab, warm) == [
        ("EC2 Instance-launch Lifecycle Action", "EC2", "WarmPool"),
        ("EC2 Instance Launch Successful", "EC2", "WarmPool"),
    ]


@pytest.mark.parametrize(("state", "ec2"), [("Stopped", "stopped"), ("Hibernated", "stopped"), ("Running", "running")])
def test_a_pool_keeps_its_instances_in_its_state(lab: Lab, state: str, ec2: str) -> None:
    _, warm = warmed(lab, state)
    assert lab.fleet.describe(warm)["State"]["Name"] == ec2


def test_a_stopped_warm_instance_is_started_when_the_group_grows(lab: Lab) -> None:
    _, warm = warmed(lab, "Stopped")
    launched = lab.fleet.describe(warm)["LaunchTime"]
    lab.bus.sent.clear()
    scale(lab, 2)
    assert pass_through(lab, warm) == [
        ("Pending", "pending"),
        ("Pending:Wait", "running"),
        ("Pending:Proceed", "running"),
        ("InService", "running"),
    ]
    assert told(lab, warm) == [
        ("EC2 Instance-launch Lifecycle Action", "WarmPool", "AutoScalingGroup"),
        ("EC2 Instance Launch Successful", "WarmPool", "AutoScalingGroup"),
    ]
    assert lab.fleet.describe(warm)["LaunchTime"] > launched


def test_a_running_warm_instance_keeps_its_launch_time_when_the_group_grows(lab: Lab) -> None:
    _, warm = warmed(lab, "Running")
    launched = lab.fleet.describe(warm)["LaunchTime"]
    scale(lab, 2)
    assert [state for state, _ in pass_through(lab, warm)] == [
        "Pending",
        "Pending:Wait",
        "Pending:Proceed",
        "InService",
    ]
    assert lab.fleet.describe(warm)["LaunchTime"] == launched


def test_a_pool_with_reuse_takes_an_instance_back_on_scale_in(lab: Lab) -> None:
    serving, _ = warmed(lab, "Stopped", reuse=True)
    lab.bus.sent.clear()
    scale(lab, 0)
    assert pass_through(lab, serving) == [
        ("Warmed:Pending", "running"),
        ("Warmed:Pending:Wait", "running"),
        ("Warmed:Pending:Proceed", "running"),
        ("Warmed:Pending:Proceed", "stopping"),
        ("Warmed:Stopped", "stopped"),
    ]
    assert told(lab, serving)[0] == ("EC2 Instance-terminate Lifecycle Action", "AutoScalingGroup", "WarmPool")


def test_a_pool_without_reuse_takes_no_instance_back_on_scale_in(lab: Lab) -> None:
    serving, warm = warmed(lab, "Stopped")
    lab.bus.sent.clear()
    scale(lab, 0)
    pass_through(lab, serving)
    assert lab.fleet.members("web") == {warm: "Warmed:Stopped"}
    assert told(lab, serving)[0] == ("EC2 Instance-terminate Lifecycle Action", "AutoScalingGroup", "EC2")


def test_an_instance_above_the_warm_pools_size_is_terminated(lab: Lab) -> None:
    _, warm = warmed(lab, "Stopped")
    lab.bus.sent.clear()
    lab.client("autoscaling").put_warm_pool(AutoScalingGroupName="web", MinSize=0, MaxGroupPreparedCapacity=0)
    assert pass_through(lab, warm) == [
        ("Warmed:Terminating", "stopped"),
        ("Warmed:Terminating:Wait", "stopped"),
        ("Warmed:Terminating:Proceed", "stopped"),
        ("Warmed:Terminating:Proceed", "shutting-down"),
        ("Warmed:Terminated", "terminated"),
        ("gone", "terminated"),
    ]
    assert told(lab, warm) == [
        ("EC2 Instance-terminate Lifecycle Action", "WarmPool", "EC2"),
        ("EC2 Instance Terminate Successful", "WarmPool", "EC2"),
    ]


def test_warm_instances_are_described_by_their_pool_and_not_by_their_group(lab: Lab) -> None:
    serving, warm = warmed(lab, "Stopped")
    client = lab.client("autoscaling")
    (group,) = client.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [each["InstanceId"] for each in group["Instances"]] == [serving]
    pool = client.describe_warm_pool(AutoScalingGroupName="web")
    assert [(each["InstanceId"], each["LifecycleState"]) for each in pool["Instances"]] == [(warm, "Warmed:Stopped")]
    assert pool["WarmPoolConfiguration"]["MinSize"] == 1
    both = client.describe_auto_scaling_instances(InstanceIds=[serving, warm])["AutoScalingInstances"]
    assert [each["LifecycleState"] for each in both] == ["InService", "Warmed:Stopped"]
