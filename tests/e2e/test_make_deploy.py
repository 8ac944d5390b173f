"""`make deploy` hands parameters on as they are written: SAM's own reading of them is what the stack gets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from samcli.cli.types import CfnParameterOverridesType, CfnTags

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
SAM: Final = """#!/usr/bin/env python3
import json, sys
print(json.dumps(sys.argv[1:]))
"""


def given_to_sam(tmp_path: Path, parameters: str, tags: str = "") -> Sequence[str]:
    """Return the words with which `make deploy` calls SAM."""
    sam = tmp_path / "sam"
    sam.write_text(SAM)
    sam.chmod(0o755)
    given = [f"BIN={tmp_path}", f"PARAMETERS={parameters}", f"TAGS={tags}"]
    made = subprocess.run(  # noqa: S603 - no shell, and our own Makefile
        ["make", "--silent", "--assume-old=build", "deploy", *given],  # noqa: S607
        cwd=ROOT,
        env=os.environ | {"MAKEFLAGS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    words: list[str] = json.loads(made.stdout.splitlines()[-1])
    return words


@pytest.mark.parametrize(
    ("parameters", "deployed"),
    [
        ("HostedZoneId=Z1 RecordName=app.example.com", {"HostedZoneId": "Z1", "RecordName": "app.example.com"}),
        ('HealthCheckSearchString="all good"', {"HealthCheckSearchString": "all good"}),
        ("HealthCheckUrl=http://:80/health?a=1&b=2", {"HealthCheckUrl": "http://:80/health?a=1&b=2"}),
        ('AuditSchedule="rate(1 hour)" TTL=5', {"AuditSchedule": "rate(1 hour)", "TTL": "5"}),
    ],
)
def test_a_parameter_arrives_as_it_is_written(tmp_path: Path, parameters: str, deployed: dict[str, str]) -> None:
    deploy, option, *values = given_to_sam(tmp_path, parameters)
    assert (deploy, option) == ("deploy", "--parameter-overrides")
    assert CfnParameterOverridesType().convert(tuple(values), None, None) == deployed


def test_parameters_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text("HealthCheckSearchString: all good\nAuditSchedule: rate(1 hour)\n")
    _, _, *values = given_to_sam(tmp_path, f"file://{file}")
    assert CfnParameterOverridesType().convert(tuple(values), None, None) == {
        "HealthCheckSearchString": "all good",
        "AuditSchedule": "rate(1 hour)",
    }


def test_tags_arrive_as_they_are_written(tmp_path: Path) -> None:
    deploy, option, *values = given_to_sam(tmp_path, "", 'team=dns note="a & b"')
    assert (deploy, option) == ("deploy", "--tags")
    assert CfnTags().convert(tuple(values), None, None) == {"team": "dns", "note": "a & b"}


def test_without_parameters_sam_gets_none(tmp_path: Path) -> None:
    assert given_to_sam(tmp_path, "") == ["deploy"]
