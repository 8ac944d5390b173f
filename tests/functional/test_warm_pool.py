"""What a warm pool keeps is never in DNS: on its way in, while it rests, on its way out, and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.scaling.fleet import WarmPool
from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.groups import (
    GROUP,
    LAUNCH,
    TERMINATE,
    completions,
    events,
    in_service,
    lose,
    observe,
    pass_time,
    resize,
    state_of,
)
from tests.functional.views import audit, checks_of, findings, in_dns, log_lines, signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.world import Lab


def warm(lab: Lab) -> dict[str, str]:
    """Return the state of each instance of the warm pool."""
    return {each: state for each, state in lab.fleet.members(GROUP).items() if state.startswith("Warmed:")}


def ways(lab: Lab, kind: str, instance_id: str) -> list[tuple[str, str]]:
    """Return from where to where an instance's lifecycle actions were."""
    return [(each["detail"]["Origin"], each["detail"]["Destination"]) for each in events(lab, kind, instance_id)]


def watched(lab: Lab, seconds: float) -> Iterator[tuple[set[str], set[str]]]:
    """Let time pass, and yield at every step who is warm and who is in DNS.

    Of who has just begun to return (Warmed:Pending) no event has told yet.
    """
    for _ in range(round(seconds / 5)):
        observe(lab)
        lab.run(5, step=5)
        yield {each for each, state in warm(lab).items() if state != "Warmed:Pending"}, in_dns(lab)


@pytest.mark.parametrize("state", ["Stopped", "Running", "Hibernated"])
def test_an_instance_goes_into_the_warm_pool_at_once_without_check_or_record(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(), terminate_hook()), warm_pool=WarmPool(2, state))
    lab.run(30)

    assert list(warm(lab).values()) == [f"Warmed:{state}"] * 2
    first, second = warm(lab)
    assert ways(lab, LAUNCH, first) == ways(lab, LAUNCH, second) == [("EC2", "WarmPool")]
    assert [(one.hook, one.result, one.refusal) for one in asked] == [("fleet53-launch", "CONTINUE", None)] * 2
    reasons = {line["because"] for line in log_lines(lab, "lifecycle action completed")}
    assert reasons == {"an instance of the warm pool is never registered"}
    assert [call.operation for call in lab.route53.calls if call.operation.startswith(("Create", "Change"))] == []


@pytest.mark.parametrize("state", ["Stopped", "Running", "Hibernated"])
def test_what_the_warm_pool_keeps_stays_out_of_dns(lab: Lab, state: str) -> None:
    (member,) = in_service(lab, 1, warm_pool=WarmPool(2, state))
    pass_time(lab, 1800, step=30)
    signal(lab)

    assert in_dns(lab) == {member}
    assert [checks_of(lab, each) for each in warm(lab)] == [[], []]
    report = audit(lab)
    assert report["in_sync"] is True
    assert report["findings"] == []


