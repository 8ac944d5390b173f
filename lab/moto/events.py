"""EventBridge in moto, which holds the rules; the lab's own event bus delivers the events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from moto.events.exceptions import InvalidEventPatternException
from moto.events.models import EventPattern, EventPatternParser, EventsBackend, events_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping

type Put = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""A function from the entries of PutEvents to their answers."""

_OF_TEXTS: Final = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"})
_COMPARISONS: Final = frozenset({"<", "<=", "=", ">=", ">"})


def gaps(put: Put) -> tuple[Gap, ...]:
    """Return how moto's EventBridge is corrected."""
    return _deliver_events(put), _refuse_patterns()


def _deliver_events(put: Put) -> Gap:
    """Deliver events through the lab's bus; moto adds a key to them and knows few kinds of target.

    Source: EventBridge API Reference, PutEvents.
    """

    def put_events(_backend: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return put(events)

    return Gap(EventsBackend, "put_events", put_events)


def _refuse_patterns() -> Gap:
    """Refuse a rule whose pattern has a comparison that EventBridge lacks, or that cannot be made.

    moto accepts it and fails at each event that it compares. Source: EventBridge User Guide, "Comparison operators for
    use in event patterns"; the texts are those of github.com/aws/event-ruler, which EventBridge uses.
    """
    validate_as_moto = EventPatternParser._validate_event_pattern  # noqa: SLF001 - moto has no other place for it

    def validate(parser: Any, pattern: Any) -> None:
        if not isinstance(pattern, dict):
            raise InvalidEventPatternException("Filter is not an object")
        validate_as_moto(parser, pattern)
        for name, value in pattern.items():
            for each in value if isinstance(value, list) else ():
                if name == "$or":
                    validate(parser, each)
                elif isinstance(each, dict):
                    _refuse_comparison(each)

    return Gap(EventPatternParser, "_validate_event_pattern", validate)


def _refuse_comparison(comparison: dict[str, Any]) -> None:
    if len(comparison) != 1:
        raise InvalidEventPatternException("Only one key allowed in match expression")
    ((name, value),) = comparison.items()
    match name:
        case _ if name in _OF_TEXTS:
            given = value.get("equals-ignore-case") if isinstance(value, dict) else value
            if not all(isinstance(each, str) for each in (given if isinstance(given, list) else [given])):
                raise InvalidEventPatternException(f"{name} match pattern must be a string")
        case "exists":
            if not isinstance(value, bool):
                raise InvalidEventPatternException("exists match pattern must be either true or false.")
        case "numeric":
            if not isinstance(value, list) or len(value) % 2 or not _COMPARISONS.issuperset(map(str, value[::2])):
                raise InvalidEventPatternException("Value of numeric must be an array.")
            if not all(isinstance(each, int | float) for each in value[1::2]):
                raise InvalidEventPatternException("Value of numeric must be numeric")
        case "anything-but":
            if isinstance(value, dict):
                _refuse_comparison(value)
        case _:
            raise InvalidEventPatternException(f"Unrecognized match type {name}")


def event_rules() -> tuple[Any, ...]:
    """Return the enabled rules of the default event bus."""
    bus = events_backends[ACCOUNT][REGION].event_buses["default"]
    return tuple(rule for rule in bus.rules.values() if rule.state == "ENABLED")


def rules_for(event: Mapping[str, Any]) -> list[Any]:
    """Return the enabled rules whose pattern matches an event; moto reads the event anew for each rule."""
    values = EventPattern._flatten_dict(json.loads(json.dumps(event)))  # noqa: SLF001 - as matches_event does
    return [
        rule
        for rule in event_rules()
        if not rule.scheduled_expression
        and rule.event_pattern._does_event_match(values, rule.event_pattern.get_pattern())  # noqa: SLF001 - as above
    ]


def rule_is_enabled(name: str) -> bool:
    """Return whether a rule of the default event bus is enabled."""
    return any(rule.name == name for rule in event_rules())
