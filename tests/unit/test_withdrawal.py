from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.identity import Owner
from fleet53.domain.ids import CheckId, ZoneId
from fleet53.stack.withdrawal import (
    Withdrawal,
    alarm_deletions,
    check_deletions,
    describe_left,
    followed_alarms,
    record_deletions,
    safe_deletions,
)
from tests.unit.build import OWNER, ZONE, check, fallback, record

if TYPE_CHECKING:
    from fleet53.planning.changes import DeleteCheck, DeleteRecord
    from fleet53.stack.withdrawal import Deletion

OTHER = ZoneId("ZOTHER")


def deletion_of(holder: str, address: str = "192.0.2.1") -> DeleteRecord:
    (deletion,) = record_deletions(OWNER, {ZONE: [record(holder, address, f"c-{holder}")]})
    return deletion


def check_deletions_of(*holders: str) -> tuple[DeleteCheck, ...]:
    return check_deletions(OWNER, {(made := check(f"c-{holder}", holder)).id: made for holder in holders})


def test_every_record_of_the_owner_in_every_zone_goes() -> None:
    found = record_deletions(OWNER, {ZONE: [record("i-0a", "192.0.2.1")], OTHER: [record("i-0b", "192.0.2.2")]})
    assert [(each.zone_id, each.instance_id, each.because) for each in found] == [
        (ZONE, "i-0a", "its stack is deleted"),
        (OTHER, "i-0b", "its stack is deleted"),
    ]


def test_the_fallback_is_withdrawn_and_belongs_to_no_instance() -> None:
    (deletion,) = record_deletions(OWNER, {ZONE: [fallback()]})
    assert deletion.instance_id is None


def test_a_record_of_another_owner_stays() -> None:
    assert record_deletions(Owner("green.eu-west-1.123456789012"), {ZONE: [record("i-0a", "192.0.2.1")]}) == ()


def test_a_check_of_another_owner_stays() -> None:
    made = check("c-1", "i-0a")
    assert check_deletions(Owner("green.eu-west-1.123456789012"), {made.id: made}) == ()


def test_a_check_that_a_record_left_behind_names_stays() -> None:
    withdrawal = Withdrawal(left=[deletion_of("i-0a")])
    safe = safe_deletions(check_deletions_of("i-0a", "i-0b"), withdrawal, all_read=True)
    assert [each.check_id for each in safe] == [CheckId("c-i-0b")]


def test_where_a_zone_could_not_be_read_only_checks_go_whose_records_went() -> None:
    withdrawal = Withdrawal(made=[deletion_of("i-0a")])
    safe = safe_deletions(check_deletions_of("i-0a", "i-0b"), withdrawal, all_read=False)
    assert [each.check_id for each in safe] == [CheckId("c-i-0a")]


def test_what_is_left_is_counted_by_name_and_named_by_check() -> None:
    left: list[Deletion] = [deletion_of("i-0a"), deletion_of("i-0b", "192.0.2.2"), *check_deletions_of("i-0c")]
    assert describe_left(left) == f"2 records (2 of app.example.com A in {ZONE}) and 1 health checks (c-i-0c)"


OURS = "fleet53/fleet53.eu-west-1.123456789012/web/i-0a"


def test_every_alarm_of_the_owner_goes_and_no_other() -> None:
    others = ("fleet53/green.eu-west-1.123456789012/web/i-0a", "fleet53-DriftAlarm", "app-i-0a-down")
    (deletion,) = alarm_deletions(OWNER, (OURS, *others))
    assert (deletion.name, deletion.instance_id, deletion.after) == (OURS, "i-0a", frozenset())


def test_an_alarm_that_a_check_left_behind_follows_stays() -> None:
    made = replace(check("c-1", "i-0a"), config=AlarmConfig(OURS, "eu-west-1"))
    (deletion,) = check_deletions(OWNER, {made.id: made})
    assert followed_alarms({made.id: made}, Withdrawal(left=[deletion])) == {OURS}
    assert followed_alarms({made.id: made}, Withdrawal()) == frozenset()


def test_alarms_that_are_left_are_named() -> None:
    assert describe_left(alarm_deletions(OWNER, [OURS])) == f"1 alarms ({OURS})"


def test_a_long_list_is_cut_after_five() -> None:
    said = describe_left(check_deletions_of(*[f"i-{number:02}" for number in range(12)]))
    assert said.endswith("c-i-03, c-i-04 and 7 more)")
    assert said.startswith("12 health checks (c-i-00, ")
