"""Two passes at the same time: the one that read first keeps no member in DNS that the other one has withdrawn.

In each test, another run handles an event after the first run has read, and before Route 53 gets its batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.world import Lab
from tests.functional.groups import GROUP
from tests.functional.incidents import meanwhile
from tests.functional.views import (
    admitted,
    batches,
    calls,
    in_dns,
    log_lines,
    record_of,
    records,
    signal,
    state_change,
    values,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def overtake(lab: Lab, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let another run handle what `act` does just before Route 53 gets the next batch."""

    def handled() -> None:
        act()
        lab.settle()

    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", handled)


def end_in_two_runs(lab: Lab, monkeypatch: pytest.MonkeyPatch, one: str, two: str) -> None:
    """End two members, the second in a run that still sees the first one running."""

    def end_the_other() -> None:
        lab.fleet.late.keep_state(one, "running", 20)  # the other run's request is answered with what was before
        lab.fleet.terminate(two)
        lab.settle()
        lab.fleet.late.keep_state(one, "running", 0)

    overtake(lab, monkeypatch, end_the_other)
    lab.fleet.set_state(one, "shutting-down")
    lab.settle()


def admit_at_once(lab: Lab) -> None:
    lab.put_pool("web", admit_when="running", health_check=None)
    lab.settle()
    lab.route53.reset_calls()


def test_a_member_that_enters_standby_meanwhile_is_not_left_in_dns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    admit_at_once(lab)
    lab.fleet.create_group(GROUP)
    web = lab.fleet.launch(group=GROUP, events=False)

    def enter_standby() -> None:
        lab.fleet.set_lifecycle_state(web, "Standby")
        lab.send(state_change(lab, web, "running"))

    overtake(lab, monkeypatch, enter_standby)
    signal(lab, "web")

    assert batches(lab) == [[("CREATE", web)], [("DELETE", web)]]
    assert in_dns(lab) == set()


def test_a_member_with_a_spot_warning_meanwhile_is_not_left_in_dns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch(spot=True, events=False)
    overtake(lab, monkeypatch, lambda: lab.fleet.spot.warn(web, "terminate"))
    signal(lab, "web")

    assert batches(lab) == [[("CREATE", web)], [("DELETE", web)]]
    assert lab.fleet.describe(web)["State"]["Name"] == "running"


def test_a_member_whose_tag_is_removed_meanwhile_is_not_left_in_dns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch(events=False)
    overtake(lab, monkeypatch, lambda: lab.fleet.retag(web, []))
    signal(lab, "web")

    assert batches(lab) == [[("CREATE", web)], [("DELETE", web)]]
    assert in_dns(lab) == set()


def test_an_address_that_changes_meanwhile_is_not_overwritten_with_the_old_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch()
    old = lab.fleet.address(web)
    overtake(lab, monkeypatch, lambda: lab.fleet.associate_address(web))
    lab.settle()

    assert values(lab) == {lab.fleet.address(web)} != {old}
    assert len(batches(lab)) == 1
    assert len(log_lines(lab, "batch refused")) == 1


def test_an_address_that_changes_without_an_event_is_answered_for_a_moment_only(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch()
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: lab.fleet.associate_address(web, events=False))
    lab.settle()

    assert values(lab) == {lab.fleet.address(web)}
    assert batches(lab) == [[("CREATE", web)], [("DELETE", web), ("CREATE", web)]]


def test_a_pool_that_gets_another_name_meanwhile_leaves_no_record_at_the_old_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch()
    overtake(lab, monkeypatch, lambda: lab.put_pool("web", record_name="new.example.com"))
    lab.settle()

    assert records(lab) == {}
    assert in_dns(lab, "new.example.com") == {web}


def test_a_ttl_that_changes_meanwhile_is_not_set_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    admit_at_once(lab)
    web = lab.fleet.launch()
    lab.settle()
    lab.put_pool("web", ttl=30)
    overtake(lab, monkeypatch, lambda: lab.put_pool("web", ttl=20))
    lab.settle()
    wait(lab)

    assert record_of(lab, web)["TTL"] == 20


