"""Runs the real handlers as Lambda does: imported once, called with an event and a context, output kept."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import traceback
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lab.faults import Killed
from lab.moto import cloudwatch, logs
from lab.stack.answer import returned
from lab.stack.cold_start import imported
from lab.stack.output import OUTPUT
from lab.stack.recursion import trace_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.stack.deploy import Deployment, Function

_AGAIN: Final = (timedelta(minutes=1), timedelta(minutes=2))
"""When Lambda tries a failed asynchronous invocation again (Lambda Developer Guide, invocation-async)."""
_TURN: Final = threading.RLock()
"""One invocation at a time: the environment, sys.stdout and Powertools' state belong to the whole process."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function: what went in, what came out or was raised, and what it wrote."""

    function: str
    event: Any
    result: Any
    error: BaseException | None
    logs: tuple[dict[str, Any], ...]
    metrics: tuple[dict[str, Any], ...]
    text: str
    at: datetime
    cold: bool

    def metric(self, name: str, **dimensions: str) -> list[float]:
        """Return the values written for a metric whose dimensions include those given."""
        return [
            value
            for line in self.metrics
            if name in line and all(line.get(key) == wanted for key, wanted in dimensions.items())
            for value in (line[name] if isinstance(line[name], list) else [line[name]])
        ]


@dataclass(frozen=True, slots=True)
class Context:
    """The part of Lambda's context object that a handler and Powertools read."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline: datetime
    speed: float = 1.0
    function_version: str = "$LATEST"
    log_group_name: str = ""
    log_stream_name: str = "lab"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the timeout in milliseconds: real ones, however fast the lab's clock."""
        return max(0, int((self.deadline - datetime.now(UTC)).total_seconds() * 1000 / self.speed))


@dataclass(frozen=True, slots=True)
class _Started:
    """An asynchronous invocation that waits for its `due` time; `attempt` counts from 0."""

    function: str
    event: Any
    due: datetime
    attempt: int = 0


@dataclass(slots=True)
class Functions:
    """The functions of a deployment, each with its handler; `invocations` holds every call in order.

    `during` is entered, with its logical id, for as long as a function runs.
    """

    deployment: Deployment
    speed: Callable[[], float] = lambda: 1.0
    during: Callable[[str], contextlib.AbstractContextManager[None]] = lambda _: contextlib.nullcontext()
    publish: bool = True
    invocations: list[Invocation] = field(default_factory=list)
    _warm: dict[str, Callable[[Any, Any], Any]] = field(default_factory=dict)
    _started: list[_Started] = field(default_factory=list)
    _mismatched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for folder in (
            *self.deployment.layers,
            *(each.folder for each in self.deployment.functions.values()),
        ):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))

    def logical_id(self, name: str) -> str:
        """Return the logical id of a function known by its logical id, name or ARN."""
        for function in self.deployment.functions.values():
            if name in (function.logical_id, function.name, function.arn):
                return function.logical_id
        raise LookupError(f"no function {name!r} in the stack, which has {', '.join(self.deployment.functions)}")

    def has(self, name: str) -> bool:
        """Return whether the stack has a function known by its logical id, name or ARN."""
        return any(name in (each.logical_id, each.name, each.arn) for each in self.deployment.functions.values())

    def cold_start(self, name: str | None = None) -> None:
        """Forget the imported module of one function, or of all: the next call imports it again."""
        if name is None:
            self._warm.clear()
        else:
            self._warm.pop(self.logical_id(name), None)

    @contextlib.contextmanager
    def mismatched(self, name: str) -> Iterator[None]:
        """Let a function have its new layers and its former code meanwhile, so that no invocation of it succeeds."""
        self._mismatched.add(self.logical_id(name))
        try:
            yield
        finally:
            self._mismatched.clear()

    def invoke(self, name: str, event: Any, *, chain: int = 1) -> Invocation:
        """Call a function with an event; what it raises is in the answer, not raised.

        `chain` counts the invocations of this function in the chain of messages that led here, this one included.
        """
        function = self.deployment.functions[self.logical_id(name)]
        with _TURN:
            invocation = self._run(function, json.loads(json.dumps(event)), chain)
        self.invocations.append(invocation)
        if self.publish:
            publish_counts(function, invocation)
            write_logs(function, invocation)
            for line in invocation.metrics:
                publish_embedded(line)
        return invocation

    def start(self, name: str, event: Any) -> None:
        """Take an asynchronous invocation; `run_started` carries it out."""
        self._started.append(_Started(self.logical_id(name), event, datetime.now(UTC)))

    def run_started(self) -> None:
        """Carry out the asynchronous invocations that are due, and let those that fail wait to be tried again."""
        now = datetime.now(UTC)
        due = [each for each in self._started if each.due <= now]
        self._started = [each for each in self._started if each.due > now]
        for each in due:
            invocation = self.invoke(each.function, each.event)
            if invocation.error is not None and each.attempt < len(_AGAIN):
                later = datetime.now(UTC) + _AGAIN[each.attempt]
                self._started.append(replace(each, due=later, attempt=each.attempt + 1))

    def answer(self, name: str, event: Any) -> tuple[Any, bool]:
        """Call a function as the Invoke operation answers it: the payload, and whether it is an error."""
        invocation = self.invoke(name, event)
        if invocation.error is None:
            return invocation.result, False
        return {
            "errorMessage": str(invocation.error),
            "errorType": type(invocation.error).__name__,
            "stackTrace": traceback.format_tb(invocation.error.__traceback__),
        }, True

    def _handler(self, function: Function) -> Callable[[Any, Any], Any]:
        """Return the handler of a function, which a cold start imports, or raise ImportError."""
        if function.logical_id in self._mismatched:
            raise ImportError(f"{function.logical_id}: the layers are not those that the code is for")
        if function.logical_id not in self._warm:
            self._warm[function.logical_id] = imported(function)
        return self._warm[function.logical_id]

    def _run(self, function: Function, event: Any, chain: int) -> Invocation:
        at = datetime.now(UTC)
        result: Any = None
        error: BaseException | None = None
        cold = function.logical_id not in self._warm
        speed = self.speed()
        context = Context(
            function_name=function.name,
            memory_limit_in_mb=function.memory,
            invoked_function_arn=function.arn,
            aws_request_id=str(uuid.uuid4()),
            deadline=at + timedelta(seconds=function.timeout * speed),
            speed=speed,
            log_group_name=function.log_group,
        )
        with (
            _environment(_variables(function, chain)),
            OUTPUT.kept() as buffer,
            self.during(function.logical_id),
        ):
            try:
                result = returned(self._handler(function)(event, context))
            except Killed:
                self._warm.pop(function.logical_id, None)
                result, error = None, RuntimeError("Runtime exited with error: signal: killed")
            except Exception as raised:  # noqa: BLE001 - Lambda reports every error of a handler
                result, error = None, raised
        lines = tuple(_json_lines(buffer.getvalue()))
        return Invocation(
            function=function.logical_id,
            event=event,
            result=result,
            error=error,
            logs=tuple(line for line in lines if "_aws" not in line),
            metrics=tuple(line for line in lines if "_aws" in line),
            text=buffer.getvalue(),
            at=at,
            cold=cold,
        )


