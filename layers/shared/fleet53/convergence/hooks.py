"""Hooks: lifecycle actions that wait for fleet53 to complete them, as Auto Scaling shows them without their events."""

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
"""The transitions whose hooks can hold an instance in these states. In every other waiting state: a terminate hook."""


def waiting_actions(situation: Situation, aws: Aws) -> Iterator[Action]:
    """Yield the lifecycle actions of our hooks that wait, for the members of the pass's pools.

    An action counts from the start of its scaling activity. It has no token, because only the event has one. An
    instance in Warmed:Pending:Wait comes from a launch or from the group, and Auto Scaling does not say which: both
    actions are yielded, and to complete the one that does not wait does no harm.
    """
    for instance in situation.instances.values():
        state = situation.lifecycle_states.get(instance.id, "")
        if instance.group is None or not state.endswith(":Wait"):
            continue
        for hook, transition in aws.autoscaling.hooks(instance.group):
            if transition in _HELD_BY.get(state, (Transition.TERMINATING,)):
                began = aws.autoscaling.activity_starts(instance.group).get(instance.id, instance.launched)
                returns = state == "Warmed:Pending:Wait" and transition is Transition.TERMINATING
                warm = state.startswith("Warmed:") and not returns
                yield Action(instance.group, hook, instance.id, transition, began, heartbeat_at=began, warm=warm)
