"""Whether CloudFormation takes a parameter's value, by the constraints that the template gives it."""

from __future__ import annotations

import re
from typing import Any


def accepts(parameter: dict[str, Any], value: str) -> bool:
    """Tell whether `value` satisfies the parameter's own constraints; a list's hold for each of its items."""
    match parameter["Type"]:
        case "Number":
            return _is_number(value) and _in_range(parameter, float(value)) and _is_allowed(parameter, value)
        case "CommaDelimitedList":
            return all(_fits(parameter, item.strip()) for item in value.split(","))
        case _:
            return _fits(parameter, value) and _is_allowed(parameter, value)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def _in_range(parameter: dict[str, Any], number: float) -> bool:
    return bool(parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number))


def _is_allowed(parameter: dict[str, Any], value: str) -> bool:
    return "AllowedValues" not in parameter or value in map(str, parameter["AllowedValues"])


def _fits(parameter: dict[str, Any], text: str) -> bool:
    longest = parameter.get("MaxLength", len(text))
    return len(text) <= longest and re.fullmatch(parameter.get("AllowedPattern", ".*"), text) is not None
