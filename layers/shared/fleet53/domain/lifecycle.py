"""Lifecycle actions: each is one instance that Auto Scaling holds at a lifecycle hook until the action is completed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from fleet53.domain.ids import InstanceId


class Transition(StrEnum):
    """What Auto Scaling is about to do with the instance (PutLifecycleHook, LifecycleTransition)."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Result(StrEnum):
    """How a lifecycle action is completed (CompleteLifecycleAction, LifecycleActionResult)."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True, slots=True)
class Action:
    """One instance that waits at one lifecycle hook of an Auto Scaling group.

    `at` is when the wait began: the time of the event or of the scaling activity. `heartbeat_at` is when the hook's
    heartbeat timeout last began; at first that is `at`. `warm` is whether the instance enters a warm pool at its launch
    or leaves one at its termination, so that it never served. `token` is the event's LifecycleActionToken, None where
    there was no event. `ttl` is the longest TTL (seconds) of the instance's records that runs have found at names of no
    pool; None where they have found none. `gone_at` is when a run first found that no record holds the instance's
    address; None where no run has found that yet, or a later run found a record.
    """

    group: str
    hook: str
    instance_id: InstanceId
    transition: Transition
    at: datetime
    heartbeat_at: datetime
    token: str | None = None
    warm: bool = False
    ttl: int | None = None
    gone_at: datetime | None = None
