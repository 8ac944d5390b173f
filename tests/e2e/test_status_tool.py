"""`make status` where AWS does not answer, and while it watches. With a lab: test_lab_process.py."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.child import Child, Program
from tests.e2e.test_audit_tool import KEYS, NOBODY, REGION, ROOT, ran
from tests.unit import reports
from tools import audit, status

if TYPE_CHECKING:
    from pathlib import Path

    from fleet53.report.model import Report

STATUS = (sys.executable, "-m", "tools.status", "fleet53")
UNREACHED = REGION | KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}


def answered(monkeypatch: pytest.MonkeyPatch, report: Report) -> int:
    """Return the exit code where the audit has answered so."""
    from fleet53.report.json import as_json  # noqa: PLC0415

    value = {"verdict": report.verdict.value, "report": as_json(report)}
    monkeypatch.setattr(audit, "ask", lambda *_: audit.Answer(value, failed=False))
    monkeypatch.setattr(sys, "argv", ["status", "fleet53"])
    return status.main()


def test_one_look_prints_the_screen_and_exits_as_make_audit_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered(monkeypatch, reports.outage()) == 4
    lines = capsys.readouterr().out.splitlines()
    assert "NOT ANSWERED: web (app.example.com). DNS queries get a negative answer." in lines
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24


def test_it_never_asks_for_a_repair_and_never_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(stack: str, event: Any, _tell: Any) -> audit.Answer:
        asked.append((stack, event))
        return audit.Answer({"errorMessage": "Task timed out"}, failed=True)

    monkeypatch.setattr(audit, "ask", ask)
    monkeypatch.setattr(sys, "argv", ["status", "fleet53"])

    assert status.main() == 1
    assert asked == [("fleet53", {"format": "json", "verdict": True, "publish": False})]


def test_the_reason_why_it_cannot_ask_is_one_line() -> None:
    asked = ran([*STATUS], UNREACHED)

    assert (asked.returncode, asked.stdout) == (1, "")
    (line,) = asked.stderr.splitlines()
    assert line.startswith("stack fleet53: Could not connect to the endpoint URL")


@pytest.mark.parametrize("seconds", ["4", "-1", "soon", "1e3"])
def test_a_watch_of_less_than_five_seconds_is_refused(seconds: str) -> None:
    asked = ran([*STATUS, f"--watch={seconds}"], UNREACHED)

    assert asked.returncode == 2
    assert asked.stderr.endswith(f"argument --watch: '{seconds}' is not a number of seconds, 5 or more\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_goes_on_when_aws_does_not_answer_and_ends_without_a_traceback(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = Program((*STATUS, "--watch", "5"), ROOT, NOBODY | UNREACHED)
    with Child(program, tmp_path / "printed") as child:
        child.wait_until("it has asked twice", lambda: child.printed().count("Could not connect") == 2, 30)
        assert child.end(number) == 0
        lines = child.printed().splitlines()

    assert [line.split(" ", 2)[1:] for line in lines] == [
        ["UTC:", 'stack fleet53: Could not connect to the endpoint URL: "http://127.0.0.1:1/"']
    ] * 2


def test_make_status_without_a_stack_says_how_to_name_one() -> None:
    asked = ran(["make", "status"], {"MAKEFLAGS": ""})

    assert (asked.returncode, asked.stdout) == (2, "")
    assert "Which stack? Say it: make status STACK=fleet53" in asked.stderr
