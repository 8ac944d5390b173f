"""Whether an EventBridge pattern matches an event, as moto sees it: the one place that knows moto's class."""

from __future__ import annotations

import json
from typing import Any

from moto.events.models import EventPattern


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Tell whether EventBridge would send `event` to a rule with `pattern`."""
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))
