"""EventBridge in moto, which holds the rules; the lab's own event bus delivers the events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.events.models import EventsBackend, events_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

type Put = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""From the entries of PutEvents to their answers."""


def gaps(put: Put) -> tuple[Gap, ...]:
    """Return how moto's EventBridge is corrected."""
    return (_deliver_events(put),)


def _deliver_events(put: Put) -> Gap:
    """Deliver events through the lab's bus; moto adds a key to them and knows few kinds of target.

    Source: EventBridge API Reference, PutEvents.
    """

    def put_events(_backend: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return put(events)

    return Gap(EventsBackend, "put_events", put_events)


def event_rules() -> tuple[Any, ...]:
    """Return the enabled rules of the default event bus."""
    bus = events_backends[ACCOUNT][REGION].event_buses["default"]
    return tuple(rule for rule in bus.rules.values() if rule.state == "ENABLED")


def rule_is_enabled(name: str) -> bool:
    """Tell whether a rule of the default event bus is enabled."""
    return any(rule.name == name for rule in event_rules())
