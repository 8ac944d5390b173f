"""Gather: read the situation of some pools. A listing that fails is an error, never an empty list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fleet53.config.pools import Declared, PoolFault, read_pools
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.lifecycle import Action, Transition
from fleet53.planning.situation import OrphanRecord, Situation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool, Zone
    from fleet53.domain.record import Record
    from fleet53.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Gathered:
    """The situation, and what stood in the way of reading it."""

    situation: Situation
    findings: tuple[Finding, ...]


_HELD_BY: Final = {
    "Pending:Wait": (Transition.LAUNCHING,),
    "Warmed:Pending:Wait": (Transition.LAUNCHING, Transition.TERMINATING),
}
"""Which hooks hold an instance in these states; in every other one that waits, a terminate hook."""


def gather(scope: Scope, settings: Settings, aws: Aws) -> Gathered:
    """Read pools, instances and records; checks too where the scope says so (else `add_checks`, where they matter)."""
    declared = read_pools(aws.parameters.read())
    pools, zones, faults = _check_zones(declared, scope, aws)
    reader = _RecordReader(declared, settings, aws)
    records, more_faults = reader.sweep(pools) if scope.sweep else reader.read(pools)
    faults += more_faults
    readable = tuple(pool for pool in pools if pool.name in records)
    situation = Situation(
        owner=settings.owner,
        pools=readable,
        declared=frozenset(pool.name for pool in declared.pools) | {fault.name for fault in declared.faults},
        faults=faults,
        zones={pool.zone_id: zones[pool.zone_id] for pool in readable},
        instances=aws.ec2.tagged(),
        records=records,
        orphans=tuple(reader.orphans),
        swept=scope.sweep,
        whole=scope.pools is None,
    )
    owned = (record for found in records.values() for record in found)
    holders = _holders(situation, [*owned, *(orphan.record for orphan in reader.orphans)])
    situation = _add_states(_add_instances(situation, holders, aws), aws)
    if scope.sweep or (scope.checks and situation.pools):
        situation = add_checks(situation, aws)
    found = (
        Finding(fault.kind, fault.because, fault.name, record_name=fault.record_name)
        for fault in faults
        if scope.covers(fault.name)
    )
    return Gathered(situation, (*found, *reader.findings))


def add_checks(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the account's checks, and with the instances that our checks are for."""
    checks = aws.route53.checks()
    references = (situation.owner.read_reference(check.reference) for check in checks.values())
    holders = {reference.instance_id for reference in references if reference is not None}
    return _add_instances(replace(situation, checks=checks), holders, aws)


def add_health(situation: Situation, check_ids: Iterable[CheckId], aws: Aws, *, now: datetime) -> Situation:
    """Return the situation with what Route 53 sees of `check_ids`."""
    wanted = frozenset(check_ids)
    return replace(situation, healthy=aws.health.read(wanted, now=now)) if wanted else situation


def waiting_actions(situation: Situation, aws: Aws) -> Iterator[Action]:
    """Yield the lifecycle actions at which members of the pass's pools wait for us, as Auto Scaling shows them.

    The scaling activity tells since when. Without the event there is no token, and no telling whether an instance on
    its way into the warm pool comes from a launch or from the group: it waits at one of the hooks, the other is over.
    """
    for instance in situation.instances.values():
        state = situation.lifecycle_states.get(instance.id, "")
        if instance.group is None or not state.endswith(":Wait"):
            continue
        for hook, transition in aws.autoscaling.hooks(instance.group):
            if transition in _HELD_BY.get(state, (Transition.TERMINATING,)):
                began = aws.autoscaling.activity_starts(instance.group).get(instance.id, instance.launched)
                returns = state == "Warmed:Pending:Wait" and transition is Transition.TERMINATING
                warm = state.startswith("Warmed:") and not returns
                yield Action(instance.group, hook, instance.id, transition, began, heartbeat_at=began, warm=warm)


