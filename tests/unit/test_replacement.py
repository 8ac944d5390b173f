from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.aws.autoscaling import Capacity
from fleet53.convergence.replacement import Replacement, find_replacements, to_replace
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.planning.plan import make_plan
from tests.unit.build import GUARD, LAUNCHED, NOW, check, instance, record, settings, situation

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable
    from datetime import datetime

    from fleet53.aws.clients import Aws


def ids(*numbers: int) -> frozenset[InstanceId]:
    return frozenset(InstanceId(f"i-{n:02}") for n in numbers)


def decided(
    size: int,
    unhealthy: Iterable[int],
    *,
    wanted: int | None = None,
    for_long: Iterable[int] | None = None,
    leaving: Iterable[int] = (),
    failed: str | None = None,
) -> dict[InstanceId, str | None]:
    """Decide about members 0 to `size` - 1 in DNS of `wanted`; the unhealthy are so for long unless told."""
    unhealthy = tuple(unhealthy)
    return to_replace(
        wanted=size if wanted is None else wanted,
        in_dns=ids(*range(size)),
        unhealthy=ids(*unhealthy),
        for_long=ids(*(unhealthy if for_long is None else for_long)),
        leaving=ids(*leaving),
        failed=None if failed is None else InstanceId(failed),
    )


def chosen(size: int, unhealthy: Iterable[int], **more: Any) -> list[str]:
    """Return which members to replace now, as `decided`."""
    return [member for member, stopped in decided(size, unhealthy, **more).items() if stopped is None]


# A third ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "most"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (8, 2), (9, 3), (10, 3), (100, 33)]
)
def test_no_more_than_a_third_is_replaced_at_once(size: int, most: int) -> None:
    assert len(chosen(size, range(size - 1))) == most


def test_fewer_than_a_third_are_all_replaced() -> None:
    assert chosen(9, [4, 7]) == ["i-04", "i-07"]


def test_the_first_ids_go_first_so_that_two_passes_choose_the_same() -> None:
    assert chosen(6, [5, 1, 3, 2]) == ["i-01", "i-02"]


def test_a_member_that_leaves_already_counts_towards_the_third() -> None:
    assert chosen(9, [1, 2, 3, 4], leaving=[1]) == ["i-02", "i-03"]
    assert chosen(9, [1, 2, 3, 4], leaving=[1, 2]) == ["i-03"]
    assert chosen(9, [1, 2, 3, 4], leaving=[1, 2, 3]) == []
    assert chosen(9, [1, 2, 3, 4], leaving=[5, 6, 7, 8]) == []


def test_a_member_that_leaves_without_a_record_counts_too() -> None:
    assert chosen(3, [1], leaving=[40]) == []


def test_those_whose_successors_are_not_in_dns_count_too() -> None:
    assert chosen(8, [1, 2, 3, 4], wanted=9) == ["i-01", "i-02"]
    assert chosen(7, [1, 2, 3, 4], wanted=9, leaving=[1]) == []
    assert chosen(6, [1, 2, 3, 4], wanted=9) == []
    assert chosen(5, [1, 2, 3], wanted=9) == []


def test_a_member_that_is_not_replaced_now_is_reported_with_the_reason() -> None:
    away = "3 of 9 members are away, and never more than a third is at the same time"
    assert decided(9, [1, 2, 3, 4]) == {"i-01": None, "i-02": None, "i-03": None, "i-04": away}
    assert decided(6, [1, 2], wanted=9) == {"i-01": away, "i-02": away}


def test_when_the_newest_member_did_not_become_healthy_either_no_member_is_replaced() -> None:
    because = "the newest member, i-99, did not become healthy either"
    assert decided(8, [1, 2], wanted=9, failed="i-99") == {"i-01": because, "i-02": because}


def test_a_member_that_leaves_already_is_not_marked_again() -> None:
    assert chosen(9, [1], leaving=[1]) == []


# Never the fleet for its health check -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_when_all_are_unhealthy_no_member_is_replaced(size: int) -> None:
    assert chosen(size, range(size)) == []


def test_when_all_are_unhealthy_but_only_one_for_long_no_member_is_replaced() -> None:
    assert chosen(9, range(9), for_long=[4]) == []


def test_a_pool_without_members_in_dns_replaces_none() -> None:
    assert chosen(0, []) == []


