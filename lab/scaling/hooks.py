"""Lifecycle hooks: they hold an instance that launches or terminates until its action is completed or times out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto.autoscaling import ScalingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAUNCHING: Final = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING: Final = "autoscaling:EC2_INSTANCE_TERMINATING"
CONTINUE: Final = "CONTINUE"
ABANDON: Final = "ABANDON"

_HEARTBEATS: Final = range(30, 7201)
_MOST_HOOKS: Final = 50
_LONGEST: Final = 48 * 3600
_HEARTBEATS_AT_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook as PutLifecycleHook makes it; `heartbeat` is its timeout in seconds."""

    name: str
    transition: str
    heartbeat: int = 3600
    default_result: str = ABANDON
    metadata: str | None = None

    def __post_init__(self) -> None:
        if self.transition not in (LAUNCHING, TERMINATING):
            raise ScalingError(f"Invalid lifecycle transition: {self.transition}")
        if self.heartbeat not in _HEARTBEATS:
            raise ScalingError(f"HeartbeatTimeout must be between 30 and 7200 seconds, not {self.heartbeat}")
        if self.default_result not in (CONTINUE, ABANDON):
            raise ScalingError(f"DefaultResult must be CONTINUE or ABANDON, not {self.default_result}")
        if not re.fullmatch(r"[A-Za-z0-9\-_/]{1,255}", self.name):
            raise ScalingError(f"Invalid lifecycle hook name: {self.name}")

    @property
    def global_timeout(self) -> int:
        """The seconds after which an action times out in spite of heartbeats (user guide, lifecycle-hooks)."""
        return min(_LONGEST, _HEARTBEATS_AT_MOST * self.heartbeat)

    def specification(self) -> dict[str, Any]:
        """Return it as CreateAutoScalingGroup and PutLifecycleHook take it."""
        specified = {
            "LifecycleHookName": self.name,
            "LifecycleTransition": self.transition,
            "HeartbeatTimeout": self.heartbeat,
            "DefaultResult": self.default_result,
        }
        return specified | ({} if self.metadata is None else {"NotificationMetadata": self.metadata})


def launch_hook(
    name: str = "fleet53-launch", heartbeat: int = 3600, default_result: str = ABANDON, metadata: str | None = None
) -> Hook:
    """Return a hook that holds instances that launch."""
    return Hook(name, LAUNCHING, heartbeat, default_result, metadata)


def terminate_hook(
    name: str = "fleet53-terminate", heartbeat: int = 3600, default_result: str = ABANDON, metadata: str | None = None
) -> Hook:
    """Return a hook that holds instances that terminate."""
    return Hook(name, TERMINATING, heartbeat, default_result, metadata)


@dataclass(slots=True, eq=False)
class Action:
    """A hook that holds an instance; `result` is None while it waits."""

    hook: Hook
    group: str
    instance_id: str
    token: str
    deadline: datetime
    end: datetime
    result: str | None = None


@dataclass(slots=True)
class Hooks:
    """The hooks of every group, and their actions."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    _hooks: dict[tuple[str, str], Hook] = field(default_factory=dict)
    _actions: list[Action] = field(default_factory=list)

    def put(self, group: str, hook: Hook) -> None:
        """Create or replace a hook; the timeouts of waiting actions stay as they are."""
        if (group, hook.name) not in self._hooks and len(self.of(group)) == _MOST_HOOKS:
            raise ScalingError(f"A group has {_MOST_HOOKS} lifecycle hooks at most", "LimitExceeded")
        self._hooks[group, hook.name] = hook

    def delete(self, group: str, name: str) -> None:
        """Delete a hook: launches that it holds are abandoned, terminations continue (DeleteLifecycleHook).

        A name that no hook of the group has is refused.
        """
        if self._hooks.pop((group, name), None) is None:
            raise ScalingError(f"No Lifecycle Hook found with name {name}")
        for action in self.waiting(group, name):
            action.result = ABANDON if action.hook.transition == LAUNCHING else CONTINUE

    def forget_group(self, group: str) -> None:
        """Forget the hooks and actions of a group that is deleted."""
        self._hooks = {key: hook for key, hook in self._hooks.items() if key[0] != group}
        self._actions = [each for each in self._actions if each.group != group]

    def of(self, group: str, transition: str | None = None) -> list[Hook]:
        """Return a group's hooks, of one transition or of both."""
        own = [hook for (of_group, _), hook in self._hooks.items() if of_group == group]
        return [hook for hook in own if transition in (None, hook.transition)]

    def waiting(self, group: str, name: str | None = None) -> list[Action]:
        """Return the actions that hold instances of a group, of one hook or of all."""
        return [
            each
            for each in self._actions
            if each.group == group and each.result is None and name in (None, each.hook.name)
        ]

    def hold(self, group: str, transition: str, instance_id: str) -> list[Action]:
        """Make every hook of a transition hold an instance; return the actions."""
        now = self.now()
        actions = [
            Action(
                hook,
                group,
                instance_id,
                token=self.new_id(),
                deadline=now + timedelta(seconds=hook.heartbeat),
                end=now + timedelta(seconds=hook.global_timeout),
            )
            for hook in self.of(group, transition)
        ]
        self._actions += actions
        return actions

    def outcome(self, actions: Sequence[Action]) -> str | None:
        """Return ABANDON if an action is abandoned, CONTINUE if all are continued, and None while one waits.

        An action that has timed out gets its hook's default result.
        """
        for action in actions:
            if action.result is None and self.now() >= min(action.deadline, action.end):
                action.result = action.hook.default_result
        results = {action.result for action in actions}
        if ABANDON in results:
            return ABANDON
        return None if None in results else CONTINUE

    def release(self, instance_id: str) -> None:
        """Release an instance; its actions can no longer be completed."""
        self._actions = [each for each in self._actions if each.instance_id != instance_id]

    def complete(self, group: str, name: str, result: str, token: str | None, instance_id: str | None) -> None:
        """Complete an action, identified by its token or by its instance."""
        if result not in (CONTINUE, ABANDON):
            raise ScalingError(f"LifecycleActionResult must be CONTINUE or ABANDON, not {result}")
        self._find(group, name, token, instance_id).result = result

    def heartbeat(self, group: str, name: str, token: str | None, instance_id: str | None) -> None:
        """Restart the timeout of an action."""
        action = self._find(group, name, token, instance_id)
        action.deadline = self.now() + timedelta(seconds=action.hook.heartbeat)

    def _find(self, group: str, name: str, token: str | None, instance_id: str | None) -> Action:
        for action in self.waiting(group, name):
            if self.now() >= min(action.deadline, action.end):
                continue
            if action.token == token if token else action.instance_id == instance_id:
                return action
        if token:
            raise ScalingError(f"No active Lifecycle Action found with token {token}")
        raise ScalingError(f"No active Lifecycle Action found with instance ID {instance_id}")
