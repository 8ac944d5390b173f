"""The lab's instance refreshes: which instances they replace, when, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

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


def in_service(lab: Lab, count: int) -> list[str]:
    lab.fleet.create_group("web", count)
    lab.run(8)
    assert set(lab.fleet.members("web").values()) == {"InService"}
    return list(lab.fleet.members("web"))


def start(lab: Lab, strategy: str = "Rolling", **preferences: int) -> None:
    lab.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName="web", Strategy=strategy, Preferences={"InstanceWarmup": 10, **preferences}
    )


def refresh(lab: Lab) -> dict[str, Any]:
    described = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName="web")
    return dict(described["InstanceRefreshes"][0])


def serving(lab: Lab) -> int:
    return list(lab.fleet.members("web").values()).count("InService")


def counts(lab: Lab, seconds: int) -> tuple[set[int], set[int]]:
    """Let time pass; return how many instances were in service, and how many in service or pending."""
    fewest, most = set(), set()
    for _ in range(seconds):
        lab.run(1)
        fewest.add(serving(lab))
        most.add(sum(state.startswith(("InService", "Pending")) for state in lab.fleet.members("web").values()))
    return fewest, most


def hooked(lab: Lab) -> None:
    """Give the group hooks, now that its first instances serve."""
    for hook in (launch_hook(), terminate_hook()):
        lab.client("autoscaling").put_lifecycle_hook(AutoScalingGroupName="web", **hook.specification())


def complete_all(lab: Lab) -> None:
    for action in lab.scaling.hooks.waiting("web"):
        lab.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName="web",
            LifecycleHookName=action.hook.name,
            LifecycleActionToken=action.token,
            LifecycleActionResult="CONTINUE",
        )


def test_a_refresh_replaces_every_instance_and_never_has_fewer_than_its_minimum(lab: Lab) -> None:
    old = in_service(lab, 4)
    start(lab, MinHealthyPercentage=50)
    fewest, most = counts(lab, 60)
    assert (min(fewest), max(most)) == (2, 4)
    assert not set(old) & set(lab.fleet.members("web"))
    assert serving(lab) == 4
    assert (refresh(lab)["Status"], refresh(lab)["PercentageComplete"]) == ("Successful", 100)
    kinds = [event["detail-type"] for event in lab.bus.sent if "Refresh" in event["detail-type"]]
    assert kinds == ["EC2 Auto Scaling Instance Refresh Started", "EC2 Auto Scaling Instance Refresh Succeeded"]


def test_a_refresh_with_a_maximum_above_100_percent_launches_before_it_terminates(lab: Lab) -> None:
    old = in_service(lab, 4)
    start(lab, MinHealthyPercentage=100, MaxHealthyPercentage=150)
    fewest, most = counts(lab, 90)
    assert (min(fewest), max(most)) == (4, 6)
    assert not set(old) & set(lab.fleet.members("web"))
    assert refresh(lab)["Status"] == "Successful"


def test_a_group_too_small_for_its_minimum_replaces_one_instance_at_a_time(lab: Lab) -> None:
    in_service(lab, 3)
    start(lab, MinHealthyPercentage=100)
    fewest, most = counts(lab, 90)
    assert (min(fewest), max(most)) == (2, 3)
    assert refresh(lab)["Status"] == "Successful"


def test_a_new_instance_counts_when_it_has_warmed_up(lab: Lab) -> None:
    old = in_service(lab, 2)
    start(lab, InstanceWarmup=60)
    lab.run(55)
    assert serving(lab) == 2
    assert [each in lab.fleet.members("web") for each in old] == [False, True]
    lab.run(20)
    assert lab.fleet.members("web").get(old[1]) != "InService"


def test_the_next_batch_waits_for_the_hooks_of_the_previous_one(lab: Lab) -> None:
    old = in_service(lab, 2)
    hooked(lab)
    start(lab)
    lab.run(300, step=5)
    first, second = old
    assert lab.fleet.members("web")[first] == "Terminating:Wait"
    assert lab.fleet.members("web")[second] == "InService"
    assert list(lab.fleet.members("web").values())[2:] == ["Pending:Wait"]
    complete_all(lab)
    lab.run(20)
    assert lab.fleet.members("web")[second] == "Terminating:Wait"


def test_an_instance_keeps_its_address_and_reboots_when_its_root_volume_is_replaced(lab: Lab) -> None:
    (only,) = in_service(lab, 1)
    hooked(lab)
    before = lab.fleet.describe(only)
    start(lab, "ReplaceRootVolume")
    seen: list[str] = []
    booting = False
    for _ in range(45):
        lab.run(1)
        complete_all(lab)
        state = lab.fleet.members("web")[only]
        seen += [state] if state not in seen[-1:] else []
        booting |= only not in lab.fleet.running_addresses()
    assert seen == [
        "ReplacingRootVolume",
        "ReplacingRootVolume:Wait",
        "ReplacingRootVolume:Proceed",
        "RootVolumeReplaced",
        "Pending:Wait",
        "Pending:Proceed",
        "InService",
    ]
    assert booting
    after = lab.fleet.describe(only)
    assert (after["PublicIpAddress"], after["LaunchTime"]) == (before["PublicIpAddress"], before["LaunchTime"])
    details = [event["detail"] for event in lab.bus.sent if "Lifecycle Action" in event["detail-type"]]
    assert [(each["LifecycleTransition"], each["Origin"], each["Destination"], each["Action"]) for each in details] == [
        ("autoscaling:EC2_INSTANCE_TERMINATING", "AutoScalingGroup", "AutoScalingGroup", "ReplaceRootVolume"),
        ("autoscaling:EC2_INSTANCE_LAUNCHING", "AutoScalingGroup", "AutoScalingGroup", "ReplaceRootVolume"),
    ]
    lab.run(15)
    assert refresh(lab)["Status"] == "Successful"


def test_a_group_has_one_refresh_at_a_time_until_it_is_cancelled(lab: Lab) -> None:
    in_service(lab, 2)
    start(lab)
    with pytest.raises(ClientError, match="already in progress") as caught:
        start(lab)
    assert caught.value.response["Error"]["Code"] == "InstanceRefreshInProgress"
    lab.client("autoscaling").cancel_instance_refresh(AutoScalingGroupName="web")
    lab.run(60, step=5)
    assert (refresh(lab)["Status"], serving(lab)) == ("Cancelled", 2)
    with pytest.raises(ClientError, match="No in progress or pending Instance Refresh"):
        lab.client("autoscaling").cancel_instance_refresh(AutoScalingGroupName="web")
