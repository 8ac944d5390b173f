"""ChangeTagsForResource, ListTagsForResource and ListTagsForResources."""

from typing import Any

import pytest

from tests.contract.account import Account, refused


def _tags(account: Account, check: dict[str, Any]) -> dict[str, str]:
    found = account.client.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])
    return {tag["Key"]: tag["Value"] for tag in found["ResourceTagSet"]["Tags"]}


def _tag(account: Account, check: dict[str, Any], **changes: Any) -> None:
    account.client.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"], **changes)


def test_a_health_check_begins_without_tags(account: Account) -> None:
    assert _tags(account, account.create_check()) == {}


def test_tags_are_added_replaced_and_removed(account: Account) -> None:
    check = account.create_check()

    _tag(account, check, AddTags=[{"Key": "Name", "Value": "web"}, {"Key": "team", "Value": "red"}])
    _tag(account, check, AddTags=[{"Key": "Name", "Value": "api"}], RemoveTagKeys=["team", "missing"])

    assert _tags(account, check) == {"Name": "api"}


def test_the_tags_of_several_resources_are_listed_together(account: Account) -> None:
    checks = [account.create_check(label) for label in ("a", "b")]
    _tag(account, checks[0], AddTags=[{"Key": "Name", "Value": "web"}])

    found = account.client.list_tags_for_resources(
        ResourceType="healthcheck", ResourceIds=[check["Id"] for check in checks]
    )["ResourceTagSets"]

    assert {each["ResourceId"]: each["Tags"] for each in found} == {
        checks[0]["Id"]: [{"Key": "Name", "Value": "web"}],
        checks[1]["Id"]: [],
    }


def test_a_hosted_zone_has_tags_too(account: Account) -> None:
    found = account.client.list_tags_for_resource(ResourceType="hostedzone", ResourceId=account.zone_id)

    assert found["ResourceTagSet"]["ResourceId"] == account.zone_id


@pytest.mark.parametrize(
    ("kind", "unknown", "code"),
    [
        ("healthcheck", "11111111-1111-1111-1111-111111111111", "NoSuchHealthCheck"),
        ("hostedzone", "Z0000000000000", "NoSuchHostedZone"),
    ],
)
def test_tags_of_an_unknown_resource_are_refused(account: Account, kind: str, unknown: str, code: str) -> None:
    with refused(code):
        account.client.list_tags_for_resource(ResourceType=kind, ResourceId=unknown)
    with refused(code):
        account.client.list_tags_for_resources(ResourceType=kind, ResourceIds=[unknown])
    with refused(code):
        account.client.change_tags_for_resource(
            ResourceType=kind, ResourceId=unknown, AddTags=[{"Key": "Name", "Value": "x"}]
        )


@pytest.mark.parametrize("key", ["k" * 129, "aws:name"], ids=["129 characters", "reserved"])
def test_an_invalid_key_is_refused(account: Account, key: str) -> None:
    check = account.create_check()

    with refused("InvalidInput"):
        _tag(account, check, AddTags=[{"Key": key, "Value": "x"}])

    assert _tags(account, check) == {}


def test_a_request_adds_ten_tags_at_most(account: Account) -> None:
    with refused("InvalidInput", "addTags"):
        _tag(account, account.create_check(), AddTags=[{"Key": f"k{n}", "Value": "x"} for n in range(11)])
