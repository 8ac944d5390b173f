"""The stack's lifecycle: a request of CloudFormation in, its answer put to the request's ResponseURL."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import CloudFormationCustomResourceEvent

from fleet53.aws.clients import StackClients
from fleet53.aws.cloudformation import send_answer
from fleet53.aws.retrier import Retrier
from fleet53.config.settings import read_settings
from fleet53.stack.request import Answer, Request, serve, write_answer

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
clients = StackClients()

_TO_ANSWER: Final = 50.0
"""Seconds kept for the answer. With the reserve of Retrier a withdrawal has 14 of the function's 15 minutes."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Do what CloudFormation asks for, and answer whatever comes of it: it waits until it hears.

    Where the answer itself cannot be sent the error leaves the handler, so that Lambda invokes it again.
    """
    asked = CloudFormationCustomResourceEvent(event)
    request = Request(
        kind=asked.request_type,
        request_id=asked.request_id,
        stack_id=asked.stack_id,
        logical_id=asked.logical_resource_id,
        physical_id=asked.physical_resource_id,
        withdraws=asked.resource_properties.get("OnStackDelete") == "withdraw",
        audit_schedule=asked.resource_properties.get("AuditSchedule", ""),
        audit_function=asked.resource_properties.get("AuditFunction", ""),
    )
    retrier = Retrier(lambda: context.get_remaining_time_in_millis() / 1000 - _TO_ANSWER, time.sleep, random.random)
    try:
        settings = read_settings(os.environ)
        answer = serve(request, settings, clients.connect(settings, retrier), retrier, logger)
    except Exception as error:  # whatever it is, CloudFormation has to hear of it
        logger.exception("request failed", extra={"request": request.kind})
        answer = Answer(succeeded=False, because=f"{type(error).__name__}: {error}")
    fields = {"request": request.kind, "succeeded": answer.succeeded, "because": answer.because}
    logger.info("answered", extra=fields)
    send_answer(asked.response_url, write_answer(request, answer))
