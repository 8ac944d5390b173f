"""What fleet53 sends Route 53 in a burst: no more than Route 53 takes, nothing twice, and withdrawals first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from lab.route53.limits import FiveASecond
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import before_each, overlap
from tests.functional.views import admitted, calls, checks, in_dns, log_lines, see_healthy, signal, state_change, wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Return a lab whose Route 53 takes five requests a second."""
    with Lab(start=MONDAY_NOON, limits=FiveASecond) as lab:
        yield lab


def throttled(lab: Lab) -> int:
    return sum(call.code == "Throttling" for call in lab.route53.calls)


def receive(lab: Lab, messages: int) -> None:
    """Let each run receive so many messages at most, as if several functions shared them."""
    for poller in lab.pollers:
        poller.source = replace(poller.source, batch_size=messages)


def test_a_burst_of_ten_launches_and_of_ten_terminations_has_no_throttled_call(lab: Lab) -> None:
    members = admitted(lab, 10)
    assert throttled(lab) == 0

    for each in members:
        lab.fleet.terminate(each)
    lab.settle()

    assert checks(lab) == {}
    assert throttled(lab) == 0


def test_a_burst_of_sixty_launches_takes_a_slot_for_each_check(lab: Lab) -> None:
    for _ in range(60):
        lab.fleet.launch()
    before = lab.clock.now()
    lab.settle()

    assert len(checks(lab)) == 60
    assert throttled(lab) == 0
    # 60 health checks, the zone, the records and the list of health checks: 63 slots of 0.205 s, the last without a
    # wait.
    assert (lab.clock.now() - before).total_seconds() == pytest.approx(62 * 0.205, abs=0.205)


def test_where_others_use_the_limit_a_run_becomes_slower_and_makes_all_its_changes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, limits = [lab.clock.now()], lab.route53._refusals._limits
    assert limits is not None

    def somebody_else(_parameters: Mapping[str, Any]) -> None:
        while others[-1] <= lab.clock.now():
            limits.take("GetHostedZone", others[-1])
            others.append(others[-1] + timedelta(seconds=0.5))

    before_each(lab, monkeypatch, "CreateHealthCheck", somebody_else)
    for _ in range(40):
        lab.fleet.launch()
    lab.settle()

    assert len(checks(lab)) == 40
    assert calls(lab)["CreateHealthCheck"] - 40 == throttled(lab)
    assert throttled(lab) <= 20


def test_a_run_creates_the_checks_of_its_own_messages(lab: Lab) -> None:
    receive(lab, 10)
    for _ in range(20):
        lab.fleet.launch()

    lab.pollers[0].poll_once()
    # What fits into a second after the readings, because ten signals wait. The clock moves with the real one, too.
    assert 1 <= len(checks(lab)) <= 3
    lab.settle()
    wait(lab, 3)

    assert len(checks(lab)) == 20
    assert calls(lab)["CreateHealthCheck"] == 20


def test_a_run_deletes_the_checks_of_its_own_messages(lab: Lab) -> None:
    members = admitted(lab, 20)
    receive(lab, 10)
    lab.route53.reset_calls()
    for each in members:
        lab.fleet.set_state(each, "shutting-down")

    lab.pollers[0].poll_once()
    assert in_dns(lab) == set()
    assert 10 <= len(checks(lab)) < 20
    lab.settle()
    wait(lab, 61)

    assert checks(lab) == {}
    assert calls(lab)["DeleteHealthCheck"] == 20


def test_two_functions_that_share_a_burst_create_each_check_once(lab: Lab) -> None:
    receive(lab, 10)
    for _ in range(20):
        lab.fleet.launch()
    met = overlap(lab, "route53:CreateHealthCheck", lambda: None)

    lab.pollers[0].poll_once()
    lab.settle()
    wait(lab, 3)

    assert (len(met), len(checks(lab))) == (1, 20)
    answered = [call for call in lab.route53.calls if call.code != "Throttling"]
    assert [call.operation for call in answered].count("CreateHealthCheck") == 20


def test_launches_whose_events_were_lost_get_their_checks_with_the_pool(lab: Lab) -> None:
    lost = [lab.fleet.launch(events=False) for _ in range(4)]
    lab.fleet.launch()
    lab.settle()
    assert len(checks(lab)) == 1

    signal(lab, "web")

    assert len(checks(lab)) == 5
    see_healthy(lab, lost)
    assert in_dns(lab) == set(lost)


def test_a_withdrawal_in_the_middle_of_a_burst_waits_for_a_second_of_creations(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = admitted(lab, 1)
    lab.route53.reset_calls()
    created: list[str] = []

    def terminate_in_the_middle(parameters: Mapping[str, Any]) -> None:
        created.append(parameters["CallerReference"])
        if len(created) == 20:
            lab.fleet.terminate(old)

    before_each(lab, monkeypatch, "CreateHealthCheck", terminate_in_the_middle)
    for _ in range(60):
        lab.fleet.launch()
    lab.settle()

    operations = [call.operation for call in lab.route53.calls]
    withdrawn = operations.index("ChangeResourceRecordSets")
    assert operations[:withdrawn].count("CreateHealthCheck") <= 25
    assert in_dns(lab) == set()

    wait(lab, 3)

    assert len(checks(lab)) == 60
    assert set(Counter(created).values()) == {1}
    assert throttled(lab) == 0


def test_a_withdrawal_in_the_middle_of_many_deletions_waits_for_a_second_of_them(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    *ending, last = admitted(lab, 41)
    lab.route53.reset_calls()
    deleted: list[str] = []

    def terminate_in_the_middle(parameters: Mapping[str, Any]) -> None:
        deleted.append(parameters["HealthCheckId"])
        if len(deleted) == 10:
            lab.fleet.terminate(last)

    before_each(lab, monkeypatch, "DeleteHealthCheck", terminate_in_the_middle)
    for each in ending:
        lab.fleet.set_state(each, "shutting-down")
    lab.settle()

    operations = [call.operation for call in lab.route53.calls]
    second = [place for place, each in enumerate(operations) if each == "ChangeResourceRecordSets"][1]
    assert operations[:second].count("DeleteHealthCheck") <= 15
    wait(lab, 61)
    assert checks(lab) == {}
    assert set(Counter(deleted).values()) == {1}
    assert len(log_lines(lab, "deletion of health checks deferred")) == 1


def test_a_queue_that_is_never_empty_delays_checks_and_stops_none(lab: Lab) -> None:
    receive(lab, 10)
    for _ in range(10):
        lab.fleet.launch()
    unrelated = lab.fleet.launch(pools=())
    for _ in range(5):
        for _ in range(20):
            lab.send(state_change(lab, unrelated, "running"))
        lab.pollers[0].poll_once()
        lab.clock.advance(3)
        lab.pollers[0].poll_once()

    assert len(checks(lab)) == 10
