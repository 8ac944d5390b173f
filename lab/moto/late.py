"""EC2 is eventually consistent: for some seconds DescribeInstances may show an instance as it was, or not at all.

Source: EC2 API Reference, "Eventual consistency". moto shows everything at once. A request that names instance ids is
answered with what is true, so that a test can read it. fleet53 makes one only while an Availability Zone is disrupted.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instances import InstanceBackend, InstanceState
from moto.ec2.utils import filter_reservations

from lab.moto.ec2 import CODES
from lab.moto.ec2 import instance as find_instance
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Late:
    """The changes of instances that EC2 does not show yet, and until when. `now` is the lab's time.

    `instances`, `tags` and `states` are how many seconds EC2 shows each of them late from now on.
    """

    now: Callable[[], datetime]
    instances: float = 0
    tags: float = 0
    states: float = 0
    _hidden: dict[str, datetime] = field(default_factory=dict)
    _tags: dict[str, tuple[list[dict[str, str]], datetime]] = field(default_factory=dict)
    _states: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _interfaces: dict[str, tuple[dict[int, Any], datetime]] = field(default_factory=dict)

    def hide(self, instance_id: str, seconds: float) -> None:
        """Do not show an instance for so many seconds."""
        self._hidden[instance_id] = self.now() + timedelta(seconds=seconds)

    def hide_tags(self, instance_id: str, seconds: float) -> None:
        """Do not show an instance's tags for so many seconds."""
        self._tags[instance_id] = [], self.now() + timedelta(seconds=seconds)

    def keep_tags(self, instance_id: str, seconds: float) -> None:
        """Show the present tags of an instance for so many seconds, even if they change."""
        self._tags[instance_id] = list(find_instance(instance_id).get_tags()), self.now() + timedelta(seconds=seconds)

    def keep_state(self, instance_id: str, state: str, seconds: float) -> None:
        """Show a former state of an instance for so many seconds."""
        self._states[instance_id] = state, self.now() + timedelta(seconds=seconds)

    def keep_addresses(self, instance_id: str, seconds: float) -> None:
        """Show the present network interfaces and addresses of an instance for so many seconds."""
        now = {index: _copy(interface) for index, interface in find_instance(instance_id).nics.items()}
        self._interfaces[instance_id] = now, self.now() + timedelta(seconds=seconds)

    def note_launch(self, instance_id: str) -> None:
        """Show a new instance and its tags as late as was set."""
        self.hide(instance_id, self.instances)
        self.hide_tags(instance_id, self.tags)

    def note_change(self, instance_id: str, before: str) -> None:
        """Show a new state as late as was set."""
        self.keep_state(instance_id, before, self.states)

    def gaps(self) -> tuple[Gap, ...]:
        """Return how moto's EC2 is corrected."""

        def describe(backend: Any, filters: Any = None) -> list[Any]:
            reservations = [copy.copy(each) for each in backend.reservations.values()]
            for reservation in reservations:
                shown = (self._shown(each) for each in reservation.instances)
                reservation.instances = [each for each in shown if each is not None]
            return list(filter_reservations(reservations, filters or {}))

        return (Gap(InstanceBackend, "describe_instances", describe),)

    def _shown(self, instance: Any) -> Any | None:
        """Return an instance as EC2 shows it now; None if it does not."""
        now = self.now()
        if _is_due(self._hidden.get(instance.id), now):
            return None
        tags = _former(self._tags.get(instance.id), now)
        state = _former(self._states.get(instance.id), now)
        interfaces = _former(self._interfaces.get(instance.id), now)
        former = (each is not None for each in (tags, state, interfaces))
        return _View(instance, tags=tags, state=state, interfaces=interfaces) if any(former) else instance


def _copy(interface: Any) -> Any:
    copied = copy.copy(interface)
    copied.ipv6_addresses = list(interface.ipv6_addresses)
    return copied


def _former[Shown](kept: tuple[Shown, datetime] | None, now: datetime) -> Shown | None:
    return kept[0] if kept is not None and _is_due(kept[1], now) else None


def _is_due(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until


class _View:
    """An instance of moto's with former tags, a former state or former network interfaces."""

    def __init__(
        self,
        instance: Any,
        *,
        tags: list[dict[str, str]] | None,
        state: str | None,
        interfaces: dict[int, Any] | None,
    ) -> None:
        self._instance = instance
        self._tags = tags
        self.instance_state = instance.instance_state if state is None else InstanceState(state, CODES[state])
        self.state, self.state_code = self.instance_state.name, self.instance_state.code
        if interfaces is not None:
            self.nics = interfaces
            self.network_interfaces = list(interfaces.values())[::-1]
            self.public_ip = self.public_ip_address = interfaces[0].public_ip

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instance, name)

    def get_tags(self) -> list[dict[str, str]]:
        return list(self._instance.get_tags()) if self._tags is None else self._tags

    @property
    def tag_list(self) -> list[dict[str, str]]:
        return self.get_tags()

    tag_set = tags = tag_list
