from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet53.convergence.apply import Applied, apply
from fleet53.domain.alarm import AlarmConfig, AlarmSettings, status_rule
from fleet53.domain.errors import TryLaterError
from fleet53.domain.finding import FindingKind
from fleet53.domain.identity import FALLBACK
from fleet53.domain.ids import InstanceId
from fleet53.domain.pool import AdmitWhen
from fleet53.domain.record import MAX_RECORDS_PER_NAME, RecordType
from fleet53.planning.changes import (
    AdoptRecord,
    CreateCheck,
    DeleteAlarm,
    DeleteCheck,
    DeleteRecord,
    PutAlarm,
    PutRecord,
)
from fleet53.planning.guard import Guard
from fleet53.planning.membership import Membership
from fleet53.planning.plan import make_plan
from tests.unit.account import Logbook
from tests.unit.build import GUARD, HTTP, NOW, OWNER, instance, pool, record, situation
from tests.unit.worlds import worlds, worlds_with_records_by_hand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet53.convergence.apply import Writable
    from fleet53.planning.changes import Change, Plan
    from tests.unit.account import Account
    from tests.unit.worlds import World

FORCE = Guard(50, force=True)
GUARDS = st.builds(Guard, st.sampled_from([0, 25, 50, 100]), st.booleans())


def do(plan: Plan, account: Account) -> Applied:
    return apply(plan, cast("Writable", account), Logbook(), one_pool_a_batch=True)


def converge(world: World, guard: Guard) -> Plan:
    """Apply three plans, with every health check healthy, and return the fourth."""
    for _ in range(3):
        do(make_plan(world.look(), guard), world.account)
    return make_plan(world.look(), guard)


def theirs(account: Account) -> tuple[Any, ...]:
    records = [one for one in account.records.values() if OWNER.holder(one.identifier) is None]
    return records, [one for one in account.checks.values() if OWNER.read_reference(one.reference) is None]


@given(worlds(), GUARDS)
def test_it_converges_and_then_plans_nothing(world: World, guard: Guard) -> None:
    do(make_plan(world.look(world.first_healthy), guard), world.account)
    assert converge(world, guard).changes == ()


@given(worlds())
def test_once_converged_dns_has_the_members_that_it_should(world: World) -> None:
    converge(world, FORCE)
    after = world.look()
    for each in world.pools:
        found = [one for one in after.records[each.name] if OWNER.holder(one.identifier) not in {None, FALLBACK}]
        answers = {(OWNER.holder(one.identifier), one.type) for one in found}
        blocked = {
            record_type
            for record_type in RecordType
            for one in after.records[each.name]
            if one.type == "CNAME" or (one.type == record_type and not one.multivalue)
        }
        for member in world.instances:
            membership = after.assess(member.id, each.name).membership
            for record_type in RecordType:
                wanted = record_type in each.address.record_types
                address = member.address(each, record_type) if wanted else None
                if membership in {Membership.WITHDRAW, Membership.PREPARE}:
                    assert (member.id, record_type) not in answers
                elif membership is Membership.ADMIT and record_type not in blocked:
                    if address is not None:
                        assert (member.id, record_type) in answers
                    elif (member.id, record_type) in answers:  # Note [Another kind]: until its new records stand
                        assert any(
                            kind in blocked or member.address(each, kind) is None for kind in each.address.record_types
                        )
                        kept = (
                            one for one in found if (OWNER.holder(one.identifier), one.type) == (member.id, record_type)
                        )
                        assert all({str(own) for own in member.all_addresses}.issuperset(one.values) for one in kept)
        for one in found:
            holder = InstanceId(OWNER.holder(one.identifier) or "")
            assessment = after.assess(holder, each.name)
            if assessment.membership is Membership.LEAVE:
                continue
            assert one.values == (str(after.instances[holder].address(each, RecordType(one.type))),)
            if assessment.membership is Membership.ADMIT and one.type in each.address.record_types:
                assert one.ttl == each.ttl  # a record of a former kind of address stays as it is
                assert (one.check_id is None) == (each.check is None)
                assert one.check_id is None or one.check_id in world.account.checks
        fallbacks = [one for one in after.records[each.name] if OWNER.holder(one.identifier) == FALLBACK]
        others = [one for one in after.records[each.name] if OWNER.holder(one.identifier) is None]
        answered = any(one.type in {*RecordType, "CNAME"} for one in others)
        assert not ((found or answered) and fallbacks)
        if not found and not answered and each.fallback is not None:
            assert [one.values for one in fallbacks] == [(str(each.fallback),)]


