from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.aws.queue import MAX_DELAY
from fleet53.domain.lifecycle import Action, Result, Transition
from fleet53.planning.hooks import (
    Complete,
    Leave,
    MemberStatus,
    Wait,
    decide,
    drain_of,
    follow_record,
    keep_alive,
)
from tests.unit.build import NOW, action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONTINUE, ABANDON = Result.CONTINUE, Result.ABANDON
LAUNCH, END = action(transition=Transition.LAUNCHING), action()
GONE = MemberStatus(pooled=True, drain=timedelta(seconds=120))
IN_DNS = replace(GONE, in_dns=True)
READY = MemberStatus(pooled=True, ready=True)
NOT_READY = MemberStatus(pooled=True)
UNHEALTHY = MemberStatus(pooled=True, unhealthy=True)
NOWHERE = MemberStatus(pooled=False)
FOREIGN = MemberStatus(pooled=False, foreign="its tag names 'theirs', and no pool of this stack")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def look(
    waits: Action, member: MemberStatus, *, after: float = 0, unhealthy_result: Result = CONTINUE
) -> Complete | Wait | Leave:
    """Decide so many seconds after the action, with an AdmitTimeout of 900 s."""
    return decide(
        waits,
        member,
        now=waits.at + seconds(after),
        admit_timeout=seconds(900),
        unhealthy_result=unhealthy_result,
    )


# Since when the record is gone ------------------------------------------------------------------------


def test_a_record_is_gone_since_a_run_deleted_it_or_first_found_none() -> None:
    earlier = replace(END, gone_at=NOW - seconds(50))
    assert follow_record(END, GONE, withdrawn=False, now=NOW) == replace(END, gone_at=NOW)
    assert follow_record(END, GONE, withdrawn=True, now=NOW) == replace(END, gone_at=NOW)
    assert follow_record(earlier, GONE, withdrawn=False, now=NOW) == earlier
    assert follow_record(earlier, GONE, withdrawn=True, now=NOW) == replace(END, gone_at=NOW)


def test_a_record_that_is_back_in_dns_is_not_gone() -> None:
    assert follow_record(replace(END, gone_at=NOW), IN_DNS, withdrawn=True, now=NOW) == END


def test_no_record_is_awaited_to_be_gone_for_a_launch() -> None:
    assert follow_record(LAUNCH, GONE, withdrawn=True, now=NOW) == LAUNCH


def test_the_drain_is_that_of_the_longest_ttl_and_a_minute() -> None:
    assert drain_of([60, 300, 5]) == seconds(360)
    assert drain_of([]) == seconds(60)


# Who may go on ---------------------------------------------------------------------------------------


EVERY_WAIT = [LAUNCH, END, replace(LAUNCH, warm=True), replace(END, warm=True)]


@pytest.mark.parametrize("waits", EVERY_WAIT)
@pytest.mark.parametrize("after", [120, 5000])
def test_an_instance_of_no_pool_goes_on_after_two_minutes(waits: Action, after: float) -> None:
    step = look(waits, NOWHERE, after=after, unhealthy_result=ABANDON)
    assert step == Complete(waits, CONTINUE, "the instance is in no pool")


@pytest.mark.parametrize("waits", EVERY_WAIT)
@pytest.mark.parametrize(("after", "left"), [(0, 120), (119, 1)])
def test_ec2_has_two_minutes_to_show_a_pool_tag(waits: Action, after: float, left: float) -> None:
    assert look(waits, NOWHERE, after=after) == Wait(waits, seconds(left), "EC2 does not show a pool tag")


@pytest.mark.parametrize("waits", EVERY_WAIT)
@pytest.mark.parametrize("after", [0, 120, 100_000])
def test_an_instance_of_another_stacks_pool_is_left_alone(waits: Action, after: float) -> None:
    expected = Leave(waits, "its tag names 'theirs', and no pool of this stack")
    assert look(waits, FOREIGN, after=after, unhealthy_result=ABANDON) == expected


