"""The order in which CloudFormation creates the resources of a template, and the reverse, in which it deletes them."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from lab.moto.cloudformation import references

if TYPE_CHECKING:
    from collections.abc import Mapping


def dependencies(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the resources that each resource of a translated template depends on, by DependsOn or by a reference."""
    return {
        name: frozenset(references(resource)) & resources.keys() - {name}
        for name, resource in sorted(resources.items())
    }


def deletion_order(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the resources, each before those that it depends on; graphlib.CycleError names a circular dependency."""
    return tuple(reversed(tuple(TopologicalSorter(dependencies(resources)).static_order())))


def attributes_of(node: Any) -> frozenset[str]:
    """Return the names of the resources whose attributes a piece of a template reads."""
    match node:
        case {"Fn::GetAtt": [str(name), *_]}:
            return frozenset({name})
        case dict():
            return frozenset().union(*map(attributes_of, node.values()))
        case list():
            return frozenset().union(*map(attributes_of, node))
        case _:
            return frozenset()
