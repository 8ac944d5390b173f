"""Signals: which instances or pools to look at.

A signal is only a hint: what is done depends on what AWS says when the pass reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fleet53.domain.claim import Claim
    from fleet53.domain.ids import CheckId, InstanceId, InterfaceId, PoolName
    from fleet53.domain.lifecycle import Action


@dataclass(frozen=True, slots=True)
class InstanceSignal:
    """Something may have changed about these instances. Their tags name the pools that it concerns.

    `at` is the time of the event, None where it has none. `actions` are lifecycle actions that wait to be completed.
    `interface_ids` are network interfaces; the signal is also about the instances that have them. `claim` is what EC2
    will show of the instances when it has caught up with the event.
    """

    instance_ids: frozenset[InstanceId]
    because: str
    at: datetime | None = None
    actions: tuple[Action, ...] = ()
    interface_ids: frozenset[InterfaceId] = frozenset()
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class PoolSignal:
    """Something may have changed about pools: `pools`, or all where it is None.

    `sweep` and `repair` are as in Scope, `force` and `adopt` as in Guard, `at` and `actions` as in InstanceSignal.
    `ordered` is when a person ordered one of these two; None where the message, of an earlier version, does not say.
    `attempt` counts the messages that a pass has queued for itself about a member that waits, from 1; it is 0 in any
    other message. `since` is the time of the first event about each member that waits. `instance_ids` are the instances
    that an event about all pools names. `changed` are the pools whose settings an event says have changed: that
    concerns all pools, because two pools with one name are not both valid. `tagged` are the pools that the tag of the
    one instance names after a change, None where no event says so. `claim` is as in InstanceSignal. `held` are the
    members that the guard holds, and `absent` when the absence of others was first seen: Note [Held stays held] in
    planning/guard.py. Where `pools` is None, both are about records at names of no pool. `unnamed` are health checks
    without a name: Note [Names] in planning/check_names.py.
    """

    pools: frozenset[PoolName] | None
    because: str
    at: datetime | None = None
    sweep: bool = False
    repair: bool = False
    force: bool = False
    adopt: bool = False
    ordered: datetime | None = None
    attempt: int = 0
    since: Mapping[InstanceId, datetime] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    instance_ids: frozenset[InstanceId] = frozenset()
    changed: frozenset[PoolName] = frozenset()
    tagged: frozenset[PoolName] | None = None
    claim: Claim | None = None
    held: frozenset[InstanceId] = frozenset()
    absent: Mapping[InstanceId, datetime] = field(default_factory=dict)
    unnamed: frozenset[CheckId] = frozenset()

    @property
    def about(self) -> frozenset[InstanceId] | None:
        """The instances that the signal names, None where it is about whole pools: Note [Each its own].

        The `since` of a sweep names members whose health checks earlier runs have left. A sweep deletes those of all.
        """
        if self.changed:
            return None
        named = {*self.instance_ids, *self.held, *self.absent, *(each.instance_id for each in self.actions)}
        return frozenset(named if self.sweep else named.union(self.since)) or None

    @property
    def waiting(self) -> frozenset[InstanceId] | None:
        """The members that a run looks at again if they wait; None for all of the pools' members.

        An event of AWS about all pools brings a look only at the instances that it names.
        """
        if self.attempt:
            return frozenset(self.since)
        return self.instance_ids if self.pools is None and self.at is not None else None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that was read and that fleet53 does not act on."""

    because: str


type Signal = InstanceSignal | PoolSignal | Ignored
type MessageId = str
type Signals = Mapping[MessageId, InstanceSignal | PoolSignal]
"""The signals of a run, each by the id of its message in SQS."""


def first_heard(signals: Iterable[InstanceSignal | PoolSignal]) -> dict[InstanceId, datetime]:
    """Return the time of the earliest signal about each instance."""
    heard: dict[InstanceId, datetime] = {}
    for signal in signals:
        if isinstance(signal, PoolSignal):
            times = dict(signal.since)
            times |= {instance_id: signal.at for instance_id in signal.instance_ids if signal.at is not None}
        else:
            times = {instance_id: signal.at for instance_id in signal.instance_ids if signal.at is not None}
        for instance_id, at in times.items():
            heard[instance_id] = min(at, heard.get(instance_id, at))
    return heard
