"""The widget: an audit as a page on CloudWatch's dashboard. Repair goes through the queue."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from fleet53.audit.run import audit
from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.config.settings import read_settings
from fleet53.domain.errors import NotUnderstoodError
from fleet53.report.page import write_failure, write_page
from fleet53.widget import DESCRIPTION, is_describe, read_asked, read_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
clients = Clients()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> str:
    """Return a page whatever happens: of what it raises CloudWatch would show nothing that helps.

    It measures nothing, so that how often somebody looks does not change what the metrics say.
    """
    if is_describe(event):
        return DESCRIPTION
    view = read_view(event, context.invoked_function_arn)
    try:
        asked = read_asked(event)
    except NotUnderstoodError as error:
        logger.warning("widget event not valid", extra={"because": str(error)})
        return write_failure("These parameters are not understood", str(error), view, again=False)
    view = replace(view, pools=asked.pools)
    retrier = Retrier(lambda: context.get_remaining_time_in_millis() / 1000, time.sleep, random.random)
    try:
        settings = read_settings(os.environ)
        aws = clients.connect(settings, retrier)
        report = audit(asked.request, settings, aws, logger, now=datetime.now(UTC))
        page = write_page(report, view, repaired=asked.request.repair)
    except Exception as error:  # whatever it is, a person waits for a page
        logger.exception("audit failed")
        return write_failure("The audit failed", f"{type(error).__name__}: {error}", view)
    if asked.action == "repair":
        logger.info("repair queued", extra={"queued": report.queued, "force": asked.force, "pools": asked.pools})
    return page
