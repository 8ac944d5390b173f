"""An instance refresh through hooks: no client is ever sent to an instance that does not serve."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from lab.moto.bus import Bus
from tests.functional.groups import GROUP, completions, in_service, pass_time
from tests.functional.views import audit, checks, in_dns, records

if TYPE_CHECKING:
    from lab.traffic.visitors import Visitors
    from lab.world import Lab

TURNS = 400
CLIENTS = 20


def refreshed(lab: Lab) -> tuple[list[str], Visitors]:
    """Refresh a group of ten while clients connect all the time; return the old instances and the clients."""
    old = in_service(lab, 10)
    clients = lab.visitors(CLIENTS)
    lab.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName=GROUP, Preferences={"MinHealthyPercentage": 70}
    )
    pass_time(lab, TURNS * 5)
    (refresh,) = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=GROUP)["InstanceRefreshes"]
    assert refresh["Status"] == "Successful"
    return old, clients


def assert_renewed(lab: Lab, old: list[str], clients: Visitors) -> None:
    """Assert that clients met no failure, and that the ten new members and nothing else are left."""
    assert clients.failures == []
    assert clients.unanswered == 0
    assert clients.connections == CLIENTS * TURNS
    new = lab.fleet.members(GROUP)
    assert list(new.values()) == ["InService"] * 10
    assert set(new).isdisjoint(old)
    assert in_dns(lab) == set(new)
    assert (len(records(lab)), len(checks(lab))) == (10, 10)
    assert {lab.fleet.describe(each)["State"]["Name"] for each in old} == {"terminated"}
    assert audit(lab)["in_sync"] is True


def test_a_refresh_of_ten_fails_no_client_and_leaves_ten_records_and_ten_checks(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)

    old, clients = refreshed(lab)

    assert_renewed(lab, old, clients)
    assert {(one.result, one.refusal) for one in asked} == {("CONTINUE", None)}
    assert sorted(one.hook for one in asked) == ["fleet53-launch"] * 20 + ["fleet53-terminate"] * 10
    assert [line for each in lab.invocations for line in each.logs if line["level"] not in ("INFO", "DEBUG")] == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_refresh_whose_events_come_late_twice_and_in_another_order_fails_no_client(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    source = random.Random(seed)
    as_told = Bus.deliver
    on_the_way: list[tuple[float, int, dict[str, Any]]] = []
    asked = completions(monkeypatch)

    def deliver(bus: Bus, event: dict[str, Any]) -> tuple[str, ...]:
        for _ in range(1 + (source.random() < 0.3)):
            on_the_way.append((bus.now().timestamp() + source.uniform(0, 30), len(on_the_way), event))
        return ()

    as_before = lab.settle

    def settle() -> int:
        now = lab.clock.now().timestamp()
        for each in sorted(each for each in on_the_way if each[0] <= now):
            as_told(lab.bus, each[2])
        on_the_way[:] = [each for each in on_the_way if each[0] > now]
        return as_before()

    monkeypatch.setattr(Bus, "deliver", deliver)
    monkeypatch.setattr(lab, "settle", settle)

    old, clients = refreshed(lab)

    assert_renewed(lab, old, clients)
    granted = sorted(one.hook for one in asked if one.refusal is None)
    assert granted == ["fleet53-launch"] * 20 + ["fleet53-terminate"] * 10
