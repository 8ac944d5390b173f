"""The situation: all that a plan is made from, as it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.planning.membership import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.config.pools import PoolFault
    from fleet53.domain.identity import Owner
    from fleet53.domain.model import Check, CheckId, Instance, InstanceId, Pool, PoolName, Record, Zone, ZoneId


@dataclass(frozen=True, slots=True)
class OrphanRecord:
    """A record of ours at a name that no usable pool has."""

    zone_id: ZoneId
    record: Record


@dataclass(frozen=True, slots=True)
class Situation:
    """What is, at the time of a pass.

    `pools` are those of the pass, `zones` the hosted zones that they are in, `declared` the names of all declared
    pools, faulty ones too. `records` holds every record at a pool's name, whosever it is. `checks` are all of the
    account, or None where they were not read. `healthy` says what Route 53 sees of a check; a check that is missing
    there has no data yet. `orphans` are known only after a sweep. `whole` is whether the pass is about all pools.
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
        """Return what `pool` owes the instance."""
        return judge(
            self.instances.get(instance_id),
            pool,
            self.lifecycle_states.get(instance_id),
            self.spot.get(instance_id),
        )

    def tagged_for(self, pool: PoolName) -> frozenset[InstanceId]:
        """Return the instances whose tag names `pool`."""
        return frozenset(instance.id for instance in self.instances.values() if pool in instance.pools)
