"""moto's web server: what it refuses that a browser or a stranger asks."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

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
def test_what_another_page_makes_a_browser_ask_is_refused(headers: dict[str, str], status: int) -> None:
    assert ask("GET", REGIONS, Authorization=SIGNED, **headers) == status


def test_another_page_gets_no_leave_to_sign_requests() -> None:
    asked = {"Origin": "http://elsewhere.example", "Access_Control_Request_Method": "POST"}
    assert ask("OPTIONS", "/", **asked) == 403


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "//moto-api/reset"])
def test_moto_does_not_answer_about_itself(path: str) -> None:
    assert ask("POST", path) == 404