@pytest.mark.parametrize("transition", Transition)
def test_an_instance_that_was_only_in_the_warm_pool_goes_on_at_once(transition: Transition) -> None:
    warm = action(transition=transition, warm=True)
    expected = Complete(warm, CONTINUE, "an instance of the warm pool is never registered")
    assert look(warm, NOT_READY, unhealthy_result=ABANDON) == expected
    assert look(warm, NOT_READY, after=900, unhealthy_result=ABANDON) == expected


def test_a_launch_goes_on_as_soon_as_it_is_ready() -> None:
    assert look(LAUNCH, READY, unhealthy_result=ABANDON) == Complete(LAUNCH, CONTINUE, "it is ready to be admitted")


@pytest.mark.parametrize("unhealthy_result", Result)
@pytest.mark.parametrize(
    ("state", "after"),
    [("shutting-down", 0), ("terminated", 0), ("terminated", 5000), ("stopping", 120), ("stopped", 120)],
)
def test_a_launch_of_an_instance_that_has_ended_is_abandoned(
    state: str, after: float, unhealthy_result: Result
) -> None:
    step = look(LAUNCH, replace(READY, state=state), after=after, unhealthy_result=unhealthy_result)
    assert step == Complete(LAUNCH, ABANDON, f"EC2 says {state}, before it was in service")


@pytest.mark.parametrize(
    ("state", "after"), [(None, 500), ("pending", 500), ("running", 500), ("stopping", 119), ("stopped", 119)]
)
def test_a_launch_of_an_instance_that_runs_or_may_have_been_started_is_not_abandoned(
    state: str | None, after: float
) -> None:
    assert look(LAUNCH, replace(NOT_READY, state=state), after=after) == look(LAUNCH, NOT_READY, after=after)


@pytest.mark.parametrize("transition", Transition)
def test_an_instance_of_the_warm_pool_that_has_ended_goes_on_as_any_other(transition: Transition) -> None:
    warm = action(transition=transition, warm=True)
    expected = Complete(warm, CONTINUE, "an instance of the warm pool is never registered")
    assert look(warm, replace(NOT_READY, state="terminated")) == expected


def test_a_termination_of_an_instance_that_has_ended_waits_for_the_drain() -> None:
    step = look(END, replace(GONE, state="terminated"), after=20)
    assert step == Wait(END, seconds(100), "resolvers may still cache its address")


def test_a_launch_that_is_ready_late_still_goes_on_as_a_good_one() -> None:
    step = look(LAUNCH, READY, after=5000, unhealthy_result=ABANDON)
    assert step == Complete(LAUNCH, CONTINUE, "it is ready to be admitted")


def test_a_launch_that_is_not_ready_is_looked_at_every_half_minute() -> None:
    held = Wait(LAUNCH, seconds(30), "Route 53 does not see it healthy yet")
    assert look(LAUNCH, NOT_READY) == held
    assert look(LAUNCH, NOT_READY, after=870) == held


def test_the_last_look_at_a_launch_is_when_admit_timeout_is_over() -> None:
    assert look(LAUNCH, NOT_READY, after=899) == Wait(LAUNCH, seconds(1), "Route 53 does not see it healthy yet")


@pytest.mark.parametrize("result", Result)
@pytest.mark.parametrize("after", [900, 901, 100_000])
def test_a_launch_that_was_unhealthy_when_its_time_was_over_gets_the_result_of_the_settings(
    result: Result, after: float
) -> None:
    because = "it was not healthy within AdmitTimeout (900 s)"
    assert look(LAUNCH, UNHEALTHY, after=after, unhealthy_result=result) == Complete(LAUNCH, result, because)


@pytest.mark.parametrize("result", Result)
def test_a_launch_of_unknown_health_is_never_abandoned(result: Result) -> None:
    because = "AdmitTimeout (900 s) has passed, and it is not known whether it is healthy"
    expected = Complete(LAUNCH, CONTINUE, because, unknown=True)
    assert look(LAUNCH, NOT_READY, after=900, unhealthy_result=result) == expected


def test_a_launch_does_not_wait_for_a_drain() -> None:
    assert isinstance(look(LAUNCH, replace(IN_DNS, ready=True)), Complete)


