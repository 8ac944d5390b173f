"""ChangeResourceRecordSets: which record sets a name can have."""

import pytest

from tests.contract.account import Account, refused


def test_a_multivalue_set_cannot_join_a_simple_one(account: Account) -> None:
    account.create(account.simple("web"))

    with refused("InvalidChangeBatch", "because a non multivalue answer rrset exists with the same name and type."):
        account.create(account.member("web", "i-1"))


def test_a_multivalue_set_cannot_join_a_weighted_one(account: Account) -> None:
    account.create(account.member("web", "i-1", MultiValueAnswer=None, Weight=1))

    with refused("InvalidChangeBatch", "because a non multivalue answer rrset exists with the same name and type."):
        account.create(account.member("web", "i-2"))


def test_weighted_sets_of_a_name_and_type_have_one_ttl(account: Account) -> None:
    account.create(account.member("web", "i-1", MultiValueAnswer=None, Weight=1, TTL=60))

    with refused("InvalidChangeBatch", "cannot be created as weighted sets must contain the same TTL."):
        account.create(account.member("web", "i-2", MultiValueAnswer=None, Weight=2, TTL=30))


def test_a_batch_changes_the_ttl_of_all_weighted_sets(account: Account) -> None:
    old = [account.member("web", name, MultiValueAnswer=None, Weight=1, TTL=60) for name in ("i-1", "i-2")]
    account.create(*old)

    account.change(*(("UPSERT", each | {"TTL": 30}) for each in old))

    assert [record["TTL"] for record in account.records()] == [30, 30]


@pytest.mark.parametrize("weight", [-1, 256])
def test_a_weight_is_from_0_to_255(account: Account, weight: int) -> None:
    with refused("InvalidInput", "resourceRecordSet.weight"):
        account.create(account.member("web", "i-1", MultiValueAnswer=None, Weight=weight))


def test_a_name_and_type_has_one_primary_set(account: Account) -> None:
    account.create(account.member("web", "i-1", MultiValueAnswer=None, Failover="PRIMARY"))
    account.create(account.member("web", "i-2", MultiValueAnswer=None, Failover="SECONDARY"))

    with refused("InvalidChangeBatch"):
        account.create(account.member("web", "i-3", MultiValueAnswer=None, Failover="PRIMARY"))


@pytest.mark.fake_only(reason="the lab's DNS server cannot tell where a resolver is")
@pytest.mark.parametrize(
    ("policy", "name"), [({"Region": "eu-west-1"}, "latency"), ({"GeoLocation": {"CountryCode": "CH"}}, "geolocation")]
)
def test_a_policy_that_the_lab_does_not_play_is_refused_by_name(
    account: Account, policy: dict[str, object], name: str
) -> None:
    with refused("NotImplemented", f"does not play {name} routing"):
        account.create(account.member("web", "i-1", MultiValueAnswer=None, **policy))

    assert account.records() == []


