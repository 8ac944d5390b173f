"""The situation: everything that a plan is made from, as it was read from AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.planning.membership import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.config.pools import PoolFault
    from fleet53.domain.health_check import Check
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool, Zone
    from fleet53.domain.record import Record


@dataclass(frozen=True, slots=True)
class OrphanRecord:
    """A record of ours at a name that no pool has."""

    zone_id: ZoneId
    record: Record


@dataclass(frozen=True, slots=True)
class Situation:
    """What AWS has at the time of a pass.

    `pools` are those of the pass, and `zones` the hosted zones that they are in. `declared` are the names of all
    declared pools, those of `faults` too. `lifecycle_states` are Auto Scaling's, `spot` the status codes of Spot
    requests. `records` are all record sets at a pool's name, whoever made them. `orphans` are known only after a sweep
    (`swept`). `checks` are all health checks of the account, or None where they were not read. `healthy` is whether
    Route 53 sees a check healthy; a check that is missing there has no data yet. `whole` is whether the pass is about
    all pools.
    """

    owner: Owner
    pools: tuple[Pool, ...]
    declared: frozenset[PoolName]
    faults: tuple[PoolFault, ...] = ()
    zones: Mapping[ZoneId, Zone] = field(default_factory=dict)
    instances: Mapping[InstanceId, Instance] = field(default_factory=dict)
    lifecycle_states: Mapping[InstanceId, str] = field(default_factory=dict)
    spot: Mapping[InstanceId, str] = field(default_factory=dict)
    records: Mapping[PoolName, tuple[Record, ...]] = field(default_factory=dict)
    orphans: tuple[OrphanRecord, ...] = ()
    checks: Mapping[CheckId, Check] | None = None
    healthy: Mapping[CheckId, bool] = field(default_factory=dict)
    swept: bool = False
    whole: bool = True

    def verdict(self, instance_id: InstanceId, pool: PoolName) -> Verdict:
        """Return the membership of the instance in `pool`, with its reason."""
        return judge(
            self.instances.get(instance_id),
            pool,
            self.lifecycle_states.get(instance_id),
            self.spot.get(instance_id),
        )

    def tagged_for(self, pool: PoolName) -> frozenset[InstanceId]:
        """Return the instances whose tag names `pool`."""
        return frozenset(instance.id for instance in self.instances.values() if pool in instance.pools)
