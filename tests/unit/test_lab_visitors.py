"""Visitors that respect TTLs, and which instances serve them in a lab without servers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lab.route53.answers import Answer
from lab.route53.dns import NameServer
from lab.traffic.visitors import Failure, Visitors, asking_server, over_http
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.world import Lab

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with bare_lab(tmp_path) as lab:
        yield lab


def put(lab: Lab, *addresses: str) -> None:
    """Let the name have one record of all these addresses, with a TTL of 60 s."""
    record = {
        "Name": "app.example.com",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": address} for address in addresses],
    }
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=lab.zone_id, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    )


class World:
    """A DNS and a clock that a test sets by hand."""

    def __init__(self, *values: str, ttl: int = 60) -> None:
        self.at = NOON
        self.found = Answer("NOERROR", "A", values, ttl)
        self.tried: list[str] = []

    def clients(self, count: int = 1, seed: int = 1) -> Visitors:
        return Visitors(
            count=count,
            ask=lambda: self.found,
            connect=self.connect,
            whose=lambda _address: ("i-0a", "running, InService"),
            now=lambda: self.at,
            source=random.Random(seed),
        )

    def connect(self, address: str) -> str | None:
        self.tried.append(address)
        return "refused" if address == "52.95.0.9" else None


def test_a_client_asks_again_when_its_answer_is_older_than_the_ttl() -> None:
    world = World("52.95.0.1")
    clients = world.clients()
    clients.turn()
    world.found = Answer("NOERROR", "A", ("52.95.0.2",), 60)
    world.at = NOON + timedelta(seconds=59)
    clients.turn()
    assert world.tried == ["52.95.0.1", "52.95.0.1"]
    world.at = NOON + timedelta(seconds=60)
    clients.turn()
    assert world.tried[-1] == "52.95.0.2"
    assert (clients.questions, clients.connections) == (2, 3)


def test_a_negative_answer_is_kept_too() -> None:
    world = World(ttl=900)
    clients = world.clients()
    clients.turn()
    world.found = Answer("NOERROR", "A", ("52.95.0.1",), 60)
    world.at = NOON + timedelta(seconds=899)
    clients.turn()
    assert (clients.unanswered, world.tried) == (2, [])


def test_every_client_has_its_own_cache() -> None:
    clients = World("52.95.0.1").clients(count=3)
    clients.turn()
    clients.turn()
    assert (clients.questions, clients.connections) == (3, 6)


def test_the_address_is_chosen_at_random_and_the_same_in_every_run() -> None:
    worlds = [World("52.95.0.1", "52.95.0.2", "52.95.0.3") for _ in range(2)]
    for world in worlds:
        clients = world.clients()
        for _ in range(20):
            clients.turn()
    assert worlds[0].tried == worlds[1].tried
    assert set(worlds[0].tried) == {"52.95.0.1", "52.95.0.2", "52.95.0.3"}


def test_a_failure_is_recorded_with_the_instances_state_at_that_time() -> None:
    clients = World("52.95.0.9").clients()
    clients.turn()
    assert clients.failures == [Failure(NOON, 0, "52.95.0.9", "i-0a", "running, InService", "refused")]


# -- in a lab without servers


def test_an_instance_serves_after_its_boot_and_until_it_stops(lab: Lab) -> None:
    instance_id = lab.fleet.launch()
    lab.run(18)
    assert not lab.serving.serves(instance_id)
    lab.run(5)
    assert lab.serving.serves(instance_id)
    lab.fleet.set_state(instance_id, "shutting-down")
    assert not lab.serving.serves(instance_id)


def test_a_started_instance_boots_again(lab: Lab) -> None:
    instance_id = lab.fleet.launch()
    lab.run(25, step=5)
    lab.fleet.stop(instance_id)
    lab.fleet.start(instance_id)
    lab.run(5)
    assert not lab.serving.serves(instance_id)
    lab.run(20, step=5)
    assert lab.serving.serves(instance_id)


def test_a_broken_instance_does_not_serve(lab: Lab) -> None:
    instance_id = lab.fleet.launch()
    lab.run(25, step=5)
    lab.serving.break_(instance_id)
    assert lab.serving.refusal(lab.fleet.address(instance_id)) == f"{instance_id} does not serve"
    lab.serving.repair(instance_id)
    assert lab.serving.refusal(lab.fleet.address(instance_id)) is None


def test_clients_of_a_lab_connect_in_every_turn_and_record_failures(lab: Lab) -> None:
    stays, goes = lab.fleet.launch(), lab.fleet.launch()
    lab.run(25, step=5)
    put(lab, lab.fleet.address(stays), lab.fleet.address(goes))
    gone = lab.fleet.address(goes)
    clients = lab.visitors(5)
    lab.run(10)
    assert (clients.connections, clients.failures) == (50, [])
    lab.fleet.terminate(goes)
    put(lab, lab.fleet.address(stays))
    lab.run(10)
    assert {(each.address, each.instance_id, each.state) for each in clients.failures} == {(gone, goes, "terminated")}
    assert {each.because for each in clients.failures} == {"the address belongs to no instance of this fleet"}
    lab.run(60)
    clients.failures.clear()
    lab.run(10)
    assert clients.failures == []


def test_the_checkers_can_report_which_instances_serve(lab: Lab) -> None:
    instance_id = lab.fleet.launch()
    address = lab.fleet.address(instance_id)
    config = {"Type": "TCP", "IPAddress": address, "Port": 80}
    lab.client("route53").create_health_check(CallerReference="one", HealthCheckConfig=config)
    (check,) = lab.checks_of(address)
    lab.turn()
    lab.report_serving()
    assert lab.route53.percent_healthy(check) == 0
    lab.run(25, step=5)
    lab.report_serving()
    assert lab.route53.percent_healthy(check) == 100


# -- over the network


def test_a_question_can_go_to_a_name_server(lab: Lab) -> None:
    put(lab, "52.95.0.1", "52.95.0.2")
    with NameServer(lab.route53, random.Random(1)) as server:
        found = asking_server(server.host, server.port, "app.example.com")()
        nobody = asking_server(server.host, server.port, "nobody.example.com")()
    assert (set(found.values), found.ttl) == ({"52.95.0.1", "52.95.0.2"}, 60)
    assert (nobody.values, nobody.ttl) == ((), 900)


def test_clients_fetch_a_page_of_a_lab_with_servers(tmp_path: Path) -> None:
    with bare_lab(tmp_path, servers=True) as lab:
        lab.pools.put("web", {"health_check": {"url": "http://:80/"}})
        instance_id = lab.fleet.launch()
        lab.run(30, step=5)
        connect, address = over_http(lab.servers.place), lab.fleet.address(instance_id)
        assert connect(address) is None
        lab.servers.break_(instance_id)
        assert connect(address) == "HTTP 503"
        lab.fleet.stop(instance_id)
        lab.turn()
        assert "ConnectionRefusedError" in str(connect(address))
