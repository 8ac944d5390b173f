"""Reachability: whether a member's security groups let Route 53's checkers reach the port that its pool's check asks.

Only security groups are looked at. Network ACLs, route tables, gateways and a firewall on the instance itself can keep
the checkers out as well, and nothing here sees them.

What AWS does not let be read is logged, and says nothing about anybody: a finding is made only of what is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.domain.errors import TryLaterError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ingress import Coverage, coverage, is_everybody, sources
from fleet53.planning.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import InstanceId, PoolName, SecurityGroupId
    from fleet53.domain.ingress import Family, IPNetwork, PrefixList, PrefixListId, SecurityGroup
    from fleet53.domain.log import Log
    from fleet53.planning.situation import Situation

_LOOKED_AT: Final = frozenset({Membership.ADMIT, Membership.PREPARE})
_EVERYBODY: Final = Coverage(whole=1, of=1, any=True)
_NOBODY: Final = Coverage(whole=0, of=0, any=False)


@dataclass(frozen=True, slots=True)
class _Door:
    """What a checker has to pass: these groups together, at this TCP port, over IPv4 or IPv6."""

    security_groups: frozenset[SecurityGroupId]
    port: int
    family: Family


@dataclass(frozen=True, slots=True)
class _Member:
    """A member with one of its addresses. `some_regions` is whether its pool is checked from chosen regions only."""

    pool: PoolName
    instance_id: InstanceId
    door: _Door
    some_regions: bool


def find_unreachable(situation: Situation, aws: Aws, log: Log) -> Iterator[Finding]:
    """Yield a finding for each address of a member at which its security groups keep checkers out.

    Where a pool is checked from chosen regions, only groups that let in no checker at all are found: no operation
    says which region a checker's range belongs to.
    """
    members = tuple(_members(situation))
    reads = _Reads(aws, log)
    groups = reads.groups({group for member in members for group in member.door.security_groups})
    judged = {door: _judge(door, groups, reads) for door in dict.fromkeys(member.door for member in members)}
    for member in members:
        found = judged[member.door]
        if found is None or found.all or (member.some_regions and found.any):
            continue
        because = _because(member.door, found, groups, (reads.checker_lists() or {}).get(member.door.family))
        yield Finding(FindingKind.UNREACHABLE_BY_CHECKERS, because, member.pool, member.instance_id)


def _members(situation: Situation) -> Iterator[_Member]:
    """Yield the members that are or will be checked, with each address that has security groups."""
    for pool in situation.pools:
        if pool.check is None:
            continue
        for instance_id in sorted(situation.tagged_for(pool.name)):
            if situation.verdict(instance_id, pool.name).membership not in _LOOKED_AT:
                continue
            instance = situation.instances[instance_id]
            for record_type in pool.address.record_types:
                address = instance.address(pool.address, record_type)
                if address is not None and (groups := instance.security_groups_at(address)):
                    door = _Door(groups, pool.check.port, address.version)
                    yield _Member(pool.name, instance_id, door, some_regions=pool.check.regions is not None)


def _judge(door: _Door, groups: Mapping[SecurityGroupId, SecurityGroup], reads: _Reads) -> Coverage | None:
    """Return how far a door is open, or None where that is not known. Reads no more than it takes."""
    known = [groups[each] for each in door.security_groups if each in groups]
    whole = len(known) == len(door.security_groups)
    found = sources(known, door.port)
    ranges = list(found.ranges)
    if is_everybody(ranges, door.family):
        return _EVERYBODY
    if found.prefix_lists:
        checkers = reads.checker_lists() or {}
        if door.family in checkers and checkers[door.family].id in found.prefix_lists:
            return _EVERYBODY
        for each in sorted(found.prefix_lists - {listed.id for listed in checkers.values()}):
            entries = reads.entries(each)
            whole = whole and entries is not None
            ranges += entries or ()
    if not any(each.version == door.family for each in ranges):
        return _NOBODY if whole else None
    asking = [each for each in reads.checker_ranges() or () if each.version == door.family]
    if not asking:
        return None
    measured = coverage(ranges, asking)
    return measured if whole or measured.all else None


def _because(
    door: _Door, found: Coverage, groups: Mapping[SecurityGroupId, SecurityGroup], checkers: PrefixList | None
) -> str:
    named = ", ".join(f"{each} ({groups[each].name})" for each in sorted(door.security_groups))
    who = f"security group {named} lets" if len(door.security_groups) == 1 else f"security groups {named} let"
    whom = f"{found.whole} of {found.of} ranges" if found.any else "none"
    source = f"prefix list {checkers.id} ({checkers.name})" if checkers else "the checkers' ranges"
    return (
        f"{who} {whom} of Route 53's checkers reach tcp port {door.port} over IPv{door.family}; "
        f"add an inbound rule for tcp {door.port} from {source}"
    )


class _Reads:
    """What is read of AWS, each thing once and when it is needed; what cannot be read is logged, and None."""

    def __init__(self, aws: Aws, log: Log) -> None:
        self._aws = aws
        self._log = log
        self.checker_lists = cache(lambda: self._try(aws.security_groups.checker_lists))
        self.checker_ranges = cache(lambda: self._try(aws.route53.checker_ranges))
        self.entries = cache(self._entries)

    def groups(self, group_ids: Iterable[SecurityGroupId]) -> Mapping[SecurityGroupId, SecurityGroup]:
        return self._try(lambda: self._aws.security_groups.by_id(group_ids)) or {}

    def _entries(self, prefix_list: PrefixListId) -> tuple[IPNetwork, ...] | None:
        return self._try(lambda: self._aws.security_groups.entries(prefix_list))

    def _try[T](self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (TryLaterError, *AWS_ERRORS) as error:
            self._log.warning("reachability not known", extra={"because": str(error)})
            return None
