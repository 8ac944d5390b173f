"""AWS inside this process: botocore's clients call moto and the lab's Route 53 directly, with no socket in between.

botocore validates and serializes each request, as it does with AWS. The signature and the HTTP connection are left out.
A successful answer reaches the client as botocore would parse it (lab.moto.answers). Refusals, and requests to which a
fault may happen, go through all of botocore, so that it parses their bytes and may try again. A client is made once in
a process and serves every lab, because making one takes longer than most calls. Its retry quota, which earlier labs
have changed, is reset when a lab starts.
"""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest.mock import patch
from urllib.parse import urlencode, urlsplit

import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.retries import quota

from lab.faults import denial, ended
from lab.moto import requests, roles
from lab.moto.answers import Answer, Members
from lab.moto.cloud import ACCOUNT
from lab.moto.permission import requests_of
from lab.route53.http import protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.faults import Faults, Refused
    from lab.iam import Permissions, Session
    from lab.route53.api import Route53

_MOTO: Final = "aws.invalid"
_ROUTE53: Final = "route53.invalid"
"""Hosts that no DNS knows (RFC 2606): a request that misses the lab fails, and reaches no host."""

_ANSWERED: Final = "answered by the lab"
"""The key in a request's context under which its answer waits for botocore."""

URLS: Final = (f"http://{_MOTO}", f"http://{_ROUTE53}")
"""The URLs at which clients find moto and Route 53."""


class _Body(io.BytesIO):
    """A body that botocore reads as it reads one of urllib3's."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class _Asked(threading.local):
    """The parameters of the call that a thread makes, in boto3's names and shapes."""

    parameters: Mapping[str, Any]


class _Request(NamedTuple):
    """What botocore sends, or would send, over HTTP."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, Any]
    body: bytes


class _Account:
    """The services that the process's clients reach: moto, which all labs share, and the Route 53 of the present lab.

    `faults` are the present lab's.
    """

    def __init__(self) -> None:
        self.route53: Route53 | None = None
        self.faults: Faults | None = None
        self._protocol = protocol()
        self._asked = _Asked()

    def note(self, params: Mapping[str, Any], **_: object) -> None:
        """Remember what the call asks that this thread makes: the request that follows is written for the wire."""
        self._asked.parameters = params

    def ask(self, client: Any, model: Any, params: dict[str, Any], **_: object) -> tuple[AWSResponse, Any] | None:
        """Return the answer to a request of a client before botocore sends it, or None if it has to send it.

        A refusal is kept with the request until then.
        """
        if self.faults is not None:
            if self.faults.may_meet(client, model.name):
                return None
            self._meet(client, model.name, params["url"], b"")
        given = params["body"]
        body = _bytes(urlencode(given, doseq=True) if isinstance(given, dict) else given)
        request = _Request(model.name, params["method"], params["url"], params["headers"], body)
        answered = self._answer(client, request, directly=True)
        if not isinstance(answered.body, Members):
            params["context"][_ANSWERED] = answered
            return None
        headers = {name.lower(): value for name, value in answered.headers.items()}
        metadata = {
            "RequestId": headers["x-amzn-requestid"],
            "HTTPStatusCode": answered.status,
            "HTTPHeaders": headers,
            "RetryAttempts": 0,
        }
        response = AWSResponse(params["url"], answered.status, HTTPHeaders(), _Body())  # its headers are read already
        return response, {**answered.body.by_name, "ResponseMetadata": metadata}

    def answer(self, client: Any, request: Any, event_name: str, **_: object) -> AWSResponse:
        """Answer a request of a client of botocore's, in place of its HTTP session."""
        answered = request.context.pop(_ANSWERED, None)
        if answered is None:
            operation, body = event_name.rpartition(".")[2], _bytes(request.body)
            refused = self._meet(client, operation, request.url, body)
            if refused is not None:
                return _response(request.url, _refusal(refused))
            sent = _Request(operation, request.method, request.url, request.headers, body)
            answered = self._answer(client, sent, directly=False)
        return _response(request.url, answered)

    def _meet(self, client: Any, operation: str, url: str, body: bytes) -> Refused | None:
        """Return a refusal or raise an error if a fault happens to a request. Interruptions may act first."""
        if self.faults is None:
            return None
        asked = self._asked.parameters
        refused = self.faults.meet(client, operation, url, body)
        self._asked.parameters = asked
        return refused

    def _answer(self, client: Any, request: _Request, *, directly: bool) -> Answer:
        """Answer a request, unless the function that asks is ended before it gets the answer."""
        answered = self._ask(client, request, directly=directly)
        if self.faults is not None:
            self.faults.answered()
        return answered

    def _ask(self, client: Any, request: _Request, *, directly: bool) -> Answer:
        """Answer a request; if it is `directly`, the body of a success may be what botocore reads of its bytes."""
        host = urlsplit(request.url).hostname
        if self.route53 is None or host not in {_MOTO, _ROUTE53}:
            raise RuntimeError(f"no lab answers {request.method} {request.url}")
        permissions = None if self.faults is None else self.faults.permissions
        access_key = client._request_signer._credentials.access_key  # noqa: SLF001 - nothing is signed here
        try:
            session = roles.session(access_key)
        except roles.EndedError as error:
            return _refusal(ended(client, str(error)))
        account = roles.account_of(access_key) if session is None else session.account
        if host == _ROUTE53:
            target = request.url.removeprefix(f"http://{_ROUTE53}")
            route53 = self.route53 if account == ACCOUNT else self.route53.beside(account)
            return self._protocol.answer(
                route53, request.method, target, request.body, permissions, session=session, directly=directly
            )
        denied = None if permissions is None else self._why_denied(client, request.operation, permissions, session)
        if denied is not None:
            return _refusal(denied)
        headers = {name: _text(value) for name, value in request.headers.items()}
        return requests.answer(
            client.meta, request.method, request.url, headers, request.body, account=account, directly=directly
        )

    def _why_denied(
        self, client: Any, operation: str, permissions: Permissions, session: Session | None
    ) -> Refused | None:
        """Return a refusal if the policies of the function or the session that asks do not allow a request to moto.

        A role also asks the trust policy of the role that is to be assumed.
        """
        service = client.meta.service_model.service_name
        assumes = (service, operation) == ("sts", "AssumeRole")
        if permissions.function is None and session is None and not assumes:
            return None
        because = None
        for asked in requests_of(service, operation, self._asked.parameters):
            because = because or permissions.refusal(asked, session)
            if because is None and assumes:
                principal = permissions.roles.get(permissions.function or "", f"arn:aws:iam::{ACCOUNT}:root")
                because = roles.refusal(asked, principal)
        return None if because is None else denial(client, because)


