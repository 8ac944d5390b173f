"""What the completion of lifecycle actions uses, in memory: Auto Scaling behind its adapter's methods, and a queue."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fleet53.aws.queue import Looks
from fleet53.domain.lifecycle import Transition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from fleet53.domain.ids import InstanceId
    from fleet53.domain.lifecycle import Action, Result

HOUR = timedelta(hours=1)


@dataclass
class Scaling:
    """Groups that all have `timeouts` as our hooks; ours begin with `fleet53`.

    `starts` is when the newest scaling activity of an instance began, and `states` its lifecycle state by now.
    Nothing waits any more for the instances in `over`; calls about those in `fails`, and about groups there, fail.
    """

    timeouts: dict[tuple[str, Transition], timedelta] = field(
        default_factory=lambda: {
            ("fleet53-launch", Transition.LAUNCHING): HOUR,
            ("fleet53-terminate", Transition.TERMINATING): HOUR,
        }
    )
    starts: Mapping[InstanceId, datetime] = field(default_factory=dict)
    states: Mapping[InstanceId, str] = field(default_factory=dict)
    over: Collection[str] = ()
    fails: Collection[str] = ()
    completed: list[tuple[Action, Result]] = field(default_factory=list)
    beats: list[Action] = field(default_factory=list)

    def is_ours(self, action: Action) -> bool:
        return action.hook.startswith("fleet53")

    def hooks(self, group: str) -> dict[tuple[str, Transition], timedelta]:
        self._answer(group)
        return self.timeouts

    def activity_starts(self, group: str) -> Mapping[InstanceId, datetime]:
        self._answer(group)
        return self.starts

    def lifecycle_states(self, instance_ids: Iterable[InstanceId]) -> Mapping[InstanceId, str]:
        return {each: self.states[each] for each in instance_ids if each in self.states}

    def complete(self, action: Action, result: Result) -> str | None:
        self._answer(action.instance_id)
        if action.instance_id in self.over:
            return f"No active Lifecycle Action found with instance ID {action.instance_id}"
        self.completed.append((action, result))
        return None

    def heartbeat(self, action: Action) -> str | None:
        self._answer(action.instance_id)
        if action.instance_id in self.over:
            return f"No active Lifecycle Action found with instance ID {action.instance_id}"
        self.beats.append(action)
        return None

    def _answer(self, about: str) -> None:
        if about in self.fails:
            error = {"Error": {"Code": "ResourceContentionFault", "Message": f"{about} is busy"}}
            raise ClientError(error, "CompleteLifecycleAction")  # type: ignore[arg-type]  # the rest is optional


@dataclass
class Box:
    """A queue that keeps what it is sent, with its delay in seconds."""

    sent: list[tuple[Mapping[str, Any], int]] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)

    def send(self, message: Mapping[str, Any], *, delay: timedelta = timedelta()) -> None:
        self.sent.append((message["detail"], math.ceil(delay.total_seconds())))
