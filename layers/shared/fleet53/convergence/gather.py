"""Gather: read the situation of some pools. A listing that fails is an error, never an empty list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fleet53.convergence.checks import add_checks
from fleet53.convergence.declared import read_declared
from fleet53.convergence.instances import add_instances, add_states, list_instances
from fleet53.convergence.pools import read_usable_pools
from fleet53.convergence.records import read_records, sweep_records
from fleet53.domain.finding import Finding
from fleet53.planning.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.convergence.records import UnreadError
    from fleet53.domain.ids import PoolName
    from fleet53.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class Gathered:
    """The situation of some pools, and a finding for each pool or hosted zone that could not be read.

    `unreadable` are the pools whose hosted zone could not be read, with the error; None is as in FoundRecords.
    """

    situation: Situation
    findings: tuple[Finding, ...]
    unreadable: Mapping[PoolName | None, UnreadError] = field(default_factory=dict)


def gather(scope: Scope, settings: Settings, aws: Aws) -> Gathered:
    """Read the pools of the scope, their records and instances, and the health checks if the scope asks for them.

    A wrong parameter does not say where the records of its pool are. Only a sweep finds them, and one of their
    instances may be leaving. So a pass about such a pool is a sweep.
    """
    declared, unanswered = read_declared(scope, settings, aws)
    usable = read_usable_pools(scope, declared, aws)
    if scope.checks and not scope.sweep and any(scope.covers(name) for name in usable.unplaced):
        scope = replace(scope, sweep=True)
        usable = read_usable_pools(scope, declared, aws)
    found = sweep_records(usable, settings, aws) if scope.sweep else read_records(usable, settings, aws)
    faults = (*usable.faults, *found.faults)
    pools = tuple(pool for pool in usable.pools if pool.name in found.at_pools)
    instances, unread = list_instances(scope.about, aws)
    situation = Situation(
        owner=settings.owner,
        pools=pools,
        declared=usable.declared_names,
        faults=faults,
        zones={pool.zone_id: usable.zones[pool.zone_id] for pool in pools if pool.zone_id in usable.zones},
        instances=instances,
        records=found.at_pools,
        orphans=found.orphans,
        others=found.others,
        valid=usable.declared.pools,
        swept=scope.sweep,
        blind=found.blind,
        whole=scope.pools is None,
        unread=unread,
    )
    situation = add_states(add_instances(situation, found.holders(settings.owner), aws), aws)
    if scope.sweep or (scope.checks and situation.pools):
        situation = add_checks(situation, aws)
    findings = (
        Finding(fault.kind, fault.because, fault.name, record_name=fault.record_name)
        for fault in faults
        if scope.covers(fault.name)
    )
    return Gathered(situation, (*findings, *found.findings), {**unanswered, **found.unreadable})
