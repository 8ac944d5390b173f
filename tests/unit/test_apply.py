from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet53.convergence.apply import Applied, Refusal, apply
from fleet53.convergence.batches import undo_batches
from fleet53.domain.errors import OutOfTimeError, TryLaterError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.health_check import CheckConfig
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.domain.record import RecordType
from fleet53.planning.changes import AdoptRecord, CheckKey, CreateCheck, DeleteCheck, DeleteRecord, Plan, PutRecord
from tests.unit.account import Account, Logbook, place
from tests.unit.build import HTTP, ZONE, check, fallback, record

if TYPE_CHECKING:
    from fleet53.convergence.apply import Writable
    from fleet53.domain.record import Record

WEB, API = PoolName("web"), PoolName("api")
OTHER_ZONE = ZoneId("Z9876543210XYZ")


def run(plan: Plan, account: Account, *, one_pool_a_batch: bool = False) -> Applied:
    return apply(plan, cast("Writable", account), Logbook(), one_pool_a_batch=one_pool_a_batch)


def create(instance_id: str = "i-0a", address: str = "192.0.2.1", *references: str) -> CreateCheck:
    key = CheckKey(WEB, InstanceId(instance_id), RecordType.A)
    config = CheckConfig.of(HTTP, IPv4Address(address))
    return CreateCheck(key, config, references or (f"r-{instance_id}",), FindingKind.MISSING_CHECK, "a test")


def put(right: Record, pool: PoolName = WEB, zone_id: ZoneId = ZONE, new_check: CheckKey | None = None) -> PutRecord:
    holder = InstanceId((right.identifier or "").rpartition("/")[2])
    return PutRecord(pool, zone_id, holder, right, FindingKind.MISSING_RECORD, "a test", new_check, admits=True)


def delete(wrong: Record, pool: PoolName | None = WEB, zone_id: ZoneId = ZONE) -> DeleteRecord:
    holder = InstanceId((wrong.identifier or "").rpartition("/")[2])
    return DeleteRecord(pool, zone_id, holder, wrong, FindingKind.ORPHAN_RECORD, "a test")


def delete_check(check_id: str, pool: PoolName | None = WEB) -> DeleteCheck:
    return DeleteCheck(
        pool, InstanceId("i-0a"), CheckId(check_id), IPv4Address("192.0.2.1"), FindingKind.ORPHAN_CHECK, "a test"
    )


def bare(instance_id: str = "i-0a", address: str = "192.0.2.1", name: str = "app.example.com") -> Record:
    return record(instance_id, address, None, name=name)


def batches(account: Account) -> list[tuple[str, int, int]]:
    """Return zone, deletions and puts of each batch that was sent."""
    return [(call[1], len(call[2]), len(call[3])) for call in account.calls if call[0] == "change records"]


def test_records_are_deleted_then_checks_made_then_records_put_then_checks_deleted() -> None:
    gone = record("i-0b", "192.0.2.2", "c-2")
    account = Account.of([(ZONE, gone)], [check("c-2", "i-0b", "192.0.2.2")])
    new = create()
    made = run(Plan((new,), (delete(gone), put(bare(), new_check=new.key)), (delete_check("c-2"),)), account)
    assert [call[0] for call in account.calls] == ["change records", "create check", "change records", "delete check"]
    assert list(account.records.values()) == [record(check_id="c-new-1")]
    assert account.checks.keys() == {"c-new-1"}
    assert (len(made.made), made.refused, made.findings) == (4, [], [])


def test_an_empty_plan_makes_no_call() -> None:
    account = Account()
    assert run(Plan(), account) == Applied()
    assert account.calls == []


