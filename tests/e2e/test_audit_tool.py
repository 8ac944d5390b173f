"""`make audit` where AWS does not answer: one line says why, without a traceback. With a lab: test_lab_process.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from fleet53.report.verdict import Verdict
from tools import audit

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
    ("environment", "event", "code", "said"),
    [
        (REGION, "{}", 1, "stack fleet53: Unable to locate credentials"),
        (KEYS, "{}", 1, "stack fleet53: You must specify a region."),
        (REGION | {"AWS_PROFILE": "nobody"}, "{}", 1, "stack fleet53: The config profile (nobody) could not be found"),
        (
            REGION | KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"},
            "{}",
            1,
            'stack fleet53: Could not connect to the endpoint URL: "http://127.0.0.1:1/"',
        ),
        (
            {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"} | KEYS,
            "{}",
            1,
            'stack fleet53: Could not connect to the endpoint URL: "http://127.0.0.1:1/"',
        ),
        ({}, "{repair}", 2, "the event '{repair}' is not JSON: Expecting property name enclosed in double quotes"),
        ({}, "[]", 2, """the event '[]' is not a JSON object such as {"repair": true}"""),
    ],
)
def test_the_reason_why_it_cannot_ask_is_one_line(
    environment: dict[str, str], event: str, code: int, said: str
) -> None:
    asked = ran([sys.executable, "tools/audit.py", "fleet53", event], environment)

    assert (asked.returncode, asked.stdout) == (code, "")
    (line,) = asked.stderr.splitlines()
    assert line.startswith(said)


def answered(monkeypatch: pytest.MonkeyPatch, value: Any, *, failed: bool = False) -> int:
    """Return the exit code where the function has answered so."""
    monkeypatch.setattr(audit, "ask", lambda *_: audit.Answer(value, failed=failed))
    monkeypatch.setattr(sys, "argv", ["audit", "fleet53"])
    return audit.main()


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("ok", 0),
        ("drift", 3),
        ("withdrawals-held", 3),
        ("unanswered", 4),
        ("none-healthy", 4),
        ("no-member", 4),
        ("mostly-unhealthy", 5),
        ("some-unhealthy", 5),
        ("not-read", 5),
        ("findings", 5),
        ("near-limit", 5),
    ],
)
def test_the_exit_code_says_the_verdict(
    verdict: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, {"verdict": verdict, "report": "as it is\n"}) == code
    assert capsys.readouterr().out == "as it is\n"


def test_every_verdict_has_an_exit_code_in_this_table() -> None:
    needs_a_person = {"mostly-unhealthy", "some-unhealthy", "not-read", "findings", "near-limit"}
    assert set(Verdict) == {*audit.CODES, *needs_a_person}


def test_an_event_that_the_audit_refuses_is_wrong_usage_and_any_other_failure_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = {"errorType": "NotUnderstoodError", "errorMessage": "pools=['nope']: not declared"}
    assert answered(monkeypatch, refused, failed=True) == 2
    assert answered(monkeypatch, {"errorMessage": "Task timed out after 300.00 seconds"}, failed=True) == 1


def test_make_audit_without_a_stack_says_how_to_name_one() -> None:
    asked = ran(["make", "audit"], {"MAKEFLAGS": ""})

    assert (asked.returncode, asked.stdout) == (2, "")
    (line,) = asked.stderr.splitlines()
    assert "Which stack? Say it: make audit STACK=fleet53" in line


def test_make_audit_takes_the_region_of_the_person_who_runs_it() -> None:
    asked = ran(["make", "--silent", "--assume-old=.venv/.ready", "audit", "STACK=fleet53"], KEYS | {"MAKEFLAGS": ""})

    assert asked.stderr.startswith("stack fleet53: You must specify a region.")
