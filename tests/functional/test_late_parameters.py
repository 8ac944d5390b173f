"""Parameter Store is eventually consistent: for a moment it may not show what its event says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.faults import Fault
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import admitted, calls, checks_of, in_dns, log_lines, records

if TYPE_CHECKING:
    from lab.world import Lab


@pytest.fixture(autouse=True)
def _no_audit(lab: Lab) -> None:
    lab.timers = ()


def test_a_new_pool_that_is_shown_late_takes_in_its_instances_though_no_other_event_comes(lab: Lab) -> None:
    lab.pools.show_late(20)
    api = lab.fleet.launch(pools=["api"], events=False)

    lab.put_pool("api")
    lab.run(10)
    assert checks_of(lab, api) == []
    lab.run(20)

    assert len(checks_of(lab, api)) == 1
    assert log_lines(lab, "message returned") == []


def test_a_changed_setting_that_is_shown_late_reaches_dns_though_no_other_event_comes(lab: Lab) -> None:
    admitted(lab, 2)
    lab.pools.show_late(20)

    lab.put_pool("web", ttl=30)
    lab.run(10)
    assert {record["TTL"] for record in records(lab).values()} == {60}
    lab.run(20)

    assert {record["TTL"] for record in records(lab).values()} == {30}


def test_a_deleted_pool_that_is_still_shown_is_withdrawn_though_no_other_event_comes(lab: Lab) -> None:
    lab.put_pool("api")
    (api,) = admitted(lab, 1, "api.example.com", pools=["api"])
    lab.pools.show_late(20)

    lab.delete_pool("api")
    lab.run(10)
    assert in_dns(lab, "api.example.com") == {api}
    lab.run(20)

    assert in_dns(lab, "api.example.com") == set()
    assert checks_of(lab, api) == []


def test_a_change_that_is_shown_at_once_is_looked_at_once(lab: Lab) -> None:
    admitted(lab, 1)
    lab.run(60, step=5)
    lab.invocations.clear()

    lab.put_pool("web", ttl=30)
    lab.run(150, step=5)

    assert len(lab.invocations) == 1
    assert log_lines(lab, "event looked at again") == []


def test_a_change_that_is_never_shown_is_looked_at_for_two_minutes(lab: Lab) -> None:
    lab.pools.show_late(3600)

    lab.put_pool("api")
    lab.run(600, step=5)
    lab.route53.reset_calls()
    lab.run(600, step=5)

    assert calls(lab) == {}
    assert {line["because"] for line in log_lines(lab, "event looked at again")} == {
        "Parameter Store does not show the parameter yet"
    }


def test_a_change_is_made_although_it_is_not_known_whether_its_event_is_ahead(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    admitted(lab, 1)
    lab.faults.order(Fault.THROTTLED, "ssm:GetParametersByPath", calls=4)

    lab.put_pool("web", ttl=30)
    lab.settle()

    assert {record["TTL"] for record in records(lab).values()} == {30}
    assert [line["source"] for line in log_lines(lab, "not read")] == ["parameters"]
    assert log_lines(lab, "message returned") == []
