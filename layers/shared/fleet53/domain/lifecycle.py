"""Lifecycle actions: instances that Auto Scaling holds at a hook until somebody completes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from fleet53.domain.model import InstanceId


class Transition(StrEnum):
    """What Auto Scaling is about to do with the instance (PutLifecycleHook, LifecycleTransition)."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Result(StrEnum):
    """How a hook is completed (CompleteLifecycleAction, LifecycleActionResult)."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True, slots=True)
class Action:
    """One instance that waits at one hook.

    `at` is when it began to wait: the time of the event or of the scaling activity. `heartbeat_at` is when the hook's
    heartbeat timeout last began, `at` at first. `warm` is whether it comes from or goes to a warm pool without having
    served. `token` is the event's LifecycleActionToken, None where there was no event.
    """

    group: str
    hook: str
    instance_id: InstanceId
    transition: Transition
    at: datetime
    heartbeat_at: datetime
    token: str | None = None
    warm: bool = False
