"""moto's answers as botocore reads them, made without the bytes in between.

moto writes an answer by the service's model, and botocore parses it by the same model. Together that takes longer than
the rest of a request. So each kind of value is converted directly to the value that botocore would parse. If the
conversion is not known, and in labs over HTTP, the bytes are written and parsed.
"""

from __future__ import annotations

import contextlib
import functools
import re
from base64 import b64decode
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from unittest.mock import patch

from botocore.parsers import parse_timestamp
from moto.core.responses import ActionResult
from moto.core.serialize import AttributePickerContext, TimestampSerializer, XFormedAttributePicker
from moto.core.utils import MISSING, get_value
from moto.utilities import aws_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Kind = Literal["json", "xml"]
type Read = Callable[[Any, Any], Any]
"""A function from moto's serializer, which knows names and formats, and a value of moto's to the value that botocore
parses."""

OMITTED: Final = object()
"""The marker for a value that moto does not write."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(Exception):  # noqa: N818 - it says to take the other way, and is caught at once
    """The value that botocore would parse is not known here."""


@dataclass(frozen=True, slots=True)
class Members:
    """The body of an answer as botocore parses it: its members by name."""

    by_name: dict[str, Any]


class Answer(NamedTuple):
    """An HTTP answer. Its body is bytes, or what botocore parses from them."""

    status: int
    headers: dict[str, str]
    body: bytes | Members

    @property
    def content(self) -> bytes:
        """The body's bytes; a TypeError if there are none."""
        if isinstance(self.body, Members):
            raise TypeError("the answer was made without bytes")
        return self.body


def success(operation: Any) -> int:
    """Return the HTTP status of an operation's successful answer."""
    return int(operation.http.get("responseCode", HTTPStatus.OK))


def read(serializer: Any, result: Any) -> Members:
    """Return what botocore parses from a result that moto's serializer writes, or raise Unreadable."""
    shape = serializer.operation_model.output_shape
    if shape is None or result is None:
        return Members({})
    kind: Kind = "json" if serializer.service_model.resolved_protocol == "json" else "xml"
    return Members(_reader(shape, "", kind)(serializer, result))


@contextlib.contextmanager
def read_directly() -> Iterator[None]:
    """Let moto answer with Members if a request is marked `is_read_directly`."""
    execute_as_moto, sum_up_as_moto = ActionResult.execute_result, aws_headers.gen_amz_crc32

    def execute(action: Any, context: Any) -> Any:
        result, request = action.result, context.response.normalized_request
        if not getattr(request, "is_read_directly", False) or isinstance(result, Exception):
            return execute_as_moto(action, context)
        transformers = context.response.RESPONSE_KEY_PATH_TO_TRANSFORMER
        picker = XFormedAttributePicker(response_transformers=transformers)
        serializer = context.serializer_class(operation_model=context.operation_model, value_picker=picker)
        try:
            answer = read(serializer, result)
        except Unreadable:
            return execute_as_moto(action, context)
        return success(context.operation_model), {}, answer

    def sum_up(body: Any, headers: dict[str, Any] | None = None) -> int:
        return 0 if isinstance(body, Members) else sum_up_as_moto(body, headers)

    with patch.object(ActionResult, "execute_result", execute), patch.object(aws_headers, "gen_amz_crc32", sum_up):
        yield


@functools.cache
def _reader(shape: Any, key: str, kind: Kind) -> Read:
    """Return the function that converts the values of a shape; `key` is the name of the member or list item."""
    match shape.type_name:
        case "structure":
            return _structure(shape, key, kind)
        case "list":
            return _list_of_json(shape, key) if kind == "json" else _list_of_xml(shape, key)
        case "map":
            return _map(shape, kind)
        case "timestamp":
            return lambda serializer, value: _time(serializer, value, shape)
        case "string":
            return _text_of_json if kind == "json" else _text_of_xml
        case "integer" | "long":
            return lambda _, value: int(value)
        case "float" | "double":
            return lambda _, value: float(value)
        case "boolean":
            return _boolean_of_json if kind == "json" else _boolean_of_xml
        case "blob":
            return lambda serializer, value: b64decode(serializer._base64(value))  # noqa: SLF001 - moto's own encoding
        case unknown:
            raise Unreadable(unknown)


