from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import pytest

from fleet53.domain.alarm import status_rule
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import Check, CheckConfig
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.pool import AddressType, AdmitWhen
from fleet53.domain.record import Record, RecordType
from fleet53.domain.source import Source
from fleet53.planning.changes import (
    CheckKey,
    CreateCheck,
    DeleteAlarm,
    DeleteCheck,
    DeleteRecord,
    Plan,
    PoolStatus,
    PutAlarm,
    PutRecord,
    Waiting,
)
from fleet53.planning.guard import Guard
from fleet53.planning.plan import make_plan
from tests.unit.build import (
    GUARD,
    HTTP,
    LAUNCHED,
    NAME,
    NOW,
    OTHER_PATH,
    ZONE,
    check,
    fallback,
    foreign_check,
    instance,
    pool,
    record,
    situation,
)

if TYPE_CHECKING:
    from fleet53.domain.instance import Instance

WEB = PoolName("web")
A = InstanceId("i-0a")
MISSING_RECORD, MISSING_CHECK = FindingKind.MISSING_RECORD, FindingKind.MISSING_CHECK
STALE, ORPHAN, ORPHAN_CHECK = FindingKind.STALE_RECORD, FindingKind.ORPHAN_RECORD, FindingKind.ORPHAN_CHECK
OVERDUE = FindingKind.NOT_HEALTHY_IN_TIME
RUNNING = "EC2 says running"


def plan(**what: Any) -> Plan:
    return make_plan(situation(**what), GUARD)


def create(
    made: Check, because: str, *, drift: FindingKind = MISSING_CHECK, instance_id: InstanceId = A
) -> tuple[Any, ...]:
    """Return what tells a CreateCheck apart, with the first reference it tries."""
    record_type = RecordType.A if isinstance(made.address, IPv4Address) else RecordType.AAAA
    return CheckKey(WEB, instance_id, record_type), made.config, made.reference, drift, because


def creations(made: Plan) -> list[tuple[Any, ...]]:
    return [(each.key, each.config, each.references[0], each.drift, each.because) for each in made.create_checks]


def put(right: Record, because: str, *, instance_id: InstanceId = A) -> PutRecord:
    return PutRecord(WEB, ZONE, instance_id, right, MISSING_RECORD, because, admits=True)


def correct(wrong: Record, right: Record, because: str) -> PutRecord:
    return PutRecord(WEB, ZONE, A, right, STALE, because, replaces=wrong)


def delete(wrong: Record, because: str, *, drift: FindingKind = ORPHAN, instance_id: InstanceId = A) -> DeleteRecord:
    return DeleteRecord(WEB, ZONE, instance_id, wrong, drift, because)


def delete_check(
    check_id: str, because: str, *, instance_id: InstanceId = A, address: str = "192.0.2.1"
) -> DeleteCheck:
    return DeleteCheck(WEB, instance_id, CheckId(check_id), IPv4Address(address), ORPHAN_CHECK, because)


def waiting(
    because: str, check_id: str | None = None, overdue: FindingKind | None = None, *, serves: bool = False
) -> Waiting:
    return Waiting(WEB, A, because, LAUNCHED, CheckId(check_id) if check_id else None, overdue, serves)


def finding(kind: FindingKind, because: str, instance_id: InstanceId | None = A) -> Finding:
    return Finding(kind, because, WEB, instance_id, NAME)


PREPARED: dict[str, Any] = {"lifecycle_states": {A: "Pending:Wait"}}
IN_GROUP = instance(group="web-fleet")
SORRY = pool(fallback=IPv4Address("198.51.100.9"))
EMPTY = finding(
    FindingKind.EMPTY_POOL,
    "app.example.com has no member in DNS and no fallback: DNS queries for it get a negative answer",
    None,
)

# ADMIT -------------------------------------------------------------------------------------------


def test_a_member_that_is_in_dns_as_it_should_be_needs_nothing() -> None:
    made = plan(instances=[instance()], records=[record()], checks=[check()])
    assert made.nothing_to_do
    assert made.findings == ()


def test_a_new_member_first_gets_a_check() -> None:
    made = plan(instances=[instance()])
    assert creations(made) == [create(check(), "EC2 says running; it has no health check")]
    assert (made.change_records, made.delete_checks) == ((), ())
    assert made.waiting == (waiting("Route 53 has not seen it yet", overdue=OVERDUE),)
    assert made.findings == (EMPTY,)


def test_a_member_is_not_answered_before_route_53_has_seen_it() -> None:
    made = plan(instances=[instance()], checks=[check()])
    assert made.changes == ()
    assert made.waiting == (waiting("Route 53 has not seen it yet", "c-1", OVERDUE),)


def test_a_member_that_route_53_sees_unhealthy_waits() -> None:
    made = plan(instances=[instance()], checks=[check()], unhealthy=["c-1"])
    assert made.changes == ()
    assert made.waiting == (waiting("Route 53 does not see it healthy", "c-1", OVERDUE),)


def test_a_member_that_route_53_sees_healthy_is_admitted() -> None:
    made = plan(instances=[instance()], checks=[check()], healthy=["c-1"])
    assert made.changes == (put(record(), "EC2 says running; Route 53 sees it healthy"),)
    assert (made.waiting, made.findings) == ((), ())


def test_an_admitted_record_has_the_pools_name_ttl_and_address_and_the_owners_identifier() -> None:
    short = pool(ttl=5, record_name="*.example.com")
    (change,) = plan(pools=[short], instances=[instance()], checks=[check()], healthy=["c-1"]).change_records
    assert change.record == Record(
        name="*.example.com",
        type="A",
        values=("192.0.2.1",),
        identifier="fleet53.eu-west-1.123456789012/i-0a",
        ttl=5,
        check_id=CheckId("c-1"),
        multivalue=True,
    )


def test_with_admit_when_running_the_record_comes_with_its_new_check() -> None:
    made = plan(pools=[pool(admit_when=AdmitWhen.RUNNING)], instances=[instance()])
    key = CheckKey(WEB, A, RecordType.A)
    assert [each.key for each in made.create_checks] == [key]
    assert made.change_records == (replace(put(record(check_id=None), RUNNING), new_check=key),)


def test_with_admit_when_running_a_check_that_is_there_is_used() -> None:
    made = plan(pools=[pool(admit_when=AdmitWhen.RUNNING)], instances=[instance()], checks=[check()])
    assert made.changes == (put(record(), RUNNING),)


def test_without_a_check_the_record_comes_at_once() -> None:
    unchecked = pool(check=None, admit_when=AdmitWhen.RUNNING)
    made = plan(pools=[unchecked], instances=[instance()], checks=None)
    assert made.changes == (put(record(check_id=None), RUNNING),)


