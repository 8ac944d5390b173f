"""Which instances serve, in a lab without servers: those that have booted, have not broken, and still run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.traffic.servers import Running

BOOT_TIME = timedelta(seconds=20)


@dataclass(slots=True)
class Serving:
    """An instance serves from `boot_time` after it runs until EC2 says otherwise: its address is a stranger's then."""

    fleet: Running
    now: Callable[[], datetime]
    boot_time: timedelta = BOOT_TIME
    _ready: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _broken: set[str] = field(default_factory=set)

    def follow(self) -> None:
        """Let what runs by now boot, and forget what does not."""
        running = set(self.fleet.running_addresses().items())
        self._ready = {key: self._ready.get(key, self.now() + self.boot_time) for key in running}

    def break_(self, instance_id: str) -> None:
        """Let an instance serve no more; EC2 notices nothing."""
        self._broken.add(instance_id)

    def mend(self, instance_id: str) -> None:
        """Let an instance serve again."""
        self._broken.discard(instance_id)

    def serves(self, instance_id: str) -> bool:
        """Tell whether an instance serves now."""
        address = self.fleet.running_addresses().get(instance_id)
        return address is not None and self._answers(instance_id, address)

    def refusal(self, address: str) -> str | None:
        """Return why nobody serves at a public address now, or None if somebody does."""
        for instance_id, own in self.fleet.running_addresses().items():
            if own == address:
                return None if self._answers(instance_id, address) else f"{instance_id} does not serve"
        return "the address belongs to a stranger"

    def _answers(self, instance_id: str, address: str) -> bool:
        ready = self._ready.get((instance_id, address))
        return ready is not None and ready <= self.now() and instance_id not in self._broken
