"""The constraints on a request that Route 53's model states: required members, enums, patterns, lengths and ranges.

Route 53 refuses a request with InvalidInput and names every constraint that is not met. Its clients quote the form:
"1 validation error detected: Value '-1' at 'changeBatch.changes.1.member.resourceRecordSet.tTL' failed to satisfy
constraint: Member must have value greater than or equal to 0".
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.model import ServiceModel

from lab.route53 import model
from lab.route53.error import invalid_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import Shape

_LENGTHS: Final = frozenset({"string", "list"})
_NUMBERS: Final = frozenset({"integer", "long"})


def refuse_unmet(operation: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidInput unless the parameters of an operation, in botocore's names, meet the model's constraints."""
    shape = _api().operation_model(operation).input_shape
    found = [] if shape is None else list(_unmet(shape, parameters, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise invalid_input(f"{len(found)} validation {errors} detected: {'; '.join(found)}")


@functools.cache
def _api() -> ServiceModel:
    return ServiceModel(model.load(), "route53")


def _unmet(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            here = f"{path}.{_written(name)}" if path else _written(name)
            if value.get(name) is not None:
                yield from _unmet(member, value[name], here)
            elif name in shape.required_members:
                yield f"Value null at '{here}' failed to satisfy constraint: Member must not be null"
        return
    yield from (
        f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {rule}"
        for rule in _broken(shape, value)
    )
    if shape.type_name == "list":
        for number, each in enumerate(value, 1):
            yield from _unmet(shape.member, each, f"{path}.{number}.member")


def _written(name: str) -> str:
    return name[0].lower() + name[1:]


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    limits = shape.metadata
    if limits.get("enum") and value not in limits["enum"]:
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        yield f"satisfy regular expression pattern: {limits['pattern']}"
    if shape.type_name in _LENGTHS:
        measured, what = len(value), "length"
    elif shape.type_name in _NUMBERS:
        measured, what = value, "value"
    else:
        return
    if "min" in limits and measured < limits["min"]:
        yield f"have {what} greater than or equal to {limits['min']}"
    if "max" in limits and measured > limits["max"]:
        yield f"have {what} less than or equal to {limits['max']}"
