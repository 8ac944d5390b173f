"""Health check names: the names of health checks, which the Route 53 console shows. Pure.

Note [Names]: the name is a tag. CreateHealthCheck does not take tags, so naming costs one request for each health
check. The name is for people only, so no admission and no withdrawal waits for it, and a burst sends no request for it.
An audit that repairs finds health checks without a name among those that records name. The reconciler names them when
it has nothing else to do. ListHealthChecks does not return tags, and one request reads those of TOGETHER health checks.
So the audit reads few: those of the newest launches, which most probably have no name, and as many others, chosen at
random. It reads more only while it finds health checks without a name. Decision 27 has the reasons.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fleet53.domain.health_check import Check
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import CheckId, InstanceId, PoolName
    from fleet53.planning.situation import Situation

TOGETHER: Final = 10
"""How many health checks one request reads the tags of (ListTagsForResources)."""


class Named(NamedTuple):
    """The member that a health check belongs to. Its text form is the health check's name."""

    pool: PoolName
    instance_id: InstanceId

    def __str__(self) -> str:
        return f"{self.pool}/{self.instance_id}"


def check_names(checks: Iterable[Check], owner: Owner, pools: Iterable[PoolName]) -> dict[CheckId, Named]:
    """Return the name of each of our health checks in `pools`, in the order of `checks`."""
    by_hash = {owner.pool_hash(pool): pool for pool in pools}
    references = ((check.id, owner.read_reference(check.reference)) for check in checks)
    return {
        check_id: Named(by_hash[reference.pool_hash], reference.instance_id)
        for check_id, reference in references
        if reference is not None and reference.pool_hash in by_hash
    }


def find_to_look_at(situation: Situation, *, now: datetime) -> Mapping[CheckId, Named]:
    """Return our health checks that records name, in the order in which an audit reads their tags: Note [Names]."""
    in_dns = {record.check_id for _, record in situation.own_records()}
    checks = (check for check in (situation.checks or {}).values() if check.id in in_dns)
    names = check_names(checks, situation.owner, situation.declared)
    launched = {
        check_id: (situation.instances[name.instance_id].launched, check_id)
        for check_id, name in names.items()
        if name.instance_id in situation.instances
    }
    newest_first = sorted(launched, key=lambda check_id: launched[check_id], reverse=True)
    newest, others = newest_first[:TOGETHER], newest_first[TOGETHER:]
    random.Random(now.timestamp()).shuffle(others)
    return {check_id: names[check_id] for check_id in (*newest, *others)}
