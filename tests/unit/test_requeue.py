from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.aws.queue import MAX_DELAY
from fleet53.domain.identity import Owner
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.planning.changes import Waiting
from fleet53.planning.looks import STEP, STEPS, next_look
from fleet53.reconcile.requeue import requeue_waiting
from fleet53.signals.model import InstanceSignal, PoolSignal, first_heard
from tests.unit.build import LAUNCHED, NOW, OWNER
from tests.unit.scaling import Box

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.aws.queue import Queue

WEB, API = PoolName("web"), PoolName("api")
A, B = InstanceId("i-0a"), InstanceId("i-0b")
CHECK = CheckId("c-1")
EARLIER = NOW - timedelta(minutes=5)
TIMEOUT = timedelta(seconds=900)


def look(owner: Owner, attempt: int, *, now: datetime) -> datetime:
    return next_look(owner, attempt, admit_timeout=TIMEOUT, now=now)


def waits(
    *instance_ids: InstanceId, pool: PoolName = WEB, check: CheckId | None = CHECK
) -> dict[PoolName, list[Waiting]]:
    return {pool: [Waiting(pool, each, f"{each} is not healthy", LAUNCHED, check) for each in instance_ids]}


def signal(pools: frozenset[PoolName] | None = frozenset({WEB}), **more: Any) -> PoolSignal:
    return PoolSignal(pools, "a test", **more)


def timers(
    *signals: InstanceSignal | PoolSignal,
    waiting: dict[PoolName, list[Waiting]],
    fresh: Collection[InstanceId] = (),
    left: Collection[InstanceId] = (),
    soon: bool = True,
    now: datetime = NOW,
    box: Box | None = None,
) -> list[tuple[Mapping[str, Any], int]]:
    """Return the messages that a run at `now` queues, with their delays; `box` is the queue of a warm function."""
    box = Box() if box is None else box
    before = len(box.sent)
    requeue_waiting(
        signals,
        waiting=waiting,
        fresh=fresh,
        left=left,
        soon=soon,
        owner=OWNER,
        admit_timeout=TIMEOUT,
        now=now,
        queue=cast("Queue", box),
    )
    return box.sent[before:]


def looks_again(*instance_ids: InstanceId, attempt: int, since: datetime) -> dict[str, Any]:
    return {
        "pools": ["web"],
        "because": f"{instance_ids[0]} is not healthy",
        "attempt": attempt,
        "since": {each: since.isoformat() for each in instance_ids},
    }


def details(sent: list[tuple[Mapping[str, Any], int]]) -> list[Mapping[str, Any]]:
    return [detail for detail, _ in sent]


def named(sent: list[tuple[Mapping[str, Any], int]]) -> list[tuple[list[str], set[str], int]]:
    """Return the pools, the members and the attempt of each message."""
    return [(detail["pools"], set(detail["since"]), detail["attempt"]) for detail, _ in sent]


def heard(*instance_ids: InstanceId, at: datetime | None = NOW) -> InstanceSignal:
    return InstanceSignal(frozenset(instance_ids), "EC2 said running", at)


# When -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", range(20))
def test_a_member_that_waits_is_looked_at_again_in_10_to_30_seconds(seconds: int) -> None:
    ((detail, delay),) = timers(heard(A), waiting=waits(A), now=NOW + timedelta(seconds=seconds))
    assert detail == looks_again(A, attempt=1, since=NOW)
    assert 10 < delay <= 30


@pytest.mark.parametrize(
    ("attempt", "step"),
    [(1, 20), (44, 20), (45, 60), (46, 60), (47, 60), (48, 300), (49, 300), (50, 900), (51, 900), (1000, 900)],
)
def test_looks_are_twenty_seconds_apart_until_admittimeout_and_then_become_rarer(attempt: int, step: int) -> None:
    start = look(OWNER, 1000, now=NOW)
    for seconds in range(0, 900, 7):
        now = start + timedelta(seconds=seconds)
        ((detail, delay),) = timers(signal(attempt=attempt, since={A: EARLIER}), waiting=waits(A), now=now)
        assert detail == looks_again(A, attempt=attempt + 1, since=EARLIER)
        assert (seconds + delay) % step == 0
        assert 0 < delay <= step + 10


@pytest.mark.parametrize(("timeout", "often"), [(30, 1), (900, 45), (7200, 360)])
def test_looks_are_often_as_long_as_admittimeout_is(timeout: int, often: int) -> None:
    start, limit = look(OWNER, 1000, now=NOW), timedelta(seconds=timeout)
    assert next_look(OWNER, often - 1, admit_timeout=limit, now=start) == start + timedelta(seconds=20)
    assert next_look(OWNER, often, admit_timeout=limit, now=start) == start + timedelta(seconds=60)


