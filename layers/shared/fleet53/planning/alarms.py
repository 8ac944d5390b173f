"""Alarms: which alarms of members a plan puts and deletes. Pure.

Note [Alarms]: fleet53 creates an alarm for each member of a pool whose health checks follow EC2_STATUS. It is put
before the health check that follows it, and deleted after the last one: Route 53 refuses a health check of an alarm
that does not exist, and AWS does not document what happens to a health check whose alarm is deleted. The alarm of a
member that stays is not deleted, even if no health check follows it: another pass may be about to create that health
check. Alarms that the operator keeps are only read.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fleet53.domain.alarm import AlarmConfig, AlarmSettings, status_rule
from fleet53.domain.finding import FindingKind
from fleet53.planning.changes import DeleteAlarm, PutAlarm
from fleet53.planning.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet53.domain.ids import CheckId, InstanceId, PoolName
    from fleet53.domain.pool import Pool
    from fleet53.planning.changes import Plan
    from fleet53.planning.pool_checks import OwnedChecks
    from fleet53.planning.situation import Situation


def makes_alarms(pool: Pool) -> bool:
    """Whether fleet53 creates an alarm for each member of the pool."""
    return isinstance(pool.check, AlarmSettings) and pool.check.name is None


def alarms_to_put(situation: Situation, owned: OwnedChecks, plan: Plan) -> Iterator[PutAlarm]:
    """Yield the alarms of ours that health checks follow, if they were deleted or edited by hand."""
    if situation.alarms is None:
        return
    pools, deleted = {pool.name: pool for pool in situation.pools}, _deleted(plan)
    for name, check_ids in sorted(_followers(owned).items()):
        held = situation.owner.read_alarm_name(name)
        if held is None or not check_ids - deleted or held[0] not in pools or not makes_alarms(pools[held[0]]):
            continue
        rule, alarm = status_rule(held[1]), situation.alarms.get(name)
        if alarm is None or alarm.rule != rule:
            because = f"its alarm {name} {'does not exist' if alarm is None else 'was edited by hand'}"
            yield PutAlarm(*held, name, rule, FindingKind.CHECK_MISMATCH, because)


def alarms_to_delete(situation: Situation, owned: OwnedChecks, plan: Plan) -> Iterator[DeleteAlarm]:
    """Yield the alarms of ours that no member needs and that no health check follows once the plan is made."""
    followers, deleted = _followers(owned), _deleted(plan)
    used = {change.config.alarm for change in plan.create_checks if isinstance(change.config, AlarmConfig)}
    pools = {pool.name: pool for pool in situation.pools}
    for name in sorted(situation.alarms or ()):
        held = situation.owner.read_alarm_name(name)
        if held is None or name in used or followers[name] - deleted:
            continue
        if (because := _why_unneeded(situation, pools, *held)) is not None:
            pool = held[0] if held[0] in pools else None
            yield DeleteAlarm(pool, held[1], name, frozenset(followers[name]), FindingKind.ORPHAN_CHECK, because)


def _why_unneeded(
    situation: Situation, pools: Mapping[PoolName, Pool], pool: PoolName, instance_id: InstanceId
) -> str | None:
    if pool not in pools:
        gone = situation.swept and pool not in situation.declared
        return "it has an alarm of a pool that is not declared any more" if gone else None
    if not makes_alarms(pools[pool]):
        return "it has an alarm, and its pool's health checks follow no alarms of fleet53 any more"
    assessment = situation.assess(instance_id, pool)
    return f"it has an alarm; {assessment.because}" if assessment.membership is Membership.WITHDRAW else None


def _followers(owned: OwnedChecks) -> defaultdict[str, set[CheckId]]:
    """Return our health checks by the name of the alarm that they follow."""
    found: defaultdict[str, set[CheckId]] = defaultdict(set)
    for check, _ in owned:
        if isinstance(check.config, AlarmConfig):
            found[check.config.alarm].add(check.id)
    return found


def _deleted(plan: Plan) -> set[CheckId]:
    return {change.check_id for change in plan.delete_checks}
