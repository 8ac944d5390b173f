#!/usr/bin/env python3
"""`make audit`: has a stack's audit run, and prints its report as text."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

FUNCTION: Final = "AuditFunction"
"""The function's logical id in the template."""
FAILED: Final = 1
UNREACHED: Final = 2
_WAIT: Final = Config(read_timeout=330, retries={"total_max_attempts": 1})
"""The function may take five minutes, and a second invocation would not bring the first one's answer."""


class UnreachedError(Exception):
    """The audit could not be asked; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function returned, or the error that it ended with."""

    value: Any
    failed: bool


def main() -> int:
    """Print what the audit says; return 1 if it failed, 2 if it could not be asked."""
    parser = argparse.ArgumentParser(prog="audit", description=__doc__)
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("event", nargs="?", default="{}", help="the audit's input as JSON (default: {})")
    arguments = parser.parse_args()
    try:
        answer = ask(arguments.stack, read_event(arguments.event))
    except UnreachedError as error:
        return complain(str(error), UNREACHED)
    except (BotoCoreError, ClientError) as error:
        return complain(f"stack {arguments.stack}: {error}", UNREACHED)
    if answer.failed:
        return complain(f"the audit failed: {describe(answer.value)}", FAILED)
    sys.stdout.write(answer.value if isinstance(answer.value, str) else json.dumps(answer.value, indent=2) + "\n")
    return 0


def complain(message: str, code: int) -> int:
    """Write one line to standard error and return the exit code."""
    line = " ".join(message.split())
    sys.stderr.write("".join(each for each in line if each.isprintable()) + "\n")
    return code


def read_event(text: str) -> dict[str, Any]:
    """Return the audit's input, which asks for text unless it says otherwise."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise UnreachedError(f"the event {text!r} is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise UnreachedError(f'the event {text!r} is no JSON object such as {{"repair": true}}')
    return {"format": "text"} | event


def ask(stack: str, event: dict[str, Any]) -> Answer:
    """Invoke the stack's audit. Raises an AWS error where there is no such stack, or no access to it."""
    described = boto3.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=FUNCTION)
    name = described["StackResourceDetail"].get("PhysicalResourceId")
    if not name:
        raise UnreachedError(f"stack {stack}: its {FUNCTION} does not exist yet")
    invoked = boto3.client("lambda", config=_WAIT).invoke(FunctionName=name, Payload=json.dumps(event).encode())
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
