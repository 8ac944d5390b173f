from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fleet53.domain.ids import InstanceId, PoolName
from fleet53.planning.guard import Absent, Guard
from tests.unit.build import NOW

WEB, API = PoolName("web"), PoolName("api")
A, B = InstanceId("i-0a"), InstanceId("i-0b")


@pytest.mark.parametrize(
    ("percent", "absent", "in_dns", "held"),
    [
        (50, 3, 3, False),  # three members are too few for a share
        (50, 2, 4, False),  # exactly the share passes
        (50, 3, 4, True),
        (50, 50, 100, False),
        (50, 51, 100, True),
        (33, 2, 6, True),  # 33.3 % is more than 33
        (34, 2, 6, False),
        (0, 0, 4, False),
        (0, 1, 4, True),
        (0, 3, 3, False),
        (100, 4, 4, False),
    ],
)
def test_absence_withdraws_up_to_the_share_of_a_pool_of_four_or_more(
    percent: int,
    absent: int,
    in_dns: int,
    *,
    held: bool,
) -> None:
    assert Guard(percent).holds(absent=absent, in_dns=in_dns) is held


def test_force_lets_everything_pass() -> None:
    assert not Guard(0, force=True).holds(absent=100, in_dns=100)


def test_what_was_held_is_held_with_any_share() -> None:
    guard = Guard(50, held=frozenset({(WEB, A)}))
    because = (
        "held by the guard: it was held together with others, and is still absent; "
        "if they still run, restore their tag or the pool; "
        'to withdraw them, invoke the audit with {"repair": true, "force": true}'
    )
    assert guard.why_held((WEB, A), absent=1, in_dns=8) == because
    assert guard.why_held((WEB, A), absent=1, in_dns=2) == because
    assert guard.why_held((WEB, B), absent=2, in_dns=8) is None
    assert guard.why_held((API, A), absent=1, in_dns=8) is None
    assert guard.why_held((None, A), absent=1, in_dns=8) is None
    assert replace(guard, force=True).why_held((WEB, A), absent=1, in_dns=8) is None
    assert Guard(50).holding({(WEB, A)}).why_held((WEB, A), absent=1, in_dns=8) == because


@pytest.mark.parametrize(
    ("since", "in_dns", "waits"),
    [
        (None, 4, True),
        (timedelta(minutes=4, seconds=59), 4, True),
        (timedelta(minutes=5), 4, False),
        (None, 3, False),  # three members are too few for a share
    ],
)
def test_an_absence_that_no_event_reported_waits_until_it_has_lasted(
    since: timedelta | None, in_dns: int, *, waits: bool
) -> None:
    seen: dict[Absent, datetime] = {(WEB, A): NOW - since} if since is not None else {}
    guard = Guard(50, told=frozenset({B}), since=seen, now=NOW)
    assert (guard.why_not_yet((WEB, A), in_dns=in_dns) is not None) is waits


def test_an_absence_that_an_event_reported_counts_at_once() -> None:
    guard = Guard(50, told=frozenset({A}), now=NOW)
    assert guard.why_not_yet((WEB, A), in_dns=8) is None
    assert guard.why_not_yet((WEB, B), in_dns=8) is not None
    assert guard.telling([B]).why_not_yet((WEB, B), in_dns=8) is None
    assert replace(guard, force=True).why_not_yet((WEB, B), in_dns=8) is None
    assert Guard(50).why_not_yet((WEB, B), in_dns=8) is None


def test_without_a_list_of_the_instances_no_absence_counts_in_a_pool_of_four_unless_forced() -> None:
    guard = Guard(50, told=frozenset({A}))
    assert guard.why_not_yet((WEB, A), in_dns=4, listed=False) == (
        "EC2 lists no instances now, so it is not known how many members are absent"
    )
    assert guard.why_not_yet((WEB, A), in_dns=3, listed=False) is None
    assert replace(guard, force=True).why_not_yet((WEB, A), in_dns=4, listed=False) is None


def test_an_absence_that_an_event_reported_counts_alone_and_without_events_every_absence_counts() -> None:
    guard = Guard(50, told=frozenset({A}), now=NOW).telling([])
    assert guard.why_not_yet((WEB, A), in_dns=8) is None
    assert guard.why_not_yet((WEB, B), in_dns=8) == (
        "no event reported it, so it is withdrawn when this has lasted 5 minutes, unless the guard held it before"
    )
    assert Guard(50).telling([A]).why_not_yet((WEB, B), in_dns=8) is None


def test_the_reason_names_the_counts_the_parameter_and_the_way_out() -> None:
    assert Guard(50).reason(absent=3, in_dns=4) == (
        "held by the guard: 3 of 4 members would be withdrawn without evidence that they are gone, "
        "more than MaxWithdrawPercent=50 allows; "
        "if they still run, restore their tag or the pool; "
        'to withdraw them, invoke the audit with {"repair": true, "force": true}'
    )
