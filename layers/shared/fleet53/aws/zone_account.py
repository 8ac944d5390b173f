"""Zone account: the account in which requests about hosted zones are made.

Note [Another account's zones]: with a role, requests about hosted zones and records are made with a session of the
role, in the account that has the zones. Health checks stay in the account of the stack, because a record may name a
health check of another account (decision 20). AWS lets a session last an hour where a role assumes a role (STS API
Reference, AssumeRole). A warm function keeps it, and asks STS for another before it ends. After STS has refused, it is
not asked again in the same invocation, because many pools may be in the zones. After a denied request, a new session is
used, because the role may have been changed or created again since.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.exceptions import ClientError

from fleet53.aws.retrier import is_denied, reason_of
from fleet53.domain.errors import RoleRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

    from fleet53.domain.role import Role

_LEAST: Final = timedelta(minutes=5)
"""How long a session must still be valid to be used for a request."""
_ENDED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"})
"""The codes with which AWS refuses credentials that are no longer valid (Route 53 API Reference, Common Errors)."""


class ZoneAccount(Protocol):
    """An account in which requests about hosted zones are made."""

    def ask[Answer](self, request: Callable[[Route53Client], Answer]) -> Answer:
        """Return what Route 53 answers, or raise its ClientError, or RoleRefusedError where there is a role."""


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The account of the stack, which has the hosted zones where no role is given."""

    client: Route53Client

    def ask[Answer](self, request: Callable[[Route53Client], Answer]) -> Answer:
        """Return what Route 53 answers."""
        return request(self.client)


@dataclass(frozen=True, slots=True)
class Session:
    """A client with the permissions of a role, until it `ends`."""

    client: Route53Client
    ends: datetime


@dataclass(slots=True)
class Sessions:
    """The sessions that a function keeps while it is warm.

    `make_sts` makes its STS client, `make_route53` a Route 53 client with credentials. `name` is the sessions' name,
    the function's, which the CloudTrail log of the other account shows.
    """

    name: str
    make_sts: Callable[[], STSClient]
    make_route53: Callable[[CredentialsTypeDef], Route53Client]
    by_role: dict[Role, Session] = field(default_factory=dict)
    _sts: STSClient | None = None

    def assume(self, role: Role) -> Session:
        """Return a new session of a role, or raise the ClientError with which STS refuses it."""
        if self._sts is None:
            self._sts = self.make_sts()
        request: dict[str, Any] = {"RoleArn": role.arn, "RoleSessionName": self.name}
        if role.external_id is not None:
            request["ExternalId"] = role.external_id
        credentials = self._sts.assume_role(**request)["Credentials"]
        session = self.by_role[role] = Session(self.make_route53(credentials), credentials["Expiration"])
        return session

    def account_of(self, role: Role | None, now: Callable[[], datetime]) -> AssumedAccount | None:
        """Return the account of a role for one invocation, or None without a role."""
        return None if role is None else AssumedAccount(role, self, now)


class AssumedAccount:
    """The account of a role, for one invocation: Note [Another account's zones]."""

    def __init__(self, role: Role, sessions: Sessions, now: Callable[[], datetime]) -> None:
        self._role = role
        self._sessions = sessions
        self._now = now
        self._refused: ClientError | None = None

    def ask[Answer](self, request: Callable[[Route53Client], Answer]) -> Answer:
        """Return what Route 53 answers, or raise its ClientError, or RoleRefusedError."""
        try:
            return request(self._session().client)
        except ClientError as error:
            ended = error.response["Error"]["Code"] in _ENDED
            if ended or is_denied(error):
                self._sessions.by_role.pop(self._role, None)
            if not ended:
                raise
        return request(self._session().client)

    def _session(self) -> Session:
        session = self._sessions.by_role.get(self._role)
        if session is not None and session.ends - self._now() > _LEAST:
            return session
        try:
            if self._refused is not None:
                raise self._refused
            return self._sessions.assume(self._role)
        except ClientError as error:
            self._refused = error
            raise RoleRefusedError(self._role.arn, reason_of(error), _advice(self._role)) from error


def _advice(role: Role) -> str:
    if role.external_id is None:
        return "its trust policy has to allow this function, and Route53RoleExternalId is empty"
    return "its trust policy has to allow this function with the external ID that Route53RoleExternalId has"
