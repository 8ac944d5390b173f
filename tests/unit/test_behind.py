from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from fleet53.domain.claim import Claim
from fleet53.domain.ids import PoolName
from fleet53.planning.behind import next_look, why_behind, why_parameter_is_behind, why_tag_is_behind
from tests.unit.build import LAUNCHED, NOW, instance

WEB = frozenset({PoolName("web")})
API = frozenset({PoolName("api")})
NONE = frozenset[PoolName]()


@pytest.mark.parametrize("claim", [Claim.LAUNCHED, Claim.RUNNING])
def test_an_instance_that_starts_is_awaited_until_ec2_shows_it_with_a_pool_tag(claim: Claim) -> None:
    assert why_behind(claim, None, spot=None, at=NOW) == "EC2 does not show the instance yet"
    assert why_behind(claim, instance(pools=NONE), spot=None, at=NOW) == "EC2 does not show a pool tag"
    assert why_behind(claim, instance(), spot=None, at=NOW) is None


@pytest.mark.parametrize("claim", [Claim.LAUNCHED, Claim.RUNNING])
def test_an_instance_without_a_pool_tag_that_ends_is_not_awaited(claim: Claim) -> None:
    assert why_behind(claim, instance(pools=NONE, state="terminated"), spot=None, at=NOW) is None


@pytest.mark.parametrize("claim", [Claim.ENDS, Claim.INTERRUPTED, Claim.ADDRESSED])
def test_an_instance_that_does_not_start_is_not_awaited_if_ec2_does_not_show_it_or_its_tag(claim: Claim) -> None:
    assert why_behind(claim, None, spot=None, at=NOW) is None
    assert why_behind(claim, instance(pools=NONE), spot=None, at=NOW) is None


@pytest.mark.parametrize(
    ("claim", "state", "behind"),
    [
        (Claim.RUNNING, "pending", True),
        (Claim.RUNNING, "stopping", True),
        (Claim.RUNNING, "stopped", True),
        (Claim.RUNNING, "running", False),
        (Claim.RUNNING, "terminated", False),
        (Claim.LAUNCHED, "pending", False),
        (Claim.ENDS, "pending", True),
        (Claim.ENDS, "running", True),
        (Claim.ENDS, "stopping", False),
        (Claim.ENDS, "terminated", False),
    ],
)
def test_the_state_before_the_event_is_behind_it(claim: Claim, state: str, *, behind: bool) -> None:
    because = f"EC2 still says {state}" if behind else None
    assert why_behind(claim, instance(state=state), spot=None, at=NOW) == because


@pytest.mark.parametrize("spot", [None, "fulfilled"])
def test_an_interruption_is_behind_while_the_spot_request_of_a_running_instance_is_not_marked(spot: str | None) -> None:
    because = f"its Spot request is still {spot}"
    assert why_behind(Claim.INTERRUPTED, instance(), spot=spot, at=NOW) == because
    assert why_behind(Claim.INTERRUPTED, instance(state="stopping"), spot=spot, at=NOW) is None


@pytest.mark.parametrize("spot", ["marked-for-termination", "marked-for-stop", "instance-terminated-by-price"])
def test_a_spot_request_that_is_marked_agrees_with_the_interruption(spot: str) -> None:
    assert why_behind(Claim.INTERRUPTED, instance(), spot=spot, at=NOW) is None


def test_an_address_may_be_a_former_one_unless_the_instance_ends() -> None:
    assert why_behind(Claim.ADDRESSED, instance(), spot=None, at=NOW) == "EC2 may show former addresses"
    assert why_behind(Claim.ADDRESSED, instance(state="stopping"), spot=None, at=NOW) is None


@pytest.mark.parametrize("claim", [Claim.RUNNING, Claim.ENDS, Claim.INTERRUPTED, Claim.ADDRESSED])
def test_a_launch_after_the_event_is_ahead_of_it(claim: Claim) -> None:
    started = instance(state="pending", launched=NOW)
    assert why_behind(claim, started, spot=None, at=NOW - timedelta(seconds=1)) is None


