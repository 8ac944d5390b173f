#!/usr/bin/env python3
"""Imports every handler from what `sam build` made, as Lambda would: from the layer and the function."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUILT: Final = Path(__file__).parents[1] / ".aws-sam" / "build"

RUNTIME: Final = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""What Lambda's Python brings along: boto3, and what that needs."""

ARCHITECTURES: Final = ("aarch64", "x86_64")

PROBE: Final = """
import importlib, sys
module, function = sys.argv[1].rsplit(".", 1)
if not callable(getattr(importlib.import_module(module), function)):
    sys.exit(f"{sys.argv[1]} is no function")
"""


@dataclass(frozen=True, slots=True)
class Function:
    """A built function: its handler, its folder, and the environment that the template gives it."""

    logical_id: str
    handler: str
    folder: Path
    environment: dict[str, str]


def stand_in(value: Any, defaults: Mapping[str, str]) -> str:
    """Return what a variable could hold in a stack: defaults of parameters, and names for what only a stack has."""
    match value:
        case {"Ref": str(name)}:
            return defaults.get(name, name)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(?:AWS::)?(\w+)\}", lambda found: defaults.get(found[1], found[1]), text)
        case {"Fn::If": [_, _, otherwise]}:
            return stand_in(otherwise, defaults)
        case _:
            return str(value)


def built_functions(template: Mapping[str, Any]) -> Iterator[Function]:
    """Yield each function of the built template."""
    defaults = {name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p}
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            variables = shared | properties["Environment"]["Variables"]
            environment = {name: stand_in(value, defaults) for name, value in variables.items()}
            folder = (BUILT / properties["CodeUri"]).resolve()
            yield Function(logical_id, properties["Handler"], folder, environment)


def built_layer(template: Mapping[str, Any]) -> Path:
    """Return the folder of the one layer that Lambda puts on Python's path."""
    layer: str
    (layer,) = (
        resource["Properties"]["ContentUri"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    )
    return BUILT / layer / "python"


def platform_faults(layer: Path) -> Iterator[str]:
    """Yield each compiled module that the layer does not hold for every architecture."""
    stems = {module.name.split(".")[0] for module in layer.rglob("*.so")}
    if not stems:
        yield f"{layer}: no compiled module, though pydantic has one"
    for stem in sorted(stems):
        for architecture in ARCHITECTURES:
            if not any(layer.rglob(f"{stem}.*{architecture}*.so")):
                yield f"{layer}: {stem} is not there for {architecture}"


def link_runtime(folder: Path) -> None:
    """Fill `folder` with what Lambda's runtime brings, and nothing else of this environment."""
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (folder / origin.name).symlink_to(origin)


def import_fault(function: Function, layer: Path, runtime: Path) -> str | None:
    """Return why Lambda could not import the handler, or None."""
    probe = subprocess.run(  # noqa: S603  # our own interpreter and our own text
        [sys.executable, "-S", "-P", "-c", PROBE, function.handler],  # -S: no site-packages
        env={
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (function.folder, layer, runtime))),
            **function.environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{function.logical_id}: {probe.stderr}" if probe.returncode != 0 else None


def main() -> int:
    """Say what was imported, and return 1 if Lambda could not run it."""
    template = yaml_parse((BUILT / "template.yaml").read_text(encoding="utf-8"))
    layer = built_layer(template)
    faults = list(platform_faults(layer))
    with tempfile.TemporaryDirectory() as runtime:
        link_runtime(Path(runtime))
        for function in built_functions(template):
            fault = import_fault(function, layer, Path(runtime))
            faults += [fault] if fault else []
            sys.stdout.write(f"{function.handler}: {'not ' if fault else ''}imported from {function.folder}\n")
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
