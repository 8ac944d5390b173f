"""The audit: an order in, a report out. Repair goes through the queue."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from fleet53.audit.run import audit, read_request
from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.config.settings import read_settings
from fleet53.report.json import as_json, without_instances
from fleet53.report.text import as_markdown, as_text
from fleet53.telemetry.announcements import of_report
from fleet53.telemetry.metrics import Measurement, emit, measure_audit
from fleet53.telemetry.telling import tell

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
settings = read_settings(os.environ)
clients = Clients()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | str:
    """Return the report on what the request asks for, in the form it asks for; the log always has JSON's."""
    retrier = Retrier(lambda: context.get_remaining_time_in_millis() / 1000, time.sleep, random.random)
    aws = clients.connect(settings, retrier)
    request = read_request(event)
    report = audit(request, settings, aws, logger, now=datetime.now(UTC))
    answer = as_json(report)
    logger.info("audit", extra={"report": without_instances(answer)})
    emit(
        [
            *measure_audit(report),
            Measurement("Route53Calls", retrier.calls),
            Measurement("Throttled", retrier.throttled),
        ],
        settings.owner,
    )
    tell(of_report(report), aws.bus, logger)
    match request.form:
        case "text":
            return as_text(report)
        case "markdown":
            return as_markdown(report)
        case "json":
            return answer