def test_a_private_pool_answers_with_private_addresses() -> None:
    private = pool(check=None, admit_when=AdmitWhen.RUNNING, address=AddressType.PRIVATE_IPV4)
    made = plan(pools=[private], instances=[instance(private_ipv4=IPv4Address("10.0.0.1"))])
    assert made.changes == (put(record(address="10.0.0.1", check_id=None), RUNNING),)


def test_a_dualstack_member_has_a_check_and_a_record_of_each_family() -> None:
    both = instance(ipv6=IPv6Address("2001:db8::1"))
    six = check("c-6", address="2001:db8::1")
    made = plan(pools=[pool(address=AddressType.DUALSTACK)], instances=[both])
    assert creations(made) == [
        create(check(), "EC2 says running; it has no health check"),
        create(six, "EC2 says running; it has no health check"),
    ]
    made = plan(
        pools=[pool(address=AddressType.DUALSTACK)], instances=[both], checks=[check(), six], healthy=["c-1", "c-6"]
    )
    assert [change.record for change in made.change_records] == [
        record(),
        record(address="2001:db8::1", check_id="c-6"),
    ]


def test_a_family_that_is_not_healthy_keeps_the_other_out_of_nothing() -> None:
    both = instance(ipv6=IPv6Address("2001:db8::1"))
    checks = [check(), check("c-6", address="2001:db8::1")]
    made = plan(pools=[pool(address=AddressType.DUALSTACK)], instances=[both], checks=checks, healthy=["c-1"])
    assert [change.record for change in made.change_records] == [record()]


@pytest.mark.parametrize(
    ("kind", "because"),
    [
        (AddressType.PUBLIC_IPV4, "running without a public IPv4 address"),
        (AddressType.IPV6, "running without an IPv6 address"),
        (AddressType.PRIVATE_IPV4, "running without a private IPv4 address"),
    ],
)
def test_a_member_without_an_address_waits_for_one(kind: AddressType, because: str) -> None:
    bare = pool(address=kind, check=None, admit_when=AdmitWhen.RUNNING)
    made = plan(pools=[bare], instances=[instance(public_ipv4=None)])
    assert made.changes == ()
    assert made.waiting == (waiting(because, overdue=FindingKind.NO_ADDRESS),)


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        (record(ttl=300), "its record has TTL 300 s, not 60 s"),
        (record(check_id=None), "its record has health check none, not c-1"),
        (record(ttl=300, check_id=None), "its record has TTL 300 s, not 60 s and health check none, not c-1"),
    ],
)
def test_a_record_that_was_edited_is_corrected(wrong: Record, because: str) -> None:
    made = plan(instances=[instance()], records=[wrong], checks=[check()], healthy=["c-1"])
    assert made.changes == (correct(wrong, record(), because),)


def test_a_record_of_a_pool_that_has_no_check_any_more_loses_it() -> None:
    unchecked = pool(check=None, admit_when=AdmitWhen.RUNNING)
    made = plan(pools=[unchecked], instances=[instance()], records=[record()], checks=[check()])
    assert made.changes == (
        correct(record(), record(check_id=None), "its record has health check c-1, not none"),
        delete_check("c-1", "no record needs it"),
    )


def test_a_check_that_a_calculated_check_counts_is_not_deleted_but_reported() -> None:
    sums = [Check(CheckId(f"c-sum-{number}"), "theirs", None, frozenset({CheckId("c-1")})) for number in (2, 1)]
    made = plan(instances=[instance(state="stopped")], checks=[check(), check("c-2", attempt=1), *sums])
    assert made.changes == (delete_check("c-2", "EC2 says stopped"),)
    because = (
        "EC2 says stopped; Route 53 does not delete it, because calculated health checks count it: c-sum-1, c-sum-2"
    )
    assert Finding(ORPHAN_CHECK, because, WEB, A, check_id=CheckId("c-1")) in made.findings


# A health check that is renewed ----------------------------------------------------------------------------

MOVES = "; the record moves when its new health check is healthy"


def test_a_changed_setting_makes_a_new_check_beside_the_old() -> None:
    made = plan(pools=[pool(check=OTHER_PATH)], instances=[instance()], records=[record()], checks=[check()])
    because = "its health check c-1 was created for an earlier launch or setting"
    assert creations(made) == [create(check(asks=OTHER_PATH), because, drift=STALE)]
    assert (made.change_records, made.delete_checks) == ((), ())
    assert made.waiting == (waiting(f"{because}{MOVES}", overdue=OVERDUE, serves=True),)


def test_a_wrong_path_never_empties_a_pool() -> None:
    made = plan(
        pools=[pool(check=OTHER_PATH)],
        instances=[instance()],
        records=[record()],
        checks=[check(), check("c-2", asks=OTHER_PATH)],
        unhealthy=["c-2"],
    )
    assert made.changes == ()
    assert made.findings == ()


def test_the_record_moves_to_the_new_check_when_that_is_healthy_and_the_old_goes() -> None:
    made = plan(
        pools=[pool(check=OTHER_PATH)],
        instances=[instance()],
        records=[record()],
        checks=[check(), check("c-2", asks=OTHER_PATH)],
        healthy=["c-2"],
    )
    assert made.changes == (
        correct(record(), record(check_id="c-2"), "its record has health check c-1, not c-2"),
        delete_check("c-1", "no record needs it"),
    )


def test_a_restart_with_the_same_address_makes_a_new_check() -> None:
    made = plan(instances=[instance(launched=NOW)], records=[record()], checks=[check()])
    because = "its health check c-1 was created for an earlier launch or setting"
    assert creations(made) == [create(check(launched=NOW), because, drift=STALE)]


def test_a_record_keeps_its_check_whether_or_not_it_is_healthy() -> None:
    assert plan(instances=[instance()], records=[record()], checks=[check()], unhealthy=["c-1"]).nothing_to_do


GONE = "its record refers to health check c-9, which is gone"
NAMES_GONE = record(check_id="c-9")


def correct_gone(right: Record) -> PutRecord:
    return PutRecord(WEB, ZONE, A, right, FindingKind.DEAD_CHECK_REFERENCE, GONE, replaces=NAMES_GONE)


def test_a_health_check_that_was_deleted_by_hand_is_created_again_and_its_record_names_it_at_once() -> None:
    made = plan(pools=[pool(ttl=5)], instances=[instance()], records=[NAMES_GONE])
    assert creations(made) == [create(check(), GONE, drift=FindingKind.DEAD_CHECK_REFERENCE)]
    right = correct_gone(record(check_id=None, ttl=5))
    assert made.records_after_checks == (replace(right, new_check=CheckKey(WEB, A, RecordType.A)),)
    assert (made.records_at_once, made.waiting, made.findings) == ((), (), ())


