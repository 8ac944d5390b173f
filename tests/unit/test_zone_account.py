"""The clients with which a function reaches the account of the hosted zones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.aws.session import TRIES
from fleet53.aws.zone_account import AssumedAccount, Sessions
from fleet53.domain.errors import RoleRefusedError
from fleet53.domain.role import Role
from lab.route53.api import Route53
from lab.route53.http import serve

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

ROLE = Role("arn:aws:iam::222222222222:role/zone", "7f3a")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CREDENTIALS: CredentialsTypeDef = {
    "AccessKeyId": "ASIA1",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": datetime(2026, 1, 5, 13, tzinfo=UTC),
}


@pytest.fixture
def retrier(monkeypatch: pytest.MonkeyPatch) -> Retrier:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "lab")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    retrier = Retrier(lambda: 60, lambda _: None, lambda: 0)
    monkeypatch.setattr(TRIES, "retrier", retrier)
    return retrier


@pytest.mark.usefixtures("retrier")
def test_sts_is_asked_in_the_functions_own_region_with_any_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    sts = Clients("audit").sessions.make_sts()
    assert sts.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"


def test_requests_of_a_session_are_counted_and_paced_apart_from_those_of_the_stacks_account(
    retrier: Retrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Route53()) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROUTE_53", server.url)
        clients = Clients("audit")
        theirs = clients.sessions.make_route53(CREDENTIALS)
        clients.route53.get_health_check_count()
        theirs.get_hosted_zone_count()
        theirs.get_hosted_zone_count()
    assert retrier.calls == {"route53": 1, "route53 of the zones' account": 2}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not today"}}, "AssumeRole")


def refusing(error: ClientError) -> tuple[AssumedAccount, list[Any]]:
    """Return an account whose role STS refuses, and the list of what STS is asked."""
    asked: list[Any] = []

    class Sts:
        def assume_role(self, **request: Any) -> Any:
            asked.append(request)
            raise error

    sessions = Sessions("audit", Sts, lambda _: pytest.fail("no credentials"))  # type: ignore[arg-type]
    return AssumedAccount(ROLE, sessions, lambda: NOON), asked


def test_a_refused_role_is_asked_for_once_in_an_invocation_with_the_functions_name_and_the_external_id() -> None:
    account, asked = refusing(refusal("AccessDenied"))
    for _ in range(3):
        with pytest.raises(
            RoleRefusedError, match=r"role/zone cannot be assumed \(AccessDenied: not today\): its trust"
        ):
            account.ask(lambda route53: route53.get_hosted_zone_count())
    assert asked == [{"RoleArn": ROLE.arn, "RoleSessionName": "audit", "ExternalId": "7f3a"}]