def test_a_member_that_is_healthy_again_is_not_replaced() -> None:
    assert chosen(9, [1], for_long=[1, 2]) == ["i-01"]


def test_a_member_that_is_not_unhealthy_for_long_is_not_replaced() -> None:
    assert chosen(9, [1, 2], for_long=[2]) == ["i-02"]


MEMBERS = st.frozensets(st.integers(0, 29).map(lambda n: InstanceId(f"i-{n:02}")), max_size=30)


@given(wanted=st.integers(0, 40), in_dns=MEMBERS, unhealthy=MEMBERS, for_long=MEMBERS, leaving=MEMBERS)
def test_those_replaced_and_those_away_are_never_more_than_a_third(
    wanted: int,
    in_dns: frozenset[InstanceId],
    unhealthy: frozenset[InstanceId],
    for_long: frozenset[InstanceId],
    leaving: frozenset[InstanceId],
) -> None:
    unhealthy &= in_dns
    found = to_replace(wanted=wanted, in_dns=in_dns, unhealthy=unhealthy, for_long=for_long, leaving=leaving)
    replaced = {member for member, stopped in found.items() if stopped is None}
    members = max(wanted, len(in_dns | leaving))
    assert not replaced or 3 * (members - len(in_dns - leaving - replaced)) <= members
    assert found.keys() <= for_long & unhealthy - leaving
    assert not found or in_dns - unhealthy


# Who is unhealthy ------------------------------------------------------------------------------------


@dataclass
class Cloud:
    """CloudWatch and Auto Scaling as replacement asks them; a health check in neither list has no datapoint."""

    healthy: Collection[str] = ()
    unhealthy: Collection[str] = ()
    long_unhealthy: Collection[str] = ()
    marked: Collection[str] = ()
    desired: int = 0
    weight: int = 1
    asked: int = 0

    @property
    def aws(self) -> Aws:
        return cast("Aws", self)

    @property
    def health(self) -> Cloud:
        return self

    @property
    def autoscaling(self) -> Cloud:
        return self

    def seen(self, check_ids: Iterable[CheckId], by_alarm: Container[CheckId], *, now: datetime) -> dict[CheckId, bool]:
        assert by_alarm == {}
        assert now == NOW
        self.asked += 1
        known = {each: each in self.healthy for each in check_ids}
        return {each: good for each, good in known.items() if good or each in self.unhealthy}

    def unhealthy_throughout(
        self, check_ids: Iterable[CheckId], window: timedelta, by_alarm: Container[CheckId], *, now: datetime
    ) -> frozenset[CheckId]:
        assert by_alarm == {}
        assert now == NOW
        assert window == timedelta(minutes=10) or NOW - LAUNCHED - window < timedelta(seconds=1)
        return frozenset(each for each in check_ids if each in self.long_unhealthy)

    def capacities(self, groups: Iterable[str]) -> dict[str, Capacity]:
        units = dict.fromkeys((InstanceId(f"i-{n}") for n in range(6)), self.weight)
        return {each: Capacity(self.desired, units) for each in groups}

    def marked_unhealthy(self, instance_ids: Iterable[InstanceId]) -> frozenset[InstanceId]:
        return frozenset(each for each in instance_ids if each in self.marked)


def found(cloud: Cloud, *, minutes: int = 10, states: dict[str, str] | None = None) -> list[Replacement]:
    """Return the replacements in a pool of six in service, of which some are in another state.

    A seventh member is not in DNS where it has an entry in `states`.
    """
    members = [f"i-{n}" for n in range(6)]
    records = [record(each, f"192.0.2.{n}", f"c-{n}") for n, each in enumerate(members)]
    what = situation(
        instances=[
            instance(each, group="web-fleet", launched=LAUNCHED + timedelta(microseconds=n))
            for n, each in enumerate([*members, *(each for each in states or {} if each not in members)])
        ],
        records=records,
        checks=[
            check(f"c-{n}", each, f"192.0.2.{n}", launched=LAUNCHED + timedelta(microseconds=n))
            for n, each in enumerate(members)
        ],
        lifecycle_states=dict.fromkeys(members, "InService") | (states or {}),
    )
    asked = settings(replace_unhealthy_after=minutes)
    (status,) = make_plan(what, GUARD).statuses
    return list(find_replacements(what, status, asked, cloud.aws, now=NOW))


ONE: dict[str, Any] = {"unhealthy": ["c-1"], "long_unhealthy": ["c-1"]}