@pytest.mark.parametrize("what", [{}, {"healthy": ["c-1"]}, {"unhealthy": ["c-1"]}])
def test_a_record_whose_check_is_gone_names_the_new_one_whether_or_not_that_is_healthy(what: dict[str, Any]) -> None:
    made = plan(instances=[instance()], records=[NAMES_GONE], checks=[check()], **what)
    assert made.changes == (correct_gone(record()),)
    assert (made.waiting, made.findings) == ((), ())


def test_a_pool_whose_only_record_names_a_check_that_is_gone_does_not_get_its_fallback() -> None:
    made = plan(pools=[SORRY], instances=[instance()], records=[NAMES_GONE])
    assert [change.instance_id for change in made.change_records] == [A]


def test_a_record_with_another_kind_of_address_and_a_check_that_is_gone_waits_until_the_new_one_is_healthy() -> None:
    member = instance(private_ipv4=IPv4Address("10.0.0.1"))
    made = plan(instances=[member], records=[record(address="10.0.0.1", check_id="c-9")], checks=[check()])
    assert made.changes == ()
    assert made.waiting == (waiting(f"{GONE}{MOVES}", "c-1", OVERDUE, serves=True),)
    assert made.findings == (replace(finding(FindingKind.DEAD_CHECK_REFERENCE, GONE), check_id=CheckId("c-9")),)


@pytest.mark.parametrize(
    "what",
    [
        {"instances": [instance()]},
        {"instances": [IN_GROUP], "lifecycle_states": {A: "Pending"}},
    ],
)
def test_a_record_is_never_put_with_a_check_that_is_gone(what: dict[str, Any]) -> None:
    made = plan(pools=[pool(ttl=5)], records=[record(check_id="c-9")], **what)
    assert [change for change in made.change_records if change.record.check_id == "c-9"] == []


def test_a_check_that_was_edited_by_hand_is_replaced_under_the_next_reference() -> None:
    made = plan(instances=[instance()], records=[record()], checks=[check(edited=True)])
    because = "its health check c-1 was edited by hand"
    expected = create(check(attempt=1), because, drift=FindingKind.CHECK_MISMATCH)
    assert creations(made) == [expected]
    assert made.delete_checks == ()


def test_a_record_without_a_check_gets_one() -> None:
    made = plan(instances=[instance()], records=[record(check_id=None)])
    assert creations(made) == [create(check(), "its record has no health check")]


def test_a_record_that_names_a_foreign_health_check_gets_its_own() -> None:
    made = plan(instances=[instance()], records=[record(check_id="c-theirs")], checks=[foreign_check()])
    because = "its record refers to health check c-theirs, which is not ours"
    assert creations(made) == [create(check(), because, drift=STALE)]
    assert made.delete_checks == ()


def test_of_two_checks_that_fit_the_records_own_stays() -> None:
    checks = [check("c-1"), check("c-2", attempt=1)]
    made = plan(instances=[instance()], records=[record(check_id="c-2")], checks=checks)
    assert made.changes == (delete_check("c-1", "no record needs it"),)


def test_of_two_checks_that_fit_the_earlier_attempt_is_used() -> None:
    checks = [check("c-2", attempt=1), check("c-1")]
    made = plan(instances=[instance()], checks=checks, healthy=["c-1", "c-2"])
    assert made.changes == (
        put(record(), "EC2 says running; Route 53 sees it healthy"),
        delete_check("c-2", "no record needs it"),
    )


def test_a_new_check_does_not_try_references_that_are_in_use() -> None:
    made = plan(instances=[instance()], checks=[check(edited=True), check("c-2", attempt=1, edited=True)])
    (creation,) = made.create_checks
    assert creation.references[0] == check(attempt=2).reference


# Without the account's health checks -----------------------------------------------------------------------


def test_a_pool_that_is_right_is_settled_without_reading_checks() -> None:
    assert plan(instances=[instance()], records=[record()], checks=None).nothing_to_do


@pytest.mark.parametrize("records", [[], [record(check_id=None)], [record(ttl=5)]])
def test_a_pool_that_may_be_wrong_is_not_settled_before_checks_are_read(records: list[Record]) -> None:
    made = plan(instances=[instance()], records=records, checks=None)
    assert not made.nothing_to_do
    assert (made.create_checks, made.delete_checks) == ((), ())


# PREPARE ---------------------------------------------------------------------------------------------


def test_a_member_that_prepares_gets_a_check_and_no_record() -> None:
    made = plan(instances=[IN_GROUP], **PREPARED)
    assert creations(made) == [create(check(), "Auto Scaling says Pending:Wait; it has no health check")]
    assert made.change_records == ()
    assert made.waiting == (waiting("Route 53 has not seen it yet", overdue=OVERDUE),)


def test_a_member_that_prepares_waits_for_its_health_and_then_for_auto_scaling() -> None:
    made = plan(instances=[IN_GROUP], checks=[check()], unhealthy=["c-1"], **PREPARED)
    assert made.waiting == (waiting("Route 53 does not see it healthy", "c-1", OVERDUE),)
    made = plan(instances=[IN_GROUP], checks=[check()], healthy=["c-1"], **PREPARED)
    assert made.waiting == (waiting("Auto Scaling says Pending:Wait"),)


def test_a_member_that_prepares_is_not_answered_even_when_healthy() -> None:
    made = plan(instances=[IN_GROUP], checks=[check()], healthy=["c-1"], **PREPARED)
    assert made.changes == ()
    made = plan(pools=[pool(admit_when=AdmitWhen.RUNNING)], instances=[IN_GROUP], checks=[check()], **PREPARED)
    assert made.changes == ()


def test_a_member_that_prepares_loses_its_record_and_keeps_its_check() -> None:
    made = plan(instances=[IN_GROUP], records=[record()], checks=[check()], lifecycle_states={A: "RootVolumeReplaced"})
    assert made.changes == (delete(record(), "Auto Scaling says RootVolumeReplaced"),)


# WAIT ------------------------------------------------------------------------------------------------


def test_a_member_that_waits_keeps_what_it_has() -> None:
    made = plan(instances=[IN_GROUP], records=[record()], checks=[check()])
    assert made.changes == ()
    assert made.waiting == (waiting("Auto Scaling does not confirm it in group web-fleet"),)


def test_a_member_that_waits_gets_nothing() -> None:
    made = plan(instances=[instance(state="pending")])
    assert made.changes == ()
    assert made.waiting == (waiting("EC2 says pending"),)