@pytest.mark.parametrize(("attempt", "step"), [(1, 20), (2, 60), (4, 60), (5, 300), (7, 900), (1000, 900)])
def test_looks_at_a_member_without_a_check_become_rarer_from_the_third_on(attempt: int, step: int) -> None:
    start = look(OWNER, 1000, now=NOW)
    told = signal(attempt=attempt, since={A: EARLIER})
    ((_, delay),) = timers(told, waiting=waits(A, check=None), now=start)
    assert delay == step


def test_a_member_whose_check_this_run_has_created_is_looked_at_soon() -> None:
    told = signal(attempt=8, since={A: EARLIER})
    ((_, delay),) = timers(told, waiting=waits(A, check=None), fresh={A}, now=look(OWNER, 1000, now=NOW))
    assert delay == 20


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1e6))
def test_where_a_chain_with_a_long_step_is_due_one_with_a_shorter_step_is_due_too(
    attempt: int, later: int, seconds: float
) -> None:
    due = look(OWNER, max(attempt, later), now=NOW + timedelta(seconds=seconds))
    assert look(OWNER, min(attempt, later), now=due - timedelta(seconds=10.001)) == due


def test_no_delay_is_longer_than_sqs_takes() -> None:
    assert max(STEPS) == MAX_DELAY == 900
    assert all(step % before == 0 for before, step in pairwise((STEP, *STEPS)))


def test_each_stack_looks_at_moments_of_its_own() -> None:
    other = Owner("other.eu-west-1.123456789012")
    assert look(OWNER, 1000, now=NOW) != look(other, 1000, now=NOW)


# Who --------------------------------------------------------------------------------------------------


def test_a_member_that_does_not_wait_has_no_timer() -> None:
    assert timers(signal(), waiting={WEB: []}) == []
    assert timers(signal(), waiting={}) == []


def test_a_timer_goes_on_only_for_the_members_it_names() -> None:
    sent = timers(signal(attempt=3, since={A: EARLIER}), waiting=waits(A, B))
    assert details(sent) == [looks_again(A, attempt=4, since=EARLIER)]


def test_a_timer_ends_when_its_member_waits_no_more() -> None:
    assert timers(signal(attempt=3, since={A: EARLIER}), waiting=waits(B)) == []


def test_a_pool_that_no_signal_is_about_has_no_timer() -> None:
    assert timers(signal(), waiting=waits(A, pool=API)) == []
    assert timers(signal(attempt=2, since={A: EARLIER}), waiting=waits(A, pool=API)) == []


def test_a_signal_about_a_pool_looks_at_all_its_waiting_members() -> None:
    assert details(timers(signal(), waiting=waits(A, B))) == [looks_again(A, B, attempt=1, since=LAUNCHED)]


def test_a_signal_of_ours_about_all_pools_gives_each_its_own_timer() -> None:
    sent = timers(signal(None), waiting=waits(A) | waits(B, pool=API))
    assert named(sent) == [(["api"], {B}, 1), (["web"], {A}, 1)]


def test_an_event_about_one_member_sets_no_timer_for_another() -> None:
    assert timers(heard(A), waiting=waits(B)) == []


def test_an_event_about_all_pools_sets_a_timer_for_the_members_that_it_names_only() -> None:
    event = PoolSignal(None, "tag fleet53:pool changed", NOW, instance_ids=frozenset({A}))
    assert details(timers(event, waiting=waits(A, B))) == [looks_again(A, attempt=1, since=NOW)]
    assert timers(PoolSignal(None, "CloudTrail recorded DisassociateAddress", NOW), waiting=waits(A, B)) == []


def test_a_change_of_one_pools_settings_looks_at_its_waiting_members_and_at_no_others() -> None:
    event = PoolSignal(None, "parameter of pool web: Update", NOW, sweep=True, changed=frozenset({WEB}))
    assert named(timers(event, waiting=waits(A) | waits(B, pool=API))) == [(["web"], {A}, 1)]


def test_a_member_that_this_run_changed_is_looked_at_again_after_any_event() -> None:
    event = PoolSignal(None, "CloudTrail recorded DisassociateAddress", NOW)
    sent = timers(event, waiting=waits(A, B), fresh={A})
    assert details(sent) == [looks_again(A, attempt=1, since=LAUNCHED)]


def test_a_check_made_just_now_starts_from_the_shortest_step() -> None:
    sent = timers(signal(attempt=8, since={A: EARLIER}), waiting=waits(A), fresh={A})
    assert details(sent) == [looks_again(A, attempt=1, since=EARLIER)]


