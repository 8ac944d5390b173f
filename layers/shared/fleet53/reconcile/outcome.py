"""Outcome: what a run has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.aws.retrier import is_denied
from fleet53.domain.errors import ZoneUnansweredError
from fleet53.domain.source import Source
from fleet53.planning.changes import DeleteRecord, PutRecord, Waiting
from fleet53.planning.situation import OrphanRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import timedelta

    from fleet53.convergence.apply import Refusal
    from fleet53.convergence.records import UnreadError
    from fleet53.domain.finding import Finding
    from fleet53.domain.health_check import Check
    from fleet53.domain.ids import CheckId, InstanceId, PoolName
    from fleet53.domain.instance import Instance
    from fleet53.domain.lifecycle import Action
    from fleet53.domain.pool import Pool
    from fleet53.planning.changes import Change, CreateCheck, Plan, PoolStatus
    from fleet53.planning.guard import Absent
    from fleet53.planning.hooks import Complete
    from fleet53.planning.situation import Situation
    from fleet53.signals.model import MessageId


@dataclass(slots=True)
class Outcome:
    """What a run has done so far. It grows during the run, so it is complete even when the run fails.

    A field by pool has what the last plan for the pool says. The key None is for records of no pool.
    """

    declared: frozenset[PoolName] = frozenset()
    """The names of all declared pools."""
    pools: dict[PoolName, Pool] = field(default_factory=dict)
    instances: dict[InstanceId, Instance] = field(default_factory=dict)
    """The instances that the run has read."""
    checks: Mapping[CheckId, Check] = field(default_factory=dict)
    """The health checks of the account, as they were read last."""
    actions: list[Action] = field(default_factory=list)
    """The lifecycle actions that a sweep found."""
    statuses: dict[PoolName, PoolStatus] = field(default_factory=dict)
    """From the first plan for each pool, before any change."""
    ready: dict[PoolName, frozenset[InstanceId]] = field(default_factory=dict)
    unhealthy: dict[PoolName, frozenset[InstanceId]] = field(default_factory=dict)
    unanswered: set[PoolName] = field(default_factory=set)
    """The pools that have no record, by their last plan. One that the run only read may be among them: answers.py."""
    valid: tuple[Pool, ...] = ()
    """All valid pools, including those that the run did not pass."""
    shared: set[PoolName] = field(default_factory=set)
    """The pools that depend on the records of another stack at their name, by their last plan."""
    made: list[Change] = field(default_factory=list)
    waiting: dict[PoolName, list[Waiting]] = field(default_factory=dict)
    held: dict[PoolName | None, list[DeleteRecord]] = field(default_factory=dict)
    absent: dict[PoolName | None, list[DeleteRecord]] = field(default_factory=dict)
    unlisted: dict[PoolName | None, str] = field(default_factory=dict)
    """The pools for which no plan of the run was made with a list of the instances, with the reason: Note [Disrupted
    zone] in convergence/instances.py."""
    unshown: dict[InstanceId, str] = field(default_factory=dict)
    """The instances that a pass was asked for and that EC2 did not show, because it listed none, with the reason."""
    remembered: frozenset[Absent] = frozenset()
    """The instances that later runs have to hold too."""
    held_before: frozenset[Absent] = frozenset()
    """Those that an earlier run is known to have held."""
    former: dict[InstanceId, set[OrphanRecord]] = field(default_factory=dict)
    """Our records at names of no pool that the run has read."""
    swept: bool = False
    """Whether a pass was a sweep."""
    findings: dict[PoolName | None, list[Finding]] = field(default_factory=dict)
    completed: list[Complete] = field(default_factory=list)
    unread: dict[PoolName | None, str] = field(default_factory=dict)
    """The pools for which a source that decides about records could not be read, or for which Route 53 did not answer a
    change, with the reason. The key None is for records of no pool."""
    denied: dict[PoolName | None, str] = field(default_factory=dict)
    """The pools for which AWS denied a call, with the reason."""
    retry: dict[MessageId, str] = field(default_factory=dict)
    """The messages to return, with the reason."""
    denied_at_first: set[MessageId] = field(default_factory=set)
    """The messages of `retry` that are returned because of a denial that is not final: Note [Denied at first] in
    returned.py."""
    again: dict[MessageId, timedelta] = field(default_factory=dict)
    """The messages to queue again because AWS does not yet show what their event says, and the delay."""
    left: set[InstanceId] = field(default_factory=set)
    """The members whose health check is left to a later run."""

    def note(
        self,
        situation: Situation,
        plan: Plan,
        findings: tuple[Finding, ...],
        about: Collection[InstanceId] = (),
    ) -> None:
        """Add a plan of a pass that was asked for the instances `about`.

        It replaces the parts of an earlier plan for the same pools.
        """
        self._note_unlisted(situation, about)
        self.declared = situation.declared
        self.valid = situation.valid
        self.pools |= {pool.name: pool for pool in situation.pools}
        self.instances |= situation.instances
        self.checks = self.checks if situation.checks is None else situation.checks
        for orphan in situation.orphans:
            if (instance_id := situation.owner.instance(orphan.record.identifier)) is not None:
                self.former.setdefault(instance_id, set()).add(orphan)
        self.swept = self.swept or situation.swept
        waits: list[Waiting] = []
        for status in plan.statuses:
            self.ready[status.pool] = status.ready
            self.unhealthy[status.pool] = status.unhealthy
            (self.unanswered.discard if status.answered else self.unanswered.add)(status.pool)
            (self.shared.add if status.shared else self.shared.discard)(status.pool)
            self.statuses.setdefault(status.pool, status)
            before = self.waiting.pop(status.pool, [])
            # Without a list of the instances, the members that the pass did not read wait as before.
            waits += (
                [] if situation.listed else [each for each in before if each.instance_id not in situation.instances]
            )
        planned: set[PoolName | None] = {status.pool for status in plan.statuses}
        if situation.swept:
            planned.add(None)
        for place in planned:
            self.findings.pop(place, None)
            self.unread.pop(place, None)
        for pool in situation.pools:
            if (because := situation.why_undecided(pool.name)) is not None:
                self.unread[pool.name] = because
                if situation.denied:
                    self.denied[pool.name] = because
        for waiting in (*waits, *plan.waiting):
            self.waiting.setdefault(waiting.pool, []).append(waiting)
        for finding in (*plan.findings, *findings):
            self.findings.setdefault(finding.pool, []).append(finding)
        # Without a list of the instances, what is absent is not known.
        self._note_absent(plan, planned if situation.listed else frozenset())

    def _note_absent(self, plan: Plan, listed: AbstractSet[PoolName | None]) -> None:
        """Add which members are absent. What an earlier plan says of the places that are `listed` is over."""
        for place in listed:
            self.held.pop(place, None)
            self.absent.pop(place, None)
            self.unlisted.pop(place, None)
        self.remembered = plan.remembered.union(who for who in self.remembered if who[0] not in listed)
        for held in plan.held:
            self.held.setdefault(held.pool, []).append(held)
        for absent in plan.absent:
            self.absent.setdefault(absent.pool, []).append(absent)

    def _note_unlisted(self, situation: Situation, about: Collection[InstanceId]) -> None:
        """Add the pools of a pass in which EC2 listed no instances, and those of `about` that it did not show."""
        self.unshown = {each: because for each, because in self.unshown.items() if each not in situation.instances}
        if situation.listed:
            return
        because = situation.unread[Source.EC2]
        self.unlisted |= {pool.name: because for pool in situation.pools if pool.name not in self.statuses}
        if situation.swept and not self.swept:
            self.unlisted[None] = because
        self.unshown |= dict.fromkeys(set(about) - situation.instances.keys(), because)

    def note_unreadable(self, unreadable: Mapping[PoolName | None, UnreadError]) -> None:
        """Add the pools whose hosted zone could not be read. One that did not answer is to be read again."""
        for pool, error in unreadable.items():
            if is_denied(error):
                self.denied[pool] = str(error)
            if isinstance(error, ZoneUnansweredError):
                self.unread[pool] = str(error)

    def note_unanswered(self, unanswered: Iterable[Refusal], situation: Situation) -> None:
        """Add the pools for which Route 53 did not answer a change.

        In a pass that is not a sweep, records of no pool are at the places of pools that cannot be used, so the
        messages about these pools come again.
        """
        for each in unanswered:
            unusable = {fault.name for fault in situation.faults} if None in each.pools and not situation.swept else ()
            self.unread |= dict.fromkeys((*each.pools, *unusable), each.reason)

    def leave(self, creations: Iterable[CreateCheck], situation: Situation) -> None:
        """Add the members to those that wait, because their health checks are created later."""
        for change in creations:
            pool, instance_id = change.key.pool, change.key.instance_id
            self.left.add(instance_id)
            waits = self.waiting.setdefault(pool, [])
            if all(each.instance_id != instance_id for each in waits):
                launched = situation.instances[instance_id].launched
                waits.append(Waiting(pool, instance_id, "a later run creates its health check", launched))

    @property
    def looked_at(self) -> frozenset[PoolName | None]:
        """The pools whose absent members the run has seen, and None if it has seen the records of no pool."""
        return frozenset((*self.statuses, None) if self.swept else self.statuses) - self.unlisted.keys()

    @property
    def newly_held(self) -> dict[PoolName | None, list[DeleteRecord]]:
        """The withdrawals that no earlier run is known to have held."""
        return {
            pool: [each for each in held if (pool, each.instance_id) not in self.held_before]
            for pool, held in self.held.items()
        }

    def in_dns(self, pool: PoolName) -> frozenset[InstanceId]:
        """Return the members of `pool` that have a record after the run."""
        members = set(self.statuses[pool].in_dns)
        for change in self.made:
            if isinstance(change, PutRecord | DeleteRecord) and change.pool == pool and change.instance_id:
                (members.add if isinstance(change, PutRecord) else members.discard)(change.instance_id)
        return frozenset(members)

    def has_former_record(self, instance_id: InstanceId) -> bool:
        """Whether an instance may have a record at a name of no pool after the run."""
        if instance_id not in self.former:
            return False
        deleted = {OrphanRecord(each.zone_id, each.record) for each in self.made if isinstance(each, DeleteRecord)}
        return not self.former[instance_id] <= deleted

    @property
    def freed(self) -> frozenset[CheckId]:
        """The health checks of records that the run has taken out of DNS, or has replaced."""
        deleted = (change.record for change in self.made if isinstance(change, DeleteRecord))
        replaced = (change.replaces for change in self.made if isinstance(change, PutRecord))
        records = (record for record in (*deleted, *replaced) if record is not None)
        return frozenset(record.check_id for record in records if record.check_id is not None)

    @property
    def emptied(self) -> list[PoolStatus]:
        """The pools whose last member the run withdrew, so that no record is at their name."""
        return [
            status
            for pool, status in self.statuses.items()
            if pool in self.unanswered and status.in_dns and not self.in_dns(pool)
        ]

    @property
    def filled(self) -> list[PoolStatus]:
        """The pools that had no member in DNS before the run, and have one after it."""
        return [status for pool, status in self.statuses.items() if not status.in_dns and self.in_dns(pool)]