def test_a_member_that_waits_keeps_a_check_without_a_record() -> None:
    assert plan(instances=[instance(state="pending")], checks=[check()]).changes == ()


# WITHDRAW --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "because"),
    [
        ({"instances": [instance(state="stopping")]}, "EC2 says stopping"),
        ({"instances": [instance(state="terminated")]}, "EC2 says terminated"),
        ({"instances": []}, "EC2 does not know the instance"),
        ({"instances": [instance(pools=frozenset())]}, "its tag does not name pool web"),
        (
            {"instances": [IN_GROUP], "lifecycle_states": {A: "Terminating:Wait"}},
            "Auto Scaling says Terminating:Wait",
        ),
        (
            {"instances": [instance(spot=True)], "spot": {A: "marked-for-termination"}},
            "its Spot request is marked-for-termination",
        ),
    ],
)
def test_a_member_that_goes_loses_its_record_and_then_its_check(what: dict[str, Any], because: str) -> None:
    made = plan(records=[record()], checks=[check()], **what)
    assert made.changes == (delete(record(), because), delete_check("c-1", because))
    assert (made.waiting, made.findings) == ((), (EMPTY,))


def test_a_member_that_is_detached_goes_and_is_looked_at_until_it_is_in_no_group() -> None:
    made = plan(instances=[IN_GROUP], records=[record()], checks=[check()], lifecycle_states={A: "Detaching"})
    because = "Auto Scaling says Detaching"
    assert made.changes == (delete(record(), because), delete_check("c-1", because))
    assert made.waiting == (waiting(because),)


def test_an_instance_that_is_detached_and_has_lost_its_tag_is_not_looked_at() -> None:
    detached = instance(group="web-fleet", pools=frozenset())
    assert plan(instances=[detached], records=[record()], lifecycle_states={A: "Detaching"}).waiting == ()


def test_a_member_that_went_loses_the_check_that_is_left() -> None:
    made = plan(instances=[instance(state="terminated")], checks=[check()])
    assert made.changes == (delete_check("c-1", "EC2 says terminated"),)


def test_both_records_of_a_dualstack_member_go() -> None:
    six = record(address="2001:db8::1", check_id="c-6")
    made = plan(
        pools=[pool(address=AddressType.DUALSTACK)],
        instances=[instance(state="stopping")],
        records=[record(), six],
        checks=[check(), check("c-6", address="2001:db8::1")],
    )
    assert [change.record for change in made.change_records] == [record(), six]
    assert {change.check_id for change in made.delete_checks} == {"c-1", "c-6"}


# The guard -------------------------------------------------------------------------------------------

FOUR = ("i-0a", "i-0b", "i-0c", "i-0d")


def address_of(instance_id: str) -> str:
    return f"192.0.2.{ord(instance_id[-1])}"


def members(*instance_ids: str, **differs: Any) -> list[Instance]:
    return [instance(each, public_ipv4=IPv4Address(address_of(each)), **differs) for each in instance_ids]


def records_of(*instance_ids: str) -> list[Record]:
    return [record(each, address_of(each), f"c-{each}") for each in instance_ids]


def checks_of(*instance_ids: str) -> list[Check]:
    return [check(f"c-{each}", each, address_of(each)) for each in instance_ids]


def test_half_of_four_that_vanished_are_withdrawn() -> None:
    made = plan(instances=members("i-0a", "i-0b"), records=records_of(*FOUR), checks=checks_of(*FOUR))
    assert [change.instance_id for change in made.change_records] == ["i-0c", "i-0d"]
    assert made.held == ()


def test_three_of_four_that_vanished_are_held_with_the_reason() -> None:
    made = plan(instances=members("i-0a"), records=records_of(*FOUR), checks=checks_of(*FOUR))
    assert made.changes == ()
    assert [(held.instance_id, held.record) for held in made.held] == [
        (InstanceId(each), kept) for each, kept in zip(FOUR[1:], records_of(*FOUR[1:]), strict=True)
    ]
    assert made.held[0].because == (
        "EC2 does not know the instance; held by the guard: 3 of 4 members would be withdrawn without evidence that "
        "they are gone, more than "
        "MaxWithdrawPercent=50 allows; if they still run, restore their tag or the pool; "
        'to withdraw them, invoke the audit with {"repair": true, "force": true}'
    )
    assert not made.nothing_to_do


def test_a_member_that_is_held_counts_as_in_dns_for_the_fallback() -> None:
    made = plan(pools=[pool(fallback=IPv4Address("198.51.100.9"))], records=records_of(*FOUR), checks=checks_of(*FOUR))
    assert (made.changes, len(made.held)) == ((), 4)


def test_evidence_passes_beside_what_is_held() -> None:
    five = (*FOUR, "i-0e")
    made = plan(instances=members("i-0e", state="stopping"), records=records_of(*five), checks=checks_of(*five))
    assert [change.instance_id for change in made.change_records] == ["i-0e"]
    assert [held.instance_id for held in made.held] == list(FOUR)


def test_evidence_passes_at_any_number() -> None:
    made = plan(instances=members(*FOUR, state="stopping"), records=records_of(*FOUR), checks=checks_of(*FOUR))
    assert (len(made.change_records), made.held) == (4, ())


def test_admissions_go_on_while_withdrawals_are_held() -> None:
    new = members("i-0e")
    checks = [*checks_of(*FOUR), *checks_of("i-0e")]
    made = plan(instances=new, records=records_of(*FOUR), checks=checks, healthy=["c-i-0e"])
    assert [change.instance_id for change in made.changes if isinstance(change, PutRecord)] == ["i-0e"]
    assert len(made.held) == 4


def test_force_withdraws_what_the_guard_would_hold() -> None:
    what = situation(records=records_of(*FOUR), checks=checks_of(*FOUR))
    made = make_plan(what, Guard(50, force=True))
    assert (len(made.change_records), len(made.delete_checks), made.held) == (4, 4, ())


def test_a_member_without_its_tag_is_held_and_loses_only_health_checks_that_no_record_names() -> None:
    checks = [*checks_of(*FOUR), check("c-old", "i-0a", address_of("i-0a"), asks=OTHER_PATH)]
    made = plan(instances=members(*FOUR, pools=frozenset()), records=records_of(*FOUR), checks=checks)
    assert made.changes == (delete_check("c-old", "its tag does not name pool web", address=address_of("i-0a")),)


# LEAVE -----------------------------------------------------------------------------------------------


def test_a_member_in_an_unknown_state_is_left_alone_and_reported() -> None:
    strange = record(address="203.0.113.7", ttl=5, check_id="c-1")
    made = plan(instances=[instance(state="resting")], records=[strange], checks=[check(), check("c-2", attempt=1)])
    assert (made.changes, made.waiting) == ((), ())
    assert made.findings == (finding(FindingKind.UNKNOWN_STATE, "EC2 state 'resting' is unknown to this version"),)


