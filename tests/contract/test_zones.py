"""Hosted zones, and which of them answers for a name."""

from typing import Any

import pytest

from lab.route53.api import Route53
from tests.contract.account import Account, refused
from tests.contract.clock import Clock

making_zones = pytest.mark.fake_only(reason="every real hosted zone is billed")
reading_as_dns = pytest.mark.fake_only(reason="the lab's DNS server reads the fake directly")


def _zone(client: Any, name: str, **more: Any) -> dict[str, Any]:
    zone: dict[str, Any] = client.create_hosted_zone(Name=name, CallerReference=f"{name}{more}", **more)
    return zone


@making_zones
def test_a_new_zone_has_its_ns_and_soa_records(client: Any) -> None:
    zone = _zone(client, "Example.org")["HostedZone"]

    found = client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]

    assert [(record["Name"], record["Type"]) for record in found] == [
        ("example.org.", "NS"),
        ("example.org.", "SOA"),
    ]


@making_zones
def test_a_zone_is_public_unless_it_has_a_vpc(client: Any) -> None:
    public = _zone(client, "example.org")
    private = _zone(client, "example.net", VPC={"VPCRegion": "eu-west-1", "VPCId": "vpc-1"})

    assert public["HostedZone"]["Config"]["PrivateZone"] is False
    assert len(public["DelegationSet"]["NameServers"]) == 4
    assert private["HostedZone"]["Config"]["PrivateZone"] is True
    assert client.get_hosted_zone(Id=private["HostedZone"]["Id"])["VPCs"][0]["VPCId"] == "vpc-1"


@making_zones
def test_a_zone_reference_is_used_once(client: Any) -> None:
    _zone(client, "example.org")

    with refused("HostedZoneAlreadyExists"):
        _zone(client, "example.org")


@making_zones
def test_a_zone_needs_a_valid_name(client: Any) -> None:
    with refused("InvalidDomainName"):
        _zone(client, "example..org")


def _change(client: Any, zone_id: str, action: str = "UPSERT") -> None:
    record = {"Name": "a.example.org", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)


@making_zones
@pytest.mark.parametrize(
    ("enable", "turning", "turned"), [(True, "ENABLING", "ENABLED"), (False, "DISABLING", "DISABLED")]
)
def test_a_zone_takes_no_changes_while_accelerated_recovery_is_turned_on_or_off(
    client: Any, clock: Clock, *, enable: bool, turning: str, turned: str
) -> None:
    zone_id = _zone(client, "example.org")["HostedZone"]["Id"].removeprefix("/hostedzone/")

    client.update_hosted_zone_features(HostedZoneId=zone_id, EnableAcceleratedRecovery=enable)
    assert client.get_hosted_zone(Id=zone_id)["HostedZone"]["Features"] == {"AcceleratedRecoveryStatus": turning}
    with refused("InvalidInput", f"HostedZone {zone_id} is marked disabled for mutation"):
        _change(client, zone_id)
    with refused("InvalidInput", "marked disabled for mutation"):
        client.delete_hosted_zone(Id=zone_id)

    clock.advance(minutes=5)
    assert client.get_hosted_zone(Id=zone_id)["HostedZone"]["Features"] == {"AcceleratedRecoveryStatus": turned}
    _change(client, zone_id)


@making_zones
def test_a_zone_that_is_being_turned_takes_no_other_feature_and_a_private_one_takes_none(client: Any) -> None:
    public = _zone(client, "example.org")["HostedZone"]["Id"]
    private = _zone(client, "example.net", VPC={"VPCRegion": "eu-west-1", "VPCId": "vpc-1"})["HostedZone"]["Id"]
    client.update_hosted_zone_features(HostedZoneId=public, EnableAcceleratedRecovery=True)

    with refused("PriorRequestNotComplete"):
        client.update_hosted_zone_features(HostedZoneId=public, EnableAcceleratedRecovery=False)
    with refused("InvalidInput"):
        client.update_hosted_zone_features(HostedZoneId=private, EnableAcceleratedRecovery=True)


@making_zones
def test_zones_are_listed_in_pages(client: Any) -> None:
    ids = {_zone(client, f"example{number}.org")["HostedZone"]["Id"] for number in range(3)}

    pages = client.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 2})

    assert {zone["Id"] for page in pages for zone in page["HostedZones"]} == {*ids}


