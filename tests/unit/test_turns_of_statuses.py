"""Which health checks a look asks Route 53 for first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fleet53.convergence.checks import _turn
from fleet53.domain.ids import CheckId
from tests.unit.build import NOW


@pytest.mark.parametrize("count", [1, 4, 5, 9, 10])
def test_each_of_a_few_checks_is_among_the_first_four_within_five_looks(count: int) -> None:
    checks = [CheckId(f"c-{number}") for number in range(count)]
    looks = [_turn(checks, NOW + timedelta(seconds=20 * look)) for look in range(5)]

    assert all(sorted(look) == sorted(checks) for look in looks)
    assert {each for look in looks for each in look[:4]} == set(checks)


def test_of_many_checks_ten_have_their_turn_in_each_look() -> None:
    checks = [CheckId(f"c-{number}") for number in range(25)]
    looks = [_turn(checks, NOW + timedelta(seconds=20 * look)) for look in range(5)]

    assert {len(set(look)) for look in looks} == {10}
    assert {each for look in looks for each in look} == set(checks)


def test_no_checks_have_no_turn() -> None:
    assert _turn([], NOW) == []
