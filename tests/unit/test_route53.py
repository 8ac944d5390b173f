"""The adapter's own operations, against the lab's Route 53 over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fleet53.aws.clients
from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.aws.route53 import Route53 as Adapter
from fleet53.domain.errors import ZoneGoneError, ZoneUnreadableError
from fleet53.domain.model import ZoneId
from lab.route53.api import Route53, Route53Error
from lab.route53.http import serve

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
        client = Clients().route53
        yield Adapter(client, Retrier(lambda: 60, lambda _: None, lambda: 0), {})
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


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_makes_protections_unreadable(adapter: Adapter, fake: Route53, zone_id: ZoneId, status: int) -> None:
    fake.fail("ListResourceRecordSetProtections", Route53Error("AccessDenied", "no", status), calls=1)
    with pytest.raises(ZoneUnreadableError, match="AccessDenied: no"):
        adapter.protections(zone_id)


def test_the_added_operation_names_no_shape_that_botocore_lacks(adapter: Adapter) -> None:
    """A merge over another version of botocore has to find all it refers to there or in the file."""
    client: Any = adapter._client
    (path,) = Path(fleet53.aws.clients.__file__).parent.glob("models/route53/*/service-2.sdk-extras.json")
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
