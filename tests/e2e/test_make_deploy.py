"""`make deploy` hands parameters on as they are written: SAM's own reading of them is what the stack gets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from samcli.cli.types import CfnParameterOverridesType, CfnTags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
SAM: Final = """#!/usr/bin/env python3
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "region": os.environ.get("AWS_DEFAULT_REGION")}))
"""


def given_to_sam(tmp_path: Path, parameters: str, tags: str = "", stack: str = "") -> Sequence[str]:
    """Return the words with which `make deploy` calls SAM."""
    words: list[str] = called(tmp_path, {"PARAMETERS": parameters, "TAGS": tags, "STACK": stack})["words"]
    return words


def called(tmp_path: Path, given: Mapping[str, str], **environment: str) -> dict[str, Any]:
    """Return the words and the Region with which `make deploy` calls SAM."""
    sam = tmp_path / "sam"
    sam.write_text(SAM)
    sam.chmod(0o755)
    variables = [f"{name}={value}" for name, value in ({"BIN": str(tmp_path)} | dict(given)).items()]
    made = subprocess.run(  # noqa: S603 - no shell, and our own Makefile
        ["make", "--silent", "--assume-old=build", "deploy", *variables],  # noqa: S607
        cwd=ROOT,
        env=os.environ | {"MAKEFLAGS": ""} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    answer: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return answer


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


def test_the_stack_of_a_name_of_its_own_is_deployed(tmp_path: Path) -> None:
    deploy, option, *values = given_to_sam(tmp_path, "AuditMode=report", stack="dns")
    assert (deploy, option, *values) == ("deploy", "--stack-name", "dns", "--parameter-overrides", "AuditMode=report")


def test_without_parameters_sam_gets_none(tmp_path: Path) -> None:
    assert given_to_sam(tmp_path, "") == ["deploy"]


@pytest.mark.parametrize(("region", "deployed_to"), [("us-east-1", "us-east-1"), ("", "eu-west-1")])
def test_the_region_of_aws_region_goes_before_that_of_aws_default_region(
    tmp_path: Path, region: str, deployed_to: str
) -> None:
    answer = called(tmp_path, {}, AWS_REGION=region, AWS_DEFAULT_REGION="eu-west-1")
    assert answer["region"] == deployed_to
