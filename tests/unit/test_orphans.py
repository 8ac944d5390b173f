from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

from fleet53.config.pools import PoolFault
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.planning.changes import DeleteRecord, Plan
from fleet53.planning.guard import Guard
from fleet53.planning.plan import make_plan
from fleet53.planning.situation import OrphanRecord
from tests.unit.build import GUARD, ZONE, check, fallback, instance, record, situation

if TYPE_CHECKING:
    from fleet53.domain.record import Record

OLD = "old.example.com"
A = InstanceId("i-0a")
FAULT = PoolFault(PoolName("api"), "/p/api: ttl is missing")


def orphan(holder: str = "i-0a", address: str = "192.0.2.1", **differs: Any) -> Record:
    return record(holder, address, f"c-{holder}", **({"name": OLD} | differs))


def plan(*orphans: Record, guard: Guard = GUARD, **what: Any) -> Plan:
    found = tuple(OrphanRecord(ZONE, each) for each in orphans)
    return make_plan(situation(pools=(), orphans=found, swept=True, **what), guard)


def delete(wrong: Record, because: str, instance_id: InstanceId | None = A) -> DeleteRecord:
    return DeleteRecord(None, ZONE, instance_id, wrong, FindingKind.ORPHAN_RECORD, because)


def test_a_record_at_a_name_of_no_pool_is_withdrawn_and_then_its_check() -> None:
    made = plan(orphan(), instances=[instance()], checks=[check("c-i-0a", pool_name="old")])
    assert made.change_records == (delete(orphan(), "no pool has the name old.example.com"),)
    assert [change.check_id for change in made.delete_checks] == ["c-i-0a"]
    assert made.held == ()


def test_a_fallback_at_a_name_of_no_pool_is_withdrawn_and_is_no_instances() -> None:
    left = fallback(name=OLD)
    assert plan(left).change_records == (delete(left, "no pool has the name old.example.com", None),)


def test_many_that_rest_on_absence_are_held_by_the_guard_with_their_checks() -> None:
    orphans = [orphan(f"i-{n}") for n in range(4)]
    checks = [check(f"c-i-{n}", f"i-{n}", pool_name="old") for n in range(4)]
    made = plan(*orphans, checks=checks)
    assert made.changes == ()
    assert [held.record for held in made.held] == orphans
    assert made.held[0].because.startswith(
        "no pool has the name old.example.com; held by the guard: 4 of 4 members would be withdrawn "
        "without evidence that they are gone"
    )


def test_force_withdraws_them() -> None:
    made = plan(*[orphan(f"i-{n}") for n in range(4)], guard=Guard(50, force=True))
    assert (len(made.change_records), made.held) == (4, ())


def test_each_name_has_its_own_share() -> None:
    old = [orphan(f"i-{n}") for n in range(4)]
    made = plan(*old, orphan(name="older.example.com"))
    assert [change.record.name for change in made.change_records] == ["older.example.com"]
    assert len(made.held) == 4


def test_both_families_of_a_member_are_one_member() -> None:
    made = plan(orphan(), orphan(address="2001:db8::1"), orphan("i-0b"), orphan("i-0b", "2001:db8::2"))
    assert (len(made.change_records), made.held) == (4, ())


def test_an_address_that_is_not_its_instances_own_passes_the_guard_and_a_faulty_pool() -> None:
    orphans = [orphan(f"i-{n}", "203.0.113.7") for n in range(4)]
    instances = [instance(f"i-{n}", state="terminated", public_ipv4=None) for n in range(4)]
    made = plan(*orphans, instances=instances, faults=(FAULT,))
    because = "its record holds 203.0.113.7, which is not an address of its instance (terminated)"
    assert made.change_records == tuple(delete(each, because, InstanceId(f"i-{n}")) for n, each in enumerate(orphans))
    assert made.held == ()


def test_instances_that_ec2_says_are_stopping_pass_the_guard() -> None:
    orphans = [orphan(f"i-{n}", f"192.0.2.{n}") for n in range(4)]
    instances = [instance(f"i-{n}", state="stopping", public_ipv4=IPv4Address(f"192.0.2.{n}")) for n in range(4)]
    made = plan(*orphans, instances=instances)
    assert (len(made.change_records), made.held) == (4, ())


def test_instances_that_auto_scaling_takes_out_of_service_pass_the_guard() -> None:
    orphans = [orphan(f"i-{n}", f"192.0.2.{n}") for n in range(4)]
    instances = [instance(f"i-{n}", public_ipv4=IPv4Address(f"192.0.2.{n}"), group="web") for n in range(4)]
    states = {InstanceId("i-0"): "Standby"} | {InstanceId(f"i-{n}"): "InService" for n in range(1, 4)}
    made = plan(*orphans, instances=instances, lifecycle_states=states)
    assert made.change_records == (delete(orphans[0], "Auto Scaling says Standby", InstanceId("i-0")),)
    assert len(made.held) == 3


def test_while_a_pool_is_faulty_a_record_of_no_pool_may_be_its_own() -> None:
    made = plan(orphan(), instances=[instance()], faults=(FAULT,))
    because = "no pool has the name old.example.com; held: it may be a record of a pool that is not valid now (api)"
    assert made.changes == ()
    assert made.held == (delete(orphan(), because),)


def test_not_even_force_withdraws_what_may_be_a_faulty_pools() -> None:
    assert plan(orphan(), faults=(FAULT,), guard=Guard(50, force=True)).changes == ()
