"""Lifecycle hooks: they hold instances that come and go until somebody completes their actions, or time is up."""

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
        """How many seconds an action may last whatever heartbeats come (user guide, lifecycle-hooks)."""
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
    """One hook holding one instance; `result` is None for as long as it does."""

    hook: Hook
    group: str
    instance_id: str
    token: str
    deadline: datetime
    end: datetime
    result: str | None = None


@dataclass(slots=True)
class Hooks:
    """The hooks of every group, and the actions that they wait for."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    _hooks: dict[tuple[str, str], Hook] = field(default_factory=dict)
    _actions: list[Action] = field(default_factory=list)

    def put(self, group: str, hook: Hook) -> None:
        """Create or replace a hook; actions that wait already keep their times."""
        if (group, hook.name) not in self._hooks and len(self.of(group)) == _MOST_HOOKS:
            raise ScalingError(f"A group has {_MOST_HOOKS} lifecycle hooks at most", "LimitExceeded")
        self._hooks[group, hook.name] = hook

    def delete(self, group: str, name: str) -> None:
        """Delete a hook; what it holds launching is abandoned, what it holds terminating goes on (DeleteLifecycleHook).

        A name that the group has no hook of is refused.
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
        """Let every hook of a transition hold an instance from now on."""
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
        """Return ABANDON as soon as one action is abandoned, CONTINUE when all have continued, before that None.

        An action whose time is up gets its hook's default result.
        """
        for action in actions:
            if action.result is None and self.now() >= min(action.deadline, action.end):
                action.result = action.hook.default_result
        results = {action.result for action in actions}
        if ABANDON in results:
            return ABANDON
        return None if None in results else CONTINUE

    def release(self, instance_id: str) -> None:
        """Hold an instance no longer; its actions can be completed no more."""
        self._actions = [each for each in self._actions if each.instance_id != instance_id]

    def complete(self, group: str, name: str, result: str, token: str | None, instance_id: str | None) -> None:
        """Complete an action, known by its token or else by its instance."""
        if result not in (CONTINUE, ABANDON):
            raise ScalingError(f"LifecycleActionResult must be CONTINUE or ABANDON, not {result}")
        self._find(group, name, token, instance_id).result = result

    def heartbeat(self, group: str, name: str, token: str | None, instance_id: str | None) -> None:
        """Give an action its hook's whole timeout again, from now."""
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