@given(worlds())
def test_once_converged_every_check_of_a_member_that_is_served_is_named(world: World) -> None:
    converge(world, FORCE)
    after = world.look()
    named = {one.check_id for one in world.account.records.values()}
    for each in world.pools:
        for one in world.account.checks.values():
            reference = OWNER.read_reference(one.reference)
            if reference is None or reference.pool_hash != OWNER.pool_hash(each.name):
                continue
            if after.assess(reference.instance_id, each.name).membership in {Membership.ADMIT, Membership.WITHDRAW}:
                assert one.id in named


@given(worlds(), GUARDS, st.randoms(use_true_random=False))
def test_the_order_of_listings_does_not_matter(world: World, guard: Guard, random: Any) -> None:
    def arrange(listed: Sequence[Any]) -> Sequence[Any]:
        return random.sample(listed, len(listed))  # type: ignore[no-any-return]

    one = make_plan(world.look(world.first_healthy), guard)
    other = make_plan(world.look(world.first_healthy, arrange), guard)
    assert set(one.changes) == set(other.changes)
    assert set(one.held) == set(other.held)
    assert set(one.waiting) == set(other.waiting)
    assert set(one.findings) == set(other.findings)
    assert len(one.changes) == len(other.changes)


@given(worlds(), st.booleans())
def test_once_converged_each_check_of_an_alarm_has_it_and_no_alarm_of_ours_is_left(world: World, lost: bool) -> None:
    others = {name: rule for name, rule in world.account.rules.items() if OWNER.read_alarm_name(name) is None}
    converge(world, FORCE)
    if lost:
        world.account.rules = dict(others)
        converge(world, FORCE)
    after = world.look()
    checks = world.account.checks.values()
    followed = {each.config.alarm for each in checks if isinstance(each.config, AlarmConfig)}
    assert followed <= world.account.rules.keys()
    assert others.items() <= world.account.rules.items()
    makes = {each.name for each in world.pools if isinstance(each.check, AlarmSettings)}
    for name in world.account.rules.keys() - followed - others.keys():
        held = OWNER.read_alarm_name(name)
        assert held is not None
        assert held[0] in makes
        assert after.assess(held[1], held[0]).membership is not Membership.WITHDRAW
    for name in followed:
        assert world.account.rules[name] == status_rule(InstanceId(name.rpartition("/")[2]))


def is_ours(change: Change, account: Account) -> bool:
    match change:
        case CreateCheck():
            return all(OWNER.read_reference(reference) is not None for reference in change.references)
        case DeleteCheck():
            return OWNER.read_reference(account.checks[change.check_id].reference) is not None
        case PutAlarm() | DeleteAlarm():
            return OWNER.read_alarm_name(change.name) is not None
        case PutRecord() | DeleteRecord() | AdoptRecord():
            return OWNER.holder(change.record.identifier) is not None


@given(worlds(), GUARDS)
def test_nothing_that_is_not_ours_is_ever_in_a_plan(world: World, guard: Guard) -> None:
    made = make_plan(world.look(world.first_healthy), guard)
    assert [change for change in (*made.changes, *made.held) if not is_ours(change, world.account)] == []


@given(worlds(), GUARDS)
def test_nothing_that_is_not_ours_ever_changes(world: World, guard: Guard) -> None:
    before = deepcopy(theirs(world.account))
    converge(world, guard)
    assert theirs(world.account) == before


