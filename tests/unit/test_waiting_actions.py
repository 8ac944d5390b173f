from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from fleet53.convergence.hooks import find_waits, read_ended, waiting_actions, waiting_groups
from fleet53.domain.ids import InstanceId
from fleet53.domain.lifecycle import Action, Transition
from tests.unit.build import LAUNCHED, NOW, action, instance, situation
from tests.unit.scaling import HOUR, Scaling

if TYPE_CHECKING:
    from fleet53.aws.clients import Aws
    from fleet53.domain.instance import Instance

LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING
IN_GROUP = instance(group="web-fleet")


@dataclass
class Cloud:
    autoscaling: Scaling = field(default_factory=Scaling)


def found(
    state: str | None, scaling: Scaling | None = None, member: Instance = IN_GROUP, *, by_now: str | None = None
) -> list[Action]:
    """Return the actions of one member that the pass has read in a lifecycle state, and that has `by_now` another."""
    states = {} if state is None else {member.id: state}
    scaling = replace(scaling or Scaling(), states=states if by_now is None else {member.id: by_now})
    what = situation(instances=[member], lifecycle_states=states)
    waits, cloud = find_waits(what, {}), cast("Aws", Cloud(scaling))
    return [each for group in waiting_groups(what, waits) for each in waiting_actions(what, group, waits, cloud)]


@pytest.mark.parametrize(
    ("state", "transition", "warm"),
    [
        ("Pending:Wait", LAUNCHING, False),
        ("Terminating:Wait", TERMINATING, False),
        ("Warmed:Pending:Wait", LAUNCHING, True),
        ("Warmed:Terminating:Wait", TERMINATING, True),
    ],
)
def test_a_member_that_waits_is_found_at_the_hook_of_its_transition(
    state: str, transition: Transition, *, warm: bool
) -> None:
    assert action(transition=transition, at=LAUNCHED, heartbeat_at=LAUNCHED, warm=warm) in found(state)


def test_a_member_that_waits_to_return_to_the_warm_pool_is_found_at_its_terminate_hook_and_drains() -> None:
    assert action(transition=TERMINATING, at=LAUNCHED, heartbeat_at=LAUNCHED) in found("Warmed:Pending:Wait")


@pytest.mark.parametrize(
    "state",
    [
        None,
        "Pending",
        "Pending:Proceed",
        "InService",
        "Standby",
        "Terminating",
        "Terminating:Proceed",
        "Warmed:Stopped",
    ],
)
def test_a_member_that_does_not_wait_has_no_action(state: str | None) -> None:
    assert found(state) == []


def test_an_instance_of_no_group_has_no_action() -> None:
    assert found("Pending:Wait", member=instance()) == []


def test_it_waits_since_its_scaling_activity_began() -> None:
    began = NOW - timedelta(seconds=40)
    (waits,) = found("Terminating:Wait", Scaling(starts={InstanceId("i-0a"): began}))
    assert (waits.at, waits.heartbeat_at, waits.token) == (began, began, None)


def test_it_has_no_action_where_it_waits_for_something_else_by_now() -> None:
    assert found("Warmed:Pending:Wait", by_now="Pending:Wait") == []
    assert found("Terminating:Wait", by_now="Terminating:Proceed") == []


def test_a_group_with_no_hook_of_ours_has_no_action() -> None:
    assert found("Pending:Wait", Scaling(timeouts={})) == []


def test_each_hook_of_the_transition_is_an_action() -> None:
    two = Scaling(timeouts={("fleet53-a", LAUNCHING): HOUR, ("fleet53-b", LAUNCHING): HOUR})
    assert [each.hook for each in found("Pending:Wait", two)] == ["fleet53-a", "fleet53-b"]


def test_the_state_of_a_member_is_read_where_ec2_no_longer_runs_it() -> None:
    states = ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")
    members = [instance(f"i-0{n}", state=state, group="web-fleet") for n, state in enumerate(states)]
    others = [
        instance("i-0a", state="terminated"),
        instance("i-0b", state="terminated", group="web-fleet", pools=frozenset()),
    ]
    scaling = Scaling(states={each.id: "Terminating:Wait" for each in (*members, *others)})
    read = read_ended(situation(instances=[*members, *others]), cast("Aws", Cloud(scaling)))
    assert read == dict.fromkeys((each.id for each in members[2:]), "Terminating:Wait")


def test_an_instance_that_has_ended_waits_as_any_other_does() -> None:
    ended = {InstanceId("i-0a"): "Pending:Wait", InstanceId("i-0b"): "InService"}
    what = situation(lifecycle_states={InstanceId("i-0c"): "Terminating:Wait"})
    assert find_waits(what, ended) == {InstanceId("i-0a"): "Pending:Wait", InstanceId("i-0c"): "Terminating:Wait"}
