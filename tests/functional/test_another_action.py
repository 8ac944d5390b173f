"""A message about a lifecycle action never completes another one that waits at the same hook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lab.scaling.fleet import WarmPool
from lab.scaling.hooks import Hooks, launch_hook, terminate_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import (
    GROUP,
    LAUNCH,
    TERMINATE,
    completions,
    events,
    heartbeats,
    in_service,
    lose,
    pass_time,
    resize,
    state_of,
)
from tests.functional.views import in_dns, log_lines, signal

if TYPE_CHECKING:
    from datetime import datetime

    import pytest


def replace_root_volumes(lab: Lab) -> None:
    lab.client("autoscaling").start_instance_refresh(AutoScalingGroupName=GROUP, Strategy="ReplaceRootVolume")


def again_at_launch_hook(lab: Lab) -> tuple[str, dict[str, Any]]:
    """Return an instance that waits at its launch hook for the second time, and the event of the first time.

    Its root volume was replaced half an hour after its launch, and its server does not serve yet.
    """
    (instance_id,) = in_service(lab, 1)
    lab.run(1800, step=60)
    replace_root_volumes(lab)
    lab.run(190, step=1)
    assert state_of(lab, instance_id) == "Pending:Wait"
    first, _second = events(lab, LAUNCH, instance_id)
    return instance_id, first


def timer(lab: Lab, event: dict[str, Any], *, token: str | None, at: datetime | None = None) -> None:
    """Handle a timer of fleet53 about the lifecycle action of an event; by default it waits since the event."""
    detail = event["detail"]
    began = event["time"] if at is None else at.isoformat()
    action = {
        "group": detail["AutoScalingGroupName"],
        "hook": detail["LifecycleHookName"],
        "instance_id": detail["EC2InstanceId"],
        "transition": detail["LifecycleTransition"],
        "at": began,
        "beat": began,
        "token": token,
        "warm": False,
        "gone": began,
    }
    signal(lab, "web", attempt=1, actions=[action])


# -- by its token, an action that is over stays over


def test_a_doubled_event_of_the_way_into_the_warm_pool_does_not_complete_the_way_into_the_group(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_service(lab, 1, warm_pool=WarmPool(1))
    (comes,) = [each for each, state in lab.fleet.members(GROUP).items() if state == "Warmed:Stopped"]
    resize(lab, 2)
    lab.run(15)
    assert state_of(lab, comes) == "Pending:Wait"
    asked = completions(monkeypatch)

    lab.send(json.dumps(events(lab, LAUNCH, comes)[0]))
    lab.settle()
    lab.run(5)

    assert [one.refusal is None for one in asked] == [False]
    assert state_of(lab, comes) == "Pending:Wait"
    (line,) = log_lines(lab, "lifecycle action already completed")
    assert line["instance_id"] == comes


def test_a_launch_message_that_comes_back_after_half_an_hour_does_not_complete_the_next_launch(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id, old = again_at_launch_hook(lab)
    asked = completions(monkeypatch)

    lab.send(json.dumps(old))
    lab.settle()
    lab.run(5)

    assert [one.refusal is None for one in asked] == [False]
    assert state_of(lab, instance_id) == "Pending:Wait"


def test_a_terminate_message_that_comes_back_does_not_cut_the_next_drain_short(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance_id,) = in_service(lab, 1)
    replace_root_volumes(lab)
    pass_time(lab, 400)
    assert in_dns(lab) == {instance_id}
    (old,) = events(lab, TERMINATE, instance_id)
    replace_root_volumes(lab)
    lab.run(20)
    assert state_of(lab, instance_id) == "ReplacingRootVolume:Wait"
    asked = completions(monkeypatch)

    timer(lab, old, token=old["detail"]["LifecycleActionToken"])
    lab.run(5)

    assert [one.refusal is None for one in asked] == [False]
    assert state_of(lab, instance_id) == "ReplacingRootVolume:Wait"


def test_an_old_timer_does_not_abandon_the_next_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = {"AdmitTimeout": "600", "UnhealthyLaunchResult": "ABANDON"}
    with Lab(parameters, start=MONDAY_NOON) as lab:
        instance_id, old = again_at_launch_hook(lab)
        lab.run(150, step=5)
        asked = completions(monkeypatch)

        timer(lab, old, token=old["detail"]["LifecycleActionToken"])
        lab.run(5)

        assert [one.refusal is None for one in asked] == [False]
        assert state_of(lab, instance_id) == "Pending:Wait"
        assert lab.fleet.describe(instance_id)["State"]["Name"] == "running"


def test_an_old_message_records_no_heartbeat_for_the_next_action(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (instance_id,) = in_service(lab, 1, launch_hook(), terminate_hook(heartbeat=130))
    replace_root_volumes(lab)
    pass_time(lab, 400)
    (old,) = events(lab, TERMINATE, instance_id)
    replace_root_volumes(lab)
    lab.run(20)
    assert state_of(lab, instance_id) == "ReplacingRootVolume:Wait"
    beats = heartbeats(monkeypatch)

    lab.send(json.dumps(old))
    lab.settle()

    assert [one.refusal for one in beats] == [
        f"ValidationError: No active Lifecycle Action found with token {old['detail']['LifecycleActionToken']}"
    ]


def test_the_next_action_has_its_own_clock_where_an_old_message_comes_in_the_same_batch(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance_id,) = in_service(lab, 1)
    lab.run(1800, step=60)
    replace_root_volumes(lab)
    with monkeypatch.context() as patch:
        lose(patch, LAUNCH)
        lab.run(190, step=1)
    first, second = events(lab, LAUNCH, instance_id)
    asked = completions(monkeypatch)

    lab.send(json.dumps(first))
    lab.send(json.dumps(second))
    lab.settle()
    assert [one.token for one in asked] == [first["detail"]["LifecycleActionToken"]]
    pass_time(lab, 90)

    assert [(one.token, one.refusal) for one in asked[1:]] == [(second["detail"]["LifecycleActionToken"], None)]
    assert in_dns(lab) == {instance_id}


# -- by its instance id, only an action whose event was lost


def test_an_action_that_a_sweep_found_earlier_does_not_complete_the_next_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance_id,) = in_service(lab, 1)
    replace_root_volumes(lab)
    pass_time(lab, 400)
    (old,) = events(lab, TERMINATE, instance_id)
    replace_root_volumes(lab)
    lab.run(20)
    assert state_of(lab, instance_id) == "ReplacingRootVolume:Wait"
    asked = completions(monkeypatch)

    timer(lab, old, token=None)
    lab.run(5)

    assert asked == []
    assert state_of(lab, instance_id) == "ReplacingRootVolume:Wait"
    (line,) = log_lines(lab, "lifecycle action already completed")
    assert line["instance_id"] == instance_id
    assert line["because"].startswith("another scaling activity of the instance began at ")


def return_to_warm_pool(lab: Lab, instance_id: str) -> None:
    """Complete an instance's launch, let it go back to the warm pool, and let it leave that again."""
    lab.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=GROUP,
        LifecycleHookName="fleet53-launch",
        LifecycleActionResult="CONTINUE",
        InstanceId=instance_id,
    )
    for wanted in (0, 0, 0, 1, 1, 1, 1):
        resize(lab, wanted)
        lab.clock.advance(1)
        lab.scaling.advance()
    assert state_of(lab, instance_id) == "Pending:Wait"