def test_every_change_is_one_line_of_the_log() -> None:
    gone, log, new = record("i-0b", "192.0.2.2", "c-2"), Logbook(), create()
    plan = Plan((new,), (delete(gone), put(bare(), new_check=new.key)), (delete_check("c-2"),))
    apply(plan, cast("Writable", Account.of([(ZONE, gone)], [check("c-2")])), log)
    common = {"pool": "web", "because": "a test"}
    named = common | {"record_name": "app.example.com"}
    assert log.lines == [
        ("info", "record deleted", named | {"instance_id": "i-0b", "address": "192.0.2.2", "check_id": "c-2"}),
        (
            "info",
            "health check created",
            common | {"instance_id": "i-0a", "address": "192.0.2.1", "check_id": "c-new-1"},
        ),
        ("info", "record put", named | {"instance_id": "i-0a", "address": "192.0.2.1", "check_id": "c-new-1"}),
        ("info", "health check deleted", common | {"instance_id": "i-0a", "address": "192.0.2.1", "check_id": "c-2"}),
    ]


# Health checks ------------------------------------------------------------------------------------------


def test_a_burned_reference_is_counted_on() -> None:
    account = Account(burned={"r-1", "r-2"})
    run(Plan((create("i-0a", "192.0.2.1", "r-1", "r-2", "r-3"),)), account)
    assert [made.reference for made in account.checks.values()] == ["r-3"]


def test_when_every_reference_is_burned_it_is_reported() -> None:
    new = create("i-0a", "192.0.2.1", "r-1", "r-2")
    made = run(Plan((new,), (put(bare(), new_check=new.key),)), Account(burned={"r-1", "r-2"}))
    because = (
        "a test; its health check for 192.0.2.1 could not be created: "
        "all 2 CallerReferences are used up; they return in some days"
    )
    assert made.findings == [Finding(FindingKind.CHECK_REFUSED, because, WEB, InstanceId("i-0a"))]
    assert made.made == []


def test_a_check_that_is_refused_stops_no_other() -> None:
    account = Account(refuses_checks_of={"10.0.0.1"})
    made = run(Plan((create("i-0a", "10.0.0.1"), create("i-0b"))), account)
    assert [(each.kind, each.instance_id) for each in made.findings] == [(FindingKind.CHECK_REFUSED, "i-0a")]
    assert len(account.checks) == 1


def test_a_full_account_stops_further_checks_and_nothing_else() -> None:
    gone = record("i-0z", "192.0.2.26", None)
    account = replace(Account.of([(ZONE, gone)], []), room=1)
    one, two, three = create("i-0a"), create("i-0b"), create("i-0c")
    records = tuple(put(bare(new.key.instance_id), new_check=new.key) for new in (one, two, three))
    made = run(Plan((one, two, three), (delete(gone), *records)), account)
    assert [call[1] for call in account.calls if call[0] == "create check"] == ["r-i-0a", "r-i-0b"]
    assert [(each.kind, each.instance_id) for each in made.findings] == [(FindingKind.CHECK_QUOTA, "i-0b")]
    assert [each.identifier for each in account.records.values()] == [bare("i-0a").identifier]


def test_when_the_days_creations_are_used_up_it_is_reported_and_the_rest_goes_on() -> None:
    gone = record("i-0z", "192.0.2.26", "c-26")
    account = replace(Account.of([(ZONE, gone)], [check("c-26", "i-0z")]), creations=1)
    one, two, three = create("i-0a"), create("i-0b", "192.0.2.2"), create("i-0c", "192.0.2.3")
    records = tuple(put(bare(new.key.instance_id), new_check=new.key) for new in (one, two, three))
    made = run(Plan((one, two, three), (delete(gone), *records), (delete_check("c-26"),)), account)
    because = "a test; its health check for 192.0.2.2 could not be created: Throttling: Rate exceeded"
    assert made.findings == [Finding(FindingKind.CHECK_QUOTA, because, WEB, InstanceId("i-0b"))]
    assert [call[:2] for call in account.calls] == [
        ("change records", ZONE),
        ("create check", "r-i-0a"),
        ("create check", "r-i-0b"),
        ("change records", ZONE),
        ("delete check", "c-26"),
    ]
    assert [each.identifier for each in account.records.values()] == [bare("i-0a").identifier]


