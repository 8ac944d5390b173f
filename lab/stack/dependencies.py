"""The order in which CloudFormation makes a template's resources, and the opposite one in which it deletes them."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SUBSTITUTED: Final = re.compile(r"\$\{([^!}.]+)[^}]*\}")


def dependencies(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the resources that each of a translated template's resources waits for: by DependsOn or a reference."""
    return {
        name: frozenset(references(resource)) & resources.keys() - {name}
        for name, resource in sorted(resources.items())
    }


def deletion_order(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the resources, each before those it depends on; a graphlib.CycleError names a circle."""
    return tuple(reversed(tuple(TopologicalSorter(dependencies(resources)).static_order())))


def attributes_of(node: Any) -> frozenset[str]:
    """Return the names of the resources of which a piece of a template reads an attribute."""
    match node:
        case {"Fn::GetAtt": [str(name), *_]}:
            return frozenset({name})
        case dict():
            return frozenset().union(*map(attributes_of, node.values()))
        case list():
            return frozenset().union(*map(attributes_of, node))
        case _:
            return frozenset()


def references(node: Any) -> Iterator[str]:
    """Yield every name that a piece of a template refers to: parameters, resources, pseudo parameters."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": text}:
            yield from _SUBSTITUTED.findall(text if isinstance(text, str) else text[0])
            yield from references(text if isinstance(text, list) else None)
        case dict():
            depends = node.get("DependsOn", [])
            yield from [depends] if isinstance(depends, str) else depends
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)