def _bytes(body: bytes | str | None) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _refusal(refused: Refused) -> Answer:
    return Answer(refused.status, {"Content-Type": refused.content_type}, refused.body)


def _response(url: str, answer: Answer) -> AWSResponse:
    return AWSResponse(url, answer.status, HTTPHeaders.from_dict(answer.headers), _Body(answer.content))


@functools.cache
def _account() -> _Account:
    return _Account()


_make = botocore.session.Session.create_client
_MAKING: Final = threading.Lock()
"""botocore makes one client at a time of a session (boto3's guide, multithreading)."""
_QUOTAS: Final[list[quota.RetryQuota]] = []


class _Quota(quota.RetryQuota):
    """A client's retry quota, which a new lab fills again."""

    def __init__(self) -> None:
        super().__init__()
        _QUOTAS.append(self)


@functools.cache
def _made(session: botocore.session.Session, *arguments: Any, **settings: Any) -> Any:
    with patch.object(quota, "RetryQuota", _Quota):
        client: Any = _make(session, *arguments, **settings)
    # botocore makes a class for each paginator.
    client.get_paginator = functools.cache(client.get_paginator)
    client.meta.events.register_first("choose-signer", _do_not_sign)
    client.meta.events.register("before-parameter-build", _account().note)
    client.meta.events.register_last("before-call", functools.partial(_account().ask, client))
    client.meta.events.register("before-send", functools.partial(_account().answer, client))
    return client


def _do_not_sign(**_: object) -> Any:
    """Leave out the signature, a seventh of a request's time, because nothing in this process verifies it."""
    return UNSIGNED


def _client(session: botocore.session.Session, *arguments: Any, **settings: Any) -> Any:
    with _MAKING:
        return _made(session, *arguments, **settings)


@contextlib.contextmanager
def answering(route53: Route53, faults: Faults) -> Iterator[None]:
    """Let every client that is made meanwhile reach moto and this Route 53 at URLS, and meet these faults.

    Requests that the policies of the calling function do not allow are refused.
    """
    for each in _QUOTAS:
        each.release(quota.RetryQuota.INITIAL_CAPACITY)
    account = _account()
    with (
        patch.object(botocore.session.Session, "create_client", _client),
        patch.object(account, "route53", route53),
        patch.object(account, "faults", faults),
    ):
        yield