@making_zones
def test_zones_are_listed_by_their_names_from_the_right(client: Any) -> None:
    for name in ("b.example.org", "example.org", "a.example.org", "example.net"):
        _zone(client, name)

    first = client.list_hosted_zones_by_name(MaxItems="3")
    rest = client.list_hosted_zones_by_name(DNSName=first["NextDNSName"], HostedZoneId=first["NextHostedZoneId"])

    assert [zone["Name"] for zone in first["HostedZones"]] == ["example.net.", "example.org.", "a.example.org."]
    assert [zone["Name"] for zone in rest["HostedZones"]] == ["b.example.org."]
    assert (first["IsTruncated"], rest["IsTruncated"]) == (True, False)


def test_a_listing_by_name_starts_at_a_name(account: Account) -> None:
    page = account.client.list_hosted_zones_by_name(DNSName=account.zone_name, MaxItems="1")

    assert page["HostedZones"][0]["Name"] == account.zone_name
    assert page["DNSName"] == account.zone_name


def test_a_listing_by_name_needs_a_name_with_an_id(account: Account) -> None:
    with refused("InvalidInput"):
        account.client.list_hosted_zones_by_name(HostedZoneId=account.zone_id)


def test_a_listing_by_name_refuses_a_text_that_is_not_a_name(account: Account) -> None:
    with refused("InvalidDomainName"):
        account.client.list_hosted_zones_by_name(DNSName="a..example.com")


@making_zones
def test_zones_are_counted(client: Any) -> None:
    for name in ("example.org", "example.net"):
        _zone(client, name)

    assert client.get_hosted_zone_count()["HostedZoneCount"] == 2


@making_zones
def test_an_empty_zone_is_deleted(account: Account) -> None:
    zone = _zone(account.client, "example.org")["HostedZone"]

    assert account.client.delete_hosted_zone(Id=zone["Id"])["ChangeInfo"]["Status"] == "PENDING"

    with refused("NoSuchHostedZone"):
        account.client.get_hosted_zone(Id=zone["Id"])


def test_a_zone_with_records_is_not_deleted(account: Account) -> None:
    account.create(account.member("web", "i-1"))

    with refused("HostedZoneNotEmpty"):
        account.client.delete_hosted_zone(Id=account.zone_id)


def test_dns_is_asked_through_the_api(account: Account, clock: Clock) -> None:
    change = account.change(("CREATE", account.simple("web")))["ChangeInfo"]
    clock.advance(seconds=60)
    account.client.get_waiter("resource_record_sets_changed").wait(Id=change["Id"])

    found = account.client.test_dns_answer(HostedZoneId=account.zone_id, RecordName=account.name("web"), RecordType="A")

    assert (found["RecordData"], found["ResponseCode"], found["Protocol"]) == (["52.95.110.1"], "NOERROR", "UDP")
    assert (found["RecordName"], found["RecordType"]) == (account.name("web"), "A")


def test_dns_says_through_the_api_that_a_name_does_not_exist(account: Account) -> None:
    found = account.client.test_dns_answer(HostedZoneId=account.zone_id, RecordName=account.name("web"), RecordType="A")

    assert (found["RecordData"], found["ResponseCode"]) == ([], "NXDOMAIN")


def test_dns_cannot_be_asked_for_an_unknown_zone(account: Account) -> None:
    with refused("NoSuchHostedZone"):
        account.client.test_dns_answer(HostedZoneId="Z0000000000000", RecordName="example.com", RecordType="A")


def test_an_unknown_zone_cannot_be_read(client: Any) -> None:
    with refused("NoSuchHostedZone", "Z0000000000000"):
        client.get_hosted_zone(Id="Z0000000000000")


def test_a_zone_counts_its_record_sets(account: Account) -> None:
    before = account.client.get_hosted_zone(Id=account.zone_id)["HostedZone"]["ResourceRecordSetCount"]

    account.create(account.member("web", "i-1"))

    after = account.client.get_hosted_zone(Id=account.zone_id)["HostedZone"]["ResourceRecordSetCount"]
    assert after == before + 1


def test_a_zone_returns_how_many_record_sets_it_has_and_may_have(account: Account) -> None:
    account.create(account.member("web", "i-1"))
    zone = account.client.get_hosted_zone(Id=account.zone_id)["HostedZone"]

    answer = account.client.get_hosted_zone_limit(HostedZoneId=account.zone_id, Type="MAX_RRSETS_BY_ZONE")

    assert answer["Count"] == zone["ResourceRecordSetCount"]
    assert answer["Limit"]["Type"] == "MAX_RRSETS_BY_ZONE"
    assert answer["Limit"]["Value"] >= 10_000


