"""Members: the state of each pool and of each of its members, for the report. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fleet53.domain.ids import InstanceId
from fleet53.domain.record import ANSWERING
from fleet53.planning.changes import CreateCheck, DeleteRecord, PutRecord
from fleet53.planning.pool_checks import checks_by_pool, owned_checks
from fleet53.report.model import MemberReport, PoolReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fleet53.domain.health_check import Check, HealthObservation
    from fleet53.domain.ids import CheckId, PoolName
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record
    from fleet53.planning.changes import Plan
    from fleet53.planning.situation import Situation

_ENDED: Final = frozenset({"shutting-down", "terminated"})
"""The EC2 states of an instance that never comes back. EC2 shows it, with its tags, for about an hour."""

type _Place = tuple[PoolName | None, InstanceId | None]


def report_pools(
    situation: Situation, plan: Plan, seen: Mapping[CheckId, HealthObservation], *, health_known: bool
) -> Iterator[PoolReport]:
    """Yield each pool of the plan with its members. `seen` is what Route 53 sees of our health checks."""
    reasons, by_pool = _reasons(plan), checks_by_pool(owned_checks(situation))
    pools = {pool.name: pool for pool in situation.pools}
    for status in plan.statuses:
        checks = by_pool.get(situation.owner.pool_hash(status.pool), {})
        members = _Members(situation, pools[status.pool], seen, reasons, checks, _records(situation, status.pool))
        yield PoolReport(
            name=status.pool,
            record_name=status.record_name,
            members=sum(situation.instances[each].state not in _ENDED for each in status.members),
            in_dns=len(status.in_dns),
            healthy=sum(members.answered(instance_id) for instance_id in status.in_dns),
            pending=len(status.pending),
            standby=len(status.standby),
            instances=tuple(members.report(instance_id) for instance_id in sorted(status.members | status.in_dns)),
            answered=any(record.type in ANSWERING for record in situation.records[status.pool]),
            health_known=health_known or not members.have_checks,
        )


@dataclass(frozen=True, slots=True)
class _Members:
    """A pool's members. `checks` are ours for the pool, `records` those at its name, both by instance."""

    situation: Situation
    pool: Pool
    seen: Mapping[CheckId, HealthObservation]
    reasons: Mapping[_Place, str]
    checks: Mapping[InstanceId, Sequence[Check]]
    records: Mapping[InstanceId, tuple[Record, ...]]

    @property
    def have_checks(self) -> bool:
        """Whether the answers of DNS depend on a health check."""
        return any(record.check_id is not None for records in self.records.values() for record in records)

    def answered(self, instance_id: InstanceId) -> bool:
        """Whether Route 53 answers with a member.

        A record without a health check always counts, and a health check counts as healthy until there is data (Route
        53 Developer Guide, How Amazon Route 53 determines whether a health check is healthy). CloudWatch has data a
        minute later.
        """
        named = [record.check_id for record in self.records[instance_id]]
        return all(check_id is None or check_id not in self.seen or self.seen[check_id].healthy for check_id in named)

    def report(self, instance_id: InstanceId) -> MemberReport:
        """Return the state of a member."""
        instance = self.situation.instances.get(instance_id)
        assessment = self.situation.assess(instance_id, self.pool.name)
        records = self.records.get(instance_id, ())
        check_ids = tuple(record.check_id for record in records if record.check_id is not None)
        if not check_ids:
            check_ids = tuple(check.id for check in self.checks.get(instance_id, ()))
        sights = [self.seen[check_id] for check_id in check_ids if check_id in self.seen]
        worst = min(sights, key=lambda sight: sight.percent, default=None)
        return MemberReport(
            instance_id=instance_id,
            state=instance.state if instance else None,
            lifecycle_state=self.situation.lifecycle_states.get(instance_id),
            group=instance.group if instance else None,
            addresses=self._own_addresses(instance) or tuple(value for record in records for value in record.values),
            launched=instance.launched if instance else None,
            membership=assessment.membership,
            in_dns=bool(records),
            because=self.reasons.get((self.pool.name, instance_id), assessment.because),
            check_ids=check_ids,
            percent_healthy=worst.percent if worst else None,
            seen_since=worst.since if worst else None,
            changed=worst.changed if worst else False,
        )

    def _own_addresses(self, instance: Instance | None) -> tuple[str, ...]:
        if instance is None:
            return ()
        own = (instance.address(self.pool, kind) for kind in self.pool.address.record_types)
        return tuple(str(address) for address in own if address is not None)


def _reasons(plan: Plan) -> dict[_Place, str]:
    """Return why each member is not in its desired state, or what the plan will change."""
    reasons: dict[_Place, str] = {(finding.pool, finding.instance_id): finding.because for finding in plan.findings}
    reasons |= {(waiting.pool, waiting.instance_id): waiting.because for waiting in plan.waiting}
    for change in (*plan.changes, *plan.absent):
        match change:
            case CreateCheck():
                reasons[change.key.pool, change.key.instance_id] = f"a health check is to be created: {change.because}"
            case PutRecord():
                what = "be admitted" if change.admits else "be corrected"
                reasons[change.pool, change.instance_id] = f"is to {what}: {change.because}"
            case DeleteRecord():
                reasons[change.pool, change.instance_id] = f"is to be withdrawn: {change.because}"
    return reasons | {(held.pool, held.instance_id): held.because for held in plan.held}


def _records(situation: Situation, pool: PoolName) -> dict[InstanceId, tuple[Record, ...]]:
    """Return our records of each member at a pool's name, without the fallback."""
    found: dict[InstanceId, tuple[Record, ...]] = {}
    for record in situation.records[pool]:
        holder = situation.owner.instance(record.identifier)
        if holder is not None:
            found[holder] = (*found.get(holder, ()), record)
    return found