@pytest.mark.parametrize(
    ("after", "delay", "gives_up"), [(0, 5, False), (29, 5, False), (30, 30, False), (599, 30, False), (600, 600, True)]
)
def test_an_end_waits_as_long_as_its_record_may_be_in_dns_and_leaves_it_to_the_hook_after_ten_minutes(
    after: float, delay: float, gives_up: bool
) -> None:
    because = "its record may still be in DNS"
    assert look(END, IN_DNS, after=after) == Wait(END, seconds(delay), because, gives_up=gives_up)


def test_a_wait_that_gives_up_records_no_heartbeat() -> None:
    given_up = Wait(END, seconds(600), "a test", gives_up=True)
    assert keep_alive(given_up, seconds(300), now=NOW) == given_up


def test_an_end_waits_for_the_rest_of_its_drain() -> None:
    because = "resolvers may still cache its address"
    assert look(END, GONE) == Wait(END, seconds(120), because)
    assert look(END, GONE, after=119) == Wait(END, seconds(1), because)


@pytest.mark.parametrize("after", [120, 121, 100_000])
def test_an_end_goes_on_when_its_drain_has_passed(after: float) -> None:
    because = "its record is gone, and the drain of 120 s has passed"
    assert look(END, GONE, after=after, unhealthy_result=ABANDON) == Complete(END, CONTINUE, because)


def test_an_end_is_not_hurried_by_being_ready() -> None:
    assert isinstance(look(END, replace(GONE, ready=True), after=119), Wait)


def test_the_drain_counts_from_the_event_and_not_from_the_last_heartbeat() -> None:
    assert isinstance(look(replace(END, heartbeat_at=NOW + seconds(100)), GONE, after=120), Complete)


@pytest.mark.parametrize("waits", [LAUNCH, END])
def test_an_action_from_the_future_is_held(waits: Action) -> None:
    assert isinstance(look(waits, replace(GONE, ready=False), after=-5), Wait)


@pytest.mark.parametrize("waits", [LAUNCH, END])
def test_an_action_from_the_end_of_the_calendar_breaks_nothing(waits: Action) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    never = replace(waits, at=last, heartbeat_at=last)
    step = decide(never, GONE, now=NOW, admit_timeout=seconds(900), unhealthy_result=CONTINUE)
    assert isinstance(step, Wait)
    assert not keep_alive(step, seconds(3600), now=NOW).heartbeat


# Keeping the hook alive ------------------------------------------------------------------------------


def kept(delay: float, timeout: float, *, since_beat: float) -> Wait:
    """Keep alive an action whose heartbeat timeout began so many seconds ago."""
    waits = replace(END, heartbeat_at=NOW - seconds(since_beat))
    return keep_alive(Wait(waits, seconds(delay), "a test"), seconds(timeout), now=NOW)


@pytest.mark.parametrize(
    ("delay", "timeout", "since_beat"),
    [(120, 3600, 0), (120, 3600, 3470), (30, 3600, 3560), (5, 60, 45), (30, 60, 20), (10, 30, 10), (1, 30, 19)],
)
def test_there_is_no_heartbeat_while_the_next_look_is_ten_seconds_before_the_hooks_own_end(
    delay: float, timeout: float, since_beat: float
) -> None:
    waits = replace(END, heartbeat_at=NOW - seconds(since_beat))
    assert kept(delay, timeout, since_beat=since_beat) == Wait(waits, seconds(delay), "a test")


@pytest.mark.parametrize(
    ("delay", "timeout", "since_beat"),
    [(120, 3600, 3471), (30, 3600, 3561), (5, 60, 46), (30, 60, 21), (10, 30, 11), (1, 30, 20), (30, 3600, 3605)],
)
def test_there_is_a_heartbeat_where_the_next_look_could_come_too_late(
    delay: float, timeout: float, since_beat: float
) -> None:
    expected = Wait(replace(END, heartbeat_at=NOW), seconds(delay), "a test", heartbeat=True)
    assert kept(delay, timeout, since_beat=since_beat) == expected