FALLBACK = "52.94.0.100"


def test_a_pool_whose_last_two_members_leave_in_two_runs_answers_with_its_fallback(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("web", fallback=FALLBACK)
    one, two = admitted(lab, 2)
    lab.route53.reset_calls()

    end_in_two_runs(lab, monkeypatch, one, two)

    assert values(lab) == {FALLBACK}
    assert batches(lab) == [[("DELETE", two)], [("DELETE", one)], [("CREATE", "fallback")]]
    assert log_lines(lab, "batch refused") == []


def test_members_whose_tags_are_removed_in_two_runs_leave_the_fallback_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def untag(*instance_ids: str) -> None:
        for instance_id in instance_ids:
            lab.fleet.retag(instance_id, [])

    with Lab({"MaxWithdrawPercent": "100"}) as lab:
        lab.put_pool("web", fallback=FALLBACK)
        one, two, three, four = admitted(lab, 4)
        overtake(lab, monkeypatch, lambda: untag(three, four))
        untag(one, two)
        lab.settle()

        assert values(lab) == {FALLBACK}


def test_a_fallback_that_another_run_puts_meanwhile_leaves_when_a_member_has_come(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.put_pool("web", fallback=FALLBACK, admit_when="running", health_check=None)
    lab.settle()
    leaves = lab.fleet.launch()
    lab.settle()
    web = lab.fleet.launch(events=False)

    def end_the_other() -> None:
        lab.fleet.late.hide(web, 20)
        lab.fleet.terminate(leaves)
        lab.settle()
        lab.fleet.late.hide(web, 0)

    overtake(lab, monkeypatch, end_the_other)
    lab.send(state_change(lab, web, "running"))
    lab.settle()

    assert values(lab) == {lab.fleet.address(web)}


# -- withdrawals


def test_a_member_that_leaves_standby_while_an_older_run_withdraws_it_is_back_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.fleet.create_group(GROUP)
    stays, web = admitted(lab, 2, group=GROUP)
    signal(lab)  # a sweep, after which the function knows at which names records are
    lab.fleet.set_lifecycle_state(web, "Standby")

    def exit_standby() -> None:
        lab.fleet.set_lifecycle_state(web, "InService")
        lab.send(state_change(lab, web, "running"))

    overtake(lab, monkeypatch, exit_standby)
    lab.route53.reset_calls()
    lab.send(state_change(lab, web, "running"))
    lab.settle()

    assert batches(lab) == [[("DELETE", web)], [("CREATE", web)]]
    assert in_dns(lab) == {stays, web}


def test_a_member_that_is_tagged_again_while_an_older_run_withdraws_it_is_back_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, web = admitted(lab, 2)
    signal(lab)
    lab.route53.reset_calls()
    overtake(lab, monkeypatch, lambda: lab.fleet.retag(web, ["web"]))
    lab.fleet.retag(web, [])
    lab.settle()

    assert batches(lab) == [[("DELETE", web)], [("CREATE", web)]]
    assert in_dns(lab) == {stays, web}


def test_a_run_whose_batch_deletes_the_fallback_does_not_read_the_records_again(lab: Lab) -> None:
    lab.put_pool("web", fallback=FALLBACK, admit_when="running", health_check=None)
    lab.settle()
    lab.route53.reset_calls()
    web = lab.fleet.launch()
    lab.settle()

    assert batches(lab) == [[("DELETE", "fallback"), ("CREATE", web)]]
    assert calls(lab)["ListResourceRecordSets"] == 1


def test_a_pool_without_fallback_that_two_runs_empty_at_once_is_published_by_the_next_audit(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = admitted(lab, 2)

    end_in_two_runs(lab, monkeypatch, one, two)
    assert records(lab) == {}
    lab.run(1000, step=10)

    assert [each["detail-type"] for each in lab.bus.sent if "Pool" in each["detail-type"]][-1] == "Pool Unanswered"
    assert "PoolUnansweredAlarm" in lab.alarms.ringing()
