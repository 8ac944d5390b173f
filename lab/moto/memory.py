"""Caches for what moto and botocore compute again for each request or account, although it is always the same.

moto lists its own folders to find a service, inspects a class to find its operations, looks through all tags for those
of one resource, lists all regions of a service for each account, compresses the same code for each function, makes all
of its backends anew before it drops them, and draws long ids letter by letter. botocore composes the user agent and
resolves the endpoint.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import string
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from weakref import WeakKeyDictionary

from botocore import useragent
from botocore.context import get_context
from botocore.regions import EndpointRulesetResolver
from botocore.useragent import UserAgentString
from moto.awslambda.models import LambdaFunction
from moto.cloudformation.parsing import ResourceMap
from moto.core import responses
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs

if TYPE_CHECKING:
    from collections.abc import Iterator

_host_as_moto: Final = DomainDispatcherApplication.get_backend_for_host
_user_agent_as_botocore: Final = UserAgentString.to_string
_endpoint_as_botocore: Final = EndpointRulesetResolver.construct_endpoint
_ENDPOINTS: Final[WeakKeyDictionary[Any, dict[str, Any]]] = WeakKeyDictionary()
"""By a client's resolver and the name of an operation."""
_backends_as_moto: Final = BackendDict.__getitem__
_zipped: Final = functools.cache(LambdaFunction._create_zipfile_from_plaintext_code)  # noqa: SLF001 - replaced below

with_underscores: Final = functools.cache(camelcase_to_underscores)
"""From the name of an operation to that of moto's method."""


def _tags_of(resource: Any) -> list[dict[str, str]]:
    """Return a resource's tags; moto looks for them among those of all resources."""
    if not resource.id:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "")
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
        for key, value in resource.ec2_backend.tags.get(resource.id, {}).items()
    ]


def _user_agent(words: Any) -> str:
    """Return a client's user agent, which changes only with the features that a request uses."""
    context = get_context()
    return _user_agent_with(words, frozenset(() if context is None else context.features))


@functools.cache
def _user_agent_with(words: Any, _features: frozenset[str]) -> str:
    return str(_user_agent_as_botocore(words))


def _endpoint(resolver: Any, operation_model: Any, call_args: Any, request_context: Any) -> Any:
    """Return where a client sends a request, which of the lab's services depends on the operation only."""
    endpoints = _ENDPOINTS.setdefault(resolver, {})
    if operation_model.name not in endpoints:
        endpoints[operation_model.name] = _endpoint_as_botocore(resolver, operation_model, call_args, request_context)
    return endpoints[operation_model.name]


@functools.cache
def _service_of(dispatcher: Any, host: str | None) -> Any:
    return _host_as_moto(dispatcher, host)


def _request_id(headers: dict[str, Any]) -> str:
    """Give an answer an id; moto draws 52 letters one by one for each answer."""
    headers["x-amzn-requestid"] = identity = str(uuid.uuid4())
    return identity


def _receipt_handle() -> str:
    """Return an id of a message that is received; moto draws its letters one by one."""
    return "".join(mock_random.choices(string.ascii_lowercase, k=185))


def _milliseconds() -> float:
    """Return the time in milliseconds since 1970; moto makes three datetimes for each message that it looks at."""
    return time.time() * 1000


@dataclass(frozen=True, slots=True)
class _Methods:
    """The names of a class's methods. Each lab adds some to moto's, so a name is looked up when it is asked for."""

    owner: type

    def __contains__(self, name: str) -> bool:
        return inspect.isfunction(getattr(self.owner, name, None))


@functools.cache
def _regions(service: str) -> tuple[str, ...]:
    session = AccountSpecificBackend.get_session()
    return tuple(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition_name=partition)
    )


def _regions_of(_backend: Any, service: str) -> tuple[str, ...]:
    return _regions(service)


def _backends_of(backends: Any, account: str) -> Any:
    """Return what a service has of an account; moto takes a lock and compares all services each time."""
    found = backends.get(account)
    return _backends_as_moto(backends, account) if found is None else found


def _drop_backends() -> None:
    """Drop what all services have. S3 is reset before, because it closes the files of its keys then."""
    for backends in BackendDict._instances:  # noqa: SLF001 - as BackendDict.reset does
        if backends.service_name == "s3":
            for of_account in backends.values():
                of_account.reset()
        backends.clear()
    BackendDict._instances.clear()  # noqa: SLF001 - as above


def _is_retained(backend: Any, queue_name: str, message: Any) -> bool:
    """Return whether a queue keeps a message still; moto lists all attributes of the queue for this one."""
    retained_until = backend.get_queue(queue_name).message_retention_period + message.sent_timestamp / 1000
    return bool(retained_until > time.time())


def _in_order(resources: Any) -> list[str]:
    """Return a stack's resources, each after those in its DependsOn; moto copies the whole template for it."""
    waiting, ordered = dict(resources._resource_json_map), []  # noqa: SLF001 - a method of moto's class

    def add(name: str) -> None:
        depends = waiting[name].get("DependsOn", [])
        for each in [depends] if isinstance(depends, str) else depends:
            if each in waiting:
                add(each)
        ordered.append(name)
        del waiting[name]

    while waiting:
        add(next(iter(waiting)))
    return ordered


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Let moto and botocore work out each of these once."""
    words = useragent.sanitize_user_agent_string_component
    with (
        patch.object(DomainDispatcherApplication, "get_backend_for_host", _service_of),
        patch.object(responses, "method_names_from_class", _Methods),
        patch.object(responses, "camelcase_to_underscores", with_underscores),
        patch.object(sqs, "camelcase_to_underscores", with_underscores),
        patch.object(useragent, "sanitize_user_agent_string_component", functools.cache(words)),
        patch.object(UserAgentString, "to_string", _user_agent),
        patch.object(EndpointRulesetResolver, "construct_endpoint", _endpoint),
        patch.object(TaggedEC2Resource, "get_tags", _tags_of),
        patch.object(responses, "gen_amzn_requestid_long", _request_id),
        patch.object(sqs, "generate_receipt_handle", _receipt_handle),
        patch.object(sqs, "unix_time_millis", _milliseconds),
        patch.object(AccountSpecificBackend, "_generate_regions", _regions_of),
        patch.object(BackendDict, "__getitem__", _backends_of),
        patch.object(BackendDict, "reset", _drop_backends),
        patch.object(sqs.SQSBackend, "is_message_valid_based_on_retention_period", _is_retained),
        patch.object(LambdaFunction, "_create_zipfile_from_plaintext_code", staticmethod(_zipped)),
        patch.object(ResourceMap, "_ResourceMap__get_resources_in_dependency_order", _in_order),
    ):
        yield