def test_members_that_were_looked_at_equally_often_share_a_message() -> None:
    told = (signal(attempt=2, since={A: EARLIER}), signal(attempt=2, since={B: EARLIER}))
    assert details(timers(*told, waiting=waits(A, B))) == [looks_again(A, B, attempt=3, since=EARLIER)]


def test_a_message_names_so_many_members_that_sqs_takes_it() -> None:
    many = [InstanceId(f"i-{number:017x}") for number in range(20_000)]
    sent = details(timers(signal(), waiting=waits(*many)))

    assert max(len(json.dumps(each)) for each in sent) < 262_144
    assert sorted(member for each in sent for member in each["since"]) == many


def test_a_new_event_about_a_member_does_not_speed_up_the_timer_of_another() -> None:
    sent = timers(signal(attempt=8, since={A: EARLIER}), heard(B), waiting=waits(A, B))
    assert named(sent) == [(["web"], {B}, 1), (["web"], {A}, 9)]


def test_a_member_of_which_no_time_is_known_counts_from_its_launch() -> None:
    ((detail, _),) = timers(heard(A, at=None), waiting=waits(A))
    assert detail["since"] == {A: LAUNCHED.isoformat()}


def test_a_member_whose_health_check_was_left_is_looked_at_again_in_two_seconds() -> None:
    sent = timers(heard(A), heard(B), waiting=waits(A, B), left={B})
    assert [(set(detail["since"]), detail["attempt"], delay) for detail, delay in sent if delay == 2] == [({B}, 1, 2)]
    assert named(sent) == [(["web"], {A}, 1), (["web"], {B}, 1)]


def test_a_member_whose_health_check_waits_for_route_53_is_looked_at_again_with_the_others() -> None:
    told = signal(attempt=9, since={A: LAUNCHED, B: LAUNCHED})
    ((detail, delay),) = timers(told, waiting=waits(A, B), left={A, B}, soon=False)
    assert (set(detail["since"]), detail["attempt"], 10 <= delay <= 30) == ({A, B}, 1, True)


def test_a_member_whose_health_check_was_left_is_looked_at_again_after_any_event() -> None:
    ((detail, delay),) = timers(heard(A), waiting=waits(B), left={B})
    assert (set(detail["since"]), delay) == ({B}, 2)


# One chain a member -----------------------------------------------------------------------------------


def test_two_timers_of_a_member_leave_one_that_looked_least_often() -> None:
    told = (signal(attempt=2, since={A: EARLIER}), signal(attempt=9, since={A: LAUNCHED}))
    ((detail, _),) = timers(*told, waiting=waits(A))
    assert (detail["attempt"], detail["since"]) == (3, {A: min(EARLIER, LAUNCHED).isoformat()})


def test_a_warm_function_queues_no_second_look_that_comes_later() -> None:
    box = Box()
    assert len(timers(heard(A), waiting=waits(A), box=box)) == 1
    assert timers(heard(A), waiting=waits(A), box=box) == []
    assert timers(signal(attempt=7, since={A: EARLIER}), waiting=waits(A), box=box) == []
    assert named(timers(signal(), waiting=waits(A, B), box=box)) == [(["web"], {B}, 1)]


def test_a_look_that_comes_sooner_is_queued_beside_one_that_comes_later() -> None:
    box = Box()
    assert len(timers(signal(attempt=70, since={A: EARLIER}), waiting=waits(A), box=box)) == 1
    assert len(timers(heard(A), waiting=waits(A), box=box)) == 1


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_timer_that_comes_a_little_early_or_late_is_renewed(seconds: float) -> None:
    box = Box()
    ((_, delay),) = timers(heard(A), waiting=waits(A), box=box)
    due = NOW + timedelta(seconds=delay + seconds)
    assert len(timers(signal(attempt=1, since={A: NOW}), waiting=waits(A), now=due, box=box)) == 1


def test_the_look_at_a_member_of_two_pools_is_queued_for_each() -> None:
    sent = timers(heard(A), waiting=waits(A) | waits(A, pool=API), box=Box())
    assert named(sent) == [(["api"], {A}, 1), (["web"], {A}, 1)]


def test_the_first_event_about_an_instance_counts() -> None:
    assert first_heard(
        [
            InstanceSignal(frozenset({A, B}), "EC2 said running", NOW),
            signal(attempt=2, since={A: EARLIER}),
            InstanceSignal(frozenset({A}), "EC2 said running", None),
        ]
    ) == {A: EARLIER, B: NOW}
