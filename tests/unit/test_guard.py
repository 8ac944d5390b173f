from __future__ import annotations

import pytest

from fleet53.planning.guard import Guard


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


def test_the_reason_names_the_counts_the_parameter_and_the_way_out() -> None:
    assert Guard(50).reason(absent=3, in_dns=4) == (
        "held by the guard: 3 of 4 members would be withdrawn without evidence that they are gone, "
        "more than MaxWithdrawPercent=50 allows; "
        'to withdraw them, invoke the audit with {"repair": true, "force": true}'
    )
