"""Whether security groups let Route 53's checkers in, from what was read of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from fleet53.audit.reachability import CheckerAccess, Door, doors, find_unreachable, judge
from fleet53.domain.ids import SecurityGroupId
from fleet53.domain.ingress import Coverage, PrefixList, PrefixListId, Rule, SecurityGroup
from fleet53.domain.pool import AddressType
from tests.unit.build import HTTP, instance, pool, situation

if TYPE_CHECKING:
    from fleet53.planning.situation import Situation

WEB, DB = SecurityGroupId("sg-web"), SecurityGroupId("sg-db")
CHECKERS, OFFICE = PrefixListId("pl-checkers"), PrefixListId("pl-office")
RANGES = (ip_network("15.177.0.0/18"), ip_network("54.183.255.128/26"), ip_network("2600:1f1c::/36"))
DOOR = Door(frozenset({WEB}), 80, 4)


def rule(*sources: str, port: int = 80) -> Rule:
    """Return a rule for ranges, and for prefix lists by their id."""
    return Rule(
        protocol="tcp",
        ports=range(port, port + 1),
        ranges=tuple(ip_network(each) for each in sources if not each.startswith("pl-")),
        prefix_lists=frozenset(PrefixListId(each) for each in sources if each.startswith("pl-")),
    )


def access(*sources: str, **differs: Any) -> CheckerAccess:
    """Return what was read where group WEB lets these sources reach port 80."""
    usual: dict[str, Any] = {
        "groups": {WEB: SecurityGroup(WEB, "web", (rule(*sources),))},
        "checker_lists": {4: PrefixList(CHECKERS, "com.amazonaws.eu-west-1.route53-healthchecks")},
        "checker_ranges": RANGES,
    }
    return CheckerAccess(**usual | differs)


def members(*instance_ids: str, **differs: Any) -> Situation:
    each = (instance(instance_id, security_groups=frozenset({WEB})) for instance_id in instance_ids)
    return situation(pools=[pool(**differs)], instances=each)


@pytest.mark.parametrize(
    ("sources", "open_to"),
    [
        (["0.0.0.0/0"], (1, 1, True)),
        (["pl-checkers"], (1, 1, True)),
        (["15.177.0.0/18", "54.183.255.128/26"], (2, 2, True)),
        (["15.177.0.0/18"], (1, 2, True)),
        (["15.177.0.0/24"], (0, 2, True)),
        (["203.0.113.0/24"], (0, 2, False)),
        (["::/0"], (0, 0, False)),
        ([], (0, 0, False)),
    ],
)
def test_a_door_lets_in_the_sources_of_its_rules(sources: list[str], open_to: tuple[int, int, bool]) -> None:
    assert judge(DOOR, access(*sources)) == Coverage(*open_to)


def test_the_ranges_of_a_prefix_list_that_was_read_count() -> None:
    listed = {OFFICE: (ip_network("15.177.0.0/18"), ip_network("54.183.255.128/26"))}
    assert judge(DOOR, access("pl-office", entries=listed)) == Coverage(2, 2, any=True)


@pytest.mark.parametrize(
    "unread",
    [
        access(groups={}),
        access("pl-office"),
        access("15.177.0.0/18", "pl-office"),
        access("15.177.0.0/18", checker_ranges=()),
    ],
)
def test_security_groups_that_were_not_read_may_let_the_checkers_in(unread: CheckerAccess) -> None:
    assert judge(DOOR, unread) is None


def test_a_door_whose_known_part_lets_in_all_checkers_is_open() -> None:
    both = Door(frozenset({WEB, DB}), 80, 4)
    assert judge(both, access("15.177.0.0/18", "54.183.255.128/26")) == Coverage(2, 2, any=True)
    assert judge(both, access("15.177.0.0/18")) is None


def test_each_door_is_named_once_however_many_members_it_has() -> None:
    assert doors(members("i-0a", "i-0b")) == (DOOR,)
    assert doors(members("i-0a", check=None)) == ()


def test_a_member_behind_a_closed_door_is_found_with_the_rule_to_add() -> None:
    (found,) = find_unreachable(members("i-0a"), access("203.0.113.0/24"))
    assert (found.pool, found.instance_id, found.drift) == ("web", "i-0a", False)
    assert found.because == (
        "security group sg-web (web) lets none of Route 53's checkers reach tcp port 80 over IPv4; add an inbound rule "
        "for tcp 80 from prefix list pl-checkers (com.amazonaws.eu-west-1.route53-healthchecks)"
    )


def test_where_the_checkers_list_is_not_known_the_rule_names_their_ranges() -> None:
    (found,) = find_unreachable(members("i-0a"), access("203.0.113.0/24", checker_lists={}))
    assert found.because.endswith("add an inbound rule for tcp 80 from the checkers' ranges")


def test_the_port_is_that_of_the_pools_check() -> None:
    (found,) = find_unreachable(members("i-0a", check=replace(HTTP, port=8080)), access("0.0.0.0/0"))
    assert "reach tcp port 8080" in found.because


def test_a_part_of_the_checkers_is_enough_for_a_pool_that_is_checked_from_some_regions() -> None:
    some = replace(HTTP, regions=frozenset({"eu-west-1", "us-east-1", "us-west-2"}))
    assert list(find_unreachable(members("i-0a", check=some), access("15.177.0.0/18"))) == []
    assert len(list(find_unreachable(members("i-0a"), access("15.177.0.0/18")))) == 1
    assert len(list(find_unreachable(members("i-0a", check=some), access("203.0.113.0/24")))) == 1


def test_a_member_with_addresses_of_both_families_is_found_for_each_that_is_closed() -> None:
    both = instance(ipv6=IPv6Address("2600:1f18::1"), security_groups=frozenset({WEB}))
    of = situation(pools=[pool(address=AddressType.DUALSTACK)], instances=[both])
    (found,) = find_unreachable(of, access("0.0.0.0/0"))
    assert "over IPv6" in found.because
    assert len(list(find_unreachable(of, access()))) == 2


def test_a_member_that_is_going_is_not_looked_at() -> None:
    going = instance(state="stopping", security_groups=frozenset({WEB}))
    assert list(find_unreachable(situation(instances=[going]), access())) == []
