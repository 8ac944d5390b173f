"""A member is in DNS soon after Route 53 has seen it healthy, however long that took."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lab.scaling.hooks import launch_hook
from tests.functional.groups import GROUP
from tests.functional.incidents import before_each
from tests.functional.views import calls, check_of, checks, in_dns, launched, see_healthy, state_change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from lab.world import Lab

LOOK = 31
"""Seconds until the next look has ended: 20, and 10 at most because none is less than that ahead."""


def see_in_route53(lab: Lab, instance_ids: Iterable[str]) -> None:
    """Let the checkers see instances healthy, of which CloudWatch has no datapoint yet."""
    for instance_id in instance_ids:
        lab.health.see(check_of(lab, instance_id), 100)


def boot(lab: Lab, members: Iterable[str], seconds: int) -> None:
    """Let members be unhealthy for so long, also in CloudWatch."""
    see_healthy(lab, members, percent=0)
    lab.run(seconds, step=10)
    for each in members:
        lab.report_health(each, 0)


@pytest.mark.parametrize("seconds", [10, 200, 800])
def test_a_member_is_in_dns_at_the_next_look_however_long_it_boots(lab: Lab, seconds: int) -> None:
    members = launched(lab, 2)
    boot(lab, members, seconds)
    assert in_dns(lab) == set()

    see_in_route53(lab, members)
    lab.run(LOOK)

    assert in_dns(lab) == set(members)


def test_a_member_at_a_launch_hook_goes_on_at_the_next_look_however_long_it_boots(lab: Lab) -> None:
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),), health_grace_period=3600)
    lab.run(12)
    (member,) = lab.fleet.members(GROUP)
    boot(lab, [member], 600)
    assert lab.fleet.members(GROUP) == {member: "Pending:Wait"}

    see_in_route53(lab, [member])
    lab.run(LOOK)

    assert in_dns(lab) == {member}


def test_a_record_moves_at_the_next_look_after_its_new_check_is_healthy(lab: Lab) -> None:
    (member,) = launched(lab, 1)
    see_healthy(lab, [member])
    (old,) = checks(lab)
    lab.put_pool("web", health_check={"url": "http://:80/other"})
    lab.settle()
    (new,) = checks(lab).keys() - {old}
    lab.report_health(new, 0)
    lab.run(200, step=10)

    lab.health.see(new, 100)
    lab.run(LOOK)

    assert checks(lab).keys() == {new}


def test_the_health_of_more_than_ten_members_is_read_from_cloudwatch(lab: Lab) -> None:
    members = launched(lab, 11)
    boot(lab, members, 100)
    lab.route53.reset_calls()

    see_in_route53(lab, members)
    lab.run(20)
    assert calls(lab)["GetHealthCheckStatus"] == 0
    assert in_dns(lab) == set()
    lab.run(60 + LOOK)

    assert in_dns(lab) == set(members)


def test_of_many_members_that_are_healthy_in_cloudwatch_the_last_ten_are_asked_of_route_53(lab: Lab) -> None:
    members = launched(lab, 12)
    see_healthy(lab, members, percent=0)
    for each in members[:4]:
        lab.report_health(each)
    see_in_route53(lab, members[4:])
    lab.run(LOOK)

    assert in_dns(lab) == set(members)


def test_in_a_storm_of_events_route_53_is_asked_for_forty_checks_a_minute(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = launched(lab, 10)
    see_healthy(lab, members, percent=0)
    lab.run(60, step=5)
    asked: list[datetime] = []
    before_each(lab, monkeypatch, "GetHealthCheckStatus", lambda _: asked.append(lab.clock.now()))

    for _ in range(24):
        lab.send(state_change(lab, members[0], "running"))
        lab.run(5)

    minute = timedelta(minutes=1)
    # A function takes ten at once, so a minute that begins in the middle of them can have ten more.
    assert max(sum(each <= other < each + minute for other in asked) for each in asked) in range(40, 51)


def test_a_withdrawal_does_not_wait_until_route_53_is_asked_for_those_that_are_not_healthy(lab: Lab) -> None:
    members = launched(lab, 5)
    see_healthy(lab, members[:1])
    boot(lab, members[1:], 100)
    lab.route53.reset_calls()

    lab.fleet.terminate(members[0])
    lab.settle()

    operations = [call.operation for call in lab.route53.calls]
    assert "GetHealthCheckStatus" not in operations[: operations.index("ChangeResourceRecordSets")]
    assert in_dns(lab) == set()
    see_in_route53(lab, members[1:])
    lab.run(LOOK)
    assert in_dns(lab) == set(members[1:])