# -- structures

type _Member = tuple[str, Callable[[Any], Any], Read]
"""Its name, what finds it in a value, and what reads it."""


def _structure(shape: Any, key: str, kind: Kind) -> Read:
    if shape.serialization.get("eventstream") or shape.is_tagged_union or shape.is_document_type:
        raise Unreadable(shape.name)
    # A structure such as an instance has a hundred members, of which values of one form have the same few.
    by_form: dict[tuple[type, tuple[str, ...] | None, frozenset[str]], tuple[_Member, ...]] = {}

    def read_structure(serializer: Any, value: Any) -> Any:
        if value is None:
            return OMITTED
        picker = serializer._value_picker  # noqa: SLF001 - moto's serializer asks it
        transformed = _ends(getattr(picker, "response_transformers", None))
        form = type(value), _own_names(value), transformed
        members = by_form.get(form)
        if members is None:
            members = by_form[form] = tuple(_members(shape, kind, picker, value, transformed))
        serializer.path.append(key or shape.name)  # moto knows by it what it transforms
        parsed: dict[str, Any] = {}
        for name, find, reader in members:
            found = find(value)
            if name in transformed:
                found = _transform(picker, [*serializer.path, name], found)
            result = OMITTED if found is None else reader(serializer, found)
            if result is not OMITTED:
                parsed[name] = result
        serializer.path.pop()
        return parsed

    return read_structure


def _members(shape: Any, kind: Kind, picker: Any, value: Any, transformed: frozenset[str]) -> Iterator[_Member]:
    """Yield each member of a structure that values of this form may have.

    A member that is not found may get a value by a transformation.
    """
    own = _own_names(value)
    for name, member in shape.members.items():
        if member.serialization.get("location", "header") != "header":
            raise Unreadable(name)
        member.parent = shape
        names = _names(picker, value, name, member)
        if own is not None:
            names = tuple(each for each in names if each in own or _is_of_class(value, each))
        if names or name in transformed:
            yield name, _finder(value, names, own), _member(member, name, kind)


def _own_names(value: Any) -> tuple[str, ...] | None:
    """Return the names of a value's own attributes, None if they can only be found by asking for one."""
    if type(value) is dict:
        return tuple(value)
    return tuple(vars(value)) if _is_plain(value.__class__) else None


@functools.cache
def _is_plain(owner: type) -> bool:
    return bool(owner.__dictoffset__) and not hasattr(owner, "__getitem__") and not hasattr(owner, "__getattr__")


def _is_of_class(value: Any, name: str) -> bool:
    return type(value) is not dict and hasattr(type(value), name)


def _finder(value: Any, names: tuple[str, ...], own: tuple[str, ...] | None) -> Callable[[Any], Any]:
    """Return what finds a member in values of one form: all of them have the same `own` names."""
    if own is None or not names or (len(names) > 1 and names[0] not in own):
        return lambda each: _found(each, names)
    return itemgetter(names[0]) if type(value) is dict else lambda each: getattr(each, names[0], None)


def _found(value: Any, names: tuple[str, ...]) -> Any:
    """Return the first of the attributes that a value has; None is none."""
    if type(value) is dict:
        for name in names:
            if name in value:
                return value[name]
        return None
    get = get_value if hasattr(value, "__getitem__") else getattr
    for name in names:
        found = get(value, name, MISSING)
        if found is not MISSING:
            return found
    return None


def _names(picker: Any, value: Any, key: str, shape: Any) -> tuple[str, ...]:
    """Return the names under which moto may find a member: they depend on its shape and on its owner's class."""
    if type(picker) is not XFormedAttributePicker:
        return (key,)
    return tuple(dict.fromkeys(picker.get_possible_keys(AttributePickerContext(obj=value, key=key, shape=shape))))


_transformed: Final[dict[int, tuple[int, frozenset[str]]]] = {}