def test_a_member_in_an_unknown_state_gets_nothing() -> None:
    made = plan(instances=[IN_GROUP], lifecycle_states={A: "Resting"}, healthy=["c-1"])
    assert made.changes == ()
    assert made.findings == (
        finding(FindingKind.UNKNOWN_STATE, "Auto Scaling state 'Resting' is unknown to this version"),
        EMPTY,
    )


# Note [Stranger's address] ---------------------------------------------------------------------------

STRANGE = record(address="203.0.113.7")
NOT_ITS_OWN = "its record holds 203.0.113.7, and its own address is 192.0.2.1"


@pytest.mark.parametrize(
    "what",
    [
        {"instances": [instance()]},
        {"instances": [IN_GROUP], **PREPARED},
        {"instances": [IN_GROUP]},
        {"instances": [instance(state="pending")]},
        {"instances": [instance(pools=frozenset())]},
    ],
    ids=["ADMIT", "PREPARE", "WAIT", "WAIT for EC2", "WITHDRAW for absence"],
)
def test_an_address_that_is_not_the_instances_own_goes_at_once(what: dict[str, Any]) -> None:
    made = plan(records=[STRANGE], **what)
    assert made.change_records == (delete(STRANGE, NOT_ITS_OWN, drift=STALE),)


def test_while_auto_scaling_cannot_be_read_a_record_stays_if_it_holds_the_instances_own_address() -> None:
    unread = {Source.AUTO_SCALING: "AccessDenied"}
    because = "left as it is, because Auto Scaling could not be read: AccessDenied"
    for kept, changes in [(record(), ()), (STRANGE, (delete(STRANGE, NOT_ITS_OWN, drift=STALE),))]:
        made = plan(instances=[IN_GROUP], records=[kept], checks=[check()], unread=unread)
        assert (made.change_records, made.delete_checks) == (changes, ())
        assert made.findings[0] == Finding(FindingKind.NOT_READ, because, WEB, A, NAME)


def test_in_a_state_that_this_version_does_not_know_no_record_is_touched() -> None:
    made = plan(instances=[instance(state="resting")], records=[STRANGE])
    assert made.changes == ()
    assert [each.kind for each in made.findings] == [FindingKind.UNKNOWN_STATE]


def test_an_address_that_is_not_the_instances_own_is_never_held() -> None:
    strange = [record(each, "203.0.113.7", f"c-{each}") for each in FOUR]
    made = plan(instances=members(*FOUR, pools=frozenset()), records=strange)
    assert (len(made.change_records), made.held) == (4, ())


def test_a_member_with_a_new_address_comes_back_through_the_gate() -> None:
    moved = instance(public_ipv4=IPv4Address("192.0.2.9"))
    made = plan(instances=[moved], records=[record()], checks=[check()])
    assert creations(made) == [create(check(address="192.0.2.9"), "EC2 says running; it has no health check")]
    assert made.change_records == (
        delete(record(), "its record holds 192.0.2.1, and its own address is 192.0.2.9", drift=STALE),
    )
    assert made.delete_checks == (delete_check("c-1", "no record needs it"),)
    assert made.waiting == (waiting("Route 53 has not seen it yet", overdue=OVERDUE),)


def test_a_new_address_that_is_known_to_be_healthy_replaces_the_old_in_one_plan() -> None:
    moved = instance(public_ipv4=IPv4Address("192.0.2.9"))
    checks = [check(), check("c-2", address="192.0.2.9")]
    made = plan(instances=[moved], records=[record()], checks=checks, healthy=["c-2"])
    assert [type(change) for change in made.change_records] == [DeleteRecord, PutRecord]


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        (
            record(values=("192.0.2.1", "203.0.113.7")),
            "its record holds 192.0.2.1, 203.0.113.7, and its own address is 192.0.2.1",
        ),
        (record(values=()), "its record holds an alias, and its own address is 192.0.2.1"),
        (record(multivalue=False), "its record is not multivalue any more"),
        (record(address="2001:db8::1"), "the pool has no AAAA records any more"),
    ],
)
def test_a_record_that_is_not_only_its_instances_address_goes(wrong: Record, because: str) -> None:
    made = plan(instances=[instance()], records=[wrong])
    assert made.change_records == (delete(wrong, because, drift=STALE),)


def test_a_record_of_an_instance_that_lost_its_address_goes() -> None:
    made = plan(instances=[instance(public_ipv4=None)], records=[record()], checks=[check()])
    because = "its record holds 192.0.2.1, and EC2 says running without a public IPv4 address"
    assert made.change_records == (delete(record(), because, drift=STALE),)


# Seats -----------------------------------------------------------------------------------------------


def crowd(size: int, first: int = 0, **differs: Any) -> list[Instance]:
    return [
        instance(f"i-{n:03}", public_ipv4=IPv4Address(f"192.0.2.{n}"), **differs) for n in range(first, first + size)
    ]


def seated(size: int, first: int = 0) -> list[Record]:
    return [record(f"i-{n:03}", f"192.0.2.{n}", None) for n in range(first, first + size)]


UNCHECKED = pool(check=None, admit_when=AdmitWhen.RUNNING)
FULL = "app.example.com has 100 A records, counting members that are about to get one, and Route 53 allows no more"


def test_the_oldest_launches_take_the_hundred_places() -> None:
    late = crowd(5, launched=NOW)
    made = plan(pools=[UNCHECKED], instances=[*late, *crowd(98, first=5)])
    admitted = {change.instance_id for change in made.change_records}
    assert len(admitted) == 100
    assert [each.id for each in late if each.id in admitted] == ["i-000", "i-001"]
    assert [(each.kind, each.instance_id, each.because) for each in made.findings] == [
        (FindingKind.POOL_FULL, each, FULL) for each in ("i-002", "i-003", "i-004")
    ]
    assert made.statuses[0].standby == {"i-002", "i-003", "i-004"}


def test_a_member_with_a_place_keeps_it_from_an_older_launch() -> None:
    made = plan(
        pools=[UNCHECKED],
        instances=[*crowd(100, launched=NOW), *crowd(1, first=100)],
        records=seated(100),
    )
    assert made.changes == ()
    assert made.statuses[0].standby == {"i-100"}


