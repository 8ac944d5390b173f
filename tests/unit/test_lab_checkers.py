"""The lab's health checkers: which checks they probe, and where."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from lab.clock import Clock
from lab.route53.api import Route53
from lab.route53.checkers import Checkers

if TYPE_CHECKING:
    from collections.abc import Iterator


class Places:
    """Listens on loopback for every address, and keeps which were asked for."""

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, int]] = []
        self._port = port

    def __call__(self, address: str, port: int) -> tuple[str, int]:
        self.asked.append((address, port))
        return "127.0.0.1", self._port


@pytest.fixture
def places() -> Iterator[Places]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield Places(server.getsockname()[1])


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def route53(clock: Clock) -> Route53:
    return Route53(clock.now)


def create(route53: Route53, reference: str, **config: Any) -> str:
    created = route53.call("CreateHealthCheck", {"CallerReference": reference, "HealthCheckConfig": config})
    return str(created["HealthCheck"]["Id"])


def put(route53: Route53, name: str, address: str) -> None:
    zone = route53.call("CreateHostedZone", {"Name": name, "CallerReference": name})["HostedZone"]["Id"]
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.call("ChangeResourceRecordSets", {"HostedZoneId": zone.rpartition("/")[2], "ChangeBatch": batch})


def probe_all(route53: Route53, places: Places, clock: Clock) -> int:
    with Checkers(route53, places, clock) as checkers:
        probed = 0
        for _ in range(4):
            probed += checkers.probe_due()
            clock.advance(30)
        return probed


def test_a_check_by_name_only_is_probed_at_the_address_that_dns_answers(
    route53: Route53, places: Places, clock: Clock
) -> None:
    put(route53, "example.com", "52.95.0.9")
    check = create(route53, "name", Type="TCP", Port=22, FullyQualifiedDomainName="example.com", FailureThreshold=1)

    assert probe_all(route53, places, clock) > 0

    assert set(places.asked) == {("52.95.0.9", 22)}
    assert route53.percent_healthy(check) == 100


def test_a_check_by_a_name_that_does_not_resolve_fails(route53: Route53, places: Places, clock: Clock) -> None:
    check = create(route53, "name", Type="HTTP", FullyQualifiedDomainName="example.org", FailureThreshold=1)

    probe_all(route53, places, clock)

    assert places.asked == []
    assert route53.percent_healthy(check) == 0
    (seen, *_) = route53.call("GetHealthCheckStatus", {"HealthCheckId": check})["HealthCheckObservations"]
    assert seen["StatusReport"]["Status"].startswith("Failure: DNS resolution failed")


def test_checks_without_an_endpoint_are_not_probed(route53: Route53, places: Places, clock: Clock) -> None:
    alarm = {"Region": "eu-west-1", "Name": "alarm"}
    child = create(route53, "alarm", Type="CLOUDWATCH_METRIC", AlarmIdentifier=alarm)
    create(route53, "sum", Type="CALCULATED", HealthThreshold=1, ChildHealthChecks=[child])

    assert probe_all(route53, places, clock) == 0
