"""Reads template.yaml: translates SAM to CloudFormation, and splits the resources between moto and the lab."""

from __future__ import annotations

import functools
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.cloudformation import creatable_types
from lab.stack.dependencies import attributes_of, deletion_order

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTION: Final = "AWS::Serverless::Function"
LAYER: Final = "AWS::Serverless::LayerVersion"

BY_LAB: Final[dict[str, str]] = {
    "Custom::StackHandover": "asked by the lab",
    "Custom::StackLifecycle": "asked by the lab",
    "Custom::StackPrecondition": "asked by the lab",
    "AWS::Scheduler::Schedule": "fired by the lab's clock",
    "AWS::SQS::QueuePolicy": "set on the queue",
    "AWS::CloudWatch::Alarm": "put to CloudWatch",
    "AWS::CloudWatch::Dashboard": "put to CloudWatch",
    "AWS::SNS::Subscription": "subscribed to the topic",
    "AWS::SNS::TopicPolicy": "set on the topic",
}
"""Resource types that moto's CloudFormation does not know, and what the lab does with each."""


class TemplateError(Exception):
    """The template holds something that the lab cannot run; the message names it."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a function runs: the folder of its handler, `module.function` in it, and the folders of its layers."""

    folder: Path
    handler: str
    layers: tuple[Path, ...]

    @property
    def inline(self) -> str:
        """The inline code that stands for the folders in a function's properties."""
        return json.dumps({"folder": str(self.folder), "layers": [str(each) for each in self.layers]})


def read_code(properties: Mapping[str, Any]) -> Code:
    """Return what a function runs, by its properties."""
    folders = json.loads(properties["Code"]["ZipFile"])
    return Code(Path(folders["folder"]), properties["Handler"], tuple(map(Path, folders["layers"])))


@dataclass(frozen=True, slots=True)
class Template:
    """A translated template: the part that moto's CloudFormation creates, and the part that the lab creates."""

    for_moto: dict[str, Any]
    body: str
    """The part for moto as JSON."""
    for_lab: dict[str, dict[str, Any]]
    code: dict[str, Code]
    layers: tuple[Path, ...]
    deletion_order: tuple[str, ...]
    reading_custom: frozenset[str]
    """The resources that read an attribute of a custom resource."""

    def resource(self, logical_id: str) -> dict[str, Any]:
        """Return a resource, created by moto or by the lab."""
        return self.for_lab.get(logical_id) or self.for_moto["Resources"][logical_id]


class _NoManagedPolicies:
    """Replaces the translator's request to IAM for the names of AWS managed policies."""

    def load(self) -> dict[str, str]:
        return {}


def _setting(resource: dict[str, Any], defaults: dict[str, Any], name: str, logical_id: str) -> Any:
    value = resource.get("Properties", {}).pop(name, defaults.get(name))
    if not isinstance(value, str):
        raise TemplateError(f"{logical_id}: {name} must be a text, not {value!r}")
    return value


def _take_code(sam: dict[str, Any], folder: Path) -> tuple[dict[str, Code], tuple[Path, ...]]:
    """Remove the code locations from a SAM template: the translator accepts only locations in S3."""
    defaults = dict(sam.get("Globals", {}).get("Function", {}))
    sam.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    sam.get("Globals", {}).get("Function", {}).pop("Layers", None)
    resources = sam.get("Resources", {})
    layers = {
        logical_id: (folder / _setting(resource, {}, "ContentUri", logical_id)).resolve()
        for logical_id, resource in resources.items()
        if resource["Type"] == LAYER
    }
    code: dict[str, Code] = {}
    for logical_id, resource in resources.items():
        if resource["Type"] == FUNCTION:
            uri = _setting(resource, defaults, "CodeUri", logical_id)
            resource["Properties"].pop("Layers", None)
            handler = resource["Properties"].get("Handler", defaults.get("Handler"))
            code[logical_id] = Code((folder / uri).resolve(), handler, tuple(layers.values()))
            resource["Properties"]["InlineCode"] = code[logical_id].inline
    versions = {logical_id: _version(logical_id, layer) for logical_id, layer in layers.items()}
    sam["Resources"] = {
        logical_id: _with_layers(resource, versions)
        for logical_id, resource in resources.items()
        if logical_id not in layers
    }
    return code, tuple(layers.values())


def _version(layer: str, folder: Path) -> str:
    """Return the ARN of a layer's version. Lambda counts versions; here each folder is one."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{layer}:{zlib.crc32(bytes(folder))}"


def _with_layers(node: Any, versions: Mapping[str, str]) -> Any:
    """Return a piece of a template in which each reference to a layer is the ARN of its version."""
    match node:
        case {"Ref": str(name)} if name in versions:
            return versions[name]
        case dict():
            return {key: _with_layers(value, versions) for key, value in node.items()}
        case list():
            return [_with_layers(value, versions) for value in node]
        case _:
            return node


def _without_dependencies_on(resource: dict[str, Any], absent: set[str]) -> dict[str, Any]:
    depends = resource.get("DependsOn", [])
    kept = [name for name in ([depends] if isinstance(depends, str) else depends) if name not in absent]
    slim = {key: value for key, value in resource.items() if key != "DependsOn"}
    return {**slim, "DependsOn": kept} if kept else slim


@functools.lru_cache(maxsize=8)
def _translated(path: Path, _modified: int) -> Template:
    folder = path.parent
    sam = yaml_parse(path.read_text(encoding="utf-8"))
    code, layers = _take_code(sam, folder)
    cloudformation = transform(sam, {}, _NoManagedPolicies())
    for_moto: dict[str, Any] = {}
    for_lab: dict[str, Any] = {}
    unknown: list[str] = []
    for logical_id, resource in cloudformation["Resources"].items():
        kind = resource["Type"]
        if kind in BY_LAB:
            for_lab[logical_id] = resource
        elif kind in creatable_types():
            for_moto[logical_id] = resource
        else:
            unknown.append(f"{logical_id} ({kind})")
    if unknown:
        raise TemplateError(f"{path.name}: neither moto nor the lab can create {', '.join(sorted(unknown))}")
    order = deletion_order(cloudformation["Resources"])
    custom = {name for name, resource in cloudformation["Resources"].items() if is_custom(resource["Type"])}
    reading = (name for name, resource in cloudformation["Resources"].items() if attributes_of(resource) & custom)
    reading_custom = frozenset(reading)
    absent = set(for_lab)
    cloudformation["Resources"] = {
        name: _without_dependencies_on(resource, absent) for name, resource in for_moto.items()
    }
    return Template(cloudformation, json.dumps(cloudformation), for_lab, code, layers, order, reading_custom)


def is_custom(kind: str) -> bool:
    """Return whether a type of resource is a custom one, which a function of the stack carries out."""
    return kind.startswith("Custom::")


def default_values(path: Path) -> dict[str, str]:
    """Return the default of each parameter of the template at `path` that has one."""
    declared = read_template(path).for_moto["Parameters"]
    return {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}


def read_template(path: Path) -> Template:
    """Return the template at `path`, translated; an unchanged file is translated once in a process.

    Callers must not change what is returned: every lab of the process gets the same.
    """
    return _translated(path.resolve(), path.stat().st_mtime_ns)
