"""Lambda may end a run at each of its requests, and another run may act there: the result is the same.

No audit runs here that would repair anything.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from lab.faults import Kill
from tests.functional.groups import pass_time
from tests.functional.incidents import overlap
from tests.functional.views import check_of, checks, checks_of, in_dns, record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from lab.world import Lab

READS: Final = ("Describe", "Get", "List")
"""How operations begin that change nothing."""
VISIBILITY_TIMEOUT: Final = 1801
"""Seconds after which the messages of a run that was ended come again (template.yaml, Signals)."""


@pytest.fixture(autouse=True)
def without_audits(lab: Lab) -> None:
    lab.timers = ()


def join(lab: Lab) -> None:
    """Launch an instance, and let it serve."""
    lab.functions.cold_start()
    lab.fleet.launch()
    lab.settle()
    pass_time(lab, 60, 10)


def leave(lab: Lab) -> None:
    """Terminate the instance that is in DNS."""
    lab.functions.cold_start()
    (web,) = in_dns(lab)
    lab.fleet.terminate(web)
    lab.settle()
    pass_time(lab, 60, 10)


def changes(lab: Lab, act: Callable[[Lab], None]) -> dict[int, str]:
    """Return the requests that change something, each by the number of requests before it."""
    lab.faults.forget()
    act(lab)
    asked = enumerate(lab.faults.asked)
    return {number: each for number, each in asked if not each.partition(":")[2].startswith(READS)}


def ends(numbers: Collection[int]) -> list[tuple[Kill, int]]:
    """Return where to end a run so that it has made none of its changes, and one more each time."""
    return [(Kill.BEFORE, min(numbers)), *((Kill.AFTER, number) for number in sorted(numbers))]


def end_and_come_again(lab: Lab, kill: Kill, number: int, act: Callable[[Lab], None]) -> None:
    """End a run at one of its requests, and let its messages come again."""
    lab.invocations.clear()
    lab.faults.order(kill, "*", calls=1, after=number)
    act(lab)
    assert [str(each.error) for each in lab.invocations if each.error] == ["Runtime exited with error: signal: killed"]
    lab.run(VISIBILITY_TIMEOUT, step=VISIBILITY_TIMEOUT)
    pass_time(lab, 60, 10)


def test_a_run_that_is_ended_before_or_after_any_change_is_completed_when_its_messages_come_again(lab: Lab) -> None:
    joining, leaving = changes(lab, join), changes(lab, leave)
    assert {*joining.values(), *leaving.values()} == {
        "events:PutEvents",
        "route53:ChangeResourceRecordSets",
        "route53:CreateHealthCheck",
        "route53:DeleteHealthCheck",
        "sqs:SendMessage",
    }

    for kill, number in ends(joining):
        end_and_come_again(lab, kill, number, join)
        assert (len(in_dns(lab)), len(checks(lab))) == (1, 1), number
        leave(lab)
        assert (in_dns(lab), checks(lab)) == (set(), {}), number
    for kill, number in ends(leaving):
        join(lab)
        end_and_come_again(lab, kill, number, leave)
        assert (in_dns(lab), checks(lab)) == (set(), {}), number


def test_a_member_that_leaves_at_any_request_of_the_run_that_admits_it_is_not_left_in_dns(lab: Lab) -> None:
    lab.put_pool("web", admit_when="running", health_check=None)
    lab.settle()
    for after in count():
        lab.functions.cold_start()
        web = lab.fleet.launch()
        met = overlap(lab, "*", partial(lab.fleet.retag, web, []), after=after)
        lab.settle()
        if not met:
            assert in_dns(lab) == {web}
            break
        assert in_dns(lab) == set(), after

    assert after > 5


def test_a_member_that_is_tagged_again_at_any_request_of_the_run_that_withdraws_it_has_its_check_at_once(
    lab: Lab,
) -> None:
    web = lab.fleet.launch()
    lab.settle()
    for after in count():
        pass_time(lab, 90, 15)
        assert record_of(lab, web)["HealthCheckId"] == check_of(lab, web)
        lab.functions.cold_start()
        met = overlap(lab, "*", partial(lab.fleet.retag, web, ["web"]), after=after)
        lab.fleet.retag(web, [])
        lab.settle()
        if not met:
            assert (in_dns(lab), checks(lab)) == (set(), {})
            break
        assert len(checks_of(lab, web)) == 1, after

    assert after > 8
