from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet53.aws.queue import MAX_DELAY
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.planning.changes import Waiting
from fleet53.reconcile.requeue import DELAYS, requeue_waiting
from fleet53.signals import InstanceSignal, PoolSignal, first_heard
from tests.unit.build import LAUNCHED, NOW
from tests.unit.scaling import Box

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.aws.queue import Queue

WEB, API = PoolName("web"), PoolName("api")
A, B = InstanceId("i-0a"), InstanceId("i-0b")
EARLIER = NOW - timedelta(minutes=5)


def waits(*instance_ids: InstanceId, pool: PoolName = WEB) -> dict[PoolName, list[Waiting]]:
    return {pool: [Waiting(pool, each, f"{each} is not healthy", LAUNCHED) for each in instance_ids]}


def signal(pools: frozenset[PoolName] | None = frozenset({WEB}), **more: Any) -> PoolSignal:
    return PoolSignal(pools, "a test", **more)


def timers(
    *signals: InstanceSignal | PoolSignal,
    waiting: dict[PoolName, list[Waiting]],
    fresh: Collection[InstanceId] = (),
) -> list[tuple[Mapping[str, Any], int]]:
    box = Box()
    requeue_waiting(signals, waiting=waiting, fresh=fresh, queue=cast("Queue", box))
    return box.sent


def looks_again(*instance_ids: InstanceId, attempt: int, since: datetime, because: InstanceId) -> dict[str, Any]:
    return {
        "pools": ["web"],
        "because": f"{because} is not healthy",
        "attempt": attempt,
        "since": {each: since.isoformat() for each in instance_ids},
    }


def test_a_member_that_waits_is_looked_at_again_in_half_a_minute() -> None:
    heard = InstanceSignal(frozenset({A}), "EC2 said running", NOW)
    assert timers(heard, waiting=waits(A)) == [(looks_again(A, attempt=1, since=NOW, because=A), 30)]


def test_who_does_not_wait_has_no_timer() -> None:
    assert timers(signal(), waiting={WEB: []}) == []
    assert timers(signal(), waiting={}) == []


@pytest.mark.parametrize(
    ("attempt", "delay"),
    [(1, 30), (2, 30), (3, 60), (4, 60), (5, 120), (6, 240), (7, 480), (8, 900), (9, 900), (1000, 900)],
)
def test_the_delays_grow_and_then_stay(attempt: int, delay: int) -> None:
    sent = timers(signal(attempt=attempt, since={A: EARLIER}), waiting=waits(A))
    assert sent == [(looks_again(A, attempt=attempt + 1, since=EARLIER, because=A), delay)]


def test_no_delay_is_longer_than_sqs_takes() -> None:
    assert max(DELAYS) == MAX_DELAY == 900
    assert list(DELAYS) == sorted(DELAYS)


def test_a_timer_goes_on_only_for_the_members_it_names() -> None:
    sent = timers(signal(attempt=3, since={A: EARLIER}), waiting=waits(A, B))
    assert sent == [(looks_again(A, attempt=4, since=EARLIER, because=A), 60)]


def test_a_timer_ends_when_its_member_waits_no_more() -> None:
    assert timers(signal(attempt=3, since={A: EARLIER}), waiting=waits(B)) == []


def test_a_pool_that_no_signal_is_about_has_no_timer() -> None:
    assert timers(signal(), waiting=waits(A, pool=API)) == []
    assert timers(signal(attempt=2, since={A: EARLIER}), waiting=waits(A, pool=API)) == []


def test_a_signal_about_a_pool_looks_at_all_its_waiting_members() -> None:
    sent = timers(signal(), waiting=waits(A, B))
    assert sent == [(looks_again(A, B, attempt=1, since=LAUNCHED, because=A), 30)]


def test_a_signal_about_all_pools_gives_each_its_own_timer() -> None:
    sent = timers(signal(None), waiting=waits(A) | waits(B, pool=API))
    assert [(detail["pools"], detail["since"].keys()) for detail, _ in sent] == [(["api"], {B}), (["web"], {A})]


def test_an_event_about_one_member_sets_no_timer_for_another() -> None:
    heard = InstanceSignal(frozenset({A}), "EC2 said running", NOW)
    assert timers(heard, waiting=waits(B)) == []


def test_a_check_made_just_now_starts_from_the_shortest_delay() -> None:
    old = signal(attempt=8, since={A: EARLIER})
    sent = timers(old, waiting=waits(A), fresh={A})
    assert sent == [(looks_again(A, attempt=1, since=EARLIER, because=A), 30)]


def test_of_two_timers_the_later_attempt_counts() -> None:
    sent = timers(signal(attempt=2, since={A: EARLIER}), signal(attempt=5, since={B: EARLIER}), waiting=waits(A, B))
    assert sent == [(looks_again(A, B, attempt=6, since=EARLIER, because=A), 120)]


def test_a_member_that_is_heard_of_anew_starts_the_pools_timer_afresh() -> None:
    heard = InstanceSignal(frozenset({B}), "EC2 said running", NOW)
    ((detail, delay),) = timers(signal(attempt=8, since={A: EARLIER}), heard, waiting=waits(A, B))
    assert delay == 30
    assert detail["since"] == {A: EARLIER.isoformat(), B: NOW.isoformat()}


def test_a_member_of_which_no_time_is_known_counts_from_its_launch() -> None:
    heard = InstanceSignal(frozenset({A}), "EC2 said running", None)
    ((detail, _),) = timers(heard, waiting=waits(A))
    assert detail["since"] == {A: LAUNCHED.isoformat()}


def test_the_first_time_an_instance_was_heard_of_counts() -> None:
    assert first_heard(
        [
            InstanceSignal(frozenset({A, B}), "EC2 said running", NOW),
            signal(attempt=2, since={A: EARLIER}),
            InstanceSignal(frozenset({A}), "EC2 said running", None),
        ]
    ) == {A: EARLIER, B: NOW}
