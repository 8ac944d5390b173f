"""Two passes at the same time: the one that read first keeps nobody in DNS whom the other one has withdrawn.

In each test, another run handles an event after the first run has read, and before Route 53 gets its batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.groups import GROUP
from tests.functional.incidents import meanwhile
from tests.functional.views import (
    batches,
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

    from lab.world import Lab


def overtake(lab: Lab, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let another run handle what `act` does just before Route 53 gets the next batch."""

    def handled() -> None:
        act()
        lab.settle()

    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", handled)


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