def test_a_creation_that_runs_out_of_time_is_not_a_quota_and_ends_the_run_after_the_withdrawals() -> None:
    gone = bare("i-0z", "192.0.2.26")
    account = replace(Account.of([(ZONE, gone)], []), creations=1, silence=OutOfTimeError)
    with pytest.raises(OutOfTimeError):
        run(Plan((create("i-0a"), create("i-0b")), (delete(gone),)), account)
    assert [call[1] for call in account.calls] == [ZONE, "r-i-0a", "r-i-0b"]
    assert account.records == {}


def test_the_fallback_leaves_dns_together_with_the_record_that_waited_for_its_check() -> None:
    account, new = Account.of([(ZONE, fallback())], []), create()
    leaves = replace(delete(fallback()), instance_id=None, waits=True)
    run(Plan((new,), (leaves, put(bare(), new_check=new.key))), account)
    assert [call[0] for call in account.calls] == ["create check", "change records"]
    assert list(account.records.values()) == [record(check_id="c-new-1")]


def test_the_fallback_stays_when_the_check_of_the_only_member_is_refused() -> None:
    account, new = replace(Account.of([(ZONE, fallback())], []), refuses_checks_of={"192.0.2.1"}), create()
    leaves = replace(delete(fallback()), instance_id=None, waits=True)
    run(Plan((new,), (leaves, put(bare(), new_check=new.key))), account)
    assert list(account.records.values()) == [fallback()]


# Batches -----------------------------------------------------------------------------------------


def test_changes_that_fit_are_in_one_batch() -> None:
    account = Account()
    run(Plan(change_records=tuple(put(bare(name=f"n{n}.example.com"), API) for n in range(500))), account)
    assert batches(account) == [(ZONE, 0, 500)]


def correct(n: int) -> PutRecord:
    right = bare(name=f"n{n:03}.example.com")
    return replace(put(right), replaces=replace(right, ttl=5), admits=False)


def test_a_batch_holds_a_thousand_elements_of_which_a_correction_counts_as_two() -> None:
    corrections = [correct(n) for n in range(501)]
    account = Account.of([(ZONE, each.replaces) for each in corrections if each.replaces], [])
    run(Plan(change_records=tuple(corrections)), account)
    assert batches(account) == [(ZONE, 500, 500), (ZONE, 1, 1)]


def test_a_deletion_counts_once() -> None:
    gone = [bare(name=f"n{n:04}.example.com") for n in range(1001)]
    account = Account.of([(ZONE, each) for each in gone], [])
    run(Plan(change_records=tuple(delete(each) for each in gone)), account)
    assert batches(account) == [(ZONE, 1000, 0), (ZONE, 1, 0)]


def test_a_batch_holds_thirty_two_thousand_characters() -> None:
    def long(n: int) -> Record:
        return bare(name=f"n{n:03}.example.com", address="2001:0db8:0000:0000:0000:0000:0000:0001")  # 39 characters

    account = Account()
    run(Plan(change_records=tuple(put(long(n)) for n in range(821))), account)
    assert batches(account) == [(ZONE, 0, 820), (ZONE, 0, 1)]


def test_the_changes_of_a_name_stay_in_one_batch() -> None:
    first = [put(bare(f"i-{n:03}", f"192.0.2.{n}", "a.example.com"), API) for n in range(100)]
    most = [put(bare(name=f"b{n:03}.example.com")) for n in range(850)]
    last = [put(bare(f"i-{n:03}", f"192.0.2.{n}", "c.example.com")) for n in range(100)]
    account = Account()
    run(Plan(change_records=(*last, *most, *first)), account)
    assert batches(account) == [(ZONE, 0, 950), (ZONE, 0, 100)]


