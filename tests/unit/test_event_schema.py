"""The JSON Schema of the events is the one that their models make."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from tools.event_schema import SCHEMA, event_schema


def test_the_committed_schema_is_that_of_the_models() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == event_schema()


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(event_schema())