@given(worlds_with_records_by_hand(), st.sampled_from([0, 50]))
def test_an_adoption_takes_no_address_out_of_dns_and_nothing_else_that_is_not_ours(world: World, percent: int) -> None:
    before = dict(world.account.records)
    made = make_plan(world.look(world.first_healthy), Guard(percent, adopt=True))
    assert do(made, world.account).refused == []
    gone = {
        one for at, one in before.items() if OWNER.holder(one.identifier) is None and at not in world.account.records
    }
    assert gone == {change.record for change in made.change_records if isinstance(change, AdoptRecord)}
    healthy = {one.values for one in world.account.records.values() if one.check_id in {None, *world.first_healthy}}
    assert {(value,) for one in gone for value in one.values} <= healthy


@given(worlds_with_records_by_hand())
def test_an_ordered_adoption_converges_and_then_plans_nothing(world: World) -> None:
    assert converge(world, Guard(50, force=True, adopt=True)).changes == ()


@given(worlds_with_records_by_hand(), GUARDS)
def test_without_the_order_nothing_that_is_not_ours_ever_changes(world: World, guard: Guard) -> None:
    before = deepcopy(theirs(world.account))
    converge(world, guard)
    assert theirs(world.account) == before


@given(worlds(), GUARDS)
def test_no_prefix_of_the_changes_leaves_a_record_without_its_check(world: World, guard: Guard) -> None:
    made = make_plan(world.look(world.first_healthy), guard)
    whole = deepcopy(world.account)
    do(made, whole)
    for calls in range(len(whole.calls) + 1):
        account = replace(deepcopy(world.account), answers=calls)
        before = account.dangling
        try:
            do(made, account)
        except TryLaterError:
            assert calls < len(whole.calls)
        assert account.dangling <= before


@given(worlds(), GUARDS, st.sets(st.sampled_from(["web", "api"])))
def test_no_check_is_deleted_that_a_record_at_any_name_names(world: World, guard: Guard, outside: set[str]) -> None:
    seen = world.look(world.first_healthy)
    others = [each for each in seen.pools if each.name in outside]
    seen = replace(
        seen,
        pools=tuple(each for each in seen.pools if each.name not in outside),
        others=tuple(
            (each.zone_id, one)
            for each in others
            for one in seen.records[each.name]
            if OWNER.holder(one.identifier) is not None
        ),
    )
    before = world.account.dangling
    do(make_plan(seen, guard), world.account)
    assert world.account.dangling <= before


@given(worlds(), GUARDS)
def test_a_sweep_that_did_not_read_every_zone_deletes_only_health_checks_of_records_that_it_deletes(
    world: World, guard: Guard
) -> None:
    made = make_plan(replace(world.look(world.first_healthy), blind=True), guard)
    left = {
        change.replaces and change.replaces.check_id if isinstance(change, PutRecord) else change.record.check_id
        for change in made.change_records
    }
    assert {change.check_id for change in made.delete_checks} <= left


@given(worlds(), GUARDS, st.integers(0, 8))
def test_after_a_crash_anywhere_the_next_passes_still_converge(world: World, guard: Guard, calls: int) -> None:
    world.account.answers = calls
    try:
        do(make_plan(world.look(world.first_healthy), guard), world.account)
    except TryLaterError:
        assert len(world.account.calls) == calls
    world.account.answers = 1_000_000
    assert converge(world, guard).changes == ()


@given(worlds(), GUARDS)
def test_route_53_refuses_no_plan(world: World, guard: Guard) -> None:
    made = make_plan(world.look(world.first_healthy), guard)
    assert do(made, world.account).refused == []


@given(worlds(), st.sampled_from([0, 25, 50]))
def test_a_withdrawal_with_evidence_is_never_held(world: World, percent: int) -> None:
    seen = world.look(world.first_healthy)
    made = make_plan(seen, Guard(percent))
    for held in made.held:
        if held.pool is not None and held.instance_id is not None:
            assessment = seen.assess(held.instance_id, held.pool)
            assert (assessment.membership, assessment.evidence) == (Membership.WITHDRAW, False)


