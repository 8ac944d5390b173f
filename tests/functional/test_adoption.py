"""Records of others at a pool's name are taken over only on order, and DNS answers with the same addresses throughout.

In each test DNS is asked for the name in every turn, and after every request that fleet53 makes of Route 53.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.error import invalid_change_batch
from lab.world import RECORD, Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import before_each, meanwhile, wait_in_lab_time
from tests.functional.queries import asking
from tests.functional.test_foreign import multivalue, simple
from tests.functional.views import (
    OWNER,
    admitted,
    audit,
    batches,
    checks,
    create_check,
    findings,
    in_dns,
    launched,
    log_lines,
    put_record,
    records,
    see_healthy,
    signal,
    values,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADOPT = {"repair": True, "adopt": True}
OTHER = "green.eu-west-1.123456789012"


@dataclass(slots=True)
class Stream:
    """DNS queries in every turn and after every request to Route 53: `lost` are those without an expected address."""

    lab: Lab
    expected: frozenset[str]
    name: str
    asked: int = 0
    lost: list[str] = field(default_factory=list)

    def turn(self) -> None:
        """Ask once."""
        self.asked += 1
        missing = self.expected - self.lab.answers(self.name)
        self.lost += sorted(missing)


def watch(lab: Lab, monkeypatch: pytest.MonkeyPatch, members: tuple[str, ...], name: str = RECORD) -> list[list[str]]:
    """Ask for a name from now on. Return lists that stay empty while no address is lost and no stranger is answered."""
    stream = Stream(lab, frozenset(map(lab.fleet.address, members)), name)
    queries = asking(lab, name, members)
    lab.crowds.append(stream)
    answer = lab.route53.call

    def call(asked: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answered = answer(asked, parameters)
        stream.turn()
        return answered

    monkeypatch.setattr(lab.route53, "call", call)
    return [stream.lost, queries.strangers, queries.negative]


def round_robin(lab: Lab, members: tuple[str, ...], *more: str, ttl: int = 300, name: str = RECORD) -> None:
    """Put the simple record that was there before fleet53, with the addresses of these instances."""
    addresses = [{"Value": each} for each in (*map(lab.fleet.address, members), *more)]
    put_record(lab, {"Name": name, "Type": "A", "TTL": ttl, "ResourceRecords": addresses})


def served_by_round_robin(lab: Lab, count: int, *more: str) -> tuple[str, ...]:
    """Return members that Route 53 sees healthy and that a simple record keeps out of DNS."""
    members = tuple(lab.fleet.launch(events=False) for _ in range(count))
    round_robin(lab, members, *more)
    signal(lab)
    if not more:
        see_healthy(lab, members)
    assert in_dns(lab) == set()
    lab.route53.reset_calls()
    return members


def by_hand(lab: Lab, members: tuple[str, ...], **differs: Any) -> None:
    """Put multivalue records by hand for these instances."""
    for number, member in enumerate(members):
        put_record(lab, multivalue(f"by-hand-{number}", lab.fleet.address(member), **differs))


# A simple record with several addresses


def test_a_round_robin_record_becomes_multivalue_in_one_batch(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    members = served_by_round_robin(lab, 3)
    wrong = watch(lab, monkeypatch, members)

    report = audit(lab, ADOPT)
    lab.settle()
    lab.run(120)

    assert (report["in_sync"], report["queued"]) == (False, 1)
    assert batches(lab) == [[("DELETE", ""), *(("CREATE", each) for each in sorted(members))]]
    assert in_dns(lab) == set(members)
    assert {each["TTL"] for each in records(lab).values()} == {60}
    assert {each.get("HealthCheckId") for each in records(lab).values()} == checks(lab).keys()
    assert wrong == [[], [], []]
    assert audit(lab)["findings"] == []


def test_without_the_order_a_round_robin_record_stays_and_the_audit_names_the_command(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 2)
    before = records(lab)
    wrong = watch(lab, monkeypatch, members)

    report = audit(lab, {"repair": True, "force": True})
    lab.settle()
    lab.run(1900, step=20)

    (adoptable,) = findings(report, "adoptable-record")
    (blocking,) = findings(report, "foreign-record-in-the-way")
    assert adoptable["because"].startswith("1 record of others at app.example.com can be taken over")
    assert '{"repair": true, "adopt": true, "pools": ["web"]}' in adoptable["because"]
    assert "it can be taken over" in blocking["because"]
    assert (report["in_sync"], report["queued"], report["verdict"]) == (True, 0, "no-member")
    assert records(lab) == before
    assert batches(lab) == []
    assert wrong == [[], [], []]


def test_a_schedule_that_only_reports_on_the_first_day_changes_no_record() -> None:
    with Lab({"AuditMode": "report"}, start=MONDAY_NOON) as lab:
        members = served_by_round_robin(lab, 2)
        before = records(lab)
        queries = asking(lab, RECORD, members)

        lab.run(1900, step=20)

        reports = [line["report"] for line in log_lines(lab, "audit")]
        assert [each["summary"]["adoptable-record"] for each in reports[-2:]] == [1, 1]
        assert records(lab) == before
        assert (queries.wrong, queries.asked > 90) == ([], True)


def test_a_round_robin_record_with_a_strangers_address_is_refused_with_that_address(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 2, "52.94.0.66")
    before = records(lab)
    report = audit(lab, ADOPT)
    lab.settle()

    (finding,) = findings(report, "foreign-record-in-the-way")
    assert "it cannot be taken over: no member has 52.94.0.66: tag the instances" in finding["because"]
    assert (records(lab), batches(lab), report["queued"], checks(lab)) == (before, [], 0, {})

    stranger = lab.fleet.launch((), events=False)
    lab.fleet.move_address(stranger, "52.94.0.66")
    lab.fleet.retag(stranger, ["web"])
    lab.settle()
    see_healthy(lab, (*members, stranger))
    wrong = watch(lab, monkeypatch, (*members, stranger))
    audit(lab, ADOPT)
    lab.settle()

    assert in_dns(lab) == {*members, stranger}
    assert wrong == [[], [], []]


def test_an_unhealthy_member_keeps_the_whole_round_robin_record(lab: Lab) -> None:
    members = served_by_round_robin(lab, 2)
    lab.clock.advance(60)
    lab.report_health(members[1], 0)
    before = records(lab)

    report = audit(lab, ADOPT)
    signal(lab, adopt=True)

    (finding,) = findings(report, "foreign-record-in-the-way")
    assert f"{members[1]} ({lab.fleet.address(members[1])}): Route 53 does not see it healthy" in finding["because"]
    assert records(lab) == before


def test_the_batch_that_puts_the_record_back_is_logged_before_the_change_and_does_so(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 2)
    before = records(lab)
    wrong = watch(lab, monkeypatch, members)
    report = audit(lab, ADOPT)
    lab.settle()

    (line,) = log_lines(lab, "adopting records")
    assert (line["hosted_zone_id"], line["record_name"]) == (lab.zone_id, "app.example.com")
    said = [line["message"] for each in lab.invocations for line in each.logs]
    assert said.index("adopting records") < said.index("record adopted")
    (undo,) = report["undo"]
    assert [each["Action"] for each in undo["change_batch"]["Changes"]] == ["DELETE", "DELETE", "CREATE"]
    lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": line["undo"]})

    assert records(lab) == before
    assert wrong == [[], [], []]
    assert undo["hosted_zone_id"] == lab.zone_id
    lab.settle()
    audit(lab, ADOPT)
    lab.settle()
    lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": undo["change_batch"]})
    assert records(lab) == before


def test_a_dry_run_shows_the_very_batch_and_queues_and_publishes_nothing(lab: Lab) -> None:
    members = served_by_round_robin(lab, 2)
    before = records(lab)
    lab.bus.sent.clear()

    shown = audit(lab, {"adopt": True, "dry_run": True})
    lab.settle()

    assert (shown["queued"], records(lab), lab.bus.sent) == (0, before, [])
    audit(lab, ADOPT)
    lab.settle()
    sent = [call.parameters for call in lab.route53.calls if call.operation == "ChangeResourceRecordSets"]
    assert shown["batches"] == [
        {"hosted_zone_id": each["HostedZoneId"], "change_batch": each["ChangeBatch"]} for each in sent
    ]
    assert in_dns(lab) == set(members)


def test_a_dry_run_of_a_forced_repair_shows_the_withdrawals_that_the_guard_holds(lab: Lab) -> None:
    members = admitted(lab, 4)
    for each in members[:3]:
        lab.fleet.retag(each, [], events=False)
    held = audit(lab, {"repair": True, "dry_run": True})
    forced = audit(lab, {"repair": True, "force": True, "dry_run": True})
    lab.settle()

    assert held["batches"] == []
    (batch,) = forced["batches"]
    gone = [each["ResourceRecordSet"]["SetIdentifier"] for each in batch["change_batch"]["Changes"]]
    assert gone == [f"{OWNER}/{each}" for each in sorted(members[:3])]
    assert in_dns(lab) == set(members)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_people_see_the_batch_and_the_way_back_as_json(lab: Lab, form: str) -> None:
    members = served_by_round_robin(lab, 1)
    page = lab.invoke("AuditFunction", {"adopt": True, "dry_run": True, "format": form}).result

    assert f"Change batch of hosted zone {lab.zone_id}:" in page
    assert f"To put the old records back, change batch of {lab.zone_id}:" in page
    assert f'"SetIdentifier": "{OWNER}/{members[0]}"' in page
    assert "This is a dry run" in page


# Multivalue records that were made by hand


def test_multivalue_records_by_hand_go_when_the_members_own_stand(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = create_check(lab, "by hand")
    members = tuple(lab.fleet.launch(events=False) for _ in range(3))
    by_hand(lab, members, HealthCheckId=theirs)
    wrong = watch(lab, monkeypatch, members)
    lab.report_health(theirs)
    signal(lab)
    see_healthy(lab, members)
    assert in_dns(lab) == set(members)
    (before,) = findings(audit(lab), "adoptable-record")
    lab.route53.reset_calls()

    report = audit(lab, ADOPT)
    lab.settle()

    assert before["because"].startswith("3 records of others at app.example.com can be taken over")
    listed = findings(report, "adoptable-record")
    assert [each["health_check_id"] for each in listed] == [theirs] * 3
    assert all(f"health check {theirs} is left" in each["because"] for each in listed)
    assert batches(lab) == [[("DELETE", f"by-hand-{number}") for number in range(3)]]
    assert in_dns(lab) == set(members)
    assert theirs in checks(lab)
    assert wrong == [[], [], []]
    assert audit(lab)["findings"] == []


def test_records_by_hand_at_a_full_name_are_replaced_in_one_batch(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    member = lab.fleet.launch(events=False)
    by_hand(lab, (member,))
    for number in range(99):
        put_record(lab, multivalue(f"other-{number}", f"198.18.0.{number}"))
    lab.route53.reset_calls()

    audit(lab, ADOPT)
    lab.settle()

    assert batches(lab) == [[("DELETE", "by-hand-0"), ("CREATE", member)]]
    assert len(records(lab)) == 100


def test_other_stacks_records_and_other_policies_stay_and_say_why(lab: Lab) -> None:
    (member,) = admitted(lab, 1)
    address = lab.fleet.address(member)
    put_record(lab, multivalue(f"{OTHER}/{member}", address))
    put_record(lab, multivalue("two", address, ResourceRecords=[{"Value": address}, {"Value": "198.18.0.1"}]))
    before = records(lab)

    report = audit(lab, ADOPT)
    signal(lab, adopt=True)

    stack, two = (each["because"] for each in findings(report, "adoption-refused"))
    assert stack == (
        f"A record '{OTHER}/{member}' ({address}) is not taken over: it is a record of the stack {OTHER}; take the "
        "member out of the pool there first"
    )
    assert two.startswith(f"A record 'two' ({address}, 198.18.0.1) is not taken over: no member has 198.18.0.1: tag")
    assert records(lab) == before


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"Weight": 1, "SetIdentifier": "blue"}, "it has another routing policy"),
        ({"Type": "CNAME", "ResourceRecords": [{"Value": "www.example.net"}]}, "it is a CNAME record"),
        (
            {
                "AliasTarget": {
                    "HostedZoneId": "Z32O12XQLNTSW2",
                    "DNSName": "lb.example.",
                    "EvaluateTargetHealth": False,
                }
            },
            "it is an alias",
        ),
    ],
    ids=["weighted", "CNAME", "alias"],
)
def test_a_record_that_answers_otherwise_than_ours_is_never_taken_over(
    lab: Lab, record: dict[str, Any], why: str
) -> None:
    (member,) = (lab.fleet.launch(events=False),)
    made = simple("app.example.com", "A", lab.fleet.address(member)) | record
    if "AliasTarget" in made:
        del made["TTL"], made["ResourceRecords"]
    put_record(lab, made)
    before = lab.route53.records(RECORD, made["Type"])

    report = audit(lab, ADOPT)
    signal(lab, adopt=True)

    (finding,) = findings(report, "foreign-record-in-the-way")
    assert f"it cannot be taken over: {why}" in finding["because"]
    assert lab.route53.records(RECORD, made["Type"]) == before


# Whose order, and for which pools


def test_only_the_named_pools_records_are_taken_over(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    members = tuple(lab.fleet.launch(("web", "api"), events=False) for _ in range(2))
    for name in (RECORD, "api.example.com"):
        round_robin(lab, members, name=name)
    signal(lab)
    see_healthy(lab, members)

    audit(lab, ADOPT | {"pools": ["api"]})
    lab.settle()

    assert (in_dns(lab, "api.example.com"), in_dns(lab)) == (set(members), set())


@pytest.mark.parametrize(
    ("event", "right"),
    [
        ({"adopt": True}, 'add "repair": true or "dry_run": true'),
        ({"adopt": True, "force": True}, 'add "repair": true'),
        ({"dry_run": True}, 'add "repair": true or "adopt": true'),
        ({"repair": True, "adopt": "yes"}, 'use {}, or "pools": [...], "repair": true'),
    ],
)
def test_an_order_that_is_none_is_refused(lab: Lab, event: dict[str, Any], right: str) -> None:
    error = lab.invoke("AuditFunction", event).error

    assert type(error).__name__ == "NotUnderstoodError"
    assert f"; {right}" in str(error)


@pytest.mark.parametrize("order", [{}, {"adopt": "true"}, {"adopt": 1}, {"force": True, "repair": True}])
def test_a_message_without_the_order_takes_nothing_over(lab: Lab, order: dict[str, Any]) -> None:
    served_by_round_robin(lab, 1)
    before = records(lab)

    signal(lab, "web", **order)

    assert records(lab) == before


def test_a_strangers_message_with_the_order_takes_no_address_out_of_dns(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = admitted(lab, 2)
    put_record(lab, multivalue("a stranger's", "198.18.0.1"))
    by_hand(lab, members)
    answered = values(lab)
    wrong = watch(lab, monkeypatch, members)

    signal(lab, adopt=True)

    assert values(lab) == answered
    assert set(records(lab)) == {"a stranger's", *(f"{OWNER}/{each}" for each in members)}
    assert wrong[0] == []


# Other actors at the same time


def test_a_record_that_changes_meanwhile_is_read_again_and_then_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 2)
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: round_robin(lab, members, "52.94.0.66"))

    audit(lab, ADOPT)
    lab.settle()

    assert len(log_lines(lab, "batch refused")) == 1
    assert values(lab) == {*map(lab.fleet.address, members), "52.94.0.66"}
    assert in_dns(lab) == set()


def test_a_record_with_another_ttl_meanwhile_is_planned_again_and_taken_over(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 2)
    wrong = watch(lab, monkeypatch, members)
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: round_robin(lab, members, ttl=30))

    audit(lab, ADOPT)
    lab.settle()

    assert in_dns(lab) == set(members)
    assert wrong == [[], [], []]


def test_a_busy_zone_is_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_in_lab_time(lab, monkeypatch)
    members = served_by_round_robin(lab, 2)
    wrong = watch(lab, monkeypatch, members)
    lab.route53.busy(calls=30)
    audit(lab, ADOPT)
    lab.settle()
    lab.run(600, step=5)

    assert in_dns(lab) == set(members)
    assert wrong == [[], [], []]


def test_a_member_that_ends_meanwhile_leaves_and_the_others_are_there(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = served_by_round_robin(lab, 3)
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: lab.fleet.stop(members[0], events=False))

    audit(lab, ADOPT)
    lab.settle()

    assert in_dns(lab) == set(members[1:])


def test_where_route_53_refuses_every_creation_no_foreign_record_is_deleted_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted_before = admitted(lab, 1)
    members = launched(lab, 2)
    by_hand(lab, members)
    lab.fleet.stop(admitted_before[0], events=False)
    for each in members:
        lab.report_health(each)

    def refuse(parameters: Mapping[str, Any]) -> None:
        if any(each["Action"] == "CREATE" for each in parameters["ChangeBatch"]["Changes"]):
            raise invalid_change_batch(["a test refuses every creation"])

    before_each(lab, monkeypatch, "ChangeResourceRecordSets", refuse)
    audit(lab, ADOPT)
    lab.settle()

    assert set(records(lab)) == {"by-hand-0", "by-hand-1"}


# Names, types and addresses


@pytest.fixture
def wildcard() -> Iterator[Lab]:
    """Return a stack whose first pool answers for every name of the zone."""
    with Lab({"RecordName": "*.example.com"}, start=MONDAY_NOON) as lab:
        yield lab


def test_a_wildcard_written_in_capitals_with_a_dot_is_taken_over(
    wildcard: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = tuple(wildcard.fleet.launch(events=False) for _ in range(2))
    round_robin(wildcard, members, name="*.EXAMPLE.com.")
    signal(wildcard)
    see_healthy(wildcard, members)
    wrong = watch(wildcard, monkeypatch, members, "anything.example.com")

    audit(wildcard, ADOPT)
    wildcard.settle()

    assert in_dns(wildcard, "*.example.com") == set(members)
    assert wrong == [[], [], []]


def test_both_types_of_a_dualstack_pool_are_taken_over_each_by_itself(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    lab.settle()
    member = lab.fleet.launch(ipv6="2600:1f18::5", events=False)
    round_robin(lab, (member,))
    put_record(lab, simple(RECORD, "AAAA", "2600:1F18:0:0::5"))
    signal(lab)
    see_healthy(lab, (member,))

    audit(lab, ADOPT)
    lab.settle()
    wait(lab)

    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == ({member}, {member})
    assert values(lab, record_type="AAAA") == {"2600:1f18::5"}
