"""Quotas: reads how much of Route 53's limits is used."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from fleet53.domain.health_check import MAX_CHECK_CREATIONS
from fleet53.domain.record import MAX_RECORDS_PER_NAME
from fleet53.report.model import Quota, Quotas

if TYPE_CHECKING:
    from datetime import datetime

    from fleet53.audit.informing import InformingReads
    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.planning.situation import Situation


def read_quotas(
    settings: Settings, situation: Situation, aws: Aws, informing: InformingReads, *, now: datetime
) -> Quotas:
    """Return the quotas of the account and of each zone of the stack or its pools, without those not read."""
    zone_ids = sorted({*settings.zone_ids, *situation.zones})
    limits = {
        zone_id: informing.read("record limit not read", partial(aws.route53.record_limit, zone_id), None)
        for zone_id in zone_ids
    }
    checks = informing.read("health check limit not read", aws.route53.check_limit, None)
    created = informing.read(
        "number of created health checks not read", lambda: aws.usage.check_creations(now=now), None
    )
    return Quotas(
        health_checks=None if checks is None else Quota(*checks),
        check_creations=None if created is None else Quota(created, MAX_CHECK_CREATIONS),
        records={zone_id: Quota(*limit) for zone_id, limit in limits.items() if limit is not None},
        names=_names(situation),
    )


def _names(situation: Situation) -> dict[str, Quota]:
    """Return how many multivalue records, ours and foreign ones, each pool's name has of the type with most of them."""
    used: dict[str, int] = {}
    for pool in situation.pools:
        types = Counter(record.type for record in situation.records[pool.name] if record.multivalue)
        used[pool.record_name] = max(used.get(pool.record_name, 0), *types.values(), 0)
    return {name: Quota(count, MAX_RECORDS_PER_NAME) for name, count in used.items()}
