#!/usr/bin/env python3
"""`make audit`: runs a stack's audit, and prints its report as text.

The exit code says how things are, so that a script can use it:

0  in sync and healthy
1  the audit failed, or it could not be asked
2  the command or the event is wrong
3  drift, or withdrawals that the guard holds
4  no healthy member answers for a pool: the pool is unanswered, has no member in DNS, or none is healthy
5  a person is needed: unhealthy members, something that could not be read, another finding, or a quota nearly used up
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FUNCTION: Final = "AuditFunction"
"""The function's logical id in the template."""
FAILED: Final = 1
WRONG: Final = 2
CODES: Final = {
    "ok": 0,
    "drift": 3,
    "withdrawals-held": 3,
    "unanswered": 4,
    "no-member": 4,
    "none-healthy": 4,
}
"""The exit code for each verdict. Every other verdict needs a person."""
ATTENTION: Final = 5
INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended."""
_WAIT: Final = Config(read_timeout=330, retries={"total_max_attempts": 1})
"""The function may take five minutes, and a second invocation would not bring the first one's answer."""


class NoReportError(Exception):
    """There is no report; the message is one line that says why, and `code` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function returned, or the error that it ended with."""

    value: Any
    failed: bool


def main() -> int:
    """Print what the audit says, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("event", nargs="?", default="{}", help="the audit's input as JSON (default: {})")
    arguments = parser.parse_args()
    try:
        event = read_event(arguments.event)
        with progress() as tell:
            verdict, report = audited(arguments.stack, event, tell)
    except NoReportError as error:
        return complain(str(error), error.code)
    except KeyboardInterrupt:
        return INTERRUPTED
    sys.stdout.write(report if isinstance(report, str) else json.dumps(report, indent=2) + "\n")
    return exit_code(verdict)


def audited(stack: str, event: dict[str, Any], tell: Callable[[str], None]) -> tuple[str, Any]:
    """Return the verdict of a stack's audit, and the report in the form that the event asks for.

    `tell` is told what is waited for. Raises NoReportError.
    """
    try:
        answer = ask(stack, event, tell)
    except (BotoCoreError, ClientError) as error:
        raise NoReportError(f"stack {stack}: {error}") from None
    if answer.failed:
        wrong = isinstance(answer.value, dict) and answer.value.get("errorType") == "NotUnderstoodError"
        raise NoReportError(f"the audit failed: {describe(answer.value)}", WRONG if wrong else FAILED)
    return answer.value["verdict"], answer.value["report"]


def exit_code(verdict: str) -> int:
    """Return the exit code that says a verdict."""
    return CODES.get(verdict, ATTENTION)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is waited for and for how long, until left; elsewhere show nothing.

    It yields the function that is told what is waited for.
    """
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("")
        yield lambda text: shown.update(task, description=one_line(text))


def one_line(text: str) -> str:
    """Return text as one line without anything that a terminal obeys."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def complain(message: str, code: int) -> int:
    """Write one line to standard error and return the exit code."""
    sys.stderr.write(one_line(message) + "\n")
    return code


def read_event(text: str) -> dict[str, Any]:
    """Return the audit's input, which asks for the verdict, and for text unless it says otherwise."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise NoReportError(f"the event {text!r} is not JSON: {error}", WRONG) from None
    if not isinstance(event, dict):
        raise NoReportError(f'the event {text!r} is not a JSON object such as {{"repair": true}}', WRONG)
    return {"format": "text"} | event | {"verdict": True}


def ask(stack: str, event: dict[str, Any], tell: Callable[[str], None]) -> Answer:
    """Invoke the stack's audit. Raises an AWS error where there is no such stack, or no access to it."""
    # boto3 reads AWS_DEFAULT_REGION only; the AWS CLI reads AWS_REGION as well, and so do Lambda and CI services.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    tell(f"Asking CloudFormation for the audit of stack {stack}")
    described = session.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=FUNCTION)
    name = described["StackResourceDetail"].get("PhysicalResourceId")
    if not name:
        raise NoReportError(f"stack {stack}: its {FUNCTION} does not exist yet")
    tell(f"Waiting for the audit of stack {stack}")
    invoked = session.client("lambda", config=_WAIT).invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return Answer(json.loads(invoked["Payload"].read()), failed="FunctionError" in invoked)


def describe(error: Any) -> str:
    """Return the error that Lambda reports of a function, without its traceback."""
    match error:
        case {"errorType": str(kind), "errorMessage": str(message)}:
            return f"{kind}: {message}"
        case {"errorMessage": str(message)}:  # a time-out has no type
            return message
        case _:
            return json.dumps(error)


if __name__ == "__main__":
    sys.exit(main())
