"""Lambda in moto, whose functions the lab runs as handlers in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.sqs.models import sqs_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

type Invoke = Callable[[str, Any], tuple[Any, bool]]
"""A function from a Lambda function's name and an event to its answer, and whether that answer is an error."""

type Start = Callable[[str, Any], None]
"""A function that takes a Lambda function's name and an event, and lets it run later."""


def configuration(name: str) -> dict[str, Any]:
    """Return a function's configuration as GetFunctionConfiguration does."""
    found: dict[str, Any] = lambda_backends[ACCOUNT][REGION].get_function(name).get_configuration()
    return found


def polls(uuid: str) -> bool:
    """Return whether an event source mapping exists and is enabled."""
    mapping = lambda_backends[ACCOUNT][REGION].get_event_source_mapping(uuid)
    return mapping is not None and bool(mapping.enabled)


# -- where moto differs from Lambda


def gaps(invoke: Invoke, start: Start) -> tuple[Gap, ...]:
    """Return how moto's Lambda is corrected."""
    return _run_handlers_here(invoke, start), _keep_code(), _leave_polling_to_the_lab()


def _run_handlers_here(invoke: Invoke, start: Start) -> Gap:
    """Run a function's handler in this process; moto needs Docker to run it.

    With InvocationType Event, Invoke answers first and the function runs later; moto runs it first. Source: Lambda API
    Reference, Invoke.
    """

    def run(function: Any, body: str, request_headers: Any, response_headers: Any) -> bytes:
        if request_headers.get("X-Amz-Invocation-Type") == "Event":
            start(function.function_name, json.loads(body or "{}"))
            return b""
        answer, failed = invoke(function.function_name, json.loads(body or "{}"))
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer).encode()

    return Gap(LambdaFunction, "invoke", run)


def _keep_code() -> Gap:
    """Accept inline code in a stack update; moto takes it for a zip archive and fails.

    The lab runs the handlers of this repository, independently of the code in a template. Source: CloudFormation
    Template Reference, AWS::Lambda::Function Code, ZipFile.
    """

    def keep_code(function: Any, _code: Any) -> dict[str, Any]:
        configuration: dict[str, Any] = function.get_configuration()
        return configuration

    return Gap(LambdaFunction, "update_function_code", keep_code)


def _leave_polling_to_the_lab() -> Gap:
    """Keep an event source mapping apart from the queue; moto's queue passes each message on when it arrives.

    Lambda polls the queue, and so does the lab. Source: Lambda Developer Guide, "Using Lambda with Amazon SQS".
    """
    create_as_moto = LambdaBackend.create_event_source_mapping

    def create(backend: Any, spec: dict[str, Any]) -> Any:
        mapping = create_as_moto(backend, spec)
        for queue in sqs_backends[ACCOUNT][REGION].queues.values():
            queue.lambda_event_source_mappings.clear()
        return mapping

    return Gap(LambdaBackend, "create_event_source_mapping", create)
