"""What moto works out anew for each request, although it is always the same: kept here.

It lists its own folders to find a service, inspects a class to find its operations, and looks through all tags for
those of one resource.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from botocore import useragent
from botocore.context import get_context
from botocore.useragent import UserAgentString
from moto.core import responses
from moto.core.utils import camelcase_to_underscores
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs

if TYPE_CHECKING:
    from collections.abc import Iterator

_host_as_moto: Final = DomainDispatcherApplication.get_backend_for_host
_user_agent_as_botocore: Final = UserAgentString.to_string
_with_underscores: Final = functools.cache(camelcase_to_underscores)


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


@functools.cache
def _service_of(dispatcher: Any, host: str | None) -> Any:
    return _host_as_moto(dispatcher, host)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Let moto, and botocore's user agent, work out each of these once."""
    names, words = responses.method_names_from_class, useragent.sanitize_user_agent_string_component
    with (
        patch.object(DomainDispatcherApplication, "get_backend_for_host", _service_of),
        # New with each lab, which gives moto's Auto Scaling operations that it lacks.
        patch.object(responses, "method_names_from_class", functools.cache(names)),
        patch.object(responses, "camelcase_to_underscores", _with_underscores),
        patch.object(sqs, "camelcase_to_underscores", _with_underscores),
        patch.object(useragent, "sanitize_user_agent_string_component", functools.cache(words)),
        patch.object(UserAgentString, "to_string", _user_agent),
        patch.object(TaggedEC2Resource, "get_tags", _tags_of),
    ):
        yield
