"""A member may wait for longer than Lambda lets a function invoke itself: the reconciler requeues its own messages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.scaling.hooks import launch_hook
from lab.stack.recursion import TERMINATE
from tests.functional.groups import GROUP, completions, state_of
from tests.functional.views import in_dns

if TYPE_CHECKING:
    import pytest

    from lab.world import Lab

HOUR = 3600


def held(lab: Lab) -> str:
    """Create a group of one instance, which its launch hook holds, and return its id."""
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(12)
    (instance_id,) = lab.fleet.members(GROUP)
    return instance_id


def without_audits(lab: Lab) -> None:
    lab.timers = ()


def stop_loops(lab: Lab) -> None:
    """Set RecursiveLoop of the reconciler to Lambda's default."""
    functions = lab.deployment.functions
    functions["ReconcilerFunction"] = replace(functions["ReconcilerFunction"], recursive_loop=TERMINATE)


def test_a_launch_hook_is_completed_though_its_server_needs_700_seconds(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    without_audits(lab)
    instance_id = held(lab)

    lab.run(700, step=5)
    assert asked == []
    lab.report_health(instance_id)
    lab.run(60, step=5)

    assert [(one.hook, one.result) for one in asked] == [("fleet53-launch", "CONTINUE")]
    assert in_dns(lab) == {instance_id}


def test_a_member_that_is_unhealthy_for_three_hours_is_admitted_within_15_minutes_of_its_health(lab: Lab) -> None:
    without_audits(lab)
    instance_id = lab.fleet.launch()
    lab.run(3 * HOUR, step=30)
    assert in_dns(lab) == set()

    lab.report_health(instance_id)
    for _ in range(16):
        lab.run(60, step=30)
        lab.report_health(instance_id)

    assert in_dns(lab) == {instance_id}


def test_where_lambda_stops_recursive_loops_the_hook_is_forgotten_after_16_looks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    without_audits(lab)
    stop_loops(lab)
    instance_id = held(lab)

    lab.run(700, step=5)
    lab.report_health(instance_id)
    lab.run(60, step=5)

    assert asked == []
    assert state_of(lab, instance_id) == "Pending:Wait"
