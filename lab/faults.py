"""Faults: requests of the functions that AWS refuses, does not answer, or interrupts.

A fault is ordered for one operation, or for every operation of a service. It happens only to requests that a function
makes while it is invoked: the lab's own requests always succeed. A request that AWS does not answer costs the client
its time-out, by the lab's clock.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from lab.iam import Permissions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


class Fault(StrEnum):
    """What happens to a request. HANG is accepted and never answered, UNREACHABLE is never accepted."""

    DENIED = "denied"
    THROTTLED = "throttled"
    SERVER_ERROR = "server-error"
    HANG = "hang"
    UNREACHABLE = "unreachable"
    RESET = "reset"


class Kill(StrEnum):
    """The function is ended before AWS receives its request, or after that and before it receives the answer."""

    BEFORE = "before"
    AFTER = "after"


class Killed(BaseException):
    """The function is ended at once, as Lambda ends one that has no time or no memory left.

    It is not a subclass of Exception, because no code of the function may handle it.
    """


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer over HTTP: its status, its content type and its body."""

    status: int
    content_type: str
    body: bytes


@dataclass(slots=True)
class _Order:
    fault: Fault | Kill
    asked: str
    calls: int | None
    about: str
    without: str
    after: int


@dataclass(slots=True, eq=False)
class _Interruption:
    act: Callable[[], object]
    asked: str
    after: int


