"""The widget: shows an audit as a page on the CloudWatch dashboard. A repair goes through the signals queue."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from fleet53.audit.run import audit
from fleet53.aws.clients import Clients
from fleet53.domain.errors import NotUnderstoodError
from fleet53.report.page import write_failure, write_page
from fleet53.report.size import write_within
from fleet53.widget import DESCRIPTION, is_describe, read_request, read_view

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
clients = Clients("widget")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> str:
    """Return a page in every case: CloudWatch would show nothing helpful about an error that is raised.

    The widget writes no metrics, so they do not depend on how often the dashboard is opened.
    """
    if is_describe(event):
        return DESCRIPTION
    view = read_view(event, context.invoked_function_arn)
    try:
        request = read_request(event)
        view = replace(view, pools=None if request.pools is None else tuple(request.pools))
        connection = clients.connect(os.environ, context)
        report = audit(request.audit, connection.settings, connection.aws, logger, now=connection.now())
        page = write_within(report, partial(write_page, view=view, repaired=request.audit.repair))
    except NotUnderstoodError as error:
        logger.warning("widget event not valid", extra={"because": str(error)})
        return write_failure("These parameters are not understood", str(error), view, again=False)
    except Exception as error:  # after any error the viewer gets a page
        logger.exception("audit failed")
        return write_failure("The audit failed", f"{type(error).__name__}: {error}", view)
    if request.action == "repair":
        logger.info("repair queued", extra={"queued": report.queued, "force": request.force, "pools": request.pools})
    return page
