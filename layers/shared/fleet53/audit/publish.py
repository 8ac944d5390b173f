"""Publish: what an audit found, as a log line, and as metrics and events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.audit.metrics import measure_audit
from fleet53.report.json import as_json, for_log
from fleet53.telemetry.events import report_events, send_events
from fleet53.telemetry.metrics import emit, measure_requests

if TYPE_CHECKING:
    from fleet53.aws.clients import Aws
    from fleet53.aws.connection import Connection
    from fleet53.domain.log import Log
    from fleet53.report.model import Report


def write_log(report: Report, log: Log) -> None:
    """Log the report, always as JSON, in several lines if it does not fit into one."""
    pools = tuple(replace(pool, instances=()) for pool in report.pools)  # the log has no rows for members
    first, *others = for_log(as_json(replace(report, pools=pools)))
    log.info("audit", extra={"report": first, "dry_run": report.dry_run})
    for part in others:
        log.info("audit, continued", extra={"report": part})


def publish(report: Report, connection: Connection[Aws], log: Log) -> None:
    """Write the report's metrics and send its events."""
    emit([*measure_audit(report), *measure_requests(connection.retrier)], connection.settings.owner)
    send_events(report_events(report), connection.aws.bus, log)
