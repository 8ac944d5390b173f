"""Hooks: finds lifecycle actions that wait for fleet53, from what Auto Scaling shows and without their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.domain.lifecycle import Action, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.aws.clients import Aws
    from fleet53.planning.situation import Situation

_HELD_BY: Final = {
    "Pending:Wait": (Transition.LAUNCHING,),
    "Warmed:Pending:Wait": (Transition.LAUNCHING, Transition.TERMINATING),
}
"""The transitions whose hooks can hold an instance in these states. In other waiting states it is a terminate hook."""


def waiting_groups(situation: Situation) -> list[str]:
    """Return the Auto Scaling groups in which an instance of the situation waits at any hook."""
    waits = (each for each, state in situation.lifecycle_states.items() if state.endswith(":Wait"))
    members = (situation.instances.get(each) for each in waits)
    return sorted({each.group for each in members if each is not None and each.group is not None})


def waiting_actions(situation: Situation, group: str, aws: Aws) -> Iterator[Action]:
    """Yield the lifecycle actions of our hooks of a group that wait, for the members of the pass's pools.

    An action counts from the start of its scaling activity. It has no token, because only the event has one. An
    instance in Warmed:Pending:Wait comes from a launch or from the group, and Auto Scaling does not say from which. So
    both actions are yielded. Completing the one that does not wait does no harm.

    The states are read again after the activities: an instance whose state has changed since the pass read it waits
    for something else by now, and its newest activity is not the one of the state.
    """
    if not aws.autoscaling.hooks(group):
        return
    waits = {
        each: state
        for each, state in situation.lifecycle_states.items()
        if state.endswith(":Wait") and each in situation.instances and situation.instances[each].group == group
    }
    starts = aws.autoscaling.activity_starts(group)
    still = aws.autoscaling.lifecycle_states(waits)
    for instance_id, state in waits.items():
        if still.get(instance_id) != state:
            continue
        member = situation.instances[instance_id]
        for hook, transition in aws.autoscaling.hooks(group):
            if transition in _HELD_BY.get(state, (Transition.TERMINATING,)):
                began = starts.get(member.id, member.launched)
                returns = state == "Warmed:Pending:Wait" and transition is Transition.TERMINATING
                warm = state.startswith("Warmed:") and not returns
                yield Action(group, hook, member.id, transition, began, heartbeat_at=began, warm=warm)