def test_a_member_that_waits_for_its_health_check_keeps_its_place_from_an_older_launch() -> None:
    under_way = check("c-new", "i-100", "192.0.2.100", launched=NOW)
    instances = [*crowd(99), *crowd(1, first=100, launched=NOW), *crowd(1, first=101)]
    checks = [check(f"c-{n}", f"i-{n:03}", f"192.0.2.{n}") for n in range(99)]
    records = [record(f"i-{n:03}", f"192.0.2.{n}", f"c-{n}") for n in range(99)]
    made = plan(instances=instances, records=records, checks=[*checks, under_way])
    assert made.changes == ()
    assert made.statuses[0].standby == {"i-101"}


def test_standby_has_no_check() -> None:
    made = plan(instances=crowd(101))
    assert len(made.create_checks) == 100


def test_a_place_that_frees_is_given_in_the_same_plan() -> None:
    gone = crowd(1, state="stopping")
    made = plan(pools=[UNCHECKED], instances=[*gone, *crowd(100, first=1)], records=seated(100))
    assert [(type(change), change.instance_id) for change in made.change_records] == [
        (DeleteRecord, "i-000"),
        (PutRecord, "i-100"),
    ]


def test_foreign_multivalue_records_take_places_too() -> None:
    theirs = [record(address=f"198.51.100.{n}", identifier=f"theirs-{n}") for n in range(30)]
    made = plan(pools=[UNCHECKED], instances=crowd(80), records=theirs)
    assert len(made.change_records) == 70
    assert len(made.statuses[0].standby) == 10


def test_more_foreign_records_than_places_leave_none() -> None:
    theirs = [record(address=f"198.51.100.{n}", identifier=f"theirs-{n}") for n in range(100)]
    made = plan(pools=[replace(UNCHECKED, fallback=IPv4Address("203.0.113.1"))], instances=crowd(1), records=theirs)
    assert made.changes == ()


def test_a_record_that_is_held_keeps_its_place() -> None:
    made = plan(pools=[UNCHECKED], instances=crowd(1, first=100), records=seated(100))
    assert (made.changes, len(made.held)) == ((), 100)


def test_each_family_has_its_own_hundred_places() -> None:
    both = [
        replace(each, ipv6=IPv6Address(f"2001:db8::{n:x}") if n < 50 else None) for n, each in enumerate(crowd(100))
    ]
    made = plan(pools=[replace(UNCHECKED, address=AddressType.DUALSTACK)], instances=both)
    assert len(made.change_records) == 150


# What is foreign -------------------------------------------------------------------------------------


NO_MEMBER = (
    "no member has 198.51.100.7: tag the instances that have these addresses, or take the addresses out of the record "
    "first"
)
OTHER_POLICY = "it has another routing policy; give the pool a name of its own, or delete the records of that policy"
CNAME = "it is a CNAME record; give the pool a name of its own, and let this record point to it"


@pytest.mark.parametrize(
    ("theirs", "whose", "why"),
    [
        (record(address="198.51.100.7", identifier=None, multivalue=False), "record of type A", NO_MEMBER),
        (record(identifier="blue", multivalue=False), "record of type A 'blue'", OTHER_POLICY),
        (Record(NAME, "CNAME", ("elsewhere.example.com",), ttl=60), "record of type CNAME", CNAME),
        (Record(NAME, "CNAME", ("elsewhere.example.com",), "blue", 60), "record of type CNAME 'blue'", CNAME),
    ],
)
def test_a_foreign_record_that_no_multivalue_record_can_stand_beside_is_reported_and_left(
    theirs: Record, whose: str, why: str
) -> None:
    made = plan(pools=[pool(fallback=IPv4Address("198.51.100.9"))], instances=[instance()], records=[theirs])
    because = (
        f"app.example.com has a {whose} that is not ours and not multivalue; remove it or give the pool another name"
    )
    reported = f"{because}; it cannot be taken over: {why}"
    assert made.changes == ()
    assert made.findings == (finding(FindingKind.FOREIGN_RECORD_IN_THE_WAY, reported, None),)
    assert made.waiting == (waiting(because),)


def test_foreign_records_of_other_types_stop_no_admission() -> None:
    text = Record(NAME, "TXT", ('"v=spf1 -all"',), ttl=60)
    six = record(address="2001:db8::9", identifier=None, multivalue=False)
    made = plan(instances=[instance()], records=[text, six], checks=[check()], healthy=["c-1"])
    assert made.changes == (put(record(), "EC2 says running; Route 53 sees it healthy"),)


def test_a_foreign_multivalue_record_is_left_beside_ours() -> None:
    theirs = record(address="198.51.100.1", identifier="theirs")
    assert plan(instances=[instance()], records=[theirs, record()], checks=[check(), foreign_check()]).nothing_to_do


# The fallback ----------------------------------------------------------------------------------------


def put_fallback(right: Record, wrong: Record | None = None) -> PutRecord:
    return PutRecord(WEB, ZONE, None, right, MISSING_RECORD, "no member is in DNS", replaces=wrong)


def delete_fallback(wrong: Record, because: str) -> DeleteRecord:
    return DeleteRecord(WEB, ZONE, None, wrong, ORPHAN, because)


def test_an_empty_pool_answers_with_its_fallback() -> None:
    made = plan(pools=[SORRY])
    assert made.changes == (put_fallback(fallback()),)
    assert made.findings == ()


def test_a_fallback_that_is_there_needs_nothing() -> None:
    assert plan(pools=[SORRY], records=[fallback()]).nothing_to_do


def test_the_fallback_comes_with_the_last_members_going() -> None:
    made = plan(pools=[SORRY], instances=[instance(state="stopping")], records=[record()], checks=[check()])
    assert made.change_records == (delete(record(), "EC2 says stopping"), put_fallback(fallback()))


def test_the_fallback_goes_with_the_first_members_coming() -> None:
    made = plan(pools=[SORRY], instances=[instance()], records=[fallback()], checks=[check()], healthy=["c-1"])
    assert made.change_records == (
        delete_fallback(fallback(), "a member is in DNS"),
        put(record(), "EC2 says running; Route 53 sees it healthy"),
    )


def test_the_fallback_stays_until_the_check_of_the_first_member_is_created() -> None:
    at_once = replace(SORRY, admit_when=AdmitWhen.RUNNING)
    made = plan(pools=[at_once], instances=[instance()], records=[fallback()])
    leaves = replace(delete_fallback(fallback(), "a member is in DNS"), waits=True)
    assert made.records_at_once == ()
    assert [type(change) for change in made.records_after_checks] == [DeleteRecord, PutRecord]
    assert made.records_after_checks[0] == leaves


def test_the_fallback_comes_while_the_check_of_the_only_member_to_come_is_created() -> None:
    at_once = replace(SORRY, admit_when=AdmitWhen.RUNNING)
    made = plan(pools=[at_once], instances=[instance(state="stopping"), instance("i-0b")], records=[record()])
    leaves = replace(delete_fallback(fallback(), "a member is in DNS"), waits=True)
    assert made.records_at_once == (delete(record(), "EC2 says stopping"), put_fallback(fallback()))
    assert made.records_after_checks[0] == leaves