def _variables(function: Function, chain: int) -> dict[str, str]:
    return {
        **function.environment,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "_X_AMZN_TRACE_ID": trace_header(function.arn, chain),
    }


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables, and put them back afterwards.

    `patch.dict` sets every variable of the process anew, which takes longer than a short invocation.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            parsed = json.loads(line)
            if isinstance(parsed, dict):
                yield parsed


def write_logs(function: Function, invocation: Invocation) -> None:
    """Write what an invocation printed to its function's log group, and the error that ended it.

    Source: Lambda Developer Guide, "Log and monitor Python Lambda functions".
    """
    lines = invocation.text.splitlines()
    if invocation.error is not None:
        lines.append("[ERROR] " + "".join(traceback.format_exception(invocation.error)))
    logs.write(function.log_group, "lab", lines, invocation.at)


def publish_counts(function: Function, invocation: Invocation) -> None:
    """Publish what Lambda does of every invocation (Lambda Developer Guide, types of metrics)."""
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "FunctionName", "Value": function.name}],
            "Unit": "Count",
            "Timestamp": invocation.at,
            "Value": value,
        }
        for name, value in (("Invocations", 1.0), ("Errors", float(invocation.error is not None)))
    ]
    cloudwatch.publish_metrics("AWS/Lambda", data)


def publish_dropped(function: Function, at: datetime) -> None:
    """Publish that Lambda stopped a recursive loop (Lambda Developer Guide, types of metrics)."""
    dropped = {
        "MetricName": "RecursiveInvocationsDropped",
        "Dimensions": [{"Name": "FunctionName", "Value": function.name}],
        "Unit": "Count",
        "Timestamp": at,
        "Value": 1.0,
    }
    cloudwatch.publish_metrics("AWS/Lambda", [dropped])


def publish_embedded(line: Mapping[str, Any]) -> None:
    """Publish one line of CloudWatch's embedded metric format, as CloudWatch Logs does."""
    at = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        data = [
            {
                "MetricName": metric["Name"],
                "Dimensions": [{"Name": key, "Value": str(line[key])} for key in dimensions],
                "Unit": metric.get("Unit", "None"),
                "Timestamp": at,
                "Value": value,
            }
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
            for value in (line[metric["Name"]] if isinstance(line[metric["Name"]], list) else [line[metric["Name"]]])
        ]
        cloudwatch.publish_metrics(directive["Namespace"], data)
