"""moto's web server: what it refuses that a browser or a stranger asks."""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.moto import cloud

SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20261120/eu-west-1/ec2/aws4_request"


def ask(method: str, path: str, **headers: str) -> int:
    url = urlsplit(cloud.served())
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        return connection.getresponse().status
    finally:
        connection.close()


REGIONS = "/?Action=DescribeRegions&Version=2016-11-15"


def test_a_client_of_aws_is_answered() -> None:
    assert ask("GET", REGIONS, Authorization=SIGNED) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "aws.example.com"}, 421),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
    ids=repr,
)
def test_requests_from_other_pages_are_refused(headers: dict[str, str], status: int) -> None:
    assert ask("GET", REGIONS, Authorization=SIGNED, **headers) == status


def test_another_page_gets_no_leave_to_sign_requests() -> None:
    asked = {"Origin": "http://elsewhere.example", "Access_Control_Request_Method": "POST"}
    assert ask("OPTIONS", "/", **asked) == 403


def client(service: str) -> Any:
    settings = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, "eu-west-1", endpoint_url=cloud.served(), config=settings, **keys)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "reason"),
    [
        ("ec2", "run_instances", {"MinCount": "x", "MaxCount": "y"}, "ValueError"),
        ("autoscaling", "complete_lifecycle_action", {}, "NotImplementedError"),
        ("events", "put_rule", {"Name": "r", "EventPattern": 5}, "TypeError"),
    ],
)
def test_a_request_that_moto_fails_at_gets_an_answer_in_the_services_form_and_one_line(
    service: str, operation: str, parameters: dict[str, Any], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(client(service)) as asked, pytest.raises(ClientError, match=reason) as refused:
        getattr(asked, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == "InternalFailure"
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"A request failed, and the lab goes on: {reason}: ")


def test_a_request_that_cannot_be_read_as_http_gets_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    url = urlsplit(cloud.served())
    with socket.create_connection((str(url.hostname), url.port or 0), timeout=10) as connection:
        connection.sendall(b"GET http://[::1/ HTTP/1.1\r\n\r\n")
        assert connection.recv(1) == b""
    assert capfd.readouterr().err.splitlines() == [
        "A request failed, and the lab goes on: ValueError: Invalid IPv6 URL"
    ]


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "//moto-api/reset"])
def test_moto_does_not_answer_about_itself(path: str) -> None:
    assert ask("POST", path) == 404
