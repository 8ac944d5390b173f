"""Which instances serve in a lab without servers: those that run, have booted, and are not broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BOOT_TIME = timedelta(seconds=20)


class Reachable(Protocol):
    """Knows every address of the running instances that the internet reaches."""

    def reachable_addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Return them by instance id, IPv4 and IPv6."""
        ...


@dataclass(slots=True)
class Serving:
    """Which instances serve: each once it has run for `boot_time`, until it stops and loses its address."""

    fleet: Reachable
    now: Callable[[], datetime]
    boot_time: timedelta = BOOT_TIME
    _ready: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)

    def follow(self) -> None:
        """Note which instances run now, and when they will have booted."""
        running = {(each, address) for each, own in self.fleet.reachable_addresses().items() for address in own}
        self._ready = {key: self._ready.get(key, self.now() + self.boot_time) for key in running}

    def break_(self, instance_id: str) -> None:
        """Make an instance fail to serve; its EC2 state stays as it is."""
        self._broken.add(instance_id)

    def repair(self, instance_id: str) -> None:
        """Make an instance serve again."""
        self._broken.discard(instance_id)

    def serves(self, instance_id: str) -> bool:
        """Return whether an instance serves now, at one of its addresses."""
        own = self.fleet.reachable_addresses().get(instance_id, ())
        return any(self._answers(instance_id, address) for address in own)

    def refusal(self, address: str) -> str | None:
        """Return why no instance serves at a public address now, or None if one does."""
        for instance_id, own in self.fleet.reachable_addresses().items():
            if address in own:
                return None if self._answers(instance_id, address) else f"{instance_id} does not serve"
        return "the address belongs to no instance of this fleet"

    def _answers(self, instance_id: str, address: str) -> bool:
        ready = self._ready.get((instance_id, address))
        return ready is not None and ready <= self.now() and instance_id not in self._broken
