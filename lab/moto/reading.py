"""How a value of moto's becomes the value that botocore parses from the bytes that moto writes of it."""

from __future__ import annotations

import functools
import re
from base64 import b64decode
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from botocore.parsers import parse_timestamp
from moto.core.serialize import AttributePickerContext, TimestampSerializer, XFormedAttributePicker
from moto.core.utils import MISSING, get_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Kind = Literal["json", "xml"]
type Read = Callable[[_Reading, Any], Any]
"""A function from the reading of an answer and a value of moto's to the value that botocore parses."""

OMITTED: Final = object()
"""The marker for a value that moto does not write."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Unreadable(Exception):  # noqa: N818 - it says to take the other way, and is caught at once
    """The value that botocore would parse is not known here."""


def members(serializer: Any, result: Any) -> dict[str, Any]:
    """Return the members that botocore parses from a result that moto's serializer writes, or raise Unreadable."""
    shape = serializer.operation_model.output_shape
    if shape is None or result is None:
        return {}
    kind: Kind = "json" if serializer.service_model.resolved_protocol == "json" else "xml"
    picker = serializer._value_picker  # noqa: SLF001 - moto's serializer asks it
    changes = _changes(getattr(picker, "response_transformers", None) or {})
    parsed: dict[str, Any] = _reader(shape, "", kind)(_Reading(serializer, picker, changes), result)
    return parsed


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
            return lambda reading, value: _time(reading, value, shape)
        case "string":
            return _text_of_json if kind == "json" else _text_of_xml
        case "integer" | "long":
            return lambda _, value: int(value)
        case "float" | "double":
            return lambda _, value: float(value)
        case "boolean":
            return _boolean_of_json if kind == "json" else _boolean_of_xml
        case "blob":
            return lambda reading, value: b64decode(reading.serializer._base64(value))  # noqa: SLF001 - moto's own encoding
        case unknown:
            raise Unreadable(unknown)


# -- what moto changes before it writes it


