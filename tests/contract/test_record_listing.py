"""ListResourceRecordSets: order, start and pages."""

from typing import Any

import pytest

from tests.contract.account import Account, refused


def _list(account: Account, **parameters: str) -> dict[str, Any]:
    page: dict[str, Any] = account.client.list_resource_record_sets(HostedZoneId=account.zone_id, **parameters)
    return page


def test_names_are_sorted_by_their_labels_from_the_right(account: Account) -> None:
    # The dot at the end of a reversed name counts: "-" sorts before it, so b-c comes before a.b.
    account.create(*(account.simple(label) for label in ("c", "a.b", "b-c", "b", "*")))

    assert [record["Name"] for record in account.records()] == [
        account.name(label) for label in ("\\052", "b-c", "b", "a.b", "c")
    ]


def test_records_of_a_name_are_sorted_by_type(account: Account) -> None:
    text = account.simple("web", Type="TXT", ResourceRecords=[{"Value": '"hello"'}])
    aaaa = account.simple("web", Type="AAAA", ResourceRecords=[{"Value": "2600:1f18::1"}])
    account.create(text, aaaa, account.simple("web"))

    assert [record["Type"] for record in account.records()] == ["A", "AAAA", "TXT"]


def test_a_listing_starts_at_a_name(account: Account) -> None:
    account.create(account.simple("a"), account.simple("c"))

    page = _list(account, StartRecordName=account.name("b"), MaxItems="1")

    assert [record["Name"] for record in page["ResourceRecordSets"]] == [account.name("c")]


def test_a_listing_starts_at_a_wildcard(account: Account) -> None:
    account.create(account.simple("*"), account.simple("a"))

    page = _list(account, StartRecordName=account.name("*"), MaxItems="1")

    assert [record["Name"] for record in page["ResourceRecordSets"]] == [account.name("\\052")]


def test_a_listing_starts_at_a_name_in_any_case_without_dot(account: Account) -> None:
    account.create(account.simple("a"), account.simple("b"))

    page = _list(account, StartRecordName=account.name("B").rstrip("."), MaxItems="1")

    assert [record["Name"] for record in page["ResourceRecordSets"]] == [account.name("b")]


def test_a_listing_starts_at_a_type(account: Account) -> None:
    aaaa = account.simple("web", Type="AAAA", ResourceRecords=[{"Value": "2600:1f18::1"}])
    account.create(account.simple("web"), aaaa)

    page = _list(account, StartRecordName=account.name("web"), StartRecordType="AAAA", MaxItems="1")

    assert [record["Type"] for record in page["ResourceRecordSets"]] == ["AAAA"]


def test_a_later_name_is_listed_with_every_type(account: Account) -> None:
    account.create(account.simple("web"))

    page = _list(account, StartRecordName=account.name("api"), StartRecordType="TXT", MaxItems="1")

    assert [record["Name"] for record in page["ResourceRecordSets"]] == [account.name("web")]


def test_a_type_needs_a_name(account: Account) -> None:
    with refused("InvalidInput"):
        _list(account, StartRecordType="A")


def test_an_identifier_needs_a_type(account: Account) -> None:
    with refused("InvalidInput"):
        _list(account, StartRecordName=account.name("web"), StartRecordIdentifier="i-1")


def test_a_page_names_where_the_next_begins(account: Account) -> None:
    account.create(*(account.member("web", f"i-{number}") for number in range(3)))

    first = _list(account, StartRecordName=account.name("web"), StartRecordType="A", MaxItems="2")
    rest = _list(
        account,
        StartRecordName=first["NextRecordName"],
        StartRecordType=first["NextRecordType"],
        StartRecordIdentifier=first["NextRecordIdentifier"],
        MaxItems="1",
    )

    assert first["IsTruncated"]
    found = first["ResourceRecordSets"] + rest["ResourceRecordSets"]
    assert sorted(record["SetIdentifier"] for record in found) == ["i-0", "i-1", "i-2"]


def test_the_last_page_says_so(account: Account) -> None:
    page = _list(account, StartRecordName=f"zzz.{account.zone_name}")

    assert page["IsTruncated"] is False
    assert "NextRecordName" not in page


@pytest.mark.fake_only(reason="fills the zone with 301 records")
@pytest.mark.parametrize("parameters", [{}, {"MaxItems": "1000"}], ids=["unasked", "asked for more"])
def test_a_page_holds_300_sets_at_most(account: Account, parameters: dict[str, str]) -> None:
    account.create(*(account.simple(f"n{number}") for number in range(301)))

    page = _list(account, **parameters)

    assert len(page["ResourceRecordSets"]) == 300
    assert page["IsTruncated"]


@pytest.mark.fake_only(reason="fills the zone with 301 records")
def test_all_pages_together_hold_every_set_once(account: Account) -> None:
    for name in ("web", "api", "app", "www"):
        account.create(*(account.member(name, f"i-{number}") for number in range(100)))

    found = {(record["Name"], record["SetIdentifier"]) for record in account.records()}

    assert len(account.records()) == len(found) == 400


@pytest.mark.parametrize("size", ["0", "many"])
def test_a_page_size_is_a_positive_number(account: Account, size: str) -> None:
    with refused("InvalidInput"):
        _list(account, MaxItems=size)


def test_listing_an_unknown_zone_is_refused(account: Account) -> None:
    with refused("NoSuchHostedZone", "Z0000000000000"):
        account.client.list_resource_record_sets(HostedZoneId="Z0000000000000")