@pytest.mark.parametrize("wrong", [fallback("203.0.113.7"), fallback(ttl=5), fallback(check_id=CheckId("c-1"))])
def test_a_fallback_that_was_edited_is_corrected(wrong: Record) -> None:
    assert plan(pools=[SORRY], records=[wrong]).changes == (put_fallback(fallback(), wrong),)


def test_a_fallback_of_another_family_is_replaced() -> None:
    six = fallback("2001:db8::9")
    made = plan(pools=[replace(SORRY, address=AddressType.DUALSTACK)], records=[six])
    assert made.changes == (delete_fallback(six, "the pool has no such fallback"), put_fallback(fallback()))


def test_a_fallback_that_is_not_wanted_any_more_goes() -> None:
    made = plan(records=[fallback()])
    assert made.changes == (delete_fallback(fallback(), "the pool has no such fallback"),)
    assert made.findings == (EMPTY,)


def test_the_fallback_is_not_a_member() -> None:
    made = plan(pools=[SORRY], records=[fallback()])
    nobody: frozenset[InstanceId] = frozenset()
    assert made.statuses == (PoolStatus(WEB, NAME, nobody, nobody, nobody, nobody),)


@pytest.mark.parametrize(
    ("what", "answered"),
    [
        ({}, False),
        ({"records": [record()]}, False),  # its instance is unknown, so it is withdrawn
        ({"instances": [instance()], "records": [record()], "checks": [check()]}, True),
        ({"pools": [pool(fallback=IPv4Address("198.51.100.9"))]}, True),
        ({"records": [record(identifier="somebody/else")]}, True),
    ],
)
def test_a_pool_is_answered_where_any_record_will_be_at_its_name(what: dict[str, Any], answered: bool) -> None:
    (status,) = plan(**what).statuses
    assert status.answered is answered


# Whose health checks ----------------------------------------------------------------------------------------


def test_a_check_of_another_pool_of_the_stack_is_left_to_that_pools_pass() -> None:
    other = check("c-api", pool_name="api")
    assert plan(checks=[other], declared=frozenset({WEB, PoolName("api")})).changes == ()
    assert plan(checks=[other], declared=frozenset({WEB, PoolName("api")}), swept=True).changes == ()


def test_a_check_of_no_declared_pool_goes_only_after_a_sweep() -> None:
    other = check("c-old", pool_name="old")
    assert plan(checks=[other]).changes == ()
    assert plan(checks=[other], swept=True).changes == (
        DeleteCheck(
            None, A, CheckId("c-old"), IPv4Address("192.0.2.1"), ORPHAN_CHECK, "its pool is not declared any more"
        ),
    )


def test_a_foreign_check_is_never_deleted() -> None:
    assert plan(checks=[foreign_check()], swept=True).changes == ()


def test_a_pool_status_says_which_member_is_where() -> None:
    made = plan(
        instances=[instance(), instance("i-0b", public_ipv4=None), instance("i-0c", pools=frozenset())],
        records=[record(), record("i-0c", "192.0.2.1")],
        checks=[check()],
    )
    assert made.statuses == (
        PoolStatus(
            pool=WEB,
            record_name=NAME,
            members=frozenset({A, InstanceId("i-0b")}),
            in_dns=frozenset({A, InstanceId("i-0c")}),
            pending=frozenset({InstanceId("i-0b")}),
            standby=frozenset(),
            ready=frozenset({A}),
        ),
    )


# Who is ready ----------------------------------------------------------------------------------------


def ready(**what: Any) -> frozenset[InstanceId]:
    (status,) = plan(**what).statuses
    return status.ready


def test_a_member_in_dns_is_ready() -> None:
    assert ready(instances=[instance()], records=[record()], checks=[check()]) == {A}


def test_a_member_in_dns_stays_ready_while_its_new_check_is_proven() -> None:
    asks = pool(check=OTHER_PATH)
    assert ready(pools=[asks], instances=[instance()], records=[record()], checks=[check()]) == {A}


def test_a_member_that_prepares_is_ready_when_route_53_sees_it_healthy() -> None:
    assert ready(instances=[IN_GROUP], checks=[check()], healthy=["c-1"], **PREPARED) == {A}


@pytest.mark.parametrize(
    "what",
    [
        {"checks": []},
        {"checks": None},
        {"checks": [check()]},
        {"checks": [check()], "unhealthy": ["c-1"]},
        {"checks": [check(asks=OTHER_PATH)], "healthy": ["c-1"]},
    ],
)
def test_a_member_that_prepares_is_not_ready_before_the_pools_check_has_seen_it_healthy(what: dict[str, Any]) -> None:
    assert ready(instances=[IN_GROUP], **what, **PREPARED) == frozenset()


@pytest.mark.parametrize("checks", [[], [check()]])
def test_with_admit_when_running_a_member_is_ready_with_any_health(checks: list[Check]) -> None:
    at_once = pool(admit_when=AdmitWhen.RUNNING)
    assert ready(pools=[at_once], instances=[IN_GROUP], checks=checks, **PREPARED) == {A}


def test_with_admit_when_running_a_member_is_not_ready_while_health_checks_are_not_read() -> None:
    assert ready(pools=[pool(admit_when=AdmitWhen.RUNNING)], instances=[IN_GROUP], checks=None, **PREPARED) == set()


def test_without_a_check_a_member_is_ready_at_once() -> None:
    unchecked = pool(check=None, admit_when=AdmitWhen.RUNNING)
    assert ready(pools=[unchecked], instances=[IN_GROUP], checks=None, **PREPARED) == {A}


@pytest.mark.parametrize(
    "lifecycle_states",
    [{}, {A: "Pending"}, {A: "Terminating:Wait"}, {A: "Standby"}, {A: "Warmed:Pending:Wait"}, {A: "Resting"}],
)
def test_a_member_that_is_not_to_be_served_is_not_ready_though_healthy(
    lifecycle_states: dict[InstanceId, str],
) -> None:
    what: dict[str, Any] = {"instances": [IN_GROUP], "checks": [check()], "healthy": ["c-1"]}
    assert ready(**what, lifecycle_states=lifecycle_states) == frozenset()


@pytest.mark.parametrize("state", ["pending", "stopping", "terminated"])
def test_a_member_that_does_not_run_is_not_ready(state: str) -> None:
    assert ready(instances=[instance(state=state)], checks=[check()], healthy=["c-1"]) == frozenset()


