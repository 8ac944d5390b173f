"""GetCheckerIpRanges: the address ranges of Route 53's health checkers."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.account import Account


def test_the_checkers_ranges_are_public_networks_of_both_families(account: Account) -> None:
    ranges = [ip_network(cidr) for cidr in account.client.get_checker_ip_ranges()["CheckerIpRanges"]]

    assert {each.version for each in ranges} == {4, 6}
    assert all(each.is_global for each in ranges)
    assert len(set(ranges)) == len(ranges)
