#!/usr/bin/env python3
"""Writes docs/events.schema.json, the JSON Schema of the events that fleet53 puts on the bus, from their models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from fleet53.telemetry.events import EVENT_DETAILS, SOURCE

SCHEMA: Final = Path(__file__).resolve().parents[1] / "docs/events.schema.json"


def event_schema() -> dict[str, Any]:
    """Return the schema of an event as EventBridge delivers it; what EventBridge adds to it is left open."""
    references, definitions = models_json_schema([(model, "serialization") for model in EVENT_DETAILS])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events that fleet53 publishes",
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "source": {"const": SOURCE},
                    "detail-type": {"const": model.detail_type},
                    "detail": references[(model, "serialization")],
                },
                "required": ["source", "detail-type", "detail"],
            }
            for model in EVENT_DETAILS
        ],
        **definitions,
    }


def main() -> None:
    """Write the file."""
    SCHEMA.write_text(json.dumps(event_schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
