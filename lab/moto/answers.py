"""How moto writes an answer and botocore reads it: with what both look up for each value looked up once.

Both walk through an answer by the service's model. moto tries the names under which a value's attribute may be found;
botocore asks for every member that a structure may have, most of which an answer does not have.
"""

from __future__ import annotations

import contextlib
import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from botocore import parsers
from botocore.parsers import BaseXMLResponseParser, RestXMLParser
from moto.core import serialize
from moto.core.serialize import AttributePickerContext, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import MISSING, get_value

from lab.moto import xml

if TYPE_CHECKING:
    from collections.abc import Iterator

_value_as_moto: Final = ResponseSerializer.get_value
_structure_as_botocore: Final[Any] = vars(BaseXMLResponseParser)["_handle_structure"]


@contextlib.contextmanager
def looked_up_once() -> Iterator[None]:
    """Let moto and botocore remember what they look up."""
    with (
        patch.object(ResponseSerializer, "get_value", _value),
        patch.object(serialize, "xmltodict", SimpleNamespace(unparse=xml.unparse)),
        patch.object(BaseXMLResponseParser, "_handle_structure", _structure),
        patch.object(parsers, "DEFAULT_TIMESTAMP_PARSER", _timestamp),
    ):
        yield


# -- moto

_names: Final[dict[tuple[Any, str, type], tuple[str, ...]]] = {}
_transformed: Final[dict[int, tuple[int, frozenset[str]]]] = {}


def _value(serializer: Any, value: Any, key: str, shape: Any) -> Any:
    """Return a member of an answer.

    The names by which an attribute may be found depend on its shape and its owner's class. moto transforms a few
    members, which it knows by the end of their path.
    """
    picker = serializer._value_picker  # noqa: SLF001 - moto's get_value asks it
    if type(picker) is not XFormedAttributePicker or key in _ends(picker.response_transformers):
        return _value_as_moto(serializer, value, key, shape)
    kind = type(value)
    names = _names.get((shape, key, kind))
    if names is None:
        context = AttributePickerContext(obj=value, key=key, shape=shape)
        names = _names[shape, key, kind] = tuple(dict.fromkeys(picker.get_possible_keys(context)))
    if kind is dict:
        for name in names:
            if name in value:
                return value[name]
        return None
    get = get_value if hasattr(kind, "__getitem__") else getattr
    for name in names:
        found = get(value, name, MISSING)
        if found is not MISSING:
            return found
    return None


def _ends(transformers: dict[str, Any]) -> frozenset[str]:
    """Return the last parts of the paths of which moto transforms the values."""
    if not transformers:
        return frozenset()
    count, ends = _transformed.get(id(transformers), (0, frozenset()))
    if count != len(transformers):  # some operations add a path to those of their class
        ends = frozenset(path.rpartition(".")[2] for path in transformers)
        _transformed[id(transformers)] = len(transformers), ends
    return ends


# -- botocore

_timestamp: Final = functools.lru_cache(maxsize=4096)(parsers.parse_timestamp)


def _structure(parser: Any, shape: Any, node: Any) -> Any:
    """Read a structure from its elements."""
    members = _members(shape)
    if members is None or isinstance(node, list) or isinstance(parser, RestXMLParser):
        return _structure_as_botocore(parser, shape, node)
    elements = parser._build_name_to_xml_node(node)  # noqa: SLF001 - as botocore's
    return {
        members[name][0]: parser._parse_shape(members[name][1], element)  # noqa: SLF001 - as botocore's
        for name, element in elements.items()
        if name in members
    }


@functools.cache
def _members(shape: Any) -> dict[str, tuple[str, Any]] | None:
    """Return name and shape of each member by its element's name; None for a structure with more than elements."""
    found: dict[str, tuple[str, Any]] = {}
    for name, member in shape.members.items():
        if {"location", "eventheader", "xmlAttribute"} & member.serialization.keys():
            return None
        flattened = member.type_name == "list" and member.serialization.get("flattened")
        element = (flattened and member.member.serialization.get("name")) or member.serialization.get("name", name)
        if element in found:
            return None
        found[element] = name, member
    special = shape.is_tagged_union or shape.metadata.get("exception", False)
    return None if special else found