def test_an_instance_that_leaves_the_warm_pool_while_a_sweep_looks_is_not_completed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, LAUNCH)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(), terminate_hook()), warm_pool=WarmPool(1, "Running"))
    lab.run(12)
    ((instance_id, state),) = lab.fleet.members(GROUP).items()
    assert state == "Warmed:Pending:Wait"
    asked = completions(monkeypatch)
    hooks_of = Hooks.of
    moved = False

    def of(hooks: Hooks, group: str, transition: str | None = None) -> Any:
        nonlocal moved
        if transition is None and not moved:  # DescribeLifecycleHooks, after the states were read
            moved = True
            with lab.faults.meanwhile():
                return_to_warm_pool(lab, instance_id)
        return hooks_of(hooks, group, transition)

    monkeypatch.setattr(Hooks, "of", of)
    signal(lab)

    assert [one for one in asked[1:] if one.refusal is None] == []
    assert state_of(lab, instance_id) == "Pending:Wait"


def test_a_sweep_that_finds_the_action_of_an_event_completes_it_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    asked = completions(monkeypatch)
    with monkeypatch.context() as patch:
        lose(patch, LAUNCH)
        lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
        lab.run(12)
    (event,) = events(lab, LAUNCH)

    lab.send(json.dumps(event))
    signal(lab)

    assert [(one.token, one.refusal) for one in asked] == [(event["detail"]["LifecycleActionToken"], None)]
