"""The adapter's own operations, against the lab's Route 53 over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fleet53.aws.session
from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.aws.route53 import Route53 as Adapter
from fleet53.domain.errors import ZoneGoneError, ZoneUnansweredError, ZoneUnreadableError
from fleet53.domain.health_check import Check, CheckConfig, CheckSettings
from fleet53.domain.ids import CheckId, ZoneId
from lab.route53.api import Route53, Route53Error
from lab.route53.http import serve
from tests.unit.build import record

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> Route53:
    return Route53()


@pytest.fixture
def adapter(fake: Route53, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    """Return the adapter around the client of a function, which finds the lab where AWS would be."""
    with serve(fake) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", server.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "lab")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setattr(fleet53.aws.session.TRIES, "retrier", Retrier(lambda: 60, lambda _: None, lambda: 0))
        client = Clients("audit").route53
        yield Adapter(client, {})
        client.close()


@pytest.fixture
def zone_id(fake: Route53) -> ZoneId:
    zone = fake.call("CreateHostedZone", {"Name": "example.com", "CallerReference": "zone"})["HostedZone"]
    return ZoneId(zone["Id"].removeprefix("/hostedzone/"))


def test_a_zones_limit_is_how_many_record_sets_it_has_and_may_have(adapter: Adapter, zone_id: ZoneId) -> None:
    assert adapter.record_limit(zone_id) == (2, 10_000)  # NS and SOA


def test_the_limit_of_a_zone_that_is_gone_is_unreadable(adapter: Adapter) -> None:
    with pytest.raises(ZoneGoneError, match="hosted zone Z0: NoSuchHostedZone"):
        adapter.record_limit(ZoneId("Z0"))


def test_a_zone_has_its_name_servers(adapter: Adapter, zone_id: ZoneId) -> None:
    assert adapter.zone(zone_id).name_servers == {
        "ns-1.awsdns-00.com",
        "ns-513.awsdns-00.net",
        "ns-1025.awsdns-00.org",
        "ns-1537.awsdns-00.co.uk",
    }


def test_protections_of_a_zone_that_is_gone_are_unreadable(adapter: Adapter) -> None:
    with pytest.raises(ZoneGoneError):
        adapter.protections(ZoneId("Z0"))


def test_a_check_is_created_with_every_setting_and_read_as_it_was_created(adapter: Adapter, fake: Route53) -> None:
    asks = CheckSettings(
        protocol="https",
        port=8443,
        host="app.example.com",
        path="/health",
        interval=10,
        failure_threshold=2,
        search_string="ready",
        regions=frozenset({"us-east-1", "eu-west-1", "sa-east-1"}),
    )
    config = CheckConfig.of(asks, IPv4Address("52.95.0.1"))
    check_id = adapter.create_check("r", config)
    assert fake.call("GetHealthCheck", {"HealthCheckId": check_id})["HealthCheck"]["HealthCheckConfig"] == {
        "Type": "HTTPS_STR_MATCH",
        "IPAddress": "52.95.0.1",
        "Port": 8443,
        "FullyQualifiedDomainName": "app.example.com",
        "ResourcePath": "/health",
        "RequestInterval": 10,
        "FailureThreshold": 2,
        "SearchString": "ready",
        "Regions": ["eu-west-1", "sa-east-1", "us-east-1"],
        "EnableSNI": True,
        "MeasureLatency": False,
        "Inverted": False,
        "Disabled": False,
    }
    assert adapter.checks() == {check_id: Check(check_id, "r", config)}


@pytest.mark.parametrize(
    ("edit", "flag"),
    [
        ({"EnableSNI": False}, {"enable_sni": False}),
        ({"Inverted": True}, {"inverted": True}),
        ({"Disabled": True}, {"disabled": True}),
    ],
)
def test_a_flag_that_was_edited_by_hand_shows(
    adapter: Adapter, fake: Route53, edit: dict[str, bool], flag: dict[str, Any]
) -> None:
    config = CheckConfig.of(CheckSettings("https", 443, "app.example.com", "/"), IPv4Address("52.95.0.1"))
    check_id = adapter.create_check("r", config)
    fake.call("UpdateHealthCheck", {"HealthCheckId": check_id} | edit)
    assert adapter.checks()[check_id].config == replace(config, **flag)


def test_a_check_that_asks_no_endpoint_has_no_configuration_of_ours_but_its_children(
    adapter: Adapter, fake: Route53
) -> None:
    child = adapter.create_check("r", CheckConfig.of(CheckSettings("http", 80), IPv4Address("52.95.0.1")))
    calculated = {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": [child]}
    made = fake.call("CreateHealthCheck", {"CallerReference": "theirs", "HealthCheckConfig": calculated})
    check_id = CheckId(made["HealthCheck"]["Id"])
    assert adapter.checks()[check_id] == Check(check_id, "theirs", None, frozenset({child}))
    assert adapter.checks()[check_id].address is None


@pytest.mark.parametrize("code", ["InvalidInput", "InvalidChangeBatch", "ConcurrentModification"])
def test_a_locked_zone_is_known_by_its_message_with_any_code(
    adapter: Adapter, fake: Route53, zone_id: ZoneId, code: str
) -> None:
    refusal = Route53Error(code, f"HostedZone {zone_id} is marked disabled for mutation")
    fake.fail("ChangeResourceRecordSets", refusal, calls=1)
    with pytest.raises(ZoneUnansweredError, match=f"hosted zone {zone_id}: {code}: HostedZone"):
        adapter.change_records(zone_id, deletions=(), creations=[record()])


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_makes_protections_unreadable(adapter: Adapter, fake: Route53, zone_id: ZoneId, status: int) -> None:
    fake.fail("ListResourceRecordSetProtections", Route53Error("AccessDenied", "no", status), calls=1)
    with pytest.raises(ZoneUnreadableError, match="AccessDenied: no"):
        adapter.protections(zone_id)


def test_the_added_operation_names_no_shape_that_botocore_lacks(adapter: Adapter) -> None:
    """A merge over another version of botocore has to find all it refers to there or in the file."""
    client: Any = adapter._client
    (path,) = Path(fleet53.aws.session.__file__).parent.glob("models/route53/*/service-2.sdk-extras.json")
    added = json.loads(path.read_text(encoding="utf-8"))["merge"]

    for name in added["operations"]:
        operation = client.meta.service_model.operation_model(name)
        assert [shape.name for shape in operation.error_shapes] == [
            "InvalidInput",
            "NoSuchHostedZone",
            "InvalidPaginationToken",
        ]
        assert set(operation.input_shape.members) >= {"HostedZoneId", "MaxResults", "NextToken"}
    for name in added["shapes"]:
        client.meta.service_model.shape_for(name)


NAMES = [f"{label}.example.com" for label in ("a", "b-c", "b", "a.b", "c", "d", "*", "p1")]


def put_records(fake: Route53, zone_id: ZoneId, at_names: dict[str, int]) -> None:
    """Create so many multivalue records at each name."""
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                "Name": name,
                "Type": "A",
                "SetIdentifier": str(number),
                "MultiValueAnswer": True,
                "TTL": 60,
                "ResourceRecords": [{"Value": f"192.0.2.{number}"}],
            },
        }
        for name, count in at_names.items()
        for number in range(count)
    ]
    fake.call("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}})
    fake.reset_calls()


def test_pools_whose_records_are_on_one_page_take_one_request(adapter: Adapter, fake: Route53, zone_id: ZoneId) -> None:
    put_records(fake, zone_id, {"p1.example.com": 20, "p2.example.com": 3, "p4.example.com": 100})

    found = adapter.records_at_names(zone_id, [f"p{number}.example.com" for number in (5, 4, 3, 2, 1)])

    assert {name: len(records) for name, records in found.items()} == {
        "p1.example.com": 20,
        "p2.example.com": 3,
        "p3.example.com": 0,
        "p4.example.com": 100,
        "p5.example.com": 0,
    }
    assert len(fake.calls) == 1


def test_a_name_at_the_end_of_a_page_is_read_to_its_last_record(
    adapter: Adapter, fake: Route53, zone_id: ZoneId
) -> None:
    names = [f"p{number}.example.com" for number in range(5)]
    put_records(fake, zone_id, dict.fromkeys(names, 90))

    found = adapter.records_at_names(zone_id, names)

    assert {name: len(set(records)) for name, records in found.items()} == dict.fromkeys(names, 90)
    assert len(fake.calls) == 2


@pytest.mark.parametrize("page", ["1", "2", "3", "300"])
def test_names_that_are_read_together_have_the_records_that_each_has_alone(
    adapter: Adapter, fake: Route53, zone_id: ZoneId, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {name: number % 3 for number, name in enumerate(NAMES)}
    put_records(fake, zone_id, there)
    monkeypatch.setattr("fleet53.aws.route53._RECORDS_PER_PAGE", page)

    found = adapter.records_at_names(zone_id, NAMES)

    assert {name: len(records) for name, records in found.items()} == there
    assert found == {name: adapter.records_at(zone_id, name) for name in NAMES}


def test_a_wildcard_is_read_alone_because_its_place_in_a_listing_is_not_documented(
    adapter: Adapter, fake: Route53, zone_id: ZoneId
) -> None:
    put_records(fake, zone_id, {"*.example.com": 1, "a.example.com": 2})

    found = adapter.records_at_names(zone_id, ["*.example.com", "a.example.com", "b.example.com"])

    assert {name: len(records) for name, records in found.items()} == {
        "*.example.com": 1,
        "a.example.com": 2,
        "b.example.com": 0,
    }
    assert len(fake.calls) == 2
