"""`make audit` where there is nobody to ask: one line says why, and no traceback. With a lab: test_lab_process.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
NOBODY: Final = {
    "PATH": os.environ["PATH"],
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""An environment that knows no region and no credentials."""
REGION: Final = {"AWS_DEFAULT_REGION": "eu-west-1"}
KEYS: Final = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def ran(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell, and our own commands
        command,
        cwd=ROOT,
        env=NOBODY | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environment", "event", "said"),
    [
        (REGION, "{}", "stack fleet53: Unable to locate credentials"),
        (KEYS, "{}", "stack fleet53: You must specify a region."),
        (REGION | {"AWS_PROFILE": "nobody"}, "{}", "stack fleet53: The config profile (nobody) could not be found"),
        (
            REGION | KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"},
            "{}",
            'stack fleet53: Could not connect to the endpoint URL: "http://127.0.0.1:1/"',
        ),
        ({}, "{repair}", "the event '{repair}' is not JSON: Expecting property name enclosed in double quotes"),
        ({}, "[]", """the event '[]' is no JSON object such as {"repair": true}"""),
    ],
)
def test_what_keeps_it_from_asking_is_said_in_one_line(environment: dict[str, str], event: str, said: str) -> None:
    asked = ran([sys.executable, "tools/audit.py", "fleet53", event], environment)

    assert (asked.returncode, asked.stdout) == (2, "")
    (line,) = asked.stderr.splitlines()
    assert line.startswith(said)


def test_make_audit_without_a_stack_says_how_to_name_one() -> None:
    asked = ran(["make", "audit"], {"MAKEFLAGS": ""})

    assert (asked.returncode, asked.stdout) == (2, "")
    (line,) = asked.stderr.splitlines()
    assert "Which stack? Say it: make audit STACK=fleet53" in line


def test_make_audit_takes_the_region_of_whoever_runs_it() -> None:
    asked = ran(["make", "--silent", "--assume-old=.venv/.ready", "audit", "STACK=fleet53"], KEYS | {"MAKEFLAGS": ""})

    assert asked.stderr.startswith("stack fleet53: You must specify a region.")
