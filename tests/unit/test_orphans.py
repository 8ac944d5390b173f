from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from fleet53.config.pools import PoolFault
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import InstanceId, PoolName, ZoneId
from fleet53.domain.pool import AddressType
from fleet53.domain.source import Source
from fleet53.planning.changes import DeleteRecord, Plan
from fleet53.planning.guard import Guard
from fleet53.planning.plan import make_plan
from fleet53.planning.situation import OrphanRecord
from tests.unit.build import GUARD, ZONE, check, fallback, instance, pool, record, situation

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


def test_a_fallback_at_a_name_of_no_pool_is_withdrawn_and_belongs_to_no_instance() -> None:
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


def test_records_whose_instances_ec2_does_not_show_count_as_absent_and_stay() -> None:
    left = [orphan(f"i-0{each}", f"192.0.2.{each}") for each in range(1, 5)]
    made = plan(*left, instances=[instance("i-01")], unread={Source.EC2: "a test"})
    assert made.change_records == ()
    assert [each.instance_id for each in made.held] == ["i-01"]


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


def test_an_instance_without_a_tag_that_auto_scaling_or_spot_ends_passes_the_guard() -> None:
    orphans = [orphan(f"i-{n}", f"192.0.2.{n}") for n in range(6)]
    instances = [
        instance(f"i-{n}", pools=frozenset(), public_ipv4=IPv4Address(f"192.0.2.{n}"), group="web") for n in range(6)
    ]
    states = {InstanceId("i-0"): "Terminating:Wait", InstanceId("i-2"): "InService"}
    made = plan(*orphans, instances=instances, lifecycle_states=states, spot={InstanceId("i-1"): "marked-for-stop"})
    assert made.change_records == (
        delete(orphans[0], "Auto Scaling says Terminating:Wait", InstanceId("i-0")),
        delete(orphans[1], "its Spot request is marked-for-stop", InstanceId("i-1")),
    )


def test_while_a_pool_is_faulty_a_record_of_no_pool_may_be_its_own() -> None:
    made = plan(orphan(), instances=[instance()], faults=(FAULT,))
    because = "no pool has the name old.example.com; held: it may be a record of a pool that is not valid now (api)"
    assert made.changes == ()
    assert made.held == (delete(orphan(), because),)


def test_not_even_force_withdraws_what_may_be_a_faulty_pools() -> None:
    assert plan(orphan(), faults=(FAULT,), guard=Guard(50, force=True)).changes == ()


# -- moves: Note [Superseded]

WEB, API = pool(), pool("api", record_name="api.example.com")
AT_NEW = record(check_id="c-i-0a")


def move(*there: Record, tag: str = "web", made_for: str = "web", guard: Guard = GUARD, **what: Any) -> Plan:
    """Plan for an orphan with a health check of one pool and an instance with a tag; `there` are at web's name."""
    usual: dict[str, Any] = {
        "pools": [WEB],
        "valid": (WEB,),
        "instances": [instance(pools=frozenset(PoolName(name) for name in tag.split()))],
        "records": there,
        "checks": [check("c-i-0a", pool_name=made_for)],
        "healthy": ["c-i-0a"],
        "orphans": (OrphanRecord(ZONE, orphan()),),
        "swept": True,
    }
    return make_plan(situation(**(usual | what)), guard)


def deleted(made: Plan) -> list[str]:
    """Return why records at the old name are deleted."""
    found = (change for change in made.change_records if isinstance(change, DeleteRecord))
    return [change.because for change in found if change.record.name == OLD]


def waits(made: Plan) -> list[str]:
    """Return why records at the old name are not deleted yet."""
    return [change.because for change in made.absent if change.record.name == OLD]


SUPERSEDED = f"superseded: its pool moved, and the instance has a record at app.example.com ({ZONE})"
STAYS = f"its pool moved, and it stays until the instance has a record at app.example.com ({ZONE})"


def test_a_record_whose_instance_stands_at_the_new_place_of_its_pool_is_superseded() -> None:
    assert (deleted(move(AT_NEW)), waits(move(AT_NEW))) == ([SUPERSEDED], [])
    assert deleted(move(AT_NEW, faults=(FAULT,))) == [SUPERSEDED]
    assert move(AT_NEW).delete_checks == ()


def test_until_then_it_stays_though_it_is_the_only_one() -> None:
    made = move()
    assert (deleted(made), waits(made), made.held) == ([], [STAYS], ())
    assert [type(change).__name__ for change in made.changes] == ["PutRecord"]


def test_force_does_not_wait_for_the_new_place() -> None:
    assert deleted(move(guard=Guard(50, force=True))) == [STAYS]


def test_a_record_at_the_new_place_that_is_not_the_instances_own_address_supersedes_nothing() -> None:
    assert waits(move(record(address="192.0.2.9", check_id="c-i-0a"))) == [STAYS]


def test_a_record_at_the_new_name_in_another_zone_supersedes_nothing() -> None:
    elsewhere = pool(zone_id=ZoneId("Z9"))
    made = move(pools=[], valid=(elsewhere,), others=((ZONE, AT_NEW),), declared=frozenset({PoolName("web")}))
    assert waits(made) == ["its pool moved, and it stays until the instance has a record at app.example.com (Z9)"]
    made = move(pools=[], valid=(elsewhere,), others=((ZoneId("Z9"), AT_NEW),), declared=frozenset({PoolName("web")}))
    assert len(deleted(made)) == 1


def test_the_health_checks_reference_shows_the_pool_although_the_tag_names_others_too() -> None:
    assert deleted(move(AT_NEW, tag="web api", valid=(WEB, API))) == [SUPERSEDED]


def test_the_record_of_a_pool_that_is_gone_is_not_superseded() -> None:
    for tag in ("web old", "web"):
        made = move(AT_NEW, tag=tag, made_for="old")
        assert deleted(made) == ["no pool has the name old.example.com"]


def test_the_record_of_a_faulty_pool_is_not_superseded() -> None:
    made = move(AT_NEW, tag="web api", made_for="api", faults=(FAULT,))
    assert (deleted(made), waits(made), len(made.held)) == ([], [], 1)


def test_without_a_check_the_instance_has_to_stand_in_all_pools_of_its_tag() -> None:
    bare = (OrphanRecord(ZONE, replace(orphan(), check_id=None)),)
    assert deleted(move(AT_NEW, orphans=bare)) == [SUPERSEDED]
    made = move(AT_NEW, orphans=bare, tag="web api", valid=(WEB, API))
    assert (deleted(made), len(waits(made))) == ([], 1)
    at_api = replace(AT_NEW, name=API.record_name)
    assert len(deleted(move(AT_NEW, orphans=bare, tag="web api", valid=(WEB, API), others=((ZONE, at_api),)))) == 1


def test_both_families_have_to_stand_where_the_pool_has_both() -> None:
    both = pool(address=AddressType.DUALSTACK)
    here = instance(ipv6=IPv6Address("2001:db8::1"))
    six = (OrphanRecord(ZONE, orphan(address="2001:db8::1")),)
    assert len(waits(move(AT_NEW, pools=[both], valid=(both,), instances=[here], orphans=six))) == 1
    only_four = move(AT_NEW, instances=[here], orphans=six)
    assert deleted(only_four) == [SUPERSEDED]


def test_an_instance_that_left_its_pool_is_absent_and_not_superseded() -> None:
    assert deleted(move(AT_NEW, tag="")) == ["no pool has the name old.example.com"]