def _ends(transformers: dict[str, Any] | None) -> frozenset[str]:
    """Return the last parts of the paths of which moto transforms the values."""
    if not transformers:
        return frozenset()
    count, ends = _transformed.get(id(transformers), (0, frozenset()))
    if count != len(transformers):  # some operations add a path to those of their class
        ends = frozenset(path.rpartition(".")[2] for path in transformers)
        _transformed[id(transformers)] = len(transformers), ends
    return ends


def _transform(picker: Any, path: list[str], value: Any) -> Any:
    """Return a value as moto transforms it, which knows those to transform by the end of their path."""
    place = ".".join(path)
    return next((change(value) for end, change in picker.response_transformers.items() if place.endswith(end)), value)


def _member(shape: Any, key: str, kind: Kind) -> Read:
    """Return what reads a member. Where that is not known, it raises Unreadable only if the member is there."""
    try:
        return _reader(shape, key, kind)
    except Unreadable:
        return lambda _serializer, _value: _reader(shape, key, kind)


# -- lists and maps


def _list_of_xml(shape: Any, key: str) -> Read:
    member = shape.member
    is_structure = member.type_name == "structure"
    flattened = bool(shape.serialization.get("flattened"))

    def read_list(serializer: Any, values: Any) -> Any:
        reader = _reader(member, member.name, "xml")
        serializer.path.append(key)
        parsed = [reader(serializer, value) for value in values]
        serializer.path.pop()
        if is_structure:  # moto leaves out what is empty
            parsed = [each for each in parsed if each is not OMITTED and each != {}]
        elif OMITTED in parsed:
            raise Unreadable(shape.name)
        return OMITTED if flattened and not parsed else parsed

    return read_list


def _list_of_json(shape: Any, key: str) -> Read:
    member = shape.member

    def read_list(serializer: Any, values: Any) -> Any:
        reader = _reader(member, member.name, "json")
        serializer.path.append(key)
        parsed = [None if value is None else reader(serializer, value) for value in values]
        serializer.path.pop()
        if OMITTED in parsed:
            raise Unreadable(shape.name)
        return parsed

    return read_list


def _map(shape: Any, kind: Kind) -> Read:
    if shape.value.type_name in {"structure", "map"}:
        raise Unreadable(shape.name)
    flattened = kind == "xml" and bool(shape.serialization.get("flattened"))

    def read_map(serializer: Any, values: Any) -> Any:
        read_key, read_value = _reader(shape.key, "key", kind), _reader(shape.value, "value", kind)
        if None in values.values():
            raise Unreadable(shape.name)
        parsed = {read_key(serializer, key): read_value(serializer, value) for key, value in values.items()}
        if OMITTED in parsed.values():
            raise Unreadable(shape.name)
        return OMITTED if flattened and not parsed else parsed

    return read_map


# -- simple values


def _time(serializer: Any, value: Any, shape: Any) -> Any:
    usual = serializer.DEFAULT_TIMESTAMP_FORMAT
    # Times in different zones can be equal, and moto writes the hour of their zone.
    return _read_time(value, getattr(value, "tzinfo", None), shape.serialization.get("timestampFormat", usual))


@functools.lru_cache(maxsize=4096, typed=True)
def _read_time(value: Any, _zone: Any, form: str) -> Any:
    return parse_timestamp(TimestampSerializer(form)._convert_timestamp_to_str(value, form))  # noqa: SLF001 - as `serialize` does


def _text_of_xml(_serializer: Any, value: Any) -> str:
    text = str(value)
    if text.isprintable():
        return text
    if _NOT_XML.search(text):
        raise Unreadable(text)
    return text.replace("\r\n", "\n").replace("\r", "\n")  # as every reader of XML does (XML 1.0, 2.11)


def _text_of_json(_serializer: Any, value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if value is None or value in ({}, []):
        raise Unreadable(value)
    return str(value)


def _boolean_of_xml(_serializer: Any, value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _boolean_of_json(_serializer: Any, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(value)
    return value
