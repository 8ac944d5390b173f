from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import CheckConfig
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.record import RecordType
from fleet53.domain.source import Source
from fleet53.planning.changes import CheckKey, CreateCheck, DeleteRecord, PutRecord
from fleet53.planning.plan import make_plan
from fleet53.planning.situation import OrphanRecord
from fleet53.reconcile.outcome import Outcome
from tests.unit.build import GUARD, HTTP, ZONE, check, fallback, instance, pool, record, situation

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet53.planning.situation import Situation

WEB, API = PoolName("web"), PoolName("api")
A, B = InstanceId("i-0a"), InstanceId("i-0b")
MISSING, ORPHAN = FindingKind.MISSING_RECORD, FindingKind.ORPHAN_RECORD
UNREADABLE = Finding(FindingKind.ZONE_UNREADABLE, "a test", WEB)

WAITS = situation(instances=[instance(), instance("i-0b")], records=[record()], checks=[check()])
SERVES = situation(
    instances=[instance(), instance("i-0b")],
    records=[record()],
    checks=[check(), check("c-2", "i-0b")],
    healthy=["c-1", "c-2"],
)


def test_a_plan_is_taken_in_with_what_it_was_made_from() -> None:
    outcome = Outcome()
    outcome.note(WAITS, make_plan(WAITS, GUARD), (UNREADABLE,))
    assert outcome.declared == {WEB}
    assert outcome.pools == {WEB: pool()}
    assert outcome.instances == WAITS.instances
    assert outcome.ready == {WEB: {A}}
    assert outcome.statuses[WEB].in_dns == {A}
    assert [each.instance_id for each in outcome.waiting[WEB]] == [B]
    assert outcome.findings == {WEB: [UNREADABLE]}


def test_a_later_plan_says_which_members_wait_and_are_ready_and_the_first_which_were_in_dns() -> None:
    outcome = Outcome()
    outcome.note(WAITS, make_plan(WAITS, GUARD), (UNREADABLE,))
    later = replace(SERVES, records={WEB: ()})
    outcome.note(later, make_plan(later, GUARD), ())
    assert (outcome.waiting, outcome.findings) == ({}, {})
    assert outcome.ready == {WEB: {A, B}}
    assert outcome.statuses[WEB].in_dns == {A}


def test_a_plan_of_other_pools_keeps_the_results_of_these() -> None:
    outcome = Outcome()
    outcome.note(WAITS, make_plan(WAITS, GUARD), (UNREADABLE,))
    other = situation(pools=[pool("api", record_name="api.example.com")])
    outcome.note(other, make_plan(other, GUARD), ())
    assert outcome.statuses.keys() == outcome.pools.keys() == {WEB, API}
    assert outcome.waiting.keys() == {WEB}
    assert outcome.findings[WEB] == [UNREADABLE]
    assert outcome.instances == WAITS.instances


def test_after_the_run_the_former_and_admitted_members_are_in_dns_without_those_withdrawn() -> None:
    outcome = Outcome()
    outcome.note(WAITS, make_plan(WAITS, GUARD), ())
    assert outcome.in_dns(WEB) == {A}
    put = PutRecord(WEB, ZONE, B, record("i-0b"), MISSING, "a test", admits=True)
    outcome.made.append(put)
    assert outcome.in_dns(WEB) == {A, B}
    outcome.made.append(DeleteRecord(WEB, ZONE, A, record(), ORPHAN, "a test"))
    assert outcome.in_dns(WEB) == {B}
    outcome.made.append(DeleteRecord(WEB, ZONE, B, record("i-0b"), ORPHAN, "a test"))
    assert outcome.in_dns(WEB) == set()
    outcome.made.append(put)
    assert outcome.in_dns(WEB) == {B}


def test_a_record_at_a_name_of_no_pool_is_there_until_the_run_has_deleted_it() -> None:
    outcome = Outcome()
    old, older = record(name="old.example.com"), record(name="older.example.com")
    moved = replace(WAITS, orphans=(OrphanRecord(ZONE, old), OrphanRecord(ZONE, older)), swept=True)
    outcome.note(moved, make_plan(moved, GUARD), ())
    assert [outcome.has_former_record(each) for each in (A, B)] == [True, False]
    outcome.made.append(DeleteRecord(None, ZONE, A, old, ORPHAN, "a test"))
    assert outcome.has_former_record(A) is True
    outcome.made.append(DeleteRecord(None, ZONE, A, older, ORPHAN, "a test"))
    assert outcome.has_former_record(A) is False


def test_changes_of_other_pools_of_health_checks_and_of_the_fallback_admit_and_withdraw_no_member() -> None:
    outcome = Outcome()
    outcome.note(WAITS, make_plan(WAITS, GUARD), ())
    config = CheckConfig.of(HTTP, IPv4Address("192.0.2.2"))
    outcome.made += [
        CreateCheck(CheckKey(WEB, B, RecordType.A), config, ("r",), FindingKind.MISSING_CHECK, "a test"),
        DeleteRecord(API, ZONE, A, record(), ORPHAN, "a test"),
        PutRecord(API, ZONE, B, record("i-0b"), MISSING, "a test", admits=True),
        PutRecord(WEB, ZONE, None, fallback(), MISSING, "a test"),
        DeleteRecord(None, ZONE, A, record(), ORPHAN, "a test"),
    ]
    assert outcome.in_dns(WEB) == {A}


# -- while EC2 lists no instances

UNLISTED = replace(
    situation(instances=[instance("i-0b")], records=[record()], checks=[check()]), unread={Source.EC2: "a test"}
)
"""Only i-0b is read, and the record is of i-0a."""
HELD = situation(records=[record(f"i-0{each}", f"192.0.2.{each}", None) for each in range(1, 5)])
"""EC2 knows none of the four instances that have records, so the guard holds their withdrawals."""


def note(outcome: Outcome, read: Situation, about: Collection[InstanceId] = ()) -> None:
    outcome.note(read, make_plan(read, GUARD), (), about)


def test_the_absent_members_of_a_pool_are_not_seen_without_a_list() -> None:
    outcome = Outcome()
    note(outcome, UNLISTED, {A, B})
    assert outcome.looked_at == frozenset()
    assert outcome.unlisted == {WEB: "a test"}
    assert outcome.unshown == {A: "a test"}


def test_what_a_plan_with_a_list_says_is_not_replaced_by_one_without() -> None:
    outcome = Outcome()
    note(outcome, HELD)
    note(outcome, UNLISTED, {B})
    assert outcome.looked_at == {WEB}
    assert outcome.unlisted == {}
    assert len(outcome.remembered) == len(outcome.held[WEB]) == 4


def test_a_plan_with_a_list_says_which_members_are_absent_and_which_ec2_shows_after_all() -> None:
    outcome = Outcome()
    note(outcome, UNLISTED, {A, B})
    note(outcome, WAITS)
    assert outcome.looked_at == {WEB}
    assert (outcome.unlisted, outcome.unshown) == ({}, {})
