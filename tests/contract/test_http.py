"""How the lab's Route 53 is reached over HTTP."""

import contextlib
import http.client
from typing import Any

import boto3
import pytest

from lab.route53.api import Route53
from lab.route53.http import serve
from tests.contract.account import ENDPOINT, Account, refused

pytestmark = pytest.mark.fake_only(reason="this is about the lab's own server")


def test_an_operation_the_lab_lacks_is_named(account: Account) -> None:
    with refused("NotImplemented", "does not know ListTagsForResource"):
        account.client.list_tags_for_resource(ResourceType="healthcheck", ResourceId="x")


def test_a_path_that_is_no_operation_is_refused(client: Any) -> None:
    client.meta.events.register(
        "before-send.route53.ListHealthChecks",
        lambda request, **_: setattr(request, "url", f"{request.url}/x/y"),
    )

    with refused("UnknownOperation", "/x/y"):
        client.list_health_checks()


def test_a_body_that_is_no_xml_is_refused(client: Any) -> None:
    client.meta.events.register(
        "before-send.route53.CreateHealthCheck", lambda request, **_: setattr(request, "body", b"{not xml}")
    )
    client.meta.events.register("before-send.route53.CreateHealthCheck", _fix_length)

    with refused("InvalidInput", "cannot be read"):
        client.create_health_check(CallerReference="r", HealthCheckConfig=ENDPOINT)


def _fix_length(request: Any, **_: Any) -> None:
    request.headers["Content-Length"] = str(len(request.body))


def test_a_closed_server_frees_its_port() -> None:
    first = serve(Route53())
    first.close()

    with serve(Route53(), port=int(first.url.rpartition(":")[2])) as second:
        assert second.url == first.url


def test_a_connection_is_kept_alive_until_the_server_closes() -> None:
    server = serve(Route53())
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)

    for _ in range(2):
        connection.request("GET", "/2013-04-01/healthcheck")
        with connection.getresponse() as response:
            assert response.status == 200
            response.read()
        assert connection.sock is not None
    kept = connection.sock
    server.close()

    assert kept.recv(1) == b""
    connection.close()


def test_boto3_finds_the_server_by_its_environment_variable(fake: Route53, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(fake) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", server.url)
        session = boto3.Session("lab", "lab", region_name="us-east-1")

        with contextlib.closing(session.client("route53")) as client:
            client.list_health_checks()

    assert [call.operation for call in fake.calls] == ["ListHealthChecks"]