def _check_zones(
    declared: Declared, scope: Scope, aws: Aws
) -> tuple[tuple[Pool, ...], dict[ZoneId, Zone], tuple[PoolFault, ...]]:
    """Return the pools of the scope whose zone is readable and holds their name, the zones, and all faulty pools.

    A sweep looks at every pool, because one that is faulty now may own what else would be nobody's.
    """
    readable: list[Pool] = []
    zones: dict[ZoneId, Zone] = {}
    faults = list(declared.faults)
    for pool in declared.pools:
        if not (scope.covers(pool.name) or scope.sweep):
            continue
        try:
            zone = zones[pool.zone_id] = aws.route53.zone(pool.zone_id)
        except ZoneUnreadableError as error:
            faults.append(_unreadable(pool, error))
            continue
        if not zone.holds(pool.record_name):
            because = f"pool {pool.name}: record_name={pool.record_name!r} is outside its zone {zone.name} ({zone.id})"
            faults.append(PoolFault(pool.name, because))
        elif scope.covers(pool.name):
            readable.append(pool)
    return tuple(readable), zones, tuple(faults)


def _unreadable(pool: Pool, error: ZoneUnreadableError) -> PoolFault:
    return PoolFault(pool.name, str(error), FindingKind.ZONE_UNREADABLE, pool.record_name)


@dataclass(slots=True)
class _RecordReader:
    """Reads the records of pools. `orphans` and `findings` come of a sweep."""

    declared: Declared
    settings: Settings
    aws: Aws
    orphans: list[OrphanRecord] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def read(self, pools: Iterable[Pool]) -> tuple[dict[PoolName, tuple[Record, ...]], tuple[PoolFault, ...]]:
        """Return the records at each pool's name, and the pools whose zone cannot be read."""
        records: dict[PoolName, tuple[Record, ...]] = {}
        faults: list[PoolFault] = []
        for pool in pools:
            try:
                records[pool.name] = self.aws.route53.records_at(pool.zone_id, pool.record_name)
            except ZoneUnreadableError as error:
                faults.append(_unreadable(pool, error))
        return records, tuple(faults)

    def sweep(self, pools: Collection[Pool]) -> tuple[dict[PoolName, tuple[Record, ...]], tuple[PoolFault, ...]]:
        """Do the same by reading whole zones, those of the settings too, and note what no pool claims."""
        records: dict[PoolName, tuple[Record, ...]] = {}
        faults: list[PoolFault] = []
        for zone_id in sorted({*self.settings.zone_ids, *(pool.zone_id for pool in pools)}):
            here = [pool for pool in pools if pool.zone_id == zone_id]
            try:
                found = self.aws.route53.records_in(zone_id)
            except ZoneUnreadableError as error:
                faults += (_unreadable(pool, error) for pool in here)
                if not any(pool.zone_id == zone_id for pool in self.declared.pools):
                    self.findings.append(Finding(FindingKind.ZONE_UNREADABLE, str(error)))
                continue
            for pool in here:
                records[pool.name] = tuple(record for record in found if record.name == pool.record_name)
            self._note_orphans(zone_id, found)
        return records, tuple(faults)

    def _note_orphans(self, zone_id: ZoneId, records: Iterable[Record]) -> None:
        claimed = {pool.record_name for pool in self.declared.pools if pool.zone_id == zone_id}
        for record in records:
            if self.settings.owner.holder(record.identifier) is not None and record.name not in claimed:
                self.orphans.append(OrphanRecord(zone_id, record))


def _holders(situation: Situation, records: Iterable[Record]) -> set[InstanceId]:
    holders = {situation.owner.instance(record.identifier) for record in records}
    return {holder for holder in holders if holder is not None}


def _add_instances(situation: Situation, instance_ids: Iterable[InstanceId], aws: Aws) -> Situation:
    """Describe the instances that are not known yet: those that lost their tag, and those that are gone."""
    unknown = set(instance_ids) - situation.instances.keys()
    if not unknown:
        return situation
    return replace(situation, instances={**situation.instances, **aws.ec2.by_id(unknown)})


def _add_states(situation: Situation, aws: Aws) -> Situation:
    """Add what Auto Scaling and Spot say of the running instances that the pools of the pass are about."""
    concerned = [instance for instance in situation.instances.values() if _concerns(instance, situation)]
    return replace(
        situation,
        lifecycle_states=aws.autoscaling.lifecycle_states(
            instance.id for instance in concerned if instance.group is not None
        ),
        spot=aws.ec2.spot_status(instance.id for instance in concerned if instance.spot),
    )


def _concerns(instance: Instance, situation: Situation) -> bool:
    return instance.state == "running" and any(pool.name in instance.pools for pool in situation.pools)
