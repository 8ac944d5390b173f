"""Replacement: members that their Auto Scaling groups should replace, because they were unhealthy for too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.model import InstanceId, PoolName
    from fleet53.planning.changes import Plan
    from fleet53.planning.situation import Situation

_SHARE: Final = 3
"""At most one in this number of a pool's members is replaced at the same time."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A member that its group should replace."""

    pool: PoolName
    instance_id: InstanceId
    because: str


def to_replace(
    *,
    in_dns: AbstractSet[InstanceId],
    unhealthy: AbstractSet[InstanceId],
    for_long: AbstractSet[InstanceId],
    leaving: AbstractSet[InstanceId],
) -> tuple[InstanceId, ...]:
    """Return the members to replace now.

    `in_dns` are the pool's members with a record, `unhealthy` those that Route 53 sees unhealthy now. `for_long` are
    members in service that were unhealthy for the whole allowed time, `leaving` members that are already marked
    unhealthy or terminating. If all members are unhealthy, the health check is the likely fault, and none is replaced.
    """
    if unhealthy >= in_dns:
        return ()
    room = max(0, len(in_dns) // _SHARE - len(leaving))
    return tuple(sorted(for_long & unhealthy - leaving)[:room])


def find_replacements(
    situation: Situation, plan: Plan, settings: Settings, aws: Aws, *, now: datetime
) -> Iterator[Replacement]:
    """Yield the members of the plan's pools that their groups should replace, if ReplaceUnhealthyAfter is set."""
    window = settings.replace_unhealthy_after
    if not window:
        return
    for status in plan.statuses:
        checks = {
            record.check_id: holder
            for record in situation.records[status.pool]
            if record.check_id is not None
            and (holder := situation.owner.instance(record.identifier)) is not None
            and holder in status.in_dns
        }
        seen = aws.health.seen(checks, now=now)
        unhealthy = {checks[check_id] for check_id, healthy in seen.items() if not healthy}
        for_long = {checks[check_id] for check_id in aws.health.unhealthy_throughout(checks, window, now=now)}
        in_service = {member for member in status.members if situation.lifecycle_states.get(member) == "InService"}
        going = {
            member for member in status.members if situation.lifecycle_states.get(member, "").startswith("Terminating")
        }
        for member in to_replace(
            in_dns=status.in_dns,
            unhealthy=unhealthy,
            for_long=for_long & in_service,
            leaving=going | aws.autoscaling.marked_unhealthy(in_service),
        ):
            yield Replacement(
                status.pool, member, f"Route 53 sees it unhealthy for {window.total_seconds() / 60:.0f} minutes"
            )
