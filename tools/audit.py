#!/usr/bin/env python3
"""`make audit`: runs a stack's audit, and prints its report as text.

The exit code says how things are, so that a script can use it:

0  in sync and healthy
1  the audit failed, or it could not be asked
2  the command or the event is wrong
3  drift, or withdrawals that the guard holds
4  no healthy member answers for a pool: the pool is unanswered, has no member in DNS, or none is healthy
5  a person is needed: unhealthy members, something that could not be read, or another finding
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

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
_WAIT: Final = Config(read_timeout=330, retries={"total_max_attempts": 1})
"""The function may take five minutes, and a second invocation would not bring the first one's answer."""


class WrongEventError(Exception):
    """The event is not one that the audit takes; the message is one line that says why."""


class UnreachedError(Exception):
    """The audit could not be asked; the message is one line that says why."""


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
        if sys.stderr.isatty():
            sys.stderr.write(f"Auditing {arguments.stack}, which takes some seconds \N{HORIZONTAL ELLIPSIS}\n")
        answer = ask(arguments.stack, event)
    except WrongEventError as error:
        return complain(str(error), WRONG)
    except UnreachedError as error:
        return complain(str(error), FAILED)
    except (BotoCoreError, ClientError) as error:
        return complain(f"stack {arguments.stack}: {error}", FAILED)
    if answer.failed:
        wrong = isinstance(answer.value, dict) and answer.value.get("errorType") == "NotUnderstoodError"
        return complain(f"the audit failed: {describe(answer.value)}", WRONG if wrong else FAILED)
    report = answer.value["report"]
    sys.stdout.write(report if isinstance(report, str) else json.dumps(report, indent=2) + "\n")
    return CODES.get(answer.value["verdict"], ATTENTION)


def complain(message: str, code: int) -> int:
    """Write one line to standard error and return the exit code."""
    line = " ".join(message.split())
    sys.stderr.write("".join(each for each in line if each.isprintable()) + "\n")
    return code


def read_event(text: str) -> dict[str, Any]:
    """Return the audit's input, which asks for the verdict, and for text unless it says otherwise."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise WrongEventError(f"the event {text!r} is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise WrongEventError(f'the event {text!r} is no JSON object such as {{"repair": true}}')
    return {"format": "text"} | event | {"verdict": True}


def ask(stack: str, event: dict[str, Any]) -> Answer:
    """Invoke the stack's audit. Raises an AWS error where there is no such stack, or no access to it."""
    # boto3 reads AWS_DEFAULT_REGION only; the AWS CLI reads AWS_REGION as well, and so do Lambda and CI services.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    described = session.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=FUNCTION)
    name = described["StackResourceDetail"].get("PhysicalResourceId")
    if not name:
        raise UnreachedError(f"stack {stack}: its {FUNCTION} does not exist yet")
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