@dataclass(slots=True)
class _Changes:
    """The functions by which moto changes some values of a service, by the ends of their paths.

    `names` are the last parts of these ends.
    """

    by_end: dict[str, Callable[[Any], Any]]
    names: frozenset[str] = field(init=False)
    _by_place: dict[str, Callable[[Any], Any] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = frozenset(end.rpartition(".")[2] for end in self.by_end)

    def at(self, place: str) -> Callable[[Any], Any] | None:
        """Return the function for the values at a place, a path of names with dots, and None if there is none."""
        if place not in self._by_place:
            ends = (change for end, change in self.by_end.items() if place.endswith(end))
            self._by_place[place] = next(ends, None)
        return self._by_place[place]


_known_changes: Final[dict[int, tuple[int, _Changes]]] = {}


def _changes(transformers: dict[str, Any]) -> _Changes:
    count, changes = _known_changes.get(id(transformers), (-1, _Changes({})))
    if count != len(transformers):  # some operations add a path to those of their class
        changes = _Changes(dict(transformers))
        _known_changes[id(transformers)] = len(transformers), changes
    return changes


@dataclass(slots=True)
class _Reading:
    """The reading of one answer. moto's serializer knows formats, its picker knows the names of members.

    `path` has the names from the answer to the present value.
    """

    serializer: Any
    picker: Any
    changes: _Changes
    path: list[str] = field(default_factory=list)

    def changed(self, name: str, value: Any) -> Any:
        """Return the value of a member of the present structure as moto changes it."""
        change = self.changes.at(".".join([*self.path, name]))
        return value if change is None else change(value)


# -- structures

type _Member = tuple[str, Callable[[Any], Any], Read, bool]
"""Its name, what finds it in a value, what reads it, and whether moto may change it."""


def _structure(shape: Any, key: str, kind: Kind) -> Read:
    if shape.serialization.get("eventstream") or shape.is_tagged_union or shape.is_document_type:
        raise Unreadable(shape.name)
    # A structure such as an instance has a hundred members, of which values of one form have the same few.
    by_form: dict[tuple[type, tuple[str, ...] | None, frozenset[str]], tuple[_Member, ...]] = {}

    def read_structure(reading: _Reading, value: Any) -> Any:
        if value is None:
            return OMITTED
        form = type(value), _own_names(value), reading.changes.names
        members = by_form.get(form)
        if members is None:
            members = by_form[form] = tuple(_members(shape, kind, reading, value))
        reading.path.append(key or shape.name)
        parsed: dict[str, Any] = {}
        for name, find, reader, may_change in members:
            found = find(value)
            if may_change:
                found = reading.changed(name, found)
            if found is not None:
                result = reader(reading, found)
                if result is not OMITTED:
                    parsed[name] = result
        reading.path.pop()
        return parsed

    return read_structure


def _members(shape: Any, kind: Kind, reading: _Reading, value: Any) -> Iterator[_Member]:
    """Yield each member of a structure that values of this form may have.

    A member that is not found may get a value by a change.
    """
    own = _own_names(value)
    for name, member in shape.members.items():
        if member.serialization.get("location", "header") != "header":
            raise Unreadable(name)
        member.parent = shape
        names = _names(reading.picker, value, name, member)
        if own is not None:
            names = tuple(each for each in names if each in own or _is_of_class(value, each))
        may_change = name in reading.changes.names
        if names or may_change:
            yield name, _finder(value, names, own), _member(member, name, kind), may_change


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
    if type(value) is dict:
        return itemgetter(names[0])
    return attrgetter(names[0]) if names[0] in own else lambda each: getattr(each, names[0], None)


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


def _member(shape: Any, key: str, kind: Kind) -> Read:
    """Return what reads a member. Where that is not known, it raises Unreadable only if the member is there."""
    try:
        return _reader(shape, key, kind)
    except Unreadable:
        return lambda _reading, _value: _reader(shape, key, kind)


# -- lists and maps


def _list_of_xml(shape: Any, key: str) -> Read:
    member = shape.member
    is_structure = member.type_name == "structure"
    flattened = bool(shape.serialization.get("flattened"))

    def read_list(reading: _Reading, values: Any) -> Any:
        reader = _reader(member, member.name, "xml")
        reading.path.append(key)
        parsed = [reader(reading, value) for value in values]
        reading.path.pop()
        if is_structure:  # moto leaves out what is empty
            parsed = [each for each in parsed if each is not OMITTED and each != {}]
        elif OMITTED in parsed:
            raise Unreadable(shape.name)
        return OMITTED if flattened and not parsed else parsed

    return read_list


def _list_of_json(shape: Any, key: str) -> Read:
    member = shape.member

    def read_list(reading: _Reading, values: Any) -> Any:
        reader = _reader(member, member.name, "json")
        reading.path.append(key)
        parsed = [None if value is None else reader(reading, value) for value in values]
        reading.path.pop()
        if OMITTED in parsed:
            raise Unreadable(shape.name)
        return parsed

    return read_list


def _map(shape: Any, kind: Kind) -> Read:
    if shape.value.type_name in {"structure", "map"}:
        raise Unreadable(shape.name)
    flattened = kind == "xml" and bool(shape.serialization.get("flattened"))

    def read_map(reading: _Reading, values: Any) -> Any:
        read_key, read_value = _reader(shape.key, "key", kind), _reader(shape.value, "value", kind)
        if None in values.values():
            raise Unreadable(shape.name)
        parsed = {read_key(reading, key): read_value(reading, value) for key, value in values.items()}
        if OMITTED in parsed.values():
            raise Unreadable(shape.name)
        return OMITTED if flattened and not parsed else parsed

    return read_map


# -- simple values


def _time(reading: _Reading, value: Any, shape: Any) -> Any:
    usual = reading.serializer.DEFAULT_TIMESTAMP_FORMAT
    # Times are equal in whatever zones they are, and moto writes the hour of their zone.
    return _read_time(value, getattr(value, "tzinfo", None), shape.serialization.get("timestampFormat", usual))


@functools.lru_cache(maxsize=4096, typed=True)
def _read_time(value: Any, _zone: Any, form: str) -> Any:
    return parse_timestamp(TimestampSerializer(form)._convert_timestamp_to_str(value, form))  # noqa: SLF001 - as `serialize` does


def _text_of_xml(_reading: _Reading, value: Any) -> str:
    text = str(value)
    if text.isprintable():
        return text
    if _NOT_XML.search(text):
        raise Unreadable(text)
    return text.replace("\r\n", "\n").replace("\r", "\n")  # as every reader of XML does (XML 1.0, 2.11)


def _text_of_json(_reading: _Reading, value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if value is None or value in ({}, []):
        raise Unreadable(value)
    return str(value)


def _boolean_of_xml(_reading: _Reading, value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _boolean_of_json(_reading: _Reading, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(value)
    return value