def test_a_simple_set_cannot_join_a_multivalue_one(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch"):
        account.create(account.simple("web"))


def test_an_upsert_cannot_mix_policies_either(account: Account) -> None:
    account.create(account.simple("web"))

    with refused("InvalidChangeBatch", "non multivalue answer"):
        account.change(("UPSERT", account.member("web", "i-1")))


def test_policies_of_different_types_do_not_meet(account: Account) -> None:
    account.create(account.simple("web", Type="TXT", ResourceRecords=[{"Value": '"hello"'}]))

    account.create(account.member("web", "i-1"))

    assert sorted(record["Type"] for record in account.records()) == ["A", "TXT"]


def test_a_cname_refuses_a_neighbour(account: Account) -> None:
    account.create(account.simple("web", Type="CNAME", ResourceRecords=[{"Value": "example.com"}]))

    with refused("InvalidChangeBatch", "CNAME"):
        account.create(account.member("web", "i-1"))


def test_a_cname_cannot_become_a_neighbour(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("InvalidChangeBatch", "CNAME"):
        account.create(account.simple("web", Type="CNAME", ResourceRecords=[{"Value": "example.com"}]))


def test_a_cname_cannot_stand_at_the_apex(account: Account) -> None:
    apex = account.simple("", Name=account.zone_name, Type="CNAME", ResourceRecords=[{"Value": "example.com"}])

    with refused("InvalidChangeBatch", "apex"):
        account.create(apex)


@pytest.mark.parametrize("record_type", ["NS", "SOA"])
def test_a_zone_keeps_its_own_ns_and_soa(account: Account, record_type: str) -> None:
    page = account.client.list_resource_record_sets(
        HostedZoneId=account.zone_id,
        StartRecordName=account.zone_name,
        StartRecordType=record_type,
        MaxItems="1",
    )

    with refused("InvalidChangeBatch", record_type):
        account.delete(page["ResourceRecordSets"][0])


def test_an_alias_cannot_be_multivalue(account: Account) -> None:
    alias = {"HostedZoneId": account.zone_id, "DNSName": account.name("api"), "EvaluateTargetHealth": False}
    account.create(account.simple("api"))

    with refused("InvalidChangeBatch", "Multivalue answer rrset should not be an alias rrset"):
        account.create(account.member("web", "i-1", TTL=None, ResourceRecords=None, AliasTarget=alias))


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("missing.{zone}", "but that target was not found"),
        ("example.net.", "but the alias target name does not lie within the target zone"),
    ],
)
def test_an_alias_within_the_zone_has_a_target(account: Account, target: str, text: str) -> None:
    name = target.format(zone=account.zone_name)
    alias = {"HostedZoneId": account.zone_id, "DNSName": name, "EvaluateTargetHealth": False}

    with refused("InvalidChangeBatch", f"Tried to create an alias that targets {name}, type A"):
        account.create(account.simple("web", TTL=None, ResourceRecords=None, AliasTarget=alias))
    with refused("InvalidChangeBatch", text):
        account.create(account.simple("web", TTL=None, ResourceRecords=None, AliasTarget=alias))


@pytest.mark.parametrize("record_type", ["CNAME", "NS"])
def test_some_types_cannot_be_multivalue(account: Account, record_type: str) -> None:
    with refused("InvalidChangeBatch"):
        account.create(account.member("web", "i-1", Type=record_type, ResourceRecords=[{"Value": "example.com"}]))


def test_a_name_and_type_have_100_multivalue_sets(account: Account) -> None:
    account.create(*(account.member("web", f"i-{number}") for number in range(100)))

    with refused("InvalidChangeBatch"):
        account.create(account.member("web", "i-100"))

    assert len(account.records()) == 100


def test_a_full_name_takes_another_set_when_one_goes_in_the_same_batch(account: Account) -> None:
    account.create(*(account.member("web", f"i-{number}") for number in range(100)))

    account.change(("DELETE", account.member("web", "i-0")), ("CREATE", account.member("web", "i-100")))

    assert "i-100" in account.identifiers()


def test_each_type_of_a_name_has_its_own_100(account: Account) -> None:
    account.create(*(account.member("web", f"i-{number}") for number in range(100)))

    account.create(account.member("web", "i-0", Type="AAAA", ResourceRecords=[{"Value": "2600:1f18::1"}]))

    assert len(account.records()) == 101


@pytest.mark.parametrize("identifier", ["", "i" * 129], ids=["0 characters", "129 characters"])
def test_a_set_identifier_has_1_to_128_characters(account: Account, identifier: str) -> None:
    with refused("InvalidInput"):
        account.create(account.member("web", identifier))


def test_a_set_identifier_of_128_characters_is_granted(account: Account) -> None:
    account.create(account.member("web", "i" * 128))

    assert account.identifiers() == ["i" * 128]


def test_a_policy_needs_a_set_identifier(account: Account) -> None:
    with refused("InvalidInput", "SetIdentifier"):
        account.create(account.member("web", "i-1", SetIdentifier=None))


def test_a_set_identifier_needs_a_policy(account: Account) -> None:
    with refused("InvalidInput", "found none"):
        account.create(account.member("web", "i-1", MultiValueAnswer=None))


