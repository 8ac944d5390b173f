"""The contract suite runs on the lab's Route 53, or with ``--live --zone-id Z…`` on a real account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.config import Config

from lab.route53 import model
from lab.route53.api import Route53
from lab.route53.http import serve
from tests.contract.account import Account
from tests.contract.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="run on the real account of the AWS environment")
    parser.addoption("--zone-id", help="the hosted zone in which live tests may write")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fake_only(reason): needs the lab's Route 53; the reason says why no real account will do"
    )
    if _is_live(config) and not config.getoption("--zone-id"):
        raise pytest.UsageError("--live needs --zone-id: the hosted zone in which the tests may write")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _is_live(config):
        return
    for item in items:
        marker = item.get_closest_marker("fake_only")
        if marker:
            item.add_marker(pytest.mark.skip(reason=marker.kwargs["reason"]))


def _is_live(config: pytest.Config) -> bool:
    # When the whole of tests/ runs, this file is loaded too late to add options: then the lab it is.
    return bool(config.getoption("--live", default=False))


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    core = botocore.session.get_session()
    model.extend(core.get_component("data_loader"))
    return boto3.Session(botocore_session=core)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Route53:
    return Route53(clock)


@pytest.fixture
def client(request: pytest.FixtureRequest, session: boto3.Session) -> Iterator[Any]:
    # Parameters are not validated here: what is under test is the service, not botocore.
    if _is_live(request.config):
        # Everybody in a real account shares its limits.
        patient = Config(parameter_validation=False, retries={"mode": "adaptive", "total_max_attempts": 10})
        live = session.client("route53", config=patient)
        yield live
        live.close()
        return
    with serve(request.getfixturevalue("fake")) as server:
        local = session.client(
            "route53",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )
        yield local
        local.close()


@pytest.fixture
def account(request: pytest.FixtureRequest, client: Any) -> Iterator[Account]:
    if not _is_live(request.config):
        zone = client.create_hosted_zone(Name="contract.test", CallerReference="contract")["HostedZone"]
        yield Account(client, zone["Id"].removeprefix("/hostedzone/"), zone["Name"], "t")
        return
    zone_id = request.config.getoption("--zone-id")
    zone_name = client.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]
    live = Account(client, zone_id, zone_name, f"t{secrets.token_hex(4)}")
    try:
        yield live
    finally:
        live.clean_up()
