"""Quotas: reads how much of Route 53's limits is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.model import MAX_CHECK_CREATIONS
from fleet53.report.model import Quota, Quotas

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.log import Log
    from fleet53.domain.model import ZoneId
    from fleet53.planning.situation import Situation


def read_quotas(settings: Settings, situation: Situation, aws: Aws, log: Log, *, now: datetime) -> Quotas:
    """Return the limits of the account and of each zone of the stack or its pools.

    A quota that CloudWatch or a hosted zone does not return is logged and left out.
    """
    zone_ids = sorted({*settings.zone_ids, *situation.zones})
    return Quotas(
        health_checks=Quota(*aws.route53.check_limit()),
        check_creations=_creation_quota(aws, log, now=now),
        records={zone_id: quota for zone_id in zone_ids for quota in _record_quota(zone_id, aws, log)},
    )


def _creation_quota(aws: Aws, log: Log, *, now: datetime) -> Quota | None:
    try:
        return Quota(aws.usage.check_creations(now=now), MAX_CHECK_CREATIONS)
    except AWS_ERRORS as error:
        log.warning("number of created health checks not read", extra={"because": str(error)})
        return None


def _record_quota(zone_id: ZoneId, aws: Aws, log: Log) -> Iterator[Quota]:
    try:
        yield Quota(*aws.route53.record_limit(zone_id))
    except ZoneUnreadableError as error:
        log.warning("record limit not read", extra={"because": str(error)})