def test_zones_are_apart() -> None:
    account = Account()
    run(Plan(change_records=(put(bare()), put(bare(name="app.example.org"), API, OTHER_ZONE))), account)
    assert batches(account) == [(ZONE, 0, 1), (OTHER_ZONE, 0, 1)]


def test_the_last_member_goes_and_the_fallback_comes_in_one_batch() -> None:
    account = Account.of([(ZONE, bare())], [])
    run(Plan(change_records=(delete(bare()), put(fallback()))), account)
    assert batches(account) == [(ZONE, 1, 1)]


def test_a_record_that_another_pass_has_put_is_not_overwritten() -> None:
    right = bare(address="192.0.2.9")
    account = Account.of([(ZONE, right)], [])
    made = run(Plan(change_records=(put(bare()),)), account)
    assert list(account.records.values()) == [right]
    assert [each.pools for each in made.refused] == [frozenset({WEB})]


def test_a_record_that_another_pass_has_changed_is_not_corrected() -> None:
    changed = bare(address="192.0.2.9")
    account = Account.of([(ZONE, changed)], [])
    run(Plan(change_records=(replace(put(bare()), replaces=replace(bare(), ttl=5)),)), account)
    assert list(account.records.values()) == [changed]


# Refusals ----------------------------------------------------------------------------------------

BAD = bare("i-0b", "203.0.113.7")
API_RECORD = bare("i-0c", "192.0.2.3", "api.example.com")


def test_a_refused_batch_is_reported_with_its_pools_and_stops_no_other_zone() -> None:
    account = Account(refuses={"203.0.113.7"})
    there = bare(name="app.example.org")
    plan = Plan(change_records=(put(BAD), put(API_RECORD, API), put(there, API, OTHER_ZONE)))
    made = run(plan, account)
    assert [(each.pools, each.reason) for each in made.refused] == [
        (frozenset({WEB, API}), "hosted zone Z0123456789ABC: InvalidChangeBatch: ('203.0.113.7',)")
    ]
    assert list(account.records) == [place(OTHER_ZONE, there)]


def test_a_refused_pool_keeps_its_checks() -> None:
    account = replace(Account.of([(ZONE, bare())], [check(), check("c-2"), check("c-3")]), refuses={"203.0.113.7"})
    plan = Plan(
        change_records=(delete(bare()), put(BAD)),
        delete_checks=(delete_check("c-1"), delete_check("c-2", API), delete_check("c-3", None)),
    )
    made = run(plan, account)
    assert account.checks.keys() == {"c-1"}
    assert [change for change in made.made if isinstance(change, DeleteRecord | PutRecord)] == []


def test_a_zone_that_does_not_answer_stops_no_other_zone_and_keeps_its_checks() -> None:
    gone, elsewhere = record("i-0b", "192.0.2.2", "c-2"), record("i-0c", "192.0.2.3", "c-3", name="app.example.org")
    account = Account.of([(ZONE, gone), (OTHER_ZONE, elsewhere)], [check("c-2"), check("c-3")])
    account.silent_zone = ZONE
    plan = Plan(
        change_records=(delete(gone), delete(elsewhere, API, OTHER_ZONE)),
        delete_checks=(delete_check("c-2"), delete_check("c-3", API)),
    )
    with pytest.raises(TryLaterError, match="out of reach"):
        run(plan, account)
    assert list(account.records.values()) == [gone]
    assert account.checks.keys() == {"c-2"}


def test_one_pool_a_batch_stops_no_other_pool() -> None:
    account = Account(refuses={"203.0.113.7"})
    made = run(Plan(change_records=(put(BAD), put(API_RECORD, API))), account, one_pool_a_batch=True)
    assert list(account.records.values()) == [API_RECORD]
    assert [each.pools for each in made.refused] == [frozenset({WEB})]


