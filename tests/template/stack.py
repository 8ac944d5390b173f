"""The stack that template.yaml describes: as CloudFormation sees it, for given parameter values."""

from __future__ import annotations

import copy
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.template.intrinsics import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parents[2]
REGION: Final = "eu-west-1"
REQUIRED: Final = {"HostedZoneId": "Z0123456789ABC", "RecordName": "app.example.com"}
"""A value for each parameter that has no default."""

_PSEUDO: Final = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
}


@functools.cache
def source() -> dict[str, Any]:
    """Return template.yaml as it is written."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


@functools.cache
def _translated() -> dict[str, Any]:
    template = copy.deepcopy(source())
    for resource in template["Resources"].values():
        for location in {"CodeUri", "ContentUri"} & resource["Properties"].keys():
            resource["Properties"][location] = "s3://bucket/key"  # the translation wants code that is uploaded
    with mock.patch.dict("os.environ", AWS_DEFAULT_REGION=REGION):
        cloudformation: dict[str, Any] = transform(template, {}, mock.Mock(load=dict))
    return cloudformation


@dataclass(frozen=True, slots=True)
class Stack:
    """template.yaml, translated to plain CloudFormation, with its intrinsic functions resolved."""

    template: dict[str, Any]
    scope: Scope

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return a resource's properties, resolved."""
        found: dict[str, Any] = self.scope.resolve(self.template["Resources"][logical_id]["Properties"])
        return found

    def of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the logical id and the resolved properties of each resource of a type."""
        for logical_id, resource in self.template["Resources"].items():
            if resource["Type"] == kind:
                yield logical_id, self.properties(logical_id)

    def pool(self) -> dict[str, Any]:
        """Return what the first pool's parameter holds, read as JSON."""
        held: dict[str, Any] = json.loads(self.properties("FirstPool")["Value"])
        return held


def stack(*, stack_name: str = "fleet53", **parameters: str) -> Stack:
    """Return the stack for the given parameter values, and the default for each other parameter."""
    template = _translated()
    defaults = {name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p}
    values = _by_type(template["Parameters"], {**defaults, **REQUIRED, **parameters})
    pseudo = {**_PSEUDO, "AWS::StackName": stack_name}
    return Stack(template, Scope({**pseudo, **values}, template["Conditions"]))


def _by_type(declared: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, str | list[str]]:
    return {
        name: [item.strip() for item in text.split(",")] if declared[name]["Type"] == "CommaDelimitedList" else text
        for name, text in texts.items()
    }
