"""The audit: answers a request with a report. A repair goes through the signals queue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from fleet53.audit.publish import publish, write_log
from fleet53.audit.request import read_request
from fleet53.audit.run import audit
from fleet53.aws.clients import Clients
from fleet53.report.json import as_json
from fleet53.report.size import write_within

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fleet53.report.model import Report

logger = Logger()
clients = Clients("audit")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | str:
    """Return the report in the form that the request asks for."""
    connection = clients.connect(os.environ, context)
    request = read_request(event)
    report = audit(request, connection.settings, connection.aws, logger, now=connection.now())
    write_log(report, logger)
    if request.publish and not request.dry_run:
        publish(report, connection, logger)
    written = _write(report, request.format)
    return {"verdict": report.verdict.value, "report": written} if request.verdict else written


def _write(report: Report, form: str) -> dict[str, Any] | str:
    if form == "json":
        return write_within(report, as_json)
    from fleet53.report import text  # noqa: PLC0415 - the scheduled audit never loads what writes tables

    return write_within(report, text.as_markdown if form == "markdown" else text.as_text)
