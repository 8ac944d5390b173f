"""docs/events.md shows each event as it is, and commands that exist."""

from __future__ import annotations

import json
from typing import Final

import boto3
import pytest
from botocore import xform_name
from jsonschema import Draft202012Validator

from fleet53.telemetry.events import EVENT_DETAILS
from tests.e2e.markdown import Page
from tests.template.event_pattern import matches
from tests.template.stack import ROOT

PAGE: Final = Page.read(ROOT / "docs/events.md")
SCHEMA: Final = json.loads((ROOT / "docs/events.schema.json").read_text(encoding="utf-8"))
KINDS: Final = [each.detail_type for each in EVENT_DETAILS]
BLOCKS: Final = [json.loads(block) for block in PAGE.blocks("json")]
SHOWN: Final = {block["detail-type"]: block for block in BLOCKS if "detail-type" in block}


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_is_shown_as_the_schema_says_and_as_tests_and_lab_have_it(kind: str) -> None:
    Draft202012Validator(SCHEMA).validate(SHOWN[kind])
    path = ROOT / "events" / f"fleet53-{kind.lower().replace(' ', '-')}.json"
    assert json.loads(path.read_text(encoding="utf-8")) == SHOWN[kind]
    assert f"\n## {kind}\n" in PAGE.text


def test_the_table_has_each_event_once() -> None:
    assert sorted(kind for kind, *_ in PAGE.table("detail-type")) == sorted(KINDS)


def test_the_patterns_shown_match_events_of_ours() -> None:
    (by_pool,) = (block for block in BLOCKS if "detail-type" not in block)
    assert [kind for kind, event in SHOWN.items() if matches(by_pool, event)] == [
        "Instance Admitted",
        "Instance Withdrawn",
        "Withdrawal Held",
        "Pool Unanswered",
        "Pool Answered",
        "Member Unhealthy",
        "Member Healthy",
    ]
    (put_rule,) = (words for words in PAGE.commands() if words[2] == "put-rule")
    pattern = json.loads(put_rule[put_rule.index("--event-pattern") + 1])
    assert {kind for kind, event in SHOWN.items() if matches(pattern, event)} == {"Drift Detected", "Withdrawal Held"}


def test_the_commands_name_operations_and_options_that_exist() -> None:
    commands = PAGE.commands()
    assert commands
    for _aws, service, command, *words in commands:
        model = boto3.client(service, region_name="eu-west-1").meta.service_model  # type: ignore[call-overload]
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        options = {
            f"--{xform_name(name, '-')}" for name in model.operation_model(operations[command]).input_shape.members
        }
        assert [word for word in words if word.startswith("--") and word not in options] == []


def test_every_link_leads_somewhere() -> None:
    assert [link for link in PAGE.links() if not (ROOT / "docs" / link).exists()] == []
