from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

import pytest

from fleet53.domain.finding import FindingKind
from fleet53.domain.health_check import CheckConfig
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.record import RecordType
from fleet53.planning.changes import CheckKey, CreateCheck, DeleteCheck, Plan, PoolStatus
from fleet53.planning.own import own_checks
from tests.unit.build import HTTP, NOW, instance

WEB = PoolName("web")
CONFIG = CheckConfig.of(HTTP, IPv4Address("192.0.2.1"))
MINE, *OTHERS = (InstanceId(f"i-0{letter}") for letter in "abcde")
OTHER = OTHERS[0]


def create(instance_id: InstanceId) -> CreateCheck:
    return CreateCheck(CheckKey(WEB, instance_id, RecordType.A), CONFIG, (), FindingKind.MISSING_CHECK, "-")


def delete(instance_id: InstanceId) -> DeleteCheck:
    return DeleteCheck(WEB, instance_id, CheckId("c-1"), None, FindingKind.ORPHAN_CHECK, "-")


def kept(
    *changes: CreateCheck | DeleteCheck,
    about: set[InstanceId] | None,
    age: float = 60,
    state: str = "running",
    members: int = 2,
) -> tuple[CreateCheck | DeleteCheck, ...]:
    """Return what is kept of a plan, where both instances were launched so many seconds ago and are in this state."""
    launched = NOW - timedelta(seconds=age)
    known = {each: replace(instance(each, state=state), launched=launched) for each in (MINE, *OTHERS)}
    everybody = frozenset(InstanceId(f"i-{number}") for number in range(members))
    status = PoolStatus(WEB, "app.example.com", everybody, frozenset(), frozenset(), frozenset())
    plan = Plan(
        create_checks=tuple(each for each in changes if isinstance(each, CreateCheck)),
        delete_checks=tuple(each for each in changes if isinstance(each, DeleteCheck)),
        statuses=(status,),
    )
    made = own_checks(plan, about, known, now=NOW)
    return (*made.create_checks, *made.delete_checks)


def creations(*instance_ids: InstanceId) -> list[CreateCheck]:
    return [create(each) for each in instance_ids]


def deletions(*instance_ids: InstanceId) -> list[DeleteCheck]:
    return [delete(each) for each in instance_ids]


def test_the_checks_of_new_launches_are_left_to_their_own_messages() -> None:
    assert kept(*creations(MINE, *OTHERS), about={MINE}) == (create(MINE),)


@pytest.mark.parametrize(("age", "count"), [(299, 1), (300, 5)])
def test_launches_older_than_five_minutes_are_left_to_no_other_message(age: float, count: int) -> None:
    assert len(kept(*creations(MINE, *OTHERS), about={MINE}, age=age)) == count


@pytest.mark.parametrize(("others", "count"), [(3, 4), (4, 1)])
def test_three_others_whose_messages_may_be_lost_are_left_to_no_other_message(others: int, count: int) -> None:
    assert len(kept(*creations(MINE, *OTHERS[:others]), about={MINE})) == count
    assert len(kept(*deletions(MINE, *OTHERS[:others]), about={MINE}, state="terminated")) == count


@pytest.mark.parametrize(("members", "count"), [(100, 1), (101, 5)])
def test_in_a_pool_with_more_members_than_places_every_pass_creates_checks(members: int, count: int) -> None:
    assert len(kept(*creations(MINE, *OTHERS), about={MINE}, members=members)) == count


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
def test_the_checks_of_instances_that_end_are_left_to_their_own_messages(state: str) -> None:
    assert kept(*deletions(MINE, *OTHERS), about={MINE}, state=state) == (delete(MINE),)


def test_a_running_member_loses_a_check_that_it_needs_no_more_in_any_pass() -> None:
    assert len(kept(*deletions(*OTHERS), about={MINE})) == 4


def test_the_health_check_of_an_instance_that_ec2_does_not_know_is_left_to_no_other_message() -> None:
    gone = delete(InstanceId("i-0f"))
    assert kept(gone, *deletions(*OTHERS), about={MINE}, state="terminated") == (gone,)


def test_a_pass_about_whole_pools_creates_and_deletes_all() -> None:
    assert len(kept(*creations(MINE, *OTHERS), about=None)) == 5
    assert len(kept(*deletions(MINE, *OTHERS), about=None, state="terminated")) == 5
