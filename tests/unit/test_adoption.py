"""Foreign records that hold members' addresses: when ours replace them, and why others are left."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

import pytest

from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import CheckId, InstanceId, InterfaceId
from fleet53.domain.instance import Interface
from fleet53.domain.pool import AddressType, AdmitWhen
from fleet53.domain.record import Record
from fleet53.planning.changes import AdoptRecord, PutRecord
from fleet53.planning.guard import Guard
from fleet53.planning.plan import make_plan
from tests.unit.build import LAUNCHED, NAME, ZONE, check, instance, pool, record, situation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.domain.health_check import Check
    from fleet53.domain.instance import Instance
    from fleet53.planning.changes import Plan

ADOPT = Guard(max_withdraw_percent=50, adopt=True)
ASK = Guard(max_withdraw_percent=50)
ORDER = 'invoke the audit with {"repair": true, "adopt": true, "pools": ["web"]}'
TAG_FIRST = "tag the instances that have these addresses, or take the addresses out of the record first"
UNCHECKED = pool(check=None, admit_when=AdmitWhen.RUNNING)


def theirs(*values: str, identifier: str = "by hand", **differs: Any) -> Record:
    """Return a multivalue record that was made by hand."""
    return record(address=values[0], values=values, identifier=identifier, ttl=300, **{"check_id": None} | differs)


def simple(*values: str, **differs: Any) -> Record:
    """Return a simple record with these addresses."""
    return theirs(*values, **{"identifier": None, "multivalue": False} | differs)


def member(n: int, **differs: Any) -> Instance:
    return instance(f"i-{n:03}", **{"public_ipv4": IPv4Address(f"192.0.2.{n}")} | differs)


def its_check(n: int) -> Check:
    return check(f"c-{n}", f"i-{n:03}", f"192.0.2.{n}")


def its_record(n: int, check_id: str | None = None) -> Record:
    return record(f"i-{n:03}", f"192.0.2.{n}", check_id or f"c-{n}")


def planned(records: Iterable[Record], *, guard: Guard = ADOPT, healthy: Iterable[int] = (1, 2), **what: Any) -> Plan:
    """Return the plan for members 1 and 2, whose health checks are healthy unless said otherwise."""
    usual: dict[str, Any] = {"instances": [member(1), member(2)], "checks": [its_check(1), its_check(2)]}
    return make_plan(situation(records=records, healthy=[f"c-{n}" for n in healthy], **usual | what), guard)


def batch(plan: Plan) -> list[tuple[str, tuple[str, ...]]]:
    """Return what a plan's changes of records delete and create: the action and the addresses."""
    return [("put" if isinstance(each, PutRecord) else "adopt", each.record.values) for each in plan.change_records]


def because(plan: Plan, kind: FindingKind) -> list[str]:
    return [each.because for each in plan.findings if each.kind is kind]


# What is taken over


def test_a_record_by_hand_goes_in_the_changes_that_bring_its_members_record() -> None:
    made = planned([theirs("192.0.2.1", check_id="c-theirs")])
    said = "A record 'by hand' (192.0.2.1) is taken over, because members answer with the same addresses"
    assert made.change_records[0] == AdoptRecord(
        pool().name, ZONE, theirs("192.0.2.1", check_id="c-theirs"), f"{said}; health check c-theirs is left"
    )
    assert batch(made) == [("adopt", ("192.0.2.1",)), ("put", ("192.0.2.1",)), ("put", ("192.0.2.2",))]
    assert (made.findings, made.waiting, made.delete_checks) == ((), (), ())


def test_a_record_by_hand_beside_the_members_own_only_goes() -> None:
    made = planned([theirs("192.0.2.1"), its_record(1), its_record(2)])
    assert batch(made) == [("adopt", ("192.0.2.1",))]