def test_a_member_that_was_unhealthy_for_long_is_to_be_replaced() -> None:
    assert found(Cloud(healthy=["c-0"], **ONE)) == [
        Replacement(PoolName("web"), InstanceId("i-1"), "Route 53 sees it unhealthy for 10 minutes")
    ]


AWAY = "2 of 8 members are away, and never more than a third is at the same time"


def test_members_that_their_group_lacks_are_away() -> None:
    assert [each.stopped for each in found(Cloud(healthy=["c-0"], desired=7, **ONE))] == [None]
    assert [each.stopped for each in found(Cloud(healthy=["c-0"], desired=8, **ONE))] == [AWAY]


def test_members_that_a_group_with_weights_lacks_are_counted_by_their_weight() -> None:
    assert [each.stopped for each in found(Cloud(healthy=["c-0"], desired=28, weight=4, **ONE))] == [None]
    assert [each.stopped for each in found(Cloud(healthy=["c-0"], desired=29, weight=4, **ONE))] == [AWAY]


@pytest.mark.parametrize(
    ("there", "lacks"), [((1, 2, 3), 0), ((1, 2), 1), ((2, 3), 2), ((3,), 3), ((), 4), ((3, 9), 2)]
)
def test_a_group_may_lack_as_many_instances_of_its_smallest_weight_as_fill_its_capacity(
    there: tuple[int, ...], lacks: int
) -> None:
    weights = {InstanceId("i-01"): 8, InstanceId("i-02"): 4, InstanceId("i-03"): 4}
    assert Capacity(16, weights).lacks(ids(*there)) == lacks


def test_a_member_that_had_its_time_and_is_not_in_dns_stops_replacement() -> None:
    (told,) = found(Cloud(healthy=["c-0"], **ONE), states={"i-6": "InService"})
    assert told.stopped == "the newest member, i-6, did not become healthy either"


def test_a_member_that_becomes_healthy_for_the_first_time_did_not_fail_and_one_that_never_does_failed() -> None:
    once_healthy = Cloud(healthy=["c-0"], unhealthy=["c-1", "c-5"], long_unhealthy=["c-1"])
    assert [each.stopped for each in found(once_healthy)] == [None]
    never_healthy = Cloud(healthy=["c-0"], unhealthy=["c-1", "c-5"], long_unhealthy=["c-1", "c-5"])
    because = "the newest member, i-5, did not become healthy either"
    assert [each.stopped for each in found(never_healthy)] == [because, because]


def test_no_member_is_replaced_and_nothing_is_read_where_the_setting_is_off() -> None:
    cloud = Cloud(**ONE)
    assert found(cloud, minutes=0) == []
    assert cloud.asked == 0


def test_a_member_without_a_datapoint_is_neither_unhealthy_nor_replaced() -> None:
    assert found(Cloud(long_unhealthy=["c-1"])) == []


@pytest.mark.parametrize("state", ["Pending:Wait", "Standby", "Terminating:Wait", "Detached"])
def test_only_a_member_in_service_is_replaced(state: str) -> None:
    assert found(Cloud(**ONE), states={"i-1": state}) == []


def test_a_member_that_its_group_does_not_confirm_is_not_replaced() -> None:
    cloud = Cloud(**ONE)
    what = situation(
        instances=[instance("i-1"), *(instance(f"i-{n}") for n in (2, 3, 4))],
        records=[record(f"i-{n}", "192.0.2.1", f"c-{n}") for n in (1, 2, 3, 4)],
        checks=[check(f"c-{n}", f"i-{n}") for n in (1, 2, 3, 4)],
    )
    asked = settings(replace_unhealthy_after=10)
    (status,) = make_plan(what, GUARD).statuses
    assert list(find_replacements(what, status, asked, cloud.aws, now=NOW)) == []


def test_those_marked_and_those_terminating_are_leaving() -> None:
    three = ["c-1", "c-2", "c-3"]
    cloud = Cloud(unhealthy=three, long_unhealthy=three)
    assert going_now(cloud) == ["i-1", "i-2"]
    cloud.marked = ["i-1"]
    assert going_now(cloud) == ["i-2"]
    assert going_now(cloud, states={"i-5": "Terminating:Wait"}) == []


def going_now(cloud: Cloud, **more: Any) -> list[str]:
    return [each.instance_id for each in found(cloud, **more) if each.stopped is None]