def test_one_pool_a_batch_makes_the_withdrawals_of_a_refused_pool_alone() -> None:
    gone = bare("i-0z", "192.0.2.26")
    account = replace(Account.of([(ZONE, gone)], []), refuses={"203.0.113.7"})
    made = run(Plan(change_records=(delete(gone), put(BAD))), account, one_pool_a_batch=True)
    assert account.records == {}
    assert made.made == [delete(gone)]
    assert [each.pools for each in made.refused] == [frozenset({WEB})]


def test_withdrawals_that_are_refused_themselves_are_not_sent_twice() -> None:
    account = Account()
    made = run(Plan(change_records=(delete(bare()),)), account, one_pool_a_batch=True)
    assert batches(account) == [(ZONE, 1, 0)]
    assert [type(each) for each in made.refused] == [Refusal]


def test_a_refusal_is_a_warning_in_the_log() -> None:
    log = Logbook()
    apply(Plan(change_records=(put(BAD),)), cast("Writable", Account(refuses={"203.0.113.7"})), log)
    fields: dict[str, Any] = {
        "pools": ["web"],
        "because": "hosted zone Z0123456789ABC: InvalidChangeBatch: ('203.0.113.7',)",
    }
    assert log.lines == [("warning", "batch refused", fields)]


def test_what_was_made_stays_made_when_aws_is_out_of_reach() -> None:
    account, new = Account(answers=1), create()
    with pytest.raises(TryLaterError):
        run(Plan((new,), (put(bare(), new_check=new.key),)), account)
    assert (len(account.checks), account.records) == (1, {})


def test_an_adoption_that_is_refused_is_not_made_without_the_records_that_replace_it() -> None:
    theirs = record(address="192.0.2.1", identifier="by hand", check_id=None)
    going = bare("i-0b", "192.0.2.2")
    account = Account.of([(ZONE, theirs), (ZONE, going)], [])
    account.refuses = ["192.0.2.1"]
    adopted = AdoptRecord(WEB, ZONE, theirs, "a test")
    run(Plan(change_records=(delete(going), adopted, put(bare()))), account, one_pool_a_batch=True)
    assert list(account.records.values()) == [theirs]


def test_the_batch_that_puts_adopted_records_back_is_logged_even_if_there_is_no_answer() -> None:
    listed = {"Name": "app.example.com.", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    theirs = record(address="192.0.2.1", identifier=None, multivalue=False, check_id=None, listed=listed)
    log, account = Logbook(), Account.of([(ZONE, theirs)], [])
    account.answers = 0
    plan = Plan(change_records=(AdoptRecord(WEB, ZONE, theirs, "a test"), put(bare())))
    with pytest.raises(TryLaterError):
        apply(plan, cast("Writable", account), log)
    (line,) = [extra for _, message, extra in log.lines if message == "adopting records"]
    ours = {
        "Name": "app.example.com",
        "Type": "A",
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
        "SetIdentifier": "fleet53.eu-west-1.123456789012/i-0a",
        "TTL": 60,
    }
    assert line == {
        "hosted_zone_id": ZONE,
        "record_name": "app.example.com",
        "undo": {
            "Changes": [
                {"Action": "DELETE", "ResourceRecordSet": ours},
                {"Action": "CREATE", "ResourceRecordSet": listed},
            ]
        },
    }


def test_the_batch_that_puts_a_multivalue_record_back_leaves_members_that_came_with_others() -> None:
    theirs = record(address="192.0.2.1", identifier="by hand", check_id=None)
    changes = (AdoptRecord(WEB, ZONE, theirs, "a test"), put(bare()), put(bare("i-0b", "192.0.2.2")))
    ((_, _, undo),) = undo_batches(changes)
    assert [(each["Action"], each["ResourceRecordSet"]["SetIdentifier"]) for each in undo["Changes"]] == [
        ("DELETE", "fleet53.eu-west-1.123456789012/i-0a"),
        ("CREATE", "by hand"),
    ]