def test_a_simple_record_whose_addresses_are_all_members_becomes_their_records() -> None:
    made = planned([simple("192.0.2.1", "192.0.2.2")])
    assert batch(made) == [
        ("adopt", ("192.0.2.1", "192.0.2.2")),
        ("put", ("192.0.2.1",)),
        ("put", ("192.0.2.2",)),
    ]
    assert [each.waits for each in made.change_records] == [False] * 3


def test_a_pool_without_health_checks_takes_over_at_once() -> None:
    made = planned([simple("192.0.2.1")], pools=[UNCHECKED], checks=(), healthy=())
    assert batch(made) == [("adopt", ("192.0.2.1",)), ("put", ("192.0.2.1",)), ("put", ("192.0.2.2",))]


def test_an_address_is_the_same_in_every_written_form() -> None:
    six = member(1, public_ipv4=None, ipv6=IPv6Address("2001:db8::1"))
    kind = pool(address=AddressType.IPV6)
    its = check("c-1", "i-001", "2001:db8::1")
    made = planned([simple("2001:DB8:0::1")], pools=[kind], instances=[six], checks=[its])
    assert batch(made) == [("adopt", ("2001:DB8:0::1",)), ("put", ("2001:db8::1",))]


def test_a_full_name_takes_over_record_by_record_and_its_members_come_before_older_ones() -> None:
    fleet = [*(member(n) for n in range(1, 101)), member(101, launched=LAUNCHED.replace(year=2020))]
    full = [theirs(f"192.0.2.{n}", identifier=f"theirs-{n:03}") for n in range(1, 101)]
    made = planned(full, pools=[UNCHECKED], instances=fleet, checks=(), healthy=())
    assert batch(made) == [
        *(("adopt", (f"192.0.2.{n}",)) for n in range(1, 101)),
        *(("put", (f"192.0.2.{n}",)) for n in range(1, 101)),
    ]
    assert made.statuses[0].standby == {"i-101"}


def test_two_records_of_one_member_are_both_taken_over() -> None:
    made = planned([theirs("192.0.2.1"), theirs("192.0.2.1", identifier="again")], instances=[member(1)])
    assert batch(made) == [("adopt", ("192.0.2.1",)), ("adopt", ("192.0.2.1",)), ("put", ("192.0.2.1",))]


# What a person reads before


def test_without_the_order_nothing_is_taken_over_and_a_finding_has_the_command() -> None:
    made = planned([theirs("192.0.2.1"), its_record(1), its_record(2)], guard=ASK)
    assert made.changes == ()
    (said,) = because(made, FindingKind.ADOPTABLE_RECORD)
    assert said == (
        "1 record of others at app.example.com can be taken over, because members answer with the same addresses: "
        f"A record 'by hand' (192.0.2.1); {ORDER}"
    )
    assert [(each.pool, each.record_name) for each in made.findings] == [("web", NAME)]


def test_of_two_members_with_one_address_the_one_that_is_healthy_takes_the_record_over() -> None:
    two = [member(1), member(2, public_ipv4=IPv4Address("192.0.2.1"))]
    both = [its_check(1), check("c-2", "i-002", "192.0.2.1")]
    made = planned([theirs("192.0.2.1")], instances=two, checks=both, healthy=[2], unhealthy=["c-1"])
    assert [type(each) for each in made.change_records] == [AdoptRecord, PutRecord]
    assert [each.instance_id for each in made.change_records] == [None, "i-002"]


def test_without_the_order_a_simple_record_keeps_members_out_and_says_that_it_can_be_taken_over() -> None:
    made = planned([simple("192.0.2.1", "192.0.2.2")], guard=ASK)
    blocked = (
        "app.example.com has a record of type A that is not ours and not multivalue; "
        "remove it or give the pool another name"
    )
    assert made.changes == ()
    assert because(made, FindingKind.FOREIGN_RECORD_IN_THE_WAY) == [f"{blocked}; it can be taken over: {ORDER}"]
    assert len(because(made, FindingKind.ADOPTABLE_RECORD)) == 1
    assert [each.because for each in made.waiting] == [blocked] * 2


# Health checks before there is a place