@pytest.mark.parametrize(
    ("timeout", "delay"),
    [(30, 10), (31, 11), (60, 40), (919, 899), (920, 900), (3600, 900), (7200, 900)],
)
def test_the_next_look_comes_in_time_for_the_next_heartbeat(timeout: float, delay: float) -> None:
    assert kept(86_460, timeout, since_beat=0).delay == seconds(delay)


def test_a_heartbeat_changes_when_the_timeout_began_and_not_since_when_it_waits() -> None:
    after = kept(120, 60, since_beat=50).action
    assert (after.at, after.heartbeat_at) == (END.at, NOW)


# Lives -----------------------------------------------------------------------------------------------

DELAYS_OF_DELIVERY = st.lists(st.floats(0, 8), min_size=1, max_size=5)
HEARTBEATS = st.integers(30, 7200)


def live(
    waits: Action,
    member: Callable[[datetime], MemberStatus],
    *,
    timeout: int,
    admit_timeout: int,
    late: Sequence[float],
) -> tuple[datetime, Result]:
    """Look at an action as the delays say, a bit late each time; return when it was completed, and how.

    Fails where the hook's own timeout passes first.
    """
    now, looks = waits.at + seconds(late[0]), 0
    while True:
        looks += 1
        assert now < waits.heartbeat_at + seconds(timeout)
        step = decide(
            waits, member(now), now=now, admit_timeout=seconds(admit_timeout), unhealthy_result=Result.ABANDON
        )
        assert not isinstance(step, Leave)
        if isinstance(step, Complete):
            return now, step.result
        hold = keep_alive(step, seconds(timeout), now=now)
        assert hold.heartbeat == (hold.action.heartbeat_at == now != waits.heartbeat_at)
        delay = min(ceil(hold.delay.total_seconds()), MAX_DELAY)
        assert delay >= 1
        now += seconds(delay + late[looks % len(late)])
        waits = hold.action


@given(
    ttl=st.integers(1, 3600) | st.just(86_400),
    share=st.floats(0, 1),
    timeout=HEARTBEATS,
    late=DELAYS_OF_DELIVERY,
)
def test_an_end_is_completed_when_its_drain_has_passed_and_never_by_the_hooks_own_timeout(
    ttl: int, share: float, timeout: int, late: list[float]
) -> None:
    drain = seconds(ttl + 60)
    withdrawn = END.at + min(share * drain, seconds(300))
    stands: dict[str, Any] = {"pooled": True, "drain": drain}
    completed, result = live(
        END,
        lambda now: MemberStatus(**stands, in_dns=now < withdrawn),
        timeout=timeout,
        admit_timeout=1,
        late=late,
    )
    assert END.at + drain <= completed <= END.at + drain + seconds(60)
    assert result is Result.CONTINUE


@given(admit_timeout=st.integers(30, 7200), timeout=HEARTBEATS, late=DELAYS_OF_DELIVERY)
def test_a_launch_that_never_gets_healthy_is_completed_at_admit_timeout_and_never_by_the_hooks_own(
    admit_timeout: int, timeout: int, late: list[float]
) -> None:
    completed, result = live(LAUNCH, lambda _: UNHEALTHY, timeout=timeout, admit_timeout=admit_timeout, late=late)
    deadline = LAUNCH.at + seconds(admit_timeout)
    assert deadline <= completed <= deadline + seconds(60)
    assert result is Result.ABANDON


@given(healthy_after=st.integers(0, 899), timeout=HEARTBEATS, late=DELAYS_OF_DELIVERY)
def test_a_launch_that_gets_healthy_is_completed_within_a_minute(
    healthy_after: int, timeout: int, late: list[float]
) -> None:
    healthy = LAUNCH.at + seconds(healthy_after)
    completed, result = live(
        LAUNCH, lambda now: READY if now >= healthy else NOT_READY, timeout=timeout, admit_timeout=900, late=late
    )
    assert healthy <= completed <= healthy + seconds(60)
    assert result is Result.CONTINUE or completed >= LAUNCH.at + seconds(900)
