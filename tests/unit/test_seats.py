"""Places of a full name go round: who had its turn goes behind those that had none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import CheckId
from fleet53.planning.changes import CreateCheck, PutRecord
from fleet53.planning.plan import make_plan
from tests.unit.build import GUARD, LAUNCHED, check, instance, record, situation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fleet53.domain.health_check import Check
    from fleet53.domain.instance import Instance
    from fleet53.planning.changes import Plan
    from fleet53.planning.situation import Situation

FULL = "app.example.com has 100 A records, counting members that are about to get one, and Route 53 allows no more"
HAD_TURN = f"it was not healthy within AdmitTimeout, so members that have not had their turn go first; {FULL}"


def name(number: int) -> str:
    return f"i-{number:03}"


def member(number: int) -> Instance:
    """Return a member; those of a higher number were launched later."""
    address = IPv4Address("192.0.2.0") + number
    return instance(name(number), public_ipv4=address, launched=LAUNCHED + timedelta(seconds=number))


def check_of(number: int) -> Check:
    of = member(number)
    return check(f"c-{number:03}", of.id, str(of.public_ipv4), launched=of.launched)


def pool_of(
    size: int,
    *,
    serving: Collection[int] = (),
    checked: Iterable[int] = (),
    healthy: Iterable[int] = (),
    late: Iterable[int] = (),
) -> Situation:
    """Return a pool of members 0 to `size` - 1; the late ones and those that serve have a health check, too."""
    late, healthy = tuple(late), (*healthy, *serving)
    with_check = sorted({*checked, *healthy, *late})
    return situation(
        instances=[member(n) for n in range(size)],
        records=[record(name(n), str(member(n).public_ipv4), f"c-{n:03}") for n in serving],
        checks=[check_of(n) for n in with_check],
        healthy=[f"c-{n:03}" for n in healthy],
        unhealthy=[f"c-{n:03}" for n in with_check if n not in healthy],
        late=frozenset(CheckId(f"c-{n:03}") for n in late),
    )


def planned(what: Situation) -> Plan:
    return make_plan(what, GUARD)


def created(plan: Plan) -> list[str]:
    return [change.key.instance_id for change in plan.create_checks]


def admitted(plan: Plan) -> list[str | None]:
    return [change.instance_id for change in plan.change_records if isinstance(change, PutRecord)]


# 60 serve, 40 hold the other places and are not healthy, 10 wait.
SERVING, HOLDING, WAITING = range(60), range(60, 100), range(100, 110)


def test_a_member_whose_turn_has_not_ended_keeps_its_place() -> None:
    plan = planned(pool_of(110, serving=SERVING, checked=HOLDING))
    assert plan.changes == ()
    assert plan.statuses[0].standby == {name(n) for n in WAITING}


def test_members_that_have_had_their_turn_come_after_those_that_have_not() -> None:
    plan = planned(pool_of(110, serving=SERVING, late=HOLDING))
    assert created(plan) == [name(n) for n in WAITING]
    assert len(plan.changes) == 10
    assert plan.statuses[0].standby == {name(n) for n in range(90, 100)}


def test_only_as_many_places_go_round_as_there_are_members_without_a_turn() -> None:
    plan = planned(pool_of(110, serving=SERVING, checked=range(60, 75), late=range(75, 100)))
    assert created(plan) == [name(n) for n in WAITING]
    assert plan.statuses[0].standby == {name(n) for n in range(90, 100)}


def test_a_member_that_has_had_its_turn_keeps_its_health_check_waits_and_is_reported_with_the_reason() -> None:
    plan = planned(pool_of(110, serving=SERVING, late=HOLDING))
    assert plan.delete_checks == ()
    (waits,) = [each for each in plan.waiting if each.instance_id == "i-099"]
    assert (waits.check_id, waits.because) == ("c-099", HAD_TURN)
    full = {each.instance_id: each.because for each in plan.findings if each.kind is FindingKind.POOL_FULL}
    assert full == {name(n): HAD_TURN for n in range(90, 100)}
    assert "i-099" not in plan.statuses[0].pending
    assert "i-099" not in plan.statuses[0].ready
    assert "i-099" in plan.statuses[0].unhealthy


def test_a_member_with_a_health_check_and_no_place_before_its_turn_is_ready_and_not_unhealthy() -> None:
    (status,) = planned(pool_of(110, serving=SERVING, checked=range(60, 101))).statuses
    assert status.standby == {name(n) for n in range(100, 110)}
    assert "i-100" in status.ready
    assert "i-100" not in status.unhealthy


def test_a_member_that_becomes_healthy_after_its_turn_comes_before_all_that_are_not() -> None:
    plan = planned(pool_of(110, serving=SERVING, checked=WAITING, late=range(60, 99), healthy=[99]))
    assert admitted(plan) == ["i-099"]
    crowded = planned(pool_of(110, serving=SERVING, checked=range(60, 101), healthy=[101]))
    assert admitted(crowded) == ["i-101"]


def test_a_place_that_no_other_member_can_take_stays_with_one_that_has_had_its_turn() -> None:
    plan = planned(pool_of(100, serving=SERVING, late=HOLDING))
    assert (plan.changes, plan.statuses[0].standby) == ((), frozenset())


def test_a_full_name_with_a_hundred_and_fifty_checks_begins_no_turn() -> None:
    plan = planned(pool_of(200, serving=SERVING, late=range(60, 148)))
    assert created(plan) == ["i-148", "i-149"]
    plan = planned(pool_of(200, serving=SERVING, late=range(60, 150)))
    assert plan.changes == ()


def test_a_hundred_in_dns_leave_no_place_and_no_check_is_made_or_deleted() -> None:
    plan = planned(pool_of(120, serving=range(100), late=range(100, 110)))
    assert plan.changes == ()


@settings(max_examples=25)  # a name holds a hundred records, so a pool that fills it takes a while to plan
@given(
    serving=st.integers(0, 100),
    checked=st.frozensets(st.integers(0, 129)),
    healthy=st.frozensets(st.integers(0, 129)),
    late=st.frozensets(st.integers(0, 129)),
)
def test_a_plan_that_was_made_leaves_nothing_to_do_until_health_changes(
    serving: int, checked: frozenset[int], healthy: frozenset[int], late: frozenset[int]
) -> None:
    before = pool_of(
        130, serving=range(serving), checked=checked, healthy=healthy - late, late=late - frozenset(range(serving))
    )
    plan = planned(before)
    made = [each for each in plan.changes if isinstance(each, CreateCheck)]
    deleted = {each.check_id for each in plan.delete_checks}
    put = [each.record for each in plan.change_records if isinstance(each, PutRecord)]
    checks = {key: each for key, each in (before.checks or {}).items() if key not in deleted}
    checks |= {each.id: each for each in (check_of(int(change.key.instance_id[2:])) for change in made)}
    records = {pool: (*found, *put) for pool, found in before.records.items()}
    after = planned(replace(before, checks=checks, records=records))
    assert after.changes == ()
    assert deleted == set()