@pytest.mark.parametrize("guard", [ASK, ADOPT])
def test_members_of_a_simple_record_get_their_checks_beside_it(guard: Guard) -> None:
    made = planned([simple("192.0.2.1", "192.0.2.2")], guard=guard, checks=(), healthy=())
    assert [each.key.instance_id for each in made.changes if hasattr(each, "key")] == ["i-001", "i-002"]
    assert made.change_records == ()


def test_members_that_a_simple_record_does_not_hold_get_no_check_while_it_is_there() -> None:
    made = planned([simple("192.0.2.1")], guard=ASK, checks=(), healthy=())
    assert [each.key.instance_id for each in made.create_checks] == ["i-001"]


def test_no_check_is_wasted_on_a_simple_record_with_a_strangers_address() -> None:
    made = planned([simple("192.0.2.1", "198.51.100.7")], checks=(), healthy=())
    assert made.changes == ()


def test_members_of_a_full_names_records_get_their_checks_without_a_place() -> None:
    full = [theirs(f"192.0.2.{n}", identifier=f"theirs-{n:03}") for n in range(1, 101)]
    made = planned(full, guard=ASK, instances=[member(1), member(101)], checks=(), healthy=())
    assert [each.key.instance_id for each in made.create_checks] == ["i-001"]
    assert made.statuses[0].standby == {"i-001", "i-101"}


def test_a_simple_record_with_more_addresses_than_a_name_has_places_is_left() -> None:
    fleet = [member(n) for n in range(1, 102)]
    made = planned(
        [simple(*(f"192.0.2.{n}" for n in range(1, 102)))], pools=[UNCHECKED], instances=fleet, checks=(), healthy=()
    )
    assert made.changes == ()
    (why,) = because(made, FindingKind.FOREIGN_RECORD_IN_THE_WAY)
    assert why.endswith("it cannot be taken over: the name would have more than 100 A records")


# What is left, and why


def standby_member() -> dict[str, Any]:
    return {
        "instances": [member(1), member(2, group="web-fleet")],
        "lifecycle_states": {InstanceId("i-002"): "Standby"},
    }


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (
            {"instances": [member(1)]},
            f"no member has 192.0.2.2: {TAG_FIRST}",
        ),
        ({"healthy": [1]}, "i-002 (192.0.2.2): Route 53 has not seen it yet"),
        ({"healthy": [1], "unhealthy": ["c-2"]}, "i-002 (192.0.2.2): Route 53 does not see it healthy"),
        ({"checks": [its_check(1)]}, "i-002 (192.0.2.2): it has no health check yet"),
        (standby_member(), "i-002 (192.0.2.2): Auto Scaling says Standby"),
        ({"instances": [member(1), member(2, state="pending")]}, "i-002 (192.0.2.2): EC2 says pending"),
    ],
    ids=["a stranger", "not seen", "unhealthy", "no check", "standby", "pending"],
)
def test_a_simple_record_is_left_while_one_of_its_addresses_is_not_that_of_a_ready_member(
    what: dict[str, Any], why: str
) -> None:
    made = planned([simple("192.0.2.1", "192.0.2.2")], **what)
    assert not any(isinstance(each, AdoptRecord | PutRecord) for each in made.changes)
    (said,) = because(made, FindingKind.FOREIGN_RECORD_IN_THE_WAY)
    assert said.endswith(f"; it cannot be taken over: {why}")


def test_a_record_by_hand_stays_while_the_members_own_record_is_unhealthy() -> None:
    made = planned([theirs("192.0.2.1"), its_record(1), its_record(2)], healthy=[2], unhealthy=["c-1"])
    assert made.changes == ()
    assert because(made, FindingKind.ADOPTION_REFUSED) == [
        "A record 'by hand' (192.0.2.1) is not taken over: i-001 (192.0.2.1): Route 53 does not see it healthy"
    ]
    assert [(each.pool, each.record_name) for each in made.findings] == [("web", NAME)]


