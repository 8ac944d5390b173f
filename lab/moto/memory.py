"""What moto works out anew for each request and each value of an answer, although it is always the same: kept here.

Half of a request's time in moto went into these: it lists its own folders to find a service, and inspects a class to
find its operations and a value's attribute.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from botocore import useragent
from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.core.serialize import AttributePickerContext

_host_as_moto = DomainDispatcherApplication.get_backend_for_host
_keys_as_moto = XFormedAttributePicker.get_possible_keys


@functools.cache
def _service_of(dispatcher: Any, host: str | None) -> Any:
    return _host_as_moto(dispatcher, host)


_keys: dict[tuple[Any, str, type], tuple[str, ...]] = {}


def _possible_keys(picker: Any, context: AttributePickerContext) -> tuple[str, ...]:
    """Return the names by which an attribute may be found: they depend on its shape and its owner's class."""
    known = context.shape, context.key, type(context.obj)
    found = _keys.get(known)
    if found is None:
        found = _keys[known] = tuple(dict.fromkeys(_keys_as_moto(picker, context)))
    return found


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Let moto, and botocore's user agent, work out each of these once."""
    names, words = responses.method_names_from_class, useragent.sanitize_user_agent_string_component
    with (
        patch.object(DomainDispatcherApplication, "get_backend_for_host", _service_of),
        # New with each lab, which gives moto's Auto Scaling operations that it lacks.
        patch.object(responses, "method_names_from_class", functools.cache(names)),
        patch.object(XFormedAttributePicker, "get_possible_keys", _possible_keys),
        patch.object(useragent, "sanitize_user_agent_string_component", functools.cache(words)),
    ):
        yield
