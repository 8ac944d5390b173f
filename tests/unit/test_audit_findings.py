"""Findings of an audit about drift, lifecycle actions that wait and members that should be replaced."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from fleet53.audit.findings import find_drift, find_stuck_hooks, find_unhealthy_for_long
from fleet53.convergence.replacement import Replacement
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.lifecycle import Transition
from fleet53.planning.plan import make_plan
from tests.unit.build import GUARD, NOW, action, check, instance, pool, record, situation

if TYPE_CHECKING:
    from fleet53.domain.health_check import Check
    from fleet53.domain.lifecycle import Action

LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING


def stuck(*actions: Action, ttl: int = 60, after: float) -> list[tuple[str | None, str | None, str, bool]]:
    """Return what is found `after` these seconds, where a launch may take 15 minutes."""
    of = situation(pools=[pool(ttl=ttl)], instances=[instance(), instance("i-0b", pools=frozenset())])
    now = NOW + timedelta(seconds=after)
    found = find_stuck_hooks(actions, of, now=now, admit_timeout=timedelta(minutes=15))
    return [(each.pool, each.instance_id, each.because, each.drift) for each in found]


@pytest.mark.parametrize("there", [[], [check()]])
def test_a_record_whose_check_is_gone_is_one_finding_whether_or_not_the_new_check_exists(there: list[Check]) -> None:
    plan = make_plan(situation(instances=[instance()], records=[record(check_id="c-9")], checks=there), GUARD)
    (found,) = find_drift(plan)
    assert (found.kind, found.because) == (
        "dead-check-reference",
        "its record refers to health check c-9, which is gone",
    )
    assert (found.instance_id, found.check_id) == ("i-0a", "c-9")


def test_a_launch_hook_is_stuck_two_minutes_after_the_admit_timeout() -> None:
    assert stuck(action(transition=LAUNCHING), after=1020) == []
    assert stuck(action(transition=LAUNCHING), after=1021) == [
        ("web", "i-0a", "it waits at hook fleet53-launch of web-fleet for 1021 s", True)
    ]


@pytest.mark.parametrize(("ttl", "allowed"), [(60, 240), (300, 480)])
def test_a_terminate_hook_is_stuck_two_minutes_after_the_drain(ttl: int, allowed: int) -> None:
    assert stuck(action(), ttl=ttl, after=allowed) == []
    assert len(stuck(action(), ttl=ttl, after=allowed + 1)) == 1


@pytest.mark.parametrize("transition", [LAUNCHING, TERMINATING])
def test_an_instance_of_the_warm_pool_is_stuck_after_two_minutes(transition: Transition) -> None:
    assert stuck(action(transition=transition, warm=True), after=120) == []
    assert len(stuck(action(transition=transition, warm=True), after=121)) == 1


def test_an_instance_that_may_have_returned_to_the_warm_pool_is_stuck_two_minutes_after_the_drain() -> None:
    waits = action(transition=LAUNCHING, warm=True), action()
    assert stuck(*waits, ttl=300, after=480) == []
    assert len(stuck(*waits, ttl=300, after=481)) == 2


def test_an_instance_of_no_pool_has_no_finding() -> None:
    assert stuck(action("i-0b"), after=9999) == []


def test_a_member_that_its_group_should_replace_is_drift() -> None:
    member = Replacement(PoolName("web"), InstanceId("i-0a"), "Route 53 sees it unhealthy for 10 minutes")
    (found,) = find_unhealthy_for_long([member])
    assert (found.kind, found.pool, found.instance_id, found.drift) == ("unhealthy-for-long", "web", "i-0a", True)
    assert found.because == "Route 53 sees it unhealthy for 10 minutes, so its group should replace it"
