"""What an account has of its own, and what records of another account may name."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.api import Route53, Route53Error
from lab.route53.limits import Buckets

if TYPE_CHECKING:
    from tests.contract.clock import Clock

pytestmark = pytest.mark.fake_only(reason="needs two accounts")

CHECK = {"Type": "TCP", "IPAddress": "52.94.0.1", "Port": 80}


@pytest.fixture
def other(fake: Route53) -> Route53:
    return fake.beside("222222222222")


def zone(route53: Route53, name: str = "example.org") -> str:
    created = route53.call("CreateHostedZone", {"Name": name, "CallerReference": name})
    return str(created["HostedZone"]["Id"]).rpartition("/")[2]


def check(route53: Route53) -> str:
    created = route53.call("CreateHealthCheck", {"CallerReference": "check", "HealthCheckConfig": CHECK})
    return str(created["HealthCheck"]["Id"])


def record(check_id: str, number: int = 1) -> dict[str, Any]:
    return {
        "Name": "app.example.org",
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": str(number),
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": f"52.94.0.{number}"}],
        "HealthCheckId": check_id,
    }


def create(route53: Route53, zone_id: str, *records: dict[str, Any]) -> None:
    changes = [{"Action": "CREATE", "ResourceRecordSet": each} for each in records]
    route53.call("ChangeResourceRecordSets", {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}})


def test_a_record_may_name_a_health_check_of_another_account_and_dns_follows_its_health(
    fake: Route53, other: Route53
) -> None:
    zone_id, check_id = zone(other), check(fake)
    create(other, zone_id, record(check_id), record(check(other), 2))
    fake.observe(check_id, "us-east-1", succeeded=False, status="Failure: Connection timed out.")

    for route53 in (fake, other):
        assert route53.answer("app.example.org", "A", random.Random(1)).values == ("52.94.0.2",)


def test_a_record_may_not_name_a_health_check_that_no_account_has(other: Route53) -> None:
    with pytest.raises(Route53Error) as error:
        create(other, zone(other), record("5eb53000-0000-4000-8000-000000000000"))
    assert error.value.code == "NoSuchHealthCheck"


def test_a_health_check_is_listed_and_deleted_in_its_own_account_only(fake: Route53, other: Route53) -> None:
    check_id = check(fake)
    assert other.call("ListHealthChecks", {})["HealthChecks"] == []
    with pytest.raises(Route53Error) as error:
        other.call("DeleteHealthCheck", {"HealthCheckId": check_id})
    assert error.value.code == "NoSuchHealthCheck"
    fake.call("DeleteHealthCheck", {"HealthCheckId": check_id})


def test_a_hosted_zone_of_another_account_is_refused_with_access_denied(fake: Route53, other: Route53) -> None:
    zone_id = zone(other)
    for unknown, code in ((zone_id, "AccessDenied"), ("Z0UNKNOWN", "NoSuchHostedZone")):
        with pytest.raises(Route53Error) as error:
            fake.call("ListResourceRecordSets", {"HostedZoneId": unknown})
        assert error.value.code == code
    assert fake.call("ListHostedZones", {})["HostedZones"] == []
    assert other.call("GetHostedZone", {"Id": zone_id})["HostedZone"]["Name"] == "example.org."


def test_each_account_has_limits_of_its_own(clock: Clock) -> None:
    route53 = Route53(clock, limits=Buckets)
    other = route53.beside("222222222222")
    for _ in range(50):
        route53.call("GetHealthCheckCount", {})
    with pytest.raises(Route53Error, match="Rate exceeded"):
        route53.call("GetHealthCheckCount", {})
    other.call("GetHealthCheckCount", {})
