"""The pools' parameters in Parameter Store, and the events of their changes."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, ssm

if TYPE_CHECKING:
    from lab.moto.bus import Bus

FURTHER: Final = (
    *(f"{label}.example.com" for label in ("*", "admin", "api", "changed", "idle", "new", "old", "www", "z")),
    *(f"{label}.example.net" for label in ("api", "app", "odd")),
)
"""The names that additional pools of a lab may use, unless its parameters say otherwise."""


@dataclass(slots=True)
class Pools:
    """The parameters under one path; every change sends the event that Systems Manager sends."""

    path: str
    bus: Bus
    _seen: dict[str, int] = field(default_factory=dict)
    _ssm: Any = field(init=False)

    def __post_init__(self) -> None:
        self._ssm = cloud.client("ssm")
        self._seen = self._versions()

    def put(self, name: str, settings: dict[str, Any]) -> None:
        """Create or replace a pool."""
        self.put_text(name, json.dumps(settings))

    def put_text(self, name: str, text: str) -> None:
        """Set a pool's parameter to any text, valid or not."""
        self._ssm.put_parameter(Name=f"{self.path}/{name}", Value=text, Type="String", Overwrite=True)
        self.emit_changes()

    def delete(self, name: str) -> None:
        """Delete a pool's parameter."""
        self._ssm.delete_parameter(Name=f"{self.path}/{name}")
        self.emit_changes()

    def show_late(self, seconds: float) -> None:
        """Let Parameter Store show the pools as they are now for so many seconds, even if they change."""
        until = self.bus.now() + timedelta(seconds=seconds)
        ssm.keep_shown(self.path, lambda: self.bus.now() < until)

    def settings(self, name: str) -> dict[str, Any]:
        """Return a pool's current settings."""
        parameter = self._ssm.get_parameter(Name=f"{self.path}/{name}")["Parameter"]
        return dict(json.loads(parameter["Value"]))

    def names(self) -> tuple[str, ...]:
        """Return the names of all pools."""
        return tuple(sorted(name.rsplit("/", 1)[1] for name in self._versions()))

    def health_check_urls(self) -> set[str]:
        """Return the URLs of the pools' health checks; a pool that is not valid has none."""
        found = set()
        for parameter in ssm.parameters_below(self.path).values():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                found.add(str(json.loads(parameter.value)["health_check"]["url"]))
        return found

    def emit_changes(self) -> None:
        """Send an event for each change since the last comparison."""
        now = self._versions()
        for name in sorted(self._seen.keys() | now.keys()):
            before, after = self._seen.get(name), now.get(name)
            if before == after:
                continue
            operation = "Delete" if after is None else "Create" if before is None else "Update"
            detail = {"operation": operation, "name": name, "type": "String"}
            arn = f"arn:aws:ssm:{cloud.REGION}:{cloud.ACCOUNT}:parameter{name}"
            self.bus.deliver(self.bus.event("aws.ssm", "Parameter Store Change", detail, (arn,)))
        self._seen = now

    def _versions(self) -> dict[str, int]:
        return {name: int(each.version) for name, each in ssm.parameters_below(self.path).items()}
