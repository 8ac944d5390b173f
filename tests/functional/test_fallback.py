"""The fallback is answered exactly while a pool has no member in DNS, and never is both missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.queries import asking
from tests.functional.views import (
    OWNER,
    admitted,
    audit,
    batches,
    calls,
    checks,
    delete_record,
    findings,
    kinds,
    launched,
    put_record,
    records,
    see_healthy,
    signal,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

FALLBACK = "52.94.0.100"


@pytest.fixture
def answering(lab: Lab) -> Lab:
    """Return a lab whose pool answers with its fallback, because it has no member yet."""
    lab.put_pool("web", fallback=FALLBACK)
    lab.settle()
    assert values(lab) == {FALLBACK}
    lab.route53.reset_calls()
    return lab


def test_an_empty_pool_answers_with_its_fallback_without_a_check(answering: Lab) -> None:
    (record,) = records(answering).values()

    assert record["SetIdentifier"] == f"{OWNER}/fallback"
    assert record["TTL"] == 60
    assert "HealthCheckId" not in record
    assert checks(answering) == {}
    assert kinds(audit(answering)) == {}


def test_the_fallback_goes_in_the_batch_in_which_the_first_member_comes(answering: Lab) -> None:
    (web,) = admitted(answering, 1)

    assert batches(answering) == [[("DELETE", "fallback"), ("CREATE", web)]]
    assert values(answering) == {answering.fleet.address(web)}


def test_the_fallback_stays_while_the_first_member_is_not_healthy_yet(answering: Lab) -> None:
    web = launched(answering, 1)
    see_healthy(answering, web, percent=0)

    assert values(answering) == {FALLBACK}


def test_the_fallback_comes_in_the_batch_in_which_the_last_member_goes(answering: Lab) -> None:
    one, two = admitted(answering, 2)
    answering.fleet.terminate(one)
    answering.settle()
    assert FALLBACK not in values(answering)
    answering.route53.reset_calls()

    answering.fleet.terminate(two)
    answering.settle()

    assert batches(answering) == [[("DELETE", two), ("CREATE", "fallback")]]
    assert values(answering) == {FALLBACK}


def test_the_fallback_comes_when_all_members_go_at_once(answering: Lab) -> None:
    web = admitted(answering, 6)
    answering.route53.reset_calls()

    for instance_id in web:
        answering.fleet.stop(instance_id)
    answering.settle()

    (batch,) = batches(answering)
    assert sorted(batch) == sorted([*(("DELETE", each) for each in web), ("CREATE", "fallback")])


def test_over_many_changes_the_name_is_never_empty(answering: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answering.route53.call
    seen: list[set[str]] = []

    def call(operation: str, parameters: dict[str, object]) -> dict[str, object]:
        answered = answer(operation, parameters)
        seen.append(values(answering))
        return answered

    monkeypatch.setattr(answering.route53, "call", call)
    for _ in range(3):
        (web,) = admitted(answering, 1)
        answering.fleet.stop(web)
        answering.settle()
        answering.fleet.start(web)
        answering.settle()
        see_healthy(answering, [web])
        answering.fleet.terminate(web)
        answering.settle()

    assert set() not in seen
    assert {FALLBACK} in seen


def test_a_changed_fallback_replaces_the_old_one(answering: Lab) -> None:
    answering.put_pool("web", fallback="52.94.0.101")
    answering.settle()

    assert values(answering) == {"52.94.0.101"}


def test_a_fallback_of_the_other_family_replaces_the_old_one_in_one_batch(answering: Lab) -> None:
    answering.put_pool("web", address="dualstack", fallback="2600:1f18::100")
    answering.settle()

    assert (values(answering), values(answering, record_type="AAAA")) == (set(), {"2600:1f18::100"})
    assert calls(answering)["ChangeResourceRecordSets"] == 1


def test_a_fallback_that_is_taken_out_of_the_settings_goes_and_the_empty_pool_is_reported(answering: Lab) -> None:
    answering.put_pool("web", fallback=None)
    answering.settle()

    assert values(answering) == set()
    assert kinds(audit(answering)) == {"empty-pool": 1}


def test_a_fallback_deleted_by_hand_is_found_and_put_back(answering: Lab) -> None:
    (record,) = records(answering).values()
    delete_record(answering, record)

    report = audit(answering, {"repair": True})
    answering.settle()

    assert kinds(report) == {"missing-record": 1}
    assert list(records(answering).values()) == [record]


def test_a_held_pool_needs_no_fallback(answering: Lab) -> None:
    web = admitted(answering, 4)
    for instance_id in web:
        answering.fleet.forget(instance_id)

    signal(answering, "web")
    wait(answering)

    assert FALLBACK not in values(answering)
    assert len(values(answering)) == 4


# -- while others answer at the name


def put_theirs(lab: Lab, holder: str, address: str = "198.18.0.1", **differs: Any) -> dict[str, Any]:
    """Put a record of a stack in another Region at the name, and return it."""
    record = {
        "Name": "app.example.com",
        "Type": "A",
        "SetIdentifier": f"fleet53.us-east-1.123456789012/{holder}",
        "MultiValueAnswer": True,
        "TTL": 60,
        "ResourceRecords": [{"Value": address}],
    } | differs
    put_record(lab, record)
    return record


def test_the_fallback_is_not_answered_beside_the_members_of_another_region(lab: Lab) -> None:
    theirs = put_theirs(lab, "i-1")
    lab.put_pool("web", fallback=FALLBACK)
    lab.settle()
    assert lab.answers() == {"198.18.0.1"}

    (finding,) = findings(audit(lab), "empty-pool")
    assert finding["because"] == (
        "app.example.com has no member of this pool in DNS: 1 record of others answers, and the fallback does not"
    )
    delete_record(lab, theirs)
    signal(lab)
    assert lab.answers() == {FALLBACK}


def test_the_fallback_goes_when_a_member_of_another_region_comes(answering: Lab) -> None:
    put_theirs(answering, "i-1")
    put_theirs(answering, "i-2", "198.18.0.2")
    signal(answering)
    assert answering.answers() == {"198.18.0.1", "198.18.0.2"}

    (finding,) = findings(audit(answering), "empty-pool")
    assert "2 records of others answer, and the fallback does not" in finding["because"]


def test_the_fallbacks_of_two_regions_do_not_wait_for_each_other(answering: Lab) -> None:
    put_theirs(answering, "fallback")
    signal(answering)
    assert answering.answers() == {FALLBACK, "198.18.0.1"}
    assert kinds(audit(answering)) == {}


def test_members_that_others_admitted_with_another_type_of_address_answer_too(answering: Lab) -> None:
    put_theirs(answering, "i-1", "2001:db8::1", Type="AAAA")
    signal(answering)
    assert answering.answers() == set()


def test_records_that_hold_no_address_do_not_keep_the_fallback_away(answering: Lab) -> None:
    text = {"Name": "app.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]}
    put_record(answering, text)
    signal(answering)
    assert answering.answers() == {FALLBACK}


def test_an_empty_pool_without_a_fallback_says_that_others_answer(lab: Lab) -> None:
    put_theirs(lab, "i-1")
    (finding,) = findings(audit(lab), "empty-pool")
    assert finding["because"] == "app.example.com has no member of this pool in DNS: 1 record of others answers"


def test_the_fallback_is_never_one_of_several_answers_when_either_region_changes(lab: Lab) -> None:
    theirs = put_theirs(lab, "i-1")
    (web,) = admitted(lab, 1)
    queries = asking(lab, "app.example.com", [web], others=["198.18.0.1"])
    lab.run(25)
    lab.put_pool("web", fallback=FALLBACK)
    lab.run(30)
    lab.fleet.stop(web)
    lab.run(30)
    assert lab.answers() == {"198.18.0.1"}
    lab.fleet.start(web)
    lab.run(90)
    delete_record(lab, theirs)
    lab.run(30)
    assert lab.answers() == {lab.fleet.address(web)}
    assert queries.wrong == []

    queries.others |= {FALLBACK}
    lab.fleet.stop(web)
    lab.settle()
    lab.run(5)
    assert (lab.answers(), queries.wrong) == ({FALLBACK}, [])