@pytest.mark.parametrize("state", ["Stopped", "Running", "Hibernated"])
def test_an_instance_from_the_warm_pool_serves_when_route_53_sees_it_healthy(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    (member,) = in_service(lab, 1, warm_pool=WarmPool(1, state))
    (comes,) = warm(lab)
    asked = completions(monkeypatch)

    resize(lab, 2)
    lab.run(15)
    assert state_of(lab, comes) == "Pending:Wait"
    assert ways(lab, LAUNCH, comes) == [("EC2", "WarmPool"), ("WarmPool", "AutoScalingGroup")]
    assert len(checks_of(lab, comes)) == 1
    assert in_dns(lab) == {member}
    assert [one for one in asked if one.token == events(lab, LAUNCH, comes)[1]["detail"]["LifecycleActionToken"]] == []
    pass_time(lab, 90)

    assert state_of(lab, comes) == "InService"
    assert in_dns(lab) == {member, comes}


def test_scale_in_without_reuse_ends_an_instance_after_the_drain(lab: Lab) -> None:
    in_service(lab, 2, warm_pool=WarmPool(1))

    resize(lab, 1)
    lab.run(5)
    (goes,) = [each for each, state in lab.fleet.members(GROUP).items() if state == "Terminating:Wait"]
    assert ways(lab, TERMINATE, goes) == [("AutoScalingGroup", "EC2")]
    assert goes not in in_dns(lab)
    lab.run(110, step=5)
    assert state_of(lab, goes) == "Terminating:Wait"
    lab.run(30, step=5)

    assert lab.fleet.describe(goes)["State"]["Name"] == "terminated"


@pytest.mark.parametrize("state", ["Stopped", "Running", "Hibernated"])
def test_scale_in_with_reuse_returns_an_instance_to_the_warm_pool_after_the_drain(lab: Lab, state: str) -> None:
    members = in_service(lab, 2, warm_pool=WarmPool(1, state, reuse=True))
    rested = set(warm(lab))

    resize(lab, 1)
    lab.run(5)
    (goes,) = set(warm(lab)) - rested
    assert state_of(lab, goes) == "Warmed:Pending:Wait"
    assert ways(lab, TERMINATE, goes) == [("AutoScalingGroup", "WarmPool")]
    assert in_dns(lab) == {*members} - {goes}
    lab.run(110, step=5)
    assert state_of(lab, goes) == "Warmed:Pending:Wait"
    assert lab.serving.serves(goes)
    lab.run(20)

    assert lab.fleet.members(GROUP).get(goes) in {f"Warmed:{state}", "Warmed:Terminating:Wait", "Warmed:Terminating"}
    assert checks_of(lab, goes) == []


def test_an_instance_that_went_back_to_the_warm_pool_serves_again_when_it_comes_again(lab: Lab) -> None:
    one, two = in_service(lab, 2, warm_pool=WarmPool(2, "Stopped", reuse=True))
    seen: list[tuple[set[str], set[str]]] = []
    resize(lab, 0)
    seen += watched(lab, 300)
    assert in_dns(lab) == set()
    resize(lab, 2)
    seen += watched(lab, 300)

    assert len(in_dns(lab)) == 2
    assert in_dns(lab) <= {each for each, state in lab.fleet.members(GROUP).items() if state == "InService"}
    assert in_dns(lab) & {one, two}
    assert [resting & serving for resting, serving in seen if resting & serving] == []
    assert audit(lab)["in_sync"] is True


@pytest.mark.parametrize("state", ["Stopped", "Running"])
def test_an_instance_of_the_warm_pool_goes_to_its_end_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    (member,) = in_service(lab, 1, warm_pool=WarmPool(1, state))
    (goes,) = warm(lab)
    asked = completions(monkeypatch)

    lab.client("autoscaling").put_warm_pool(
        AutoScalingGroupName=GROUP, MinSize=0, MaxGroupPreparedCapacity=0, PoolState=state
    )
    lab.run(20)

    assert ways(lab, TERMINATE, goes) == [("WarmPool", "EC2")]
    assert [(one.hook, one.refusal) for one in asked] == [("fleet53-terminate", None)]
    assert lab.fleet.describe(goes)["State"]["Name"] == "terminated"
    assert in_dns(lab) == {member}


def test_a_member_of_a_group_without_hooks_is_withdrawn_when_it_returns_to_the_warm_pool(lab: Lab) -> None:
    members = in_service(
        lab,
        2,
        launch_hook("config-agent", heartbeat=30, default_result="CONTINUE"),
        warm_pool=WarmPool(1, "Stopped", reuse=True),
    )

    resize(lab, 1)
    seen = list(watched(lab, 30))

    resting, serving = seen[-1]
    assert len(serving) == 1
    assert serving <= {*members} - resting


def test_a_return_to_the_warm_pool_without_an_event_is_withdrawn_and_completed_by_a_repair(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_service(lab, 2, warm_pool=WarmPool(1, "Running", reuse=True))
    rested = set(warm(lab))
    lose(monkeypatch, TERMINATE)
    resize(lab, 1)
    lab.turn()
    lab.clock.advance(2)
    lab.turn()
    (goes,) = set(warm(lab)) - rested
    assert state_of(lab, goes) == "Warmed:Pending:Wait"
    audit(lab, {"repair": True})
    lab.settle()
    assert goes not in in_dns(lab)
    lab.run(2000, step=20)

    assert state_of(lab, goes) == "Warmed:Running"


def test_a_launch_into_the_warm_pool_without_an_event_is_completed_by_a_repair(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, LAUNCH)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(), terminate_hook()), warm_pool=WarmPool(1, "Running"))
    lab.run(12)
    assert list(warm(lab).values()) == ["Warmed:Pending:Wait"]
    lab.clock.advance(250)
    assert {each["instance_id"] for each in findings(audit(lab), "stuck-hook")} == {*warm(lab)}
    lab.run(3000, step=30)

    assert list(warm(lab).values()) == ["Warmed:Running"]
