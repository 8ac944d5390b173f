"""Declared: reads the pools that the parameters declare, and finds the pool that has a contested place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.aws.retrier import DISPENSABLE
from fleet53.config.claims import read_pools
from fleet53.domain.errors import ZoneUnansweredError, ZoneUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.aws.clients import Aws
    from fleet53.config.claims import Declared
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import InstanceId, PoolName
    from fleet53.domain.pool import Place
    from fleet53.domain.scope import Scope


def read_declared(
    scope: Scope, settings: Settings, aws: Aws
) -> tuple[Declared, Mapping[PoolName | None, ZoneUnansweredError]]:
    """Read the declared pools, and for each contested place the records there and their instances.

    If only a wrong parameter makes a place contested, the place is read only for a pass about its pools. If a place
    cannot be read, none of the pools that claim it is served: Note [One place, one pool] in config/claims.py. The pools
    that claim a place about which Route 53 did not answer are returned too, each with the error.
    """
    declared = read_pools(aws.parameters.read(), settings.allowed)
    about_all = scope.sweep or any(scope.covers(name) for name in declared.unplaced)
    holders: dict[Place, frozenset[InstanceId]] = {}
    unanswered: dict[PoolName | None, ZoneUnansweredError] = {}
    for place, claimants in declared.contested.items():
        if about_all or len(claimants) > 1 or any(scope.covers(pool.name) for pool in claimants.values()):
            try:
                with aws.retrier.within(replace(DISPENSABLE, about=place[0])):
                    holders[place] = _holders(place, settings, aws)
            except ZoneUnansweredError as error:
                unanswered |= dict.fromkeys((pool.name for pool in claimants.values()), error)
    instances = aws.ec2.by_id({each for ids in holders.values() for each in ids})
    tags: dict[Place, list[frozenset[PoolName]]] = {
        place: [instances[each].pools for each in sorted(ids) if each in instances] for place, ids in holders.items()
    }
    return declared.resolved(tags), unanswered


def _holders(place: Place, settings: Settings, aws: Aws) -> frozenset[InstanceId]:
    """Return the instances that hold a record of ours at a place."""
    try:
        records = aws.route53.records_at(*place)
    except ZoneUnreadableError:
        return frozenset()
    return settings.owner.instances(record.identifier for record in records)
