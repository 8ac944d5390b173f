from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from fleet53.domain.finding import FindingKind
from fleet53.domain.pool import AddressType
from fleet53.planning.changes import DeleteRecord, PutRecord
from fleet53.planning.plan import make_plan
from tests.unit.build import GUARD, check, instance, pool, record, situation

SIX = record(address="2001:db8::1", check_id="c-6")
PRIVATE = record(address="10.0.0.1", check_id=None)
MEMBER = instance(ipv6=IPv6Address("2001:db8::1"), private_ipv4=IPv4Address("10.0.0.1"))
IPV6 = pool(address=AddressType.IPV6)
CHECKS = [check(), check("c-6", address="2001:db8::1")]


def test_a_record_of_the_former_type_stays_until_the_new_one_stands_and_is_looked_at_again() -> None:
    made = make_plan(situation(pools=[IPV6], instances=[MEMBER], records=[record()], checks=[check()]), GUARD)
    assert (made.change_records, made.delete_checks) == ((), ())
    assert "its A record stays until its new records are in DNS" in {each.because for each in made.waiting}


def test_a_record_of_the_former_type_whose_check_is_gone_stays_and_is_reported() -> None:
    dead = record(check_id="c-gone")
    made = make_plan(situation(pools=[IPV6], instances=[MEMBER], records=[dead], checks=CHECKS), GUARD)
    assert made.change_records == ()
    assert [(each.kind, each.instance_id, each.check_id, each.because) for each in made.findings] == [
        (
            FindingKind.DEAD_CHECK_REFERENCE,
            "i-0a",
            "c-gone",
            (
                "its record refers to health check c-gone, which is gone; "
                "its A record stays until its new records are in DNS"
            ),
        )
    ]


def test_it_is_deleted_with_its_check_when_the_new_one_stands() -> None:
    made = make_plan(
        situation(pools=[IPV6], instances=[MEMBER], records=[record(), SIX], checks=CHECKS, healthy=["c-6"]), GUARD
    )
    (deletion,) = made.change_records
    assert isinstance(deletion, DeleteRecord)
    assert (deletion.record, deletion.because) == (record(), "the pool has no A records any more")
    assert [change.check_id for change in made.delete_checks] == ["c-1"]


def test_a_private_address_stays_until_the_check_of_the_public_one_is_healthy_and_is_then_replaced() -> None:
    waits = make_plan(situation(instances=[MEMBER], records=[PRIVATE], checks=[check()]), GUARD)
    assert waits.changes == ()
    made = make_plan(situation(instances=[MEMBER], records=[PRIVATE], checks=[check()], healthy=["c-1"]), GUARD)
    (put,) = made.change_records
    assert isinstance(put, PutRecord)
    assert (put.replaces, put.record.values, put.record.check_id) == (PRIVATE, ("192.0.2.1",), "c-1")


def test_a_pool_without_a_health_check_replaces_the_address_at_once() -> None:
    private = pool(address=AddressType.PRIVATE_IPV4, check=None)
    made = make_plan(situation(pools=[private], instances=[MEMBER], records=[record(check_id=None)]), GUARD)
    (put,) = made.change_records
    assert put.record.values == ("10.0.0.1",)


def test_a_record_with_an_address_of_no_member_is_deleted_at_once_with_every_type() -> None:
    stranger = record(address="203.0.113.7")
    made = make_plan(situation(pools=[IPV6], instances=[MEMBER], records=[stranger], checks=[check()]), GUARD)
    (deletion,) = made.change_records
    assert isinstance(deletion, DeleteRecord)


def test_the_checks_are_read_before_an_address_is_replaced() -> None:
    old = record(address="10.0.0.1", check_id="c-1")
    made = make_plan(situation(instances=[MEMBER], records=[old], checks=None), GUARD)
    assert not made.nothing_to_do
