from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from fleet53.audit.duplicates import find_duplicate_addresses
from fleet53.audit.findings import find_public_checks
from fleet53.domain.alarm import AlarmSettings
from fleet53.domain.ids import PoolName
from fleet53.domain.pool import AddressType, AdmitWhen, Zone
from fleet53.domain.record import Record
from fleet53.planning.plan import make_plan
from tests.unit.build import GUARD, NAME, ZONE, check, fallback, instance, pool, record, situation

if TYPE_CHECKING:
    from fleet53.planning.situation import Situation

PRIVATE: dict[str, Any] = {"address": AddressType.PRIVATE_IPV4, "check": None, "admit_when": AdmitWhen.RUNNING}
"""The one kind of pool in which two instances, of different networks, can have the same address."""


def foreign(*values: str, **differs: Any) -> Record:
    usual = Record(NAME, "AAAA" if ":" in values[0] else "A", values, identifier="blue", ttl=60, multivalue=True)
    return replace(usual, **differs)


def duplicates(of: Situation) -> list[str]:
    return [finding.because for finding in find_duplicate_addresses(of, make_plan(of, GUARD))]


# Addresses with several holders ----------------------------------------------------------------------


def test_members_of_different_networks_with_one_private_address_are_one_finding() -> None:
    twins = [
        instance(each, public_ipv4=None, private_ipv4=IPv4Address("10.0.0.7")) for each in ("i-0a", "i-0b", "i-0c")
    ]
    ours = [record(each, "10.0.0.7", None) for each in ("i-0a", "i-0b")]
    assert duplicates(situation(pools=[pool(**PRIVATE)], instances=twins, records=ours)) == [
        "10.0.0.7 is the address of i-0a and of i-0b and of i-0c; only one of them should have it"
    ]


def test_a_record_that_the_plan_deletes_has_no_holder() -> None:
    gone = instance("i-0b", state="terminated", public_ipv4=None)
    of = situation(instances=[instance(), gone], records=[record(), record("i-0b")], checks=[check()])
    assert duplicates(of) == []


def test_a_record_that_the_guard_holds_is_a_holder() -> None:
    lost = [record(f"i-0{each}", f"192.0.2.{n}") for n, each in enumerate("abcd", 1)]
    of = situation(instances=[instance("i-0f")], records=lost, checks=[])
    assert duplicates(of) == ["192.0.2.1 is the address of i-0a and of i-0f; only one of them should have it"]


def test_an_ipv6_address_is_the_same_in_every_form() -> None:
    member = instance(public_ipv4=None, ipv6=IPv6Address("2001:db8::1"))
    of = situation(pools=[pool(address=AddressType.IPV6)], instances=[member], records=[foreign("2001:DB8:0::1")])
    assert duplicates(of) == [
        "2001:db8::1 is the address of i-0a and of record 'blue', which is not ours; only one of them should have it"
    ]


def test_the_values_of_one_foreign_record_are_looked_at_each() -> None:
    of = situation(instances=[instance()], records=[record(), foreign("198.51.100.1", "192.0.2.1")], checks=[check()])
    assert len(duplicates(of)) == 1


def test_two_foreign_records_with_one_address_are_a_finding_too() -> None:
    of = situation(records=[foreign("198.51.100.1"), foreign("198.51.100.1", identifier="green")])
    assert len(duplicates(of)) == 1


def test_a_fallback_with_the_address_of_a_waiting_member_is_called_so() -> None:
    of = situation(pools=[pool(fallback=IPv4Address("192.0.2.1"))], instances=[instance()], records=[])
    assert duplicates(of) == ["192.0.2.1 is the address of i-0a and of the fallback; only one of them should have it"]


def test_the_same_fallback_of_two_stacks_is_one_holder() -> None:
    theirs = foreign("198.51.100.9", identifier="fleet53.eu-west-2.123456789012/fallback")
    of = situation(pools=[pool(fallback=IPv4Address("198.51.100.9"))], records=[fallback(), theirs])
    assert duplicates(of) == []


def test_a_simple_record_in_the_way_is_another_finding() -> None:
    of = situation(instances=[instance()], records=[foreign("192.0.2.1", identifier=None, multivalue=False)])
    assert duplicates(of) == []


def test_a_value_that_is_not_an_address_is_compared_unchanged() -> None:
    of = situation(records=[foreign("198.051.100.1"), foreign("198.051.100.1", identifier="green")])
    assert len(duplicates(of)) == 1


def test_the_same_address_in_two_pools_is_not_a_finding() -> None:
    members = [instance(), instance("i-0b", pools=frozenset({PoolName("api")}))]
    pools = [pool(), pool("api", record_name="api.example.com")]
    assert duplicates(situation(pools=pools, instances=members)) == []


# Private zones ---------------------------------------------------------------------------------------


def checked(*, private: bool, **differs: Any) -> list[str | None]:
    zone = Zone(ZONE, "example.com", private=private)
    of = situation(pools=[pool(**differs)], zones={ZONE: zone})
    return [finding.pool for finding in find_public_checks(of)]


def test_checks_belong_to_public_zones() -> None:
    assert checked(private=True) == ["web"]
    assert checked(private=True, **PRIVATE) == []
    assert checked(private=False) == []


def test_checks_of_alarms_belong_to_private_zones_too() -> None:
    assert checked(private=True, check=AlarmSettings()) == []