def test_a_member_beside_a_simple_record_counts_as_unhealthy_where_route_53_sees_it_so() -> None:
    made = planned([simple("192.0.2.1", "192.0.2.2")], healthy=[1], unhealthy=["c-2"])
    (status,) = made.statuses
    assert status.unhealthy == {InstanceId("i-002")}
    assert status.ready == frozenset()


def test_the_health_that_an_ordered_adoption_depends_on_is_read() -> None:
    made = planned([theirs("192.0.2.1"), its_record(1), its_record(2)], healthy=())
    assert {(each.instance_id, each.check_id) for each in made.waiting} == {("i-001", "c-1")}
    assert planned([theirs("192.0.2.1"), its_record(1), its_record(2)], healthy=(), guard=ASK).waiting == ()


def test_a_member_that_answers_with_another_of_its_addresses_takes_nothing_over() -> None:
    made = planned([theirs("192.0.2.9"), record("i-001", "192.0.2.1", "c-1")], instances=[two_addresses()])
    assert made.change_records == ()
    assert because(made, FindingKind.ADOPTION_REFUSED) == [
        "A record 'by hand' (192.0.2.9) is not taken over: i-001 (192.0.2.9): fleet53 answers with 192.0.2.1 for it"
    ]


def two_addresses() -> Instance:
    both = (IPv4Address("192.0.2.1"), IPv4Address("192.0.2.9"))
    return member(1, interfaces=(Interface(InterfaceId("eni-1"), both, frozenset()),))


NEVER = {
    "a CNAME": (
        Record(NAME, "CNAME", ("web.example.net",), ttl=60),
        "it is a CNAME record; give the pool a name of its own, and let this record point to it",
    ),
    "an alias": (
        Record(NAME, "A", ()),
        "it is an alias; give the pool a name of its own, and let this record point to it",
    ),
    "weighted": (
        theirs("192.0.2.1", multivalue=False),
        "it has another routing policy; give the pool a name of its own, or delete the records of that policy",
    ),
    "a traffic policy's": (
        simple("192.0.2.1", listed={"TrafficPolicyInstanceId": "t-1"}),
        "a traffic policy created it; delete the policy record, or give the pool a name of its own",
    ),
}


@pytest.mark.parametrize("kind", NEVER)
def test_a_record_that_answers_otherwise_than_ours_would_is_never_taken_over(kind: str) -> None:
    there, why = NEVER[kind]
    made = planned([there])
    assert made.change_records == ()
    (said,) = because(made, FindingKind.FOREIGN_RECORD_IN_THE_WAY)
    assert said.endswith(f"; it cannot be taken over: {why}")


@pytest.mark.parametrize("holder", ["i-0a1b2c3d4e5f60001", "fallback"])
def test_another_stacks_record_is_never_taken_over(holder: str) -> None:
    green = theirs("192.0.2.1", identifier=f"green.eu-west-1.123456789012/{holder}")
    made = planned([green, its_record(1), its_record(2)])
    assert made.changes == ()
    (said,) = because(made, FindingKind.ADOPTION_REFUSED)
    assert said.endswith(
        "it is a record of the stack green.eu-west-1.123456789012; take the member out of the pool there first"
    )


def test_records_of_other_types_and_of_strangers_are_left_without_a_word() -> None:
    there = [
        theirs("198.51.100.7"),
        theirs("2001:db8::1"),
        Record(NAME, "TXT", ("192.0.2.1",), ttl=60),
        its_record(1),
        its_record(2),
    ]
    made = planned(there)
    assert (made.changes, made.findings) == ((), ())


def test_the_health_check_of_a_record_that_is_taken_over_is_never_deleted() -> None:
    named = replace(its_check(2), id=CheckId("c-theirs"), reference="made by hand")
    made = planned(
        [theirs("192.0.2.1", check_id="c-theirs"), its_record(1), its_record(2)],
        checks=[its_check(1), its_check(2), named],
    )
    assert batch(made) == [("adopt", ("192.0.2.1",))]
    assert made.delete_checks == ()
