"""The reconciler: handles messages of the signals queue, and returns those that SQS should deliver again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from fleet53.aws.clients import Clients
from fleet53.reconcile.batch import handle_batch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fleet53.reconcile.batch import BatchResponse

logger = Logger()
clients = Clients("reconciler")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
    """Reconcile the pools that a batch of messages is about."""
    return handle_batch(event, clients.connect(os.environ, context), logger)
