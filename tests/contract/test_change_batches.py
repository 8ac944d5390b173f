"""ChangeResourceRecordSets: a batch is applied whole or not at all; the rules of each change."""

import pytest

from tests.contract.account import Account, refused
from tests.contract.clock import Clock


def test_a_refused_batch_changes_nothing(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "was not found"):
        account.change(
            ("CREATE", account.member("web", "i-2")),
            ("DELETE", account.member("web", "i-1")),
            ("DELETE", account.member("web", "i-9")),
        )

    assert account.identifiers() == ["i-1"]


def test_a_refusal_names_every_fault_of_the_batch(account: Account) -> None:
    with refused("InvalidChangeBatch", "SetIdentifier 'i-1'] but it was not found, Tried to delete"):
        account.delete(account.member("web", "i-1"), account.member("web", "i-2"))


def test_sets_with_different_identifiers_live_side_by_side(account: Account) -> None:
    account.create(account.member("web", "i-1"), account.member("web", "i-2"))

    assert account.identifiers() == ["i-1", "i-2"]


def test_the_same_identifier_is_another_set_under_another_name(account: Account) -> None:
    account.create(account.member("web", "i-1"), account.member("api", "i-1"))

    account.delete(account.member("web", "i-1"))

    assert [record["Name"] for record in account.records()] == [account.name("api")]


def test_the_same_identifier_is_another_set_under_another_type(account: Account) -> None:
    aaaa = account.member("web", "i-1", Type="AAAA", ResourceRecords=[{"Value": "2600:1f18::1"}])
    account.create(account.member("web", "i-1"), aaaa)

    account.delete(account.member("web", "i-1"))

    assert [record["Type"] for record in account.records()] == ["AAAA"]


def test_create_of_an_existing_set_is_refused_even_with_another_value(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "but it already exists"):
        account.create(account.member("web", "i-1", ResourceRecords=[{"Value": "52.95.110.2"}]))


def test_upsert_creates_a_set(account: Account) -> None:
    account.change(("UPSERT", account.member("web", "i-1")))

    assert account.identifiers() == ["i-1"]


def test_upsert_replaces_a_set(account: Account) -> None:
    account.create(account.member("web", "i-1", TTL=60))

    account.change(("UPSERT", account.member("web", "i-1", TTL=30)))

    assert [record["TTL"] for record in account.records()] == [30]


def test_upsert_of_the_same_values_is_granted(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    account.change(("UPSERT", account.member("web", "i-1")))

    assert account.identifiers() == ["i-1"]


def test_delete_of_an_unknown_identifier_is_refused(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "but it was not found"):
        account.delete(account.member("web", "i-2"))


@pytest.mark.parametrize(
    "field",
    [
        {"TTL": 30},
        {"ResourceRecords": [{"Value": "52.95.110.2"}]},
        {"ResourceRecords": [{"Value": "52.95.110.1"}, {"Value": "52.95.110.2"}]},
        {"HealthCheckId": "11111111-1111-1111-1111-111111111111"},
    ],
    ids=["TTL", "value", "one value too many", "health check"],
)
def test_delete_must_repeat_every_value(account: Account, field: dict[str, object]) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "but the values provided do not match the current values"):
        account.delete(account.member("web", "i-1", **field))


