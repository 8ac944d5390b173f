"""Reachability: whether members' security groups let in Route 53's checkers at the health check's port. Pure.

Only security groups are looked at. Network ACLs, route tables, gateways and a firewall on the instance can keep the
checkers out as well, and the audit does not see them.

A finding rests only on what was read. If AWS did not show a security group or a list, there is no finding about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import CheckSettings
from fleet53.domain.ingress import Coverage, coverage, is_everybody, sources
from fleet53.planning.membership import Membership

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet53.domain.ids import InstanceId, PoolName, SecurityGroupId
    from fleet53.domain.ingress import Family, IPNetwork, PrefixList, PrefixListId, SecurityGroup, Sources
    from fleet53.planning.situation import Situation

_LOOKED_AT: Final = frozenset({Membership.ADMIT, Membership.PREPARE})
_FULL_ACCESS: Final = Coverage(whole=1, of=1, any=True)
_NO_ACCESS: Final = Coverage(whole=0, of=0, any=False)


@dataclass(frozen=True, slots=True)
class Door:
    """What a request of a checker has to pass: these security groups together, at this TCP port, over IPv4 or IPv6."""

    security_groups: frozenset[SecurityGroupId]
    port: int
    family: Family


@dataclass(frozen=True, slots=True)
class CheckerAccess:
    """What was read about access to the members. A part that is missing was not needed, or AWS did not show it.

    `checker_lists` are AWS's prefix lists of the addresses that Route 53 checks from, `checker_ranges` the addresses
    themselves. `entries` holds the ranges of other prefix lists.
    """

    groups: Mapping[SecurityGroupId, SecurityGroup] = field(default_factory=dict)
    checker_lists: Mapping[Family, PrefixList] = field(default_factory=dict)
    entries: Mapping[PrefixListId, tuple[IPNetwork, ...]] = field(default_factory=dict)
    checker_ranges: tuple[IPNetwork, ...] = ()

    def let_in(self, door: Door) -> Sources:
        """Return the sources that the known security groups of a door let in."""
        return sources([self.groups[each] for each in door.security_groups if each in self.groups], door.port)

    def is_open(self, door: Door) -> bool:
        """Whether a door is open to all addresses, or to the checkers' own prefix list."""
        found, checkers = self.let_in(door), self.checker_lists.get(door.family)
        named = checkers is not None and checkers.id in found.prefix_lists
        return named or is_everybody(found.ranges, door.family)

    def other_lists(self, door: Door) -> frozenset[PrefixListId]:
        """Return the prefix lists that a door names and that are not the checkers'."""
        return self.let_in(door).prefix_lists - {listed.id for listed in self.checker_lists.values()}

    def ranges(self, door: Door) -> tuple[IPNetwork, ...]:
        """Return the ranges of the door's family that it lets in, those of known prefix lists too."""
        listed = (each for prefix_list in self.other_lists(door) for each in self.entries.get(prefix_list, ()))
        return tuple(each for each in (*self.let_in(door).ranges, *listed) if each.version == door.family)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member with one of its addresses. `some_regions` is whether its pool is checked from chosen regions only."""

    pool: PoolName
    instance_id: InstanceId
    door: Door
    some_regions: bool


def doors(situation: Situation) -> tuple[Door, ...]:
    """Return each door that checkers have to pass, once."""
    return tuple(dict.fromkeys(member.door for member in _members(situation)))


def find_unreachable(situation: Situation, access: CheckerAccess) -> Iterator[Finding]:
    """Yield a finding for each address of a member at which its security groups keep checkers out.

    If a pool is checked from chosen regions, there is a finding only if no checker at all is let in, because no
    operation says to which region a checker's range belongs.
    """
    members = list(_members(situation))
    judged = {door: judge(door, access) for door in {member.door for member in members}}
    for member in members:
        found = judged[member.door]
        if found is None or found.all or (member.some_regions and found.any):
            continue
        because = _because(member.door, found, access)
        yield Finding(FindingKind.UNREACHABLE_BY_CHECKERS, because, member.pool, member.instance_id)


def _members(situation: Situation) -> Iterator[_Member]:
    """Yield the members that are or will be checked, with each address that has security groups."""
    for pool in situation.pools:
        if not isinstance(pool.check, CheckSettings):
            continue
        for instance_id in sorted(situation.tagged_for(pool.name)):
            if situation.assess(instance_id, pool.name).membership not in _LOOKED_AT:
                continue
            instance = situation.instances[instance_id]
            for record_type in pool.address.record_types:
                address = instance.address(pool, record_type)
                if address is not None and (groups := instance.security_groups_at(address)):
                    door = Door(groups, pool.check.port, address.version)
                    yield _Member(pool.name, instance_id, door, some_regions=pool.check.regions is not None)


def judge(door: Door, access: CheckerAccess) -> Coverage | None:
    """Return which part of the checkers a door lets in, None if that is not known."""
    if access.is_open(door):
        return _FULL_ACCESS
    all_known = door.security_groups <= access.groups.keys() and access.other_lists(door) <= access.entries.keys()
    ranges = access.ranges(door)
    if not ranges:
        return _NO_ACCESS if all_known else None
    checkers = [each for each in access.checker_ranges if each.version == door.family]
    if not checkers:
        return None
    measured = coverage(ranges, checkers)
    return measured if all_known or measured.all else None


def _because(door: Door, found: Coverage, access: CheckerAccess) -> str:
    named = ", ".join(f"{each} ({access.groups[each].name})" for each in sorted(door.security_groups))
    who = f"security group {named} lets" if len(door.security_groups) == 1 else f"security groups {named} let"
    whom = f"{found.whole} of {found.of} ranges" if found.any else "none"
    checkers = access.checker_lists.get(door.family)
    source = f"prefix list {checkers.id} ({checkers.name})" if checkers else "the checkers' ranges"
    return (
        f"{who} {whom} of Route 53's checkers reach tcp port {door.port} over IPv{door.family}; "
        f"add an inbound rule for tcp {door.port} from {source}"
    )
