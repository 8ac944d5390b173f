"""The situation: everything that a plan is made from, as it was read from AWS."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fleet53.domain.alarm import AlarmConfig, AlarmSettings
from fleet53.domain.source import Source
from fleet53.planning.membership import Assessment, Membership, assess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet53.config.pools import PoolFault
    from fleet53.domain.alarm import Alarm
    from fleet53.domain.health_check import Check
    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Place, Pool, Zone
    from fleet53.domain.record import Record


_LIKE_AN_ID: Final = re.compile(r"i-[0-9a-z]+")
"""The form that instance ids have, or may have later: EC2 has made them longer before."""


@dataclass(frozen=True, slots=True)
class OrphanRecord:
    """A record of ours at a name that no pool has."""

    zone_id: ZoneId
    record: Record


@dataclass(frozen=True, slots=True)
class Situation:
    """What AWS has at the time of a pass."""

    owner: Owner
    pools: tuple[Pool, ...]
    """The pools of the pass."""
    declared: frozenset[PoolName]
    """The names of all declared pools, those of `faults` too."""
    faults: tuple[PoolFault, ...] = ()
    zones: Mapping[ZoneId, Zone] = field(default_factory=dict)
    """The hosted zones that the pools of the pass are in."""
    instances: Mapping[InstanceId, Instance] = field(default_factory=dict)
    lifecycle_states: Mapping[InstanceId, str] = field(default_factory=dict)
    """Auto Scaling's lifecycle states."""
    spot: Mapping[InstanceId, str] = field(default_factory=dict)
    """The status codes of Spot requests."""
    records: Mapping[PoolName, tuple[Record, ...]] = field(default_factory=dict)
    """All record sets at each pool's name, ours and foreign ones."""
    orphans: tuple[OrphanRecord, ...] = ()
    """Our records at names that no pool has. All of them are known only after a sweep."""
    others: tuple[tuple[ZoneId, Record], ...] = ()
    """Our records at the names of pools outside the pass, known only after a sweep."""
    valid: tuple[Pool, ...] = ()
    """All valid pools, those outside the pass too."""
    checks: Mapping[CheckId, Check] | None = None
    """All health checks of the account, None if they were not read."""
    healthy: Mapping[CheckId, bool] = field(default_factory=dict)
    """Whether Route 53 sees a health check healthy. A health check without data is missing."""
    late: frozenset[CheckId] = frozenset()
    """The health checks that had data for AdmitTimeout and were never healthy. They are read only if a name is full."""
    alarms: Mapping[str, Alarm] | None = None
    """The alarms that the pools' health checks follow or will follow, and all that the stack made, by name. None if
    they were not read."""
    swept: bool = False
    """Whether the pass is a sweep."""
    blind: bool = False
    """Whether a hosted zone could not be read."""
    freed: frozenset[CheckId] = frozenset()
    """The health checks of records that the run took out of DNS before this pass."""
    whole: bool = True
    """Whether the pass is about all pools."""
    unread: Mapping[Source, str] = field(default_factory=dict)
    """The sources that could not be read, with the reason."""
    denied: frozenset[Source] = frozenset()
    """The sources of `unread` that AWS denied."""
    _tagged: dict[PoolName, frozenset[InstanceId]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def listed(self) -> bool:
        """Whether EC2 listed the instances: Note [Disrupted zone] in convergence/instances.py."""
        return Source.EC2 not in self.unread

    @property
    def places(self) -> frozenset[Place]:
        """The places of all valid pools."""
        return frozenset(pool.place for pool in self.valid)

    @property
    def by_alarm(self) -> Mapping[CheckId, str]:
        """The account's health checks of alarms, each with the name of its alarm."""
        checks = (self.checks or {}).values()
        return {check.id: check.config.alarm for check in checks if isinstance(check.config, AlarmConfig)}

    def assess(self, instance_id: InstanceId, pool: PoolName) -> Assessment:
        """Return the membership of the instance in `pool`, with its reason.

        A SetIdentifier that was written by hand may name no instance. No event reports that, and EC2 cannot show it. So
        it is evidence.
        """
        if instance_id not in self.instances and not _LIKE_AN_ID.fullmatch(instance_id):
            return Assessment(Membership.WITHDRAW, f"{instance_id!r} in its SetIdentifier is not an instance id")
        return assess(
            self.instances.get(instance_id),
            pool,
            self.lifecycle_states.get(instance_id),
            self.spot.get(instance_id),
            self.unread,
        )

    def why_undecided(self, pool: PoolName) -> str | None:
        """Return which source that decides about the pool's records could not be read, None if all were read."""
        if Source.CHECKS in self.unread:
            return f"{Source.CHECKS} could not be read: {self.unread[Source.CHECKS]}"
        if Source.ALARMS in self.unread and any(
            each.name == pool and isinstance(each.check, AlarmSettings) for each in self.pools
        ):
            return f"{Source.ALARMS} could not be read: {self.unread[Source.ALARMS]}"
        assessments = (self.assess(instance_id, pool) for instance_id in sorted(self.tagged_for(pool)))
        return next((assessment.because for assessment in assessments if assessment.unread), None)

    def without(self, source: Source, because: object, *, denied: bool = False) -> Situation:
        """Return the situation without a source that could not be read; `denied` is whether AWS denied it."""
        unread = {**self.unread, source: str(because)}
        return replace(self, unread=unread, denied=self.denied | {source} if denied else self.denied)

    def own_records(self) -> Iterator[tuple[ZoneId, Record]]:
        """Yield every record of ours that was read, with its hosted zone."""
        for pool in self.pools:
            for record in self.records[pool.name]:
                if self.owner.holder(record.identifier) is not None:
                    yield pool.zone_id, record
        yield from ((orphan.zone_id, orphan.record) for orphan in self.orphans)
        yield from self.others

    def tagged_for(self, pool: PoolName) -> frozenset[InstanceId]:
        """Return the instances whose tag names `pool`."""
        if not self._tagged:  # looked up once for all pools: there may be thousands of instances, and hundreds of pools
            found: defaultdict[PoolName, set[InstanceId]] = defaultdict(set)
            for instance in self.instances.values():
                for name in instance.pools:
                    found[name].add(instance.id)
            self._tagged.update((name, frozenset(ids)) for name, ids in found.items())
        return self._tagged.get(pool, frozenset())
