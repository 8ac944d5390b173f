"""CloudFormation's intrinsic functions, as far as template.yaml uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Scope:
    """Parameter values by name, and the template's conditions.

    A reference to a resource becomes its logical id, and an attribute `<logical id>.<attribute>`: they exist
    only once the stack does.
    """

    values: Mapping[str, str | list[str]]
    conditions: Mapping[str, Any]

    def resolve(self, node: Any) -> Any:
        """Return `node` with every intrinsic function replaced by its value."""
        match node:
            case {"Ref": name}:
                return self.values.get(name, name)
            case {"Fn::GetAtt": [logical_id, attribute]}:
                return f"{logical_id}.{attribute}"
            case {"Fn::Sub": [text, variables]}:
                return self._substitute(text, self.resolve(variables))
            case {"Fn::Sub": text}:
                return self._substitute(text, {})
            case {"Fn::Join": [delimiter, parts]}:
                return str(delimiter).join(self.resolve(parts))
            case {"Fn::Split": [delimiter, text]}:
                return self.resolve(text).split(delimiter)
            case {"Fn::If": [condition, then, otherwise]}:
                return self.resolve(then if self.holds(self.conditions[condition]) else otherwise)
            case dict():
                resolved = {key: self.resolve(value) for key, value in node.items()}
                return {key: value for key, value in resolved.items() if value != "AWS::NoValue"}
            case list():
                return [value for value in map(self.resolve, node) if value != "AWS::NoValue"]
            case _:
                return node

    def holds(self, condition: Any) -> bool:
        """Tell whether a condition, or a rule's assertion, is true."""
        match condition:
            case {"Fn::Equals": [left, right]}:
                return bool(self.resolve(left) == self.resolve(right))
            case {"Fn::Contains": [values, value]}:
                return self.resolve(value) in self.resolve(values)
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::Or": alternatives}:
                return any(self.holds(alternative) for alternative in alternatives)
            case _:
                raise ValueError(f"not a condition that template.yaml uses: {condition!r}")

    def _substitute(self, text: str, variables: Mapping[str, str]) -> str:
        known = {**self.values, **variables}
        # CloudFormation reads the text once: a ${…} inside a value stays as it is, and ${!…} becomes one.
        return re.sub(r"\$\{([^}]+)\}", lambda found: _replaced(found[1], known), text)


def _replaced(name: str, known: Mapping[str, Any]) -> str:
    return f"${{{name[1:]}}}" if name.startswith("!") else str(known.get(name, name))
