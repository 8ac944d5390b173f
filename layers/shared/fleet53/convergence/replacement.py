"""Replacement: members that their Auto Scaling groups should replace, because they were unhealthy for too long.

Note [A third]: a replaced member is away until its successor is in DNS, and after a mistake in a firewall or an image
no successor ever comes. So the number of members that the groups want is compared with the number of members that are
in DNS and stay, and not with those that are terminating now. That needs no state: a member that is to be replaced has
left DNS, or is marked unhealthy. If the newest member that had AdmitTimeout to become healthy is not healthy either,
replacing others would not help. Then replacement stops until a newer member is healthy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from fleet53.planning.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import CheckId, InstanceId, PoolName
    from fleet53.domain.instance import Instance
    from fleet53.planning.changes import PoolStatus
    from fleet53.planning.situation import Situation

_SHARE: Final = 3
"""At most one in this number of a pool's members may be away at the same time."""
_YOUNG: Final = timedelta(days=1)
"""How old a member may be to show whether new members become healthy."""
_STAYING: Final = frozenset({Membership.ADMIT, Membership.PREPARE, Membership.WAIT})


@dataclass(frozen=True, slots=True)
class Replacement:
    """A member that its group should replace. `stopped` is why it is not replaced now, None where it is."""

    pool: PoolName
    instance_id: InstanceId
    because: str
    stopped: str | None = None


def to_replace(
    *,
    wanted: int,
    in_dns: AbstractSet[InstanceId],
    unhealthy: AbstractSet[InstanceId],
    for_long: AbstractSet[InstanceId],
    leaving: AbstractSet[InstanceId],
    failed: InstanceId | None = None,
) -> dict[InstanceId, str | None]:
    """Return the members to replace, each with why it is not replaced now, or None where it is: Note [A third].

    `wanted` is how many members the pool should have in DNS. `in_dns` are its members with a record, `unhealthy` those
    that Route 53 sees unhealthy now. `for_long` are members in service that were unhealthy for the whole allowed time,
    `leaving` members that are already marked unhealthy or terminating. `failed` is the newest member that had
    AdmitTimeout to become healthy, if it did not. If all members are unhealthy, the health check is probably wrong, and
    none is replaced. In a pool of one or two members none is replaced.
    """
    members = max(wanted, len(in_dns | leaving))
    most = members // _SHARE
    if unhealthy >= in_dns or not most:
        return {}
    away = members - len(in_dns - leaving)
    room = 0 if failed is not None else max(0, most - away)
    if failed is not None:
        because = f"the newest member, {failed}, did not become healthy either"
    else:
        because = f"{max(away, most)} of {members} members are away, and never more than a third is at the same time"
    candidates = sorted(for_long & unhealthy - leaving)
    return dict.fromkeys(candidates[:room]) | dict.fromkeys(candidates[room:], because)


def find_replacements(
    situation: Situation, status: PoolStatus, settings: Settings, aws: Aws, *, now: datetime
) -> Iterator[Replacement]:
    """Yield the members of a pool that their groups should replace, if ReplaceUnhealthyAfter is set."""
    window = settings.replace_unhealthy_after
    if not window:
        return
    checks = {
        record.check_id: holder
        for record in situation.records[status.pool]
        if record.check_id is not None
        and (holder := situation.owner.instance(record.identifier)) is not None
        and holder in status.in_dns
    }
    seen = aws.health.seen(checks, situation.by_alarm, now=now)
    unhealthy = {checks[check_id] for check_id, healthy in seen.items() if not healthy}
    throughout = partial(aws.health.unhealthy_throughout, by_alarm=situation.by_alarm, now=now)
    for_long = {checks[check_id] for check_id in throughout(checks, window)}
    states = {member: situation.lifecycle_states.get(member, "") for member in status.members}
    in_service = {member for member, state in states.items() if state == "InService"}
    if not for_long & unhealthy & in_service:
        return
    going = {member for member, state in states.items() if state.startswith("Terminating")}
    found = to_replace(
        wanted=_wanted(status, situation, aws),
        in_dns=status.in_dns,
        unhealthy=unhealthy,
        for_long=for_long & in_service,
        leaving=going | aws.autoscaling.marked_unhealthy(in_service),
        failed=_failed(
            _staying(status, situation),
            {member: [check for check, holder in checks.items() if holder == member] for member in status.in_dns},
            unhealthy,
            throughout,
            timeout=settings.admit_timeout,
            now=now,
        ),
    )
    because = f"Route 53 sees it unhealthy for {window.total_seconds() / 60:.0f} minutes"
    for member, stopped in found.items():
        yield Replacement(status.pool, member, because, stopped)


def _staying(status: PoolStatus, situation: Situation) -> list[Instance]:
    """Return the members that serve or will serve, except those without a place."""
    return [
        situation.instances[member]
        for member in status.members - status.standby
        if situation.assess(member, status.pool).membership in _STAYING
    ]


def _wanted(status: PoolStatus, situation: Situation, aws: Aws) -> int:
    """Return how many members the pool should have in DNS: those that stay, and those that its groups still lack.

    The instances that a group lacks count only if most of its instances are members of the pool.
    """
    staying = _staying(status, situation)
    groups = {group for member in status.members if (group := situation.instances[member].group) is not None}
    wanted = len(staying)
    for name, capacity in aws.autoscaling.capacities(groups).items():
        if 2 * len(capacity.units.keys() & status.members) > len(capacity.units):
            there = {member.id for member in staying if member.group == name}
            wanted += capacity.lacks(there | (capacity.units.keys() & status.standby))
    return wanted


def _failed(
    staying: Iterable[Instance],
    checks: Mapping[InstanceId, Collection[CheckId]],
    unhealthy: AbstractSet[InstanceId],
    throughout: Callable[[Iterable[CheckId], timedelta], Collection[CheckId]],
    *,
    timeout: timedelta,
    now: datetime,
) -> InstanceId | None:
    """Return the newest member that had AdmitTimeout to become healthy, if it was not healthy since its launch.

    `checks` are those of the members in DNS; `throughout` returns which were unhealthy for a time.
    """
    had_time = [each for each in staying if now - each.launched > timeout]
    newest = max(had_time, key=lambda each: (each.launched, each.id), default=None)
    if newest is None:
        return None
    if newest.id not in checks:
        return newest.id
    age = now - newest.launched
    if newest.id not in unhealthy or age >= _YOUNG:
        return None
    return newest.id if throughout(checks[newest.id], age) else None
