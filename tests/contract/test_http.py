"""How the lab's Route 53 is reached over HTTP."""

import contextlib
import http.client
import re
import socket
from typing import Any

import boto3
import pytest

from lab.route53.api import Route53
from lab.route53.http import serve
from tests.contract.account import ENDPOINT, Account, refused

pytestmark = pytest.mark.fake_only(reason="this is about the lab's own server")


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=lab/20261120/us-east-1/route53/aws4_request"}


def _ask(fake: Route53, path: str = "/2013-04-01/healthcheck", **headers: str) -> tuple[int, bytes]:
    with serve(fake) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=named)
        with connection.getresponse() as response:
            answer = response.status, response.read()
        connection.close()
    return answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "route53.example.com"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
    ids=repr,
)
def test_requests_from_other_pages_are_refused(fake: Route53, headers: dict[str, str], status: int) -> None:
    assert _ask(fake, **SIGNED, **headers)[0] == status
    assert fake.calls == []


def test_a_request_without_a_signature_is_refused(fake: Route53) -> None:
    status, body = _ask(fake, Content_Type="text/plain")

    assert status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in body
    assert fake.calls == []


@pytest.mark.parametrize("header", ["Authorization", "X_Amzn_Authorization"])
def test_a_signature_of_either_version_is_taken(fake: Route53, header: str) -> None:
    assert _ask(fake, **{header: "AWS3-HTTPS AWSAccessKeyId=lab"})[0] == 200


def test_an_error_of_the_lab_is_an_answer_and_one_line(
    fake: Route53, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("gone")

    monkeypatch.setattr(fake, "call", fail)

    status, body = _ask(fake, **SIGNED)

    assert status == 500
    assert b"<Code>InternalFailure</Code>" in body
    assert capfd.readouterr().err == "A request failed, and the lab goes on: KeyError: 'gone'\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET http://[::1/ HTTP/1.1\r\n", b"404"),
        (b"POST /2013-04-01/healthcheck HTTP/1.1\r\nContent-Length: many\r\n", b"411"),
        (b"POST /2013-04-01/healthcheck HTTP/1.1\r\nContent-Length: -1\r\n", b"411"),
        (b"POST /2013-04-01/healthcheck HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"411"),
        (b"POST /2013-04-01/healthcheck HTTP/1.1\r\nContent-Length: 99999999999999\r\n", b"413"),
        (b"\x16\x03\x01\x02 \x00\x01\r\n", b"400"),
    ],
    ids=repr,
)
def test_a_malformed_request_gets_an_answer_and_no_line_of_the_lab(
    fake: Route53, sent: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(fake) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            signed = f"Host: {host}:{port}\r\nAuthorization: {SIGNED['Authorization']}\r\n\r\n".encode()
            connection.sendall(sent + signed)
            answer = connection.recv(65_536)

    assert status in answer.split(b"\r\n")[0] + answer.partition(b"Error code: ")[2][:3]
    assert capfd.readouterr().err == ""


def test_a_former_version_of_the_api_is_answered_in_its_own_namespace(fake: Route53) -> None:
    status, body = _ask(fake, "/2012-02-29/hostedzone", **SIGNED)

    assert status == 200
    assert b'<ListHostedZonesResponse xmlns="https://route53.amazonaws.com/doc/2012-02-29/">' in body


def test_an_operation_the_lab_lacks_is_named(account: Account) -> None:
    with refused("NotImplemented", "does not know ListTrafficPolicies"):
        account.client.list_traffic_policies()


def test_an_answer_is_in_route_53s_namespace(account: Account) -> None:
    bodies = []
    account.client.meta.events.register("after-call.route53", lambda http_response, **_: bodies.append(http_response))

    account.client.list_hosted_zones()
    account.client.get_hosted_zone(Id=account.zone_id)
    with refused("NoSuchHostedZone"):
        account.client.get_hosted_zone(Id="Z0000000000000")

    roots = [re.findall(rb"<[A-Z]\w+ .*?>", each.content) for each in bodies]
    assert roots == [
        [b'<ListHostedZonesResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'],
        [b'<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'],
        [b'<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'],
    ]


def test_a_path_that_is_not_an_operation_is_refused(client: Any) -> None:
    client.meta.events.register(
        "before-send.route53.ListHealthChecks",
        lambda request, **_: setattr(request, "url", f"{request.url}/x/y"),
    )

    with refused("UnknownOperation", "/x/y"):
        client.list_health_checks()


def test_a_body_that_is_not_xml_is_refused(client: Any) -> None:
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
        connection.request("GET", "/2013-04-01/healthcheck", headers=SIGNED)
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