def test_a_set_has_one_policy(account: Account) -> None:
    with refused("InvalidInput", "found more than one"):
        account.create(account.member("web", "i-1", Weight=1))


@pytest.mark.parametrize("missing", ["TTL", "ResourceRecords"])
def test_a_set_needs_ttl_and_values(account: Account, missing: str) -> None:
    with refused("InvalidInput", "found none"):
        account.create(account.member("web", "i-1", **{missing: None}))


@pytest.mark.parametrize("value", ["web.example.com", "52.95.110", "52.95.110.256", "2600:1f18::1", ""])
def test_an_a_record_holds_an_ipv4_address(account: Account, value: str) -> None:
    with refused("InvalidChangeBatch", "Value is not a valid IPv4 address"):
        account.create(account.member("web", "i-1", ResourceRecords=[{"Value": value}]))


@pytest.mark.parametrize("value", ["web.example.com", "2600:1f18", "52.95.110.1", "fe80::1%eth0"])
def test_an_aaaa_record_holds_an_ipv6_address(account: Account, value: str) -> None:
    with refused("InvalidChangeBatch", "Value is not a valid IPv6 address"):
        account.create(account.member("web", "i-1", Type="AAAA", ResourceRecords=[{"Value": value}]))


def test_a_set_may_have_several_values(account: Account) -> None:
    values = [{"Value": "52.95.110.1"}, {"Value": "52.95.110.2"}]

    account.create(account.member("web", "i-1", ResourceRecords=values))

    assert [len(record["ResourceRecords"]) for record in account.records()] == [2]


def test_a_set_cannot_have_a_value_twice(account: Account) -> None:
    with refused("InvalidChangeBatch", "52.95.110.1"):
        account.create(
            account.member("web", "i-1", ResourceRecords=[{"Value": "52.95.110.1"}, {"Value": "52.95.110.1"}])
        )


@pytest.mark.parametrize("action", ["CREATE", "UPSERT", "DELETE"])
def test_a_name_outside_the_zone_is_refused(account: Account, action: str) -> None:
    with refused("InvalidChangeBatch", "is not permitted in zone"):
        account.change((action, account.member("web", "i-1", Name="web.fleet53.example.")))


def test_a_name_that_only_ends_like_the_zone_is_outside(account: Account) -> None:
    with refused("InvalidChangeBatch", "is not permitted in zone"):
        account.create(account.member("web", "i-1", Name=f"not{account.zone_name}"))


def test_a_name_has_no_empty_label(account: Account) -> None:
    with refused("InvalidChangeBatch", "DomainLabelEmpty"):
        account.create(account.member("web", "i-1", Name=f"web..{account.zone_name}"))


def test_a_label_has_63_characters_at_most(account: Account) -> None:
    with refused("InvalidChangeBatch", "DomainLabelTooLong"):
        account.create(account.member("x" * 64, "i-1"))


def test_a_name_has_255_characters_at_most(account: Account) -> None:
    room = 255 - len(account.name(""))
    label = f"{'x.' * (room // 2 - 1)}{'x' * (room % 2 + 3)}"
    with refused("InvalidChangeBatch", "DomainNameTooLong"):
        account.create(account.member(label, "i-1"))


def test_a_name_is_the_same_in_any_case(account: Account) -> None:
    account.create(account.member("WEB", "i-1"))

    with refused("InvalidChangeBatch", "already exists"):
        account.create(account.member("web", "i-1"))


def test_the_trailing_dot_is_optional_but_always_answered(account: Account) -> None:
    account.create(account.member("web", "i-1", Name=account.name("web").rstrip(".")))

    assert [record["Name"] for record in account.records()] == [account.name("web")]


def test_a_wildcard_is_answered_escaped(account: Account) -> None:
    account.create(account.member("*", "i-1"))

    assert [record["Name"] for record in account.records()] == [account.name("\\052")]


def test_an_escaped_wildcard_is_the_same_name(account: Account) -> None:
    account.create(account.member("*", "i-1"))

    account.delete(account.member("\\052", "i-1"))

    assert account.records() == []
