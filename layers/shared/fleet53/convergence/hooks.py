"""Hooks: finds lifecycle actions that wait for fleet53, from what Auto Scaling shows and without their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.convergence.instances import is_member
from fleet53.domain.lifecycle import Action, Transition
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import InstanceId
    from fleet53.planning.situation import Situation

_HELD_BY: Final = {
    "Pending:Wait": (Transition.LAUNCHING,),
    "Warmed:Pending:Wait": (Transition.LAUNCHING, Transition.TERMINATING),
}
"""The transitions whose hooks can hold an instance in these states. In other waiting states it is a terminate hook."""


def read_ended(situation: Situation, aws: Aws) -> dict[InstanceId, str]:
    """Return the lifecycle state of each member of the pass's pools that EC2 no longer runs and that is in a group.

    A pass does not read these states, because EC2 alone decides about such a member's records. But it may have ended
    while it waited to be launched, or its group has noticed that it ended, and terminates it.
    """
    ended = (each for each in situation.instances.values() if EC2.get(each.state) is Membership.WITHDRAW)
    return aws.autoscaling.lifecycle_states(
        each.id for each in ended if each.group is not None and is_member(each, situation)
    )


def find_waits(situation: Situation, ended: Mapping[InstanceId, str]) -> dict[InstanceId, str]:
    """Return the lifecycle state of each instance that waits at a hook. `ended` are the states of read_ended."""
    states = {**situation.lifecycle_states, **ended}
    return {each: state for each, state in states.items() if state.endswith(":Wait")}


def waiting_groups(situation: Situation, waits: Iterable[InstanceId]) -> list[str]:
    """Return the Auto Scaling groups of instances that wait at a hook."""
    members = (situation.instances.get(each) for each in waits)
    return sorted({each.group for each in members if each is not None and each.group is not None})


def waiting_actions(situation: Situation, group: str, waits: Mapping[InstanceId, str], aws: Aws) -> Iterator[Action]:
    """Yield the lifecycle actions of our hooks of a group that wait, of the instances of `waits` (find_waits).

    An action counts from the start of its scaling activity. It has no token, because only the event has one. An
    instance in Warmed:Pending:Wait comes from a launch or from the group, and Auto Scaling does not say from which. So
    both actions are yielded. Completing the one that does not wait does no harm.

    The states are read again after the activities: an instance whose state has changed since the pass read it waits
    for something else by now, and its newest activity is not the one of the state.
    """
    if not aws.autoscaling.hooks(group):
        return
    here = [each for each in waits if each in situation.instances and situation.instances[each].group == group]
    starts = aws.autoscaling.activity_starts(group)
    still = aws.autoscaling.lifecycle_states(here)
    for instance_id in here:
        state = waits[instance_id]
        if still.get(instance_id) != state:
            continue
        member = situation.instances[instance_id]
        for hook, transition in aws.autoscaling.hooks(group):
            if transition in _HELD_BY.get(state, (Transition.TERMINATING,)):
                began = starts.get(member.id, member.launched)
                returns = state == "Warmed:Pending:Wait" and transition is Transition.TERMINATING
                warm = state.startswith("Warmed:") and not returns
                yield Action(group, hook, member.id, transition, began, heartbeat_at=began, warm=warm)