@given(worlds(), st.sampled_from([0, 25, 50, 100]))
def test_an_absence_that_no_event_reported_withdraws_no_member_of_a_guarded_pool_at_once(
    world: World, percent: int
) -> None:
    seen = world.look(world.first_healthy)
    made = make_plan(seen, Guard(percent, told=frozenset(), now=NOW))
    in_dns = {status.pool: len(status.in_dns) for status in made.statuses}
    for change in made.change_records:
        if isinstance(change, DeleteRecord) and change.pool is not None and in_dns[change.pool] >= 4:
            assessment = seen.assess(InstanceId(change.instance_id or ""), change.pool)
            own = change.drift is not FindingKind.STALE_RECORD and change.instance_id is not None
            assert not own or assessment.evidence


@given(worlds(), GUARDS)
def test_a_member_is_not_answered_with_a_check_that_is_not_healthy(world: World, guard: Guard) -> None:
    seen = world.look(world.first_healthy)
    known = {None, *world.account.checks}
    careful = {each.name for each in world.pools if each.check and each.admit_when is AdmitWhen.HEALTHY}
    for change in make_plan(seen, guard).change_records:
        if isinstance(change, PutRecord) and change.pool in careful and change.instance_id is not None:
            before = [one for one in seen.records[change.pool] if one.identifier == change.record.identifier]
            old = change.replaces
            if old is not None and old.check_id not in known and old.values == change.record.values:
                continue  # Note [Gone check]: it is answered already
            had = any(one.type == change.record.type and one.check_id == change.record.check_id for one in before)
            assert change.new_check is None
            assert had or (change.record.check_id, True) in seen.healthy.items()


@given(worlds())
def test_a_changed_setting_withdraws_no_member(world: World) -> None:
    converge(world, FORCE)
    before = {at for at, one in world.account.records.items() if OWNER.holder(one.identifier) != FALLBACK}
    stricter = tuple(
        replace(each, ttl=7, check=replace(HTTP, path="/other") if each.check else None) for each in world.pools
    )
    changed = replace(world, pools=stricter)
    do(make_plan(changed.look(healthy=()), FORCE), world.account)
    assert before <= world.account.records.keys()


@given(
    ours=st.integers(0, 100),
    foreign=st.integers(0, 100),
    going=st.integers(0, 20),
    old=st.integers(0, 60),
    new=st.integers(0, 60),
)
@settings(max_examples=30)
def test_there_are_never_more_than_a_hundred_records_of_a_name_and_type(
    ours: int, foreign: int, going: int, old: int, new: int
) -> None:
    ours = min(ours, MAX_RECORDS_PER_NAME - foreign)
    unchecked = pool(check=None, admit_when=AdmitWhen.RUNNING)

    def one(n: int, **differs: Any) -> Any:
        return instance(f"i-{n:03}", public_ipv4=IPv4Address(f"192.0.2.{n}"), **differs)

    made = make_plan(
        situation(
            pools=[unchecked],
            instances=[
                *(one(n, state="stopping" if n < going else "running") for n in range(ours)),
                *(one(100 + n) for n in range(old)),
                *(one(160 + n, launched=NOW) for n in range(new)),
            ],
            records=[
                *(record(f"i-{n:03}", f"192.0.2.{n}", None) for n in range(ours)),
                *(record(address=f"198.51.100.{n}", identifier=f"theirs-{n}") for n in range(foreign)),
            ],
        ),
        GUARD,
    )
    gone = sum(isinstance(change, DeleteRecord) for change in made.change_records)
    come = [change.instance_id for change in made.change_records if isinstance(change, PutRecord)]
    assert gone == min(going, ours)
    assert len(come) == min(old + new, MAX_RECORDS_PER_NAME - foreign - ours + gone)
    assert come == [f"i-{100 + n:03}" for n in range(old + new)][: len(come)] or old < len(come)
    assert len(made.statuses[0].standby) == old + new - len(come)