def test_the_end_of_an_instance_at_the_second_of_its_launch_may_be_that_of_an_earlier_life() -> None:
    assert why_behind(Claim.ENDS, instance(), spot=None, at=LAUNCHED) is None
    assert why_behind(Claim.RUNNING, instance(state="pending"), spot=None, at=LAUNCHED) == "EC2 still says pending"


def test_a_tag_is_behind_until_ec2_shows_its_pools() -> None:
    assert why_tag_is_behind(API, instance()) == "EC2 shows another pool tag"
    assert why_tag_is_behind(NONE, instance()) == "EC2 shows another pool tag"
    assert why_tag_is_behind(WEB, instance()) is None
    assert why_tag_is_behind(API, instance(state="shutting-down")) is None


def test_the_tag_of_an_instance_that_ec2_does_not_show_is_awaited_where_it_names_a_pool() -> None:
    assert why_tag_is_behind(WEB, None) == "EC2 does not show the instance yet"
    assert why_tag_is_behind(NONE, None) is None


@pytest.mark.parametrize(
    ("seconds", "behind"), [(-3600, True), (-5.001, True), (-5, False), (0, False), (0.9, False), (60, False)]
)
def test_a_parameter_that_was_changed_well_before_its_event_has_a_former_value(seconds: float, *, behind: bool) -> None:
    because = "Parameter Store shows a former value" if behind else None
    changed = NOW + timedelta(seconds=seconds)
    assert why_parameter_is_behind(Claim.DECLARED, changed, at=NOW) == because


def test_a_new_parameter_is_awaited_until_it_is_shown() -> None:
    because = "Parameter Store does not show the parameter yet"
    assert why_parameter_is_behind(Claim.DECLARED, None, at=NOW) == because


@pytest.mark.parametrize(("seconds", "behind"), [(-3600, True), (0, True), (0.9, True), (1, False), (60, False)])
def test_a_deleted_parameter_is_awaited_until_it_is_not_shown_or_was_created_again(
    seconds: float, *, behind: bool
) -> None:
    because = "Parameter Store still shows the parameter" if behind else None
    assert why_parameter_is_behind(Claim.UNDECLARED, NOW + timedelta(seconds=seconds), at=NOW) == because
    assert why_parameter_is_behind(Claim.UNDECLARED, None, at=NOW) is None


@pytest.mark.parametrize("changed", [None, NOW - timedelta(days=1)])
def test_any_other_event_about_a_parameter_is_not_awaited(changed: datetime | None) -> None:
    assert why_parameter_is_behind(None, changed, at=NOW) is None


@pytest.mark.parametrize(
    ("age", "delay"), [(0, 5), (4, 5), (7, 7), (29, 29), (45, 30), (90, 30), (100, 20), (119, 1), (120, None)]
)
def test_an_event_is_looked_at_again_as_late_as_it_is_old_until_two_minutes_have_passed(
    age: int, delay: int | None
) -> None:
    expected = None if delay is None else timedelta(seconds=delay)
    assert next_look(timedelta(seconds=age)) == next_look(timedelta(seconds=age), Claim.RUNNING) == expected


@pytest.mark.parametrize(
    ("age", "delay"), [(0, 10), (9, 1), (10, 20), (30, 30), (59, 1), (60, 60), (119, 1), (120, None), (600, None)]
)
def test_an_event_about_an_address_is_looked_at_again_after_10_30_60_and_120_seconds(
    age: int, delay: int | None
) -> None:
    expected = None if delay is None else timedelta(seconds=delay)
    assert next_look(timedelta(seconds=age), Claim.ADDRESSED) == expected


@pytest.mark.parametrize(
    ("claim", "because"),
    [
        (Claim.ENDS, "EC2 still says running"),
        (Claim.INTERRUPTED, "its Spot request is still None"),
        (Claim.ADDRESSED, "EC2 may show former addresses"),
    ],
)
def test_an_instance_that_was_seen_in_dns_is_looked_at_again_without_its_tag(claim: Claim, because: str) -> None:
    assert why_behind(claim, instance(pools=NONE), spot=None, at=NOW) is None
    assert why_behind(claim, instance(pools=NONE), spot=None, at=NOW, in_dns=True) == because
