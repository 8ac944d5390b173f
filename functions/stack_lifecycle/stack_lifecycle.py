"""The stack's custom resource: carries out a request of CloudFormation and sends the answer to its ResponseURL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

from fleet53.aws.cloudformation import send_answer
from fleet53.aws.stack_clients import StackClients
from fleet53.stack.request import NOTHING_TO_DO, Answer, asks_for_nothing, read_request, serve, write_answer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
clients = StackClients("stack-lifecycle")

_TO_ANSWER: Final = 50.0
"""Seconds kept for the answer. With the reserve of Retrier a withdrawal has 14 of the function's 15 minutes."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Carry out the request, and answer it whether that succeeds or fails: CloudFormation waits for the answer.

    If the answer cannot be sent, the error leaves the handler, so that Lambda invokes the function again.
    """
    request = read_request(event)
    try:
        if asks_for_nothing(request):
            answer = NOTHING_TO_DO
        else:
            answer = serve(request, clients.connect(os.environ, context, to_answer=_TO_ANSWER), logger)
    except Exception as error:  # after any error CloudFormation gets an answer
        logger.exception("request failed", extra={"request": request.kind})
        answer = Answer(succeeded=False, because=f"{type(error).__name__}: {error}")
    fields = {"request": request.kind, "succeeded": answer.succeeded, "because": answer.because}
    logger.info("request answered", extra=fields)
    send_answer(request.response_url, write_answer(request, answer))