def test_an_instance_of_another_pool_is_not_ready_in_this_one() -> None:
    other = instance(pools=frozenset({PoolName("api")}))
    assert ready(instances=[other], records=[record()], checks=[check()], healthy=["c-1"]) == frozenset()


def test_standby_of_a_full_pool_is_ready_for_its_record_need_not_be_waited_for() -> None:
    newest = instance("i-100", public_ipv4=IPv4Address("192.0.2.100"), group="web-fleet", launched=NOW)
    made = plan(
        pools=[UNCHECKED],
        instances=[*crowd(100), newest],
        records=seated(100),
        lifecycle_states={InstanceId("i-100"): "Pending:Wait"},
    )
    assert made.statuses[0].standby == {"i-100"}
    assert "i-100" in made.statuses[0].ready


def test_a_member_on_standby_is_ready_although_its_pool_has_a_health_check() -> None:
    newest = instance("i-100", public_ipv4=IPv4Address("192.0.2.100"), group="web-fleet", launched=NOW)
    made = plan(instances=[*crowd(100), newest], lifecycle_states={InstanceId("i-100"): "Pending:Wait"})
    assert made.statuses[0].ready == {"i-100"}


def test_a_member_without_an_address_is_not_ready() -> None:
    assert ready(instances=[replace(IN_GROUP, public_ipv4=None)], **PREPARED) == frozenset()


@pytest.mark.parametrize(
    ("four", "six", "healthy", "expected"),
    [
        ("192.0.2.1", "2001:db8::1", ["c-1", "c-6"], {A}),
        ("192.0.2.1", "2001:db8::1", ["c-1"], set()),
        ("192.0.2.1", "2001:db8::1", ["c-6"], set()),
        ("192.0.2.1", None, ["c-1"], {A}),
        (None, "2001:db8::1", ["c-6"], {A}),
        (None, "2001:db8::1", [], set()),
        (None, None, ["c-1", "c-6"], set()),
    ],
)
def test_a_dualstack_member_is_ready_when_each_family_it_has_is_healthy(
    four: str | None, six: str | None, healthy: list[str], expected: set[InstanceId]
) -> None:
    member = replace(
        IN_GROUP,
        public_ipv4=IPv4Address(four) if four else None,
        ipv6=IPv6Address(six) if six else None,
    )
    checks = [check(), check("c-6", address="2001:db8::1")]
    both = pool(address=AddressType.DUALSTACK)
    assert ready(pools=[both], instances=[member], checks=checks, healthy=healthy, **PREPARED) == expected


@pytest.mark.parametrize(
    "theirs", [record(identifier=None, multivalue=False), Record(NAME, "CNAME", ("elsewhere.example.com",), ttl=60)]
)
def test_a_member_that_a_foreign_record_keeps_out_is_not_ready(theirs: Record) -> None:
    what: dict[str, Any] = {"checks": [check()], "healthy": ["c-1"], **PREPARED}
    assert ready(instances=[IN_GROUP], records=[theirs], **what) == frozenset()


def test_a_foreign_record_in_the_way_leaves_those_in_dns_ready() -> None:
    theirs = Record(NAME, "CNAME", ("elsewhere.example.com",), ttl=60)
    assert ready(instances=[instance()], records=[theirs, record()], checks=[check()]) == {A}


# The plan as a whole ---------------------------------------------------------------------------------


def test_a_record_of_another_type_with_our_identifier_makes_no_instance_a_member() -> None:
    text = record("i-98", check_id=None, type="TXT", values=('"ours"',))
    made = plan(instances=[instance()], records=[record(), text], checks=[check()])
    assert made.nothing_to_do
    assert made.statuses[0].in_dns == {A}


def test_changes_come_in_the_order_of_their_making() -> None:
    api = pool("api", record_name="api.example.com", admit_when=AdmitWhen.RUNNING)
    both = frozenset({WEB, PoolName("api")})
    made = plan(
        pools=[pool(), api],
        instances=[instance(state="stopping"), instance("i-0b", pools=both)],
        records=[record()],
        checks=[check()],
    )
    assert [type(change) for change in made.changes] == [DeleteRecord, CreateCheck, CreateCheck, PutRecord, DeleteCheck]


def test_a_plan_without_a_pool_keeps_only_the_changes_of_the_others() -> None:
    def of(name: PoolName) -> Plan:
        key, config = CheckKey(name, A, RecordType.A), CheckConfig.of(HTTP, IPv4Address("192.0.2.1"))
        return Plan(
            create_checks=(CreateCheck(key, config, ("reference",), MISSING_CHECK, RUNNING),),
            change_records=(DeleteRecord(name, ZONE, A, record(), ORPHAN, "EC2 says stopping"),),
            delete_checks=(DeleteCheck(name, A, CheckId("c-1"), None, ORPHAN_CHECK, "EC2 says stopping"),),
            put_alarms=(PutAlarm(name, A, "alarm", status_rule(A), MISSING_CHECK, RUNNING),),
            delete_alarms=(DeleteAlarm(name, A, "alarm", frozenset(), ORPHAN_CHECK, "EC2 says stopping"),),
        )

    web, api = of(WEB), of(PoolName("api"))
    both = Plan(
        create_checks=web.create_checks + api.create_checks,
        change_records=web.change_records + api.change_records,
        delete_checks=web.delete_checks + api.delete_checks,
        put_alarms=web.put_alarms + api.put_alarms,
        delete_alarms=web.delete_alarms + api.delete_alarms,
    )
    assert both.without({WEB}) == api


def test_the_check_that_is_asked_for_has_sni_where_there_is_a_host() -> None:
    asks = replace(OTHER_PATH, protocol="https", host="app.example.com", search_string="ready")
    (creation,) = plan(pools=[pool(check=asks)], instances=[instance()]).create_checks
    assert creation.config == CheckConfig(asks, IPv4Address("192.0.2.1"), enable_sni=True)
    assert creation.config.settings.kind == "HTTPS_STR_MATCH"


# What could not be read ------------------------------------------------------------------------------


def test_a_pool_is_undecided_where_its_members_or_the_checks_could_not_be_read() -> None:
    what = situation(instances=[IN_GROUP])
    assert what.why_undecided(WEB) is None
    no_groups = what.without(Source.AUTO_SCALING, "AccessDenied", denied=True)
    assert no_groups.why_undecided(WEB) == "left as it is, because Auto Scaling could not be read: AccessDenied"
    assert no_groups.why_undecided(PoolName("api")) is None
    assert no_groups.denied == {Source.AUTO_SCALING}
    no_checks = what.without(Source.CHECKS, "Throttling")
    assert no_checks.why_undecided(WEB) == "health checks could not be read: Throttling"
    assert no_checks.denied == frozenset()
