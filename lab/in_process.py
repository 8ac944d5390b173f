"""AWS inside this process: boto3's clients call moto and the lab's Route 53 directly, with no socket in between.

botocore validates and serializes each request and parses each answer, as it does with AWS. Only the signature and the
HTTP connection are left out. A client is made once in a process and serves every lab, because making one takes longer
than most calls: what it remembers of earlier labs, its retry quota, is put back when a lab starts.
"""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.retries import quota

from lab.faults import denial
from lab.moto import requests
from lab.moto.permission import request_of
from lab.route53.http import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.awsrequest import AWSPreparedRequest

    from lab.faults import Faults, Refused
    from lab.iam import Permissions
    from lab.route53.api import Route53

_MOTO: Final = "aws.invalid"
_ROUTE53: Final = "route53.invalid"
"""Hosts that no DNS knows (RFC 2606): a request that misses the lab fails, and reaches nobody."""

URLS: Final = (f"http://{_MOTO}", f"http://{_ROUTE53}")
"""Where clients find moto, and Route 53."""


class _Body(io.BytesIO):
    """A body that botocore reads as it reads one of urllib3's."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class _Asked(threading.local):
    """The parameters of the call that a thread makes, in boto3's names and shapes."""

    parameters: Mapping[str, Any]


class _Account:
    """Whom the process's clients reach: moto, which is one for all labs, and the Route 53 of the present lab.

    `faults` are the present lab's.
    """

    def __init__(self) -> None:
        self.route53: Route53 | None = None
        self.faults: Faults | None = None
        self._protocol = Protocol()
        self._asked = _Asked()

    def note(self, params: Mapping[str, Any], **_: object) -> None:
        """Remember what the call asks that this thread makes: the request that follows is written for the wire."""
        self._asked.parameters = params

    def answer(self, client: Any, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Answer a request of a client of botocore's, in place of its HTTP session."""
        host = urlsplit(request.url).hostname
        if self.route53 is None or host not in {_MOTO, _ROUTE53}:
            raise RuntimeError(f"no lab answers {request.method} {request.url}")
        given: Any = request.body or b""
        body: bytes = given.encode() if isinstance(given, str) else bytes(given)
        permissions = None
        if self.faults is not None:
            permissions = self.faults.permissions
            operation = event_name.rpartition(".")[2]
            refused = self.faults.meet(client, operation, request.url, body)
            if refused is None and host == _MOTO:
                refused = self._why_denied(client, operation, permissions)
            if refused is not None:
                headers = {"Content-Type": refused.content_type}
                return _response(request.url, refused.status, headers, refused.body)
        if host == _MOTO:
            headers = {name: _text(value) for name, value in request.headers.items()}
            answer = requests.answer(client.meta, request.method, request.url, headers, body)
            return _response(request.url, answer.status, answer.headers, answer.body)
        target = request.url.removeprefix(f"http://{_ROUTE53}")
        answered = self._protocol.answer(self.route53, request.method, target, body, permissions)
        return _response(request.url, answered.status, answered.headers, answered.body)

    def _why_denied(self, client: Any, operation: str, permissions: Permissions) -> Refused | None:
        """Return a refusal if the policies of the function that asks do not allow a request to moto."""
        if permissions.function is None:
            return None
        service = client.meta.service_model.service_name
        because = permissions.refusal(request_of(service, operation, self._asked.parameters))
        return None if because is None else denial(client, because)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _response(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders.from_dict(headers), _Body(body))


@functools.cache
def _account() -> _Account:
    return _Account()


_make = boto3.Session.client
_MAKING: Final = threading.Lock()
"""botocore makes one client at a time of a session (boto3's guide, multithreading)."""
_QUOTAS: Final[list[quota.RetryQuota]] = []


class _Quota(quota.RetryQuota):
    """A client's retry quota, which a new lab fills again."""

    def __init__(self) -> None:
        super().__init__()
        _QUOTAS.append(self)


@functools.cache
def _made(session: boto3.Session, *arguments: Any, **settings: Any) -> Any:
    with patch.object(quota, "RetryQuota", _Quota):
        client = _make(session, *arguments, **settings)
    client.meta.events.register_first("choose-signer", _do_not_sign)
    client.meta.events.register("before-parameter-build", _account().note)
    client.meta.events.register("before-send", functools.partial(_account().answer, client))
    return client


def _do_not_sign(**_: object) -> Any:
    """Leave out the signature, a seventh of a request's time, because nothing in this process checks it."""
    return UNSIGNED


def _client(session: boto3.Session, *arguments: Any, **settings: Any) -> Any:
    with _MAKING:
        return _made(session, *arguments, **settings)


@contextlib.contextmanager
def answering(route53: Route53, faults: Faults) -> Iterator[None]:
    """Let every client that boto3 makes meanwhile reach moto and this Route 53 at URLS, and meet these faults.

    What the policies of the function that asks do not allow is refused.
    """
    for each in _QUOTAS:
        each.release(quota.RetryQuota.INITIAL_CAPACITY)
    account = _account()
    with (
        patch.object(boto3.Session, "client", _client),
        patch.object(account, "route53", route53),
        patch.object(account, "faults", faults),
    ):
        yield