@dataclass(slots=True)
class Faults:
    """The faults of an account. `advance` moves the lab's clock.

    `permissions` are those of the functions. `asked` has each request of the functions since `forget`, as
    `<service>:<operation>` in boto3's names.
    """

    advance: Callable[[float], None]
    permissions: Permissions = field(default_factory=Permissions)
    asked: list[str] = field(default_factory=list)
    _orders: list[_Order] = field(default_factory=list)
    _interruptions: list[_Interruption] = field(default_factory=list)
    _invoked: bool = False
    _killed: bool = False
    _kills: bool = False

    def order(
        self,
        fault: Fault | Kill,
        asked: str,
        *,
        calls: int | None = None,
        about: str = "",
        without: str = "",
        after: int = 0,
    ) -> None:
        """Let a fault happen to the next `calls` requests, to all if it is None, after `after` others have succeeded.

        `asked` is `<service>:<operation>`, `<service>:*` for every operation of a service, or `*` for every one.
        `about` is a text in the request's URL or body, such as the name of a group or the id of a hosted zone. Route 53
        can be busy with one zone while it answers about others (ChangeResourceRecordSets, PriorRequestNotComplete).
        `without` is a text that is not in it.
        """
        self._orders.append(_Order(fault, asked, calls, about, without, after))

    def disrupt_zone(self, instance_ids: Iterable[str], fault: Fault = Fault.SERVER_ERROR) -> None:
        """Let EC2 fail as while the Availability Zone of these instances is disrupted.

        A request to describe instances fails if it names one of them, and if it names none at all (EC2 API Reference,
        DescribeInstances). AWS does not document with which error.
        """
        self.order(fault, "ec2:DescribeInstances", without="InstanceId.1=")
        for instance_id in instance_ids:
            self.order(fault, "ec2:DescribeInstances", about=instance_id)

    def interrupt(self, act: Callable[[], object], asked: str = "*", *, after: int = 0) -> None:
        """Let another actor act once in an invocation, before its next request for `asked` after `after` others.

        `asked` is what `order` takes.
        """
        self._interruptions.append(_Interruption(act, asked, after))

    def end(self) -> None:
        """Let every request succeed again, and drop all interruptions."""
        self._orders.clear()
        self._interruptions.clear()

    def forget(self) -> None:
        """Forget what was asked."""
        self.asked.clear()

    @contextlib.contextmanager
    def invoked(self, function: str) -> Iterator[None]:
        """Mark that a function is invoked inside the `with` block."""
        before = self._invoked, self._killed
        self._invoked, self._killed = True, False
        try:
            with self.permissions.acting(function):
                yield
        finally:
            self._invoked, self._killed = before

    @contextlib.contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Mark that another actor, and not the function, makes the requests inside the `with` block."""
        before, self._invoked = self._invoked, False
        try:
            with self.permissions.acting(None):
                yield
        finally:
            self._invoked = before

    def may_meet(self, client: Any, operation: str) -> bool:
        """Return whether a fault may happen to the next request of a client for an operation."""
        return self._invoked and bool(self._ordered(client, operation))

    def _ordered(self, client: Any, operation: str) -> list[_Order]:
        asked = _names_of(client, operation)
        return [each for each in self._orders if each.asked in asked and each.calls != 0]

    def meet(self, client: Any, operation: str, url: str, body: bytes) -> Refused | None:
        """Return a refusal, or raise botocore's error, if a fault happens to the request of a client; otherwise None.

        Raises Killed if the function is ended; `answered` does so after the request.
        """
        if not self._invoked:
            return None
        self.asked.append(f"{client.meta.service_model.service_name}:{operation}")
        self._let_others_act(_names_of(client, operation))
        order = self._next_order(client, operation, url.encode() + body)
        self._killed = self._killed or (order is not None and order.fault is Kill.BEFORE)
        if self._killed:
            raise Killed
        if order is None:
            return None
        match order.fault:
            case Kill():
                self._kills = True
                return None
            case Fault.HANG:
                self.advance(client.meta.config.read_timeout)
                raise ReadTimeoutError(endpoint_url=url)
            case Fault.UNREACHABLE:
                self.advance(client.meta.config.connect_timeout)
                raise ConnectTimeoutError(endpoint_url=url)
            case Fault.RESET:
                raise ConnectionClosedError(endpoint_url=url)
            case refused:
                return _refusal(client, operation, refused)

    def answered(self) -> None:
        """Raise Killed if the function is ended before it gets the answer to the present request."""
        if self._kills:
            self._kills, self._killed = False, True
            raise Killed

    def _let_others_act(self, asked: Collection[str]) -> None:
        here = [each for each in self._interruptions if each.asked in asked]
        if not here:
            return
        due = [each for each in here if each.after <= 0]
        self._interruptions = [each for each in self._interruptions if each not in due]
        for each in here:
            each.after -= 1
        with self.meanwhile():
            for each in due:
                each.act()

    def _next_order(self, client: Any, operation: str, request: bytes) -> _Order | None:
        for each in self._ordered(client, operation):
            if each.about.encode() not in request or (each.without and each.without.encode() in request):
                continue
            if each.after > 0:
                each.after -= 1
                continue
            if each.calls is not None:
                each.calls -= 1
            return each
        return None


def _names_of(client: Any, operation: str) -> frozenset[str]:
    """Return the names for which a fault of a request may be ordered."""
    service = client.meta.service_model.service_name
    return frozenset({f"{service}:{operation}", f"{service}:*", "*"})


_AS_JSON: Final = frozenset({"json", "rest-json"})
_THROTTLING: Final = {"ec2": ("RequestLimitExceeded", 503), "sqs": ("RequestThrottled", 403)}
"""The throttling codes of services that have another than `Throttling` or `ThrottlingException` (API references, Common
Errors)."""


def ended(client: Any, code: str) -> Refused:
    """Return how the service of a client says that credentials are no longer valid."""
    message = "The security token included in the request is invalid or has expired"
    return _written(client.meta.service_model.resolved_protocol, code, message, int(HTTPStatus.FORBIDDEN))


def denial(client: Any, message: str) -> Refused:
    """Return how the service of a client says that IAM does not allow a request."""
    model = client.meta.service_model
    protocol = model.resolved_protocol
    if model.service_name == "ec2":
        return _written(protocol, "UnauthorizedOperation", message, int(HTTPStatus.FORBIDDEN))
    if protocol in _AS_JSON:
        return _written(protocol, "AccessDeniedException", message, int(HTTPStatus.BAD_REQUEST))
    return _written(protocol, "AccessDenied", message, int(HTTPStatus.FORBIDDEN))


def _refusal(client: Any, operation: str, fault: Fault) -> Refused:
    model = client.meta.service_model
    service, protocol = model.service_name, model.resolved_protocol
    as_json = protocol in _AS_JSON
    match fault:
        case Fault.DENIED:
            return denial(client, f"User is not authorized to perform: {service}:{operation}")
        case Fault.THROTTLED:
            usual = "ThrottlingException" if as_json else "Throttling", int(HTTPStatus.BAD_REQUEST)
            code, status = _THROTTLING.get(service, usual)
            message = "Rate exceeded"
        case _:
            code, status, message = "InternalFailure", int(HTTPStatus.INTERNAL_SERVER_ERROR), "try again"
    return _written(protocol, code, message, status)


def _written(protocol: str, code: str, message: str, status: int) -> Refused:
    """Return an error in the form of a service's protocol (botocore parses it as it parses AWS's)."""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    match protocol:
        case "json" | "rest-json":
            body = json.dumps({"__type": code, "message": message})
            return Refused(status, "application/x-amz-json-1.1", body.encode())
        case "ec2":
            body = f"<Response><Errors>{error}</Errors><RequestID>lab</RequestID></Response>"
        case "query" | "rest-xml":
            body = f"<ErrorResponse>{error}<RequestId>lab</RequestId></ErrorResponse>"
        case _:
            raise NotImplementedError(f"the lab writes no error in the protocol {protocol}")
    return Refused(status, "text/xml", body.encode())
