"""Record set protections: which changes they refuse, and how they are created and listed."""

from typing import Any

import pytest

from tests.contract.account import Account, refused


def _names(account: Account, page: dict[str, Any]) -> list[str]:
    suffix = f".{account.prefix}.{account.zone_name}"
    return [found["RecordName"].removesuffix(suffix) for found in page["ResourceRecordSetProtections"]]


def test_a_protected_name_and_type_refuses_the_whole_batch(account: Account) -> None:
    account.protect("web", comment="ask the network team")

    with refused("InvalidChangeBatch", "ask the network team"):
        account.create(account.member("api", "i-1"), account.member("web", "i-1"))

    assert account.records() == []


@pytest.mark.parametrize("action", ["DELETE", "UPSERT"])
def test_a_protected_set_can_neither_be_replaced_nor_deleted(account: Account, action: str) -> None:
    account.create(account.member("web", "i-1"))
    account.protect("WEB", comment="frozen")

    with refused("InvalidChangeBatch", account.name("web")):
        account.change((action, account.member("web", "i-1")))


def test_a_protection_covers_one_type(account: Account) -> None:
    account.protect("web", record_type="AAAA")

    account.create(account.member("web", "i-1"))

    assert account.identifiers() == ["i-1"]


def test_what_is_not_protected_any_more_can_be_changed(account: Account) -> None:
    account.protect("web")
    account.unprotect("web")

    account.create(account.member("web", "i-1"))

    assert account.identifiers() == ["i-1"]


def test_a_protection_is_listed_with_its_comment_if_it_has_one(account: Account) -> None:
    account.protect("*", comment="ask Kim first")
    account.protect("web", record_type="AAAA")

    found = account.protections(StartRecordName=account.name("*"), MaxResults="2")["ResourceRecordSetProtections"]

    assert found == [
        {"RecordName": account.name("\\052"), "RecordType": "A", "Comment": "ask Kim first"},
        {"RecordName": account.name("web"), "RecordType": "AAAA"},
    ]


@pytest.mark.fake_only(reason="a real zone may have protections of others")
def test_protections_are_listed_in_pages(account: Account) -> None:
    account.protect("a", "b", "c", "d", "e")

    first = account.protections(MaxResults="2")
    second = account.protections(MaxResults="2", NextToken=first["NextToken"])
    third = account.protections(MaxResults="2", NextToken=second["NextToken"])

    assert [_names(account, page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert "NextToken" not in third


@pytest.mark.fake_only(reason="a real zone may have protections of others")
def test_a_zone_without_protections_lists_none(account: Account) -> None:
    assert account.protections()["ResourceRecordSetProtections"] == []


def test_a_listing_starts_at_a_name_and_type(account: Account) -> None:
    account.protect("a", "b", "c")
    account.protect("b", record_type="AAAA")

    page = account.protections(StartRecordName=account.name("b"), StartRecordType="AAAA", MaxResults="2")

    assert _names(account, page) == ["b", "c"]
    assert page["ResourceRecordSetProtections"][0]["RecordType"] == "AAAA"


def test_a_type_to_start_at_needs_a_name(account: Account) -> None:
    with refused("InvalidInput"):
        account.protections(StartRecordType="A")


def test_an_unknown_page_token_is_refused(account: Account) -> None:
    with refused("InvalidPaginationToken"):
        account.protections(NextToken="x")


def test_an_unknown_zone_lists_no_protections(account: Account) -> None:
    with refused("NoSuchHostedZone"):
        account.client.list_resource_record_set_protections(HostedZoneId="Z0000000000000")


def test_a_name_is_protected_once(account: Account) -> None:
    account.protect("web")

    with refused("ProtectionAlreadyExists"):
        account.protect("web")
    with refused("InvalidResourceRecordSetProtectionBatch"):
        account.protect("api", "web")

    assert _names(account, account.protections(StartRecordName=account.name("a"), MaxResults="1")) == ["web"]


def test_a_name_is_named_once_in_a_request(account: Account) -> None:
    with refused("InvalidResourceRecordSetProtectionBatch"):
        account.protect("web", "WEB")


def test_only_names_of_the_zone_are_protected(account: Account) -> None:
    elsewhere = {"RecordName": "web.elsewhere.example", "RecordType": "A"}
    with refused("InvalidResourceRecordSetProtectionBatch"):
        account.client.create_resource_record_set_protections(HostedZoneId=account.zone_id, Protections=[elsewhere])


def test_protections_are_deleted_all_or_none(account: Account) -> None:
    account.protect("web", comment="frozen")

    with refused("InvalidResourceRecordSetProtectionBatch"):
        account.unprotect("web", "api")

    with refused("InvalidChangeBatch", "frozen"):
        account.create(account.member("web", "i-1"))


@pytest.mark.parametrize("count", [0, 101])
def test_a_request_names_one_to_a_hundred_protections(account: Account, count: int) -> None:
    with refused("InvalidInput"):
        account.protect(*(f"n{number}" for number in range(count)))