def test_delete_may_leave_out_multi_value_answer(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    account.delete(account.member("web", "i-1", MultiValueAnswer=None))

    assert account.records() == []


def test_delete_repeats_values_in_any_order(account: Account) -> None:
    values = [{"Value": "52.95.110.1"}, {"Value": "52.95.110.2"}]
    account.create(account.member("web", "i-1", ResourceRecords=values))

    account.delete(account.member("web", "i-1", ResourceRecords=values[::-1]))

    assert account.records() == []


def test_a_set_as_listed_can_be_deleted(account: Account) -> None:
    account.create(account.member("*", "i-1", HealthCheckId=account.create_check()["Id"]))

    account.delete(*account.records())

    assert account.records() == []


def test_deleting_a_set_twice_in_one_batch_is_refused(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "invalid set of changes"):
        account.delete(account.member("web", "i-1"), account.member("web", "i-1"))


def test_delete_then_create_then_delete_of_one_set_is_refused(account: Account) -> None:
    old, new = account.member("web", "i-1", TTL=60), account.member("web", "i-1", TTL=30)
    account.create(old)

    with refused("InvalidChangeBatch", "invalid set of changes"):
        account.change(("DELETE", old), ("CREATE", new), ("DELETE", new))


def test_delete_then_create_replaces_a_set_in_one_batch(account: Account) -> None:
    account.create(account.simple("web"))

    account.change(("DELETE", account.simple("web")), ("CREATE", account.member("web", "i-1")))

    assert account.identifiers() == ["i-1"]


def test_a_batch_needs_a_change(account: Account) -> None:
    with refused("InvalidInput"):
        account.change()


def test_a_comment_has_256_characters_at_most(account: Account) -> None:
    batch = {
        "Comment": "c" * 257,
        "Changes": [{"Action": "CREATE", "ResourceRecordSet": account.member("web", "i-1")}],
    }

    with refused("InvalidInput", "256"):
        account.client.change_resource_record_sets(HostedZoneId=account.zone_id, ChangeBatch=batch)


@pytest.mark.parametrize("action", ["FROB", "create", None])
def test_an_action_is_create_delete_or_upsert(account: Account, action: str | None) -> None:
    change = {"ResourceRecordSet": account.member("web", "i-1")} | ({} if action is None else {"Action": action})

    with refused("InvalidInput", "'changeBatch.changes.1.member.action' failed to satisfy constraint: Member must"):
        account.client.change_resource_record_sets(HostedZoneId=account.zone_id, ChangeBatch={"Changes": [change]})

    assert account.records() == []


def test_a_refusal_names_every_field_that_is_not_in_its_enum(account: Account) -> None:
    with refused("InvalidInput", "3 validation errors detected") as refusal:
        account.create(
            account.member("web", "i-1", Type="FROB"),
            account.member("web", "i-2", Type="aaaa"),
            account.member("web", "i-3", MultiValueAnswer=None, Region="mars-1"),
        )

    for text in ("changes.1.member.resourceRecordSet.type", "changes.3.member.resourceRecordSet.region", "eu-west-1"):
        assert text in refusal[0]


def test_a_batch_has_1000_elements_at_most(account: Account) -> None:
    records = [account.simple(f"n{number}") for number in range(1001)]

    with refused("InvalidChangeBatch", "1000"):
        account.create(*records)

    assert account.records() == []


@pytest.mark.fake_only(reason="fills the zone with 1,000 records")
def test_a_batch_of_1000_elements_is_granted(account: Account) -> None:
    account.create(*(account.simple(f"n{number}") for number in range(1000)))

    assert len(account.records()) == 1000


def test_an_upsert_counts_as_two_elements(account: Account) -> None:
    with refused("InvalidChangeBatch", "1000"):
        account.change(*(("UPSERT", account.simple(f"n{number}")) for number in range(501)))


def test_an_alias_counts_as_an_element(account: Account) -> None:
    alias = {"HostedZoneId": account.zone_id, "DNSName": account.zone_name, "EvaluateTargetHealth": False}
    records = [
        account.simple(f"n{number}", TTL=None, ResourceRecords=None, AliasTarget=alias) for number in range(1001)
    ]

    with refused("InvalidChangeBatch", "1000"):
        account.create(*records)


def _texts(account: Account, characters: int) -> list[dict[str, object]]:
    count, rest = divmod(characters, 255)
    sizes = [255] * count + ([rest] if rest else [])
    return [
        account.simple(f"n{number}", Type="TXT", ResourceRecords=[{"Value": '"' + "x" * (size - 2) + '"'}])
        for number, size in enumerate(sizes)
    ]


def test_the_values_of_a_batch_have_32000_characters_at_most(account: Account) -> None:
    with refused("InvalidChangeBatch", "32000"):
        account.create(*_texts(account, 32_001 + 2))


@pytest.mark.fake_only(reason="fills the zone with 126 records")
def test_values_of_32000_characters_are_granted(account: Account) -> None:
    account.create(*_texts(account, 32_000))

    assert len(account.records()) == 126


def test_the_values_of_an_upsert_count_twice(account: Account) -> None:
    with refused("InvalidChangeBatch", "32000"):
        account.change(*(("UPSERT", record) for record in _texts(account, 16_003)))


def test_a_record_cannot_name_an_unknown_health_check(account: Account) -> None:
    with refused("NoSuchHealthCheck", "11111111-1111-1111-1111-111111111111"):
        account.create(account.member("web", "i-1", HealthCheckId="11111111-1111-1111-1111-111111111111"))

    assert account.records() == []


def test_a_record_names_a_health_check_that_exists(account: Account) -> None:
    check = account.create_check()

    account.create(account.member("web", "i-1", HealthCheckId=check["Id"]))

    assert [record["HealthCheckId"] for record in account.records()] == [check["Id"]]


def test_a_record_whose_health_check_is_gone_can_be_deleted(account: Account) -> None:
    check = account.create_check()
    account.create(account.member("web", "i-1", HealthCheckId=check["Id"]))
    account.delete_check(check)

    account.delete(*account.records())

    assert account.records() == []


def test_an_unknown_zone_is_refused(account: Account) -> None:
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": account.member("web", "i-1")}]}

    with refused("NoSuchHostedZone", "Z0000000000000"):
        account.client.change_resource_record_sets(HostedZoneId="Z0000000000000", ChangeBatch=batch)


def test_a_change_is_pending_and_then_in_sync(account: Account, clock: Clock) -> None:
    change = account.change(("CREATE", account.member("web", "i-1")))["ChangeInfo"]

    assert change["Status"] == "PENDING"
    assert account.client.get_change(Id=change["Id"])["ChangeInfo"]["Status"] == "PENDING"
    clock.advance(seconds=60)
    account.client.get_waiter("resource_record_sets_changed").wait(Id=change["Id"])


def test_an_unknown_change_is_refused(account: Account) -> None:
    with refused("NoSuchChange"):
        account.client.get_change(Id="C0000000000000")