def test_the_limit_of_an_unknown_zone_cannot_be_read(account: Account) -> None:
    with refused("NoSuchHostedZone"):
        account.client.get_hosted_zone_limit(HostedZoneId="Z0000000000000", Type="MAX_RRSETS_BY_ZONE")


@making_zones
def test_zones_of_the_same_name_have_name_servers_of_their_own(client: Any) -> None:
    first = client.create_hosted_zone(Name="example.org", CallerReference="first")["DelegationSet"]["NameServers"]
    second = client.create_hosted_zone(Name="example.org", CallerReference="second")["DelegationSet"]["NameServers"]

    assert set(first) & set(second) == set()


@making_zones
def test_a_private_zone_has_no_delegation_set(client: Any) -> None:
    zone = _zone(client, "example.net", VPC={"VPCRegion": "eu-west-1", "VPCId": "vpc-1"})["HostedZone"]

    assert "DelegationSet" not in client.get_hosted_zone(Id=zone["Id"])


@making_zones
def test_a_public_and_a_private_zone_may_have_the_same_name_and_each_its_own_set_of_a_name(client: Any) -> None:
    vpc = {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}
    public, private = _zone(client, "example.org"), _zone(client, "example.org", VPC=vpc)
    for zone, value in ((public, "52.95.110.1"), (private, "10.0.0.1")):
        record = {"Name": "web.example.org", "Type": "A", "SetIdentifier": "i-1", "MultiValueAnswer": True, "TTL": 60}
        change = {"Action": "CREATE", "ResourceRecordSet": record | {"ResourceRecords": [{"Value": value}]}}
        client.change_resource_record_sets(HostedZoneId=zone["HostedZone"]["Id"], ChangeBatch={"Changes": [change]})

    found = [
        client.list_resource_record_sets(HostedZoneId=zone["HostedZone"]["Id"])["ResourceRecordSets"]
        for zone in (public, private)
    ]
    values = [[each["ResourceRecords"] for each in records if each["Type"] == "A"] for records in found]
    assert values == [[[{"Value": "52.95.110.1"}]], [[{"Value": "10.0.0.1"}]]]


@reading_as_dns
def test_dns_reads_the_sets_of_one_name_and_type(account: Account, fake: Route53) -> None:
    account.create(account.member("web", "i-1"), account.member("web", "i-2"), account.member("*", "i-3"))

    found = fake.records(account.name("WEB").rstrip("."), "A")

    assert [record["SetIdentifier"] for record in found] == ["i-1", "i-2"]
    assert [record["SetIdentifier"] for record in fake.records(account.name("*"), "A")] == ["i-3"]
    assert fake.records(account.name("web"), "AAAA") == ()


@reading_as_dns
def test_dns_reads_a_copy_of_the_records(account: Account, fake: Route53) -> None:
    account.create(account.member("web", "i-1"))

    fake.records(account.name("web"), "A")[0]["ResourceRecords"].clear()

    assert fake.records(account.name("web"), "A")[0]["ResourceRecords"] == [{"Value": "52.95.110.1"}]


@reading_as_dns
def test_the_zone_with_the_longest_name_answers(account: Account, fake: Route53) -> None:
    account.create(account.member("web", "i-1"))
    child = f"{account.prefix}.{account.zone_name}"

    _zone(account.client, child)

    assert fake.zone_of(account.name("web")) == child
    assert fake.records(account.name("web"), "A") == ()


@reading_as_dns
def test_a_public_zone_answers_before_a_private_one(account: Account, fake: Route53) -> None:
    vpc = {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}
    _zone(account.client, "example.org", VPC=vpc)
    public = _zone(account.client, "example.org")["HostedZone"]
    account.zone_id = public["Id"]

    account.create(account.member("", "i-1", Name="web.example.org"))

    assert len(fake.records("web.example.org", "A")) == 1


@reading_as_dns
def test_no_zone_answers_for_a_foreign_name(fake: Route53) -> None:
    assert fake.zone_of("example.com") is None
    assert fake.records("example.com", "A") == ()
    assert not fake.has_name("example.com")


@reading_as_dns
def test_a_name_is_known_when_it_or_a_name_below_it_has_records(account: Account, fake: Route53) -> None:
    account.create(account.member("a.b", "i-1"))

    assert fake.has_name(account.name("a.b"))
    assert fake.has_name(account.name("b"))
    assert not fake.has_name(account.name("c"))
