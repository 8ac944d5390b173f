#!/usr/bin/env python3
"""Imports every handler from what `sam build` made, as Lambda would: from the layer and the function."""

from __future__ import annotations

import ast
import importlib.util
import marshal
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BUILT: Final = Path(__file__).parents[1] / ".aws-sam" / "build"

RUNTIME: Final = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""What Lambda's Python brings along: boto3, and what that needs."""

ARCHITECTURES: Final = ("aarch64", "x86_64")

PROBE: Final = """
import importlib, sys
compiled = []
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" else None)
module, function = sys.argv[1].rsplit(".", 1)
if not callable(getattr(importlib.import_module(module), function)):
    sys.exit(f"{sys.argv[1]} is not a function")
for late in sys.argv[3:]:
    importlib.import_module(late)
if sources := [path for path in compiled if path.startswith(sys.argv[2])]:
    sys.exit(f"{sys.argv[1]} compiled {sources}, whose byte code was not used")
loaded = [(name, getattr(each, "__file__", None) or "") for name, each in sys.modules.items()]
print(*(name for name, path in loaded if path.startswith(sys.argv[2]) and path.endswith(".py")), sep="\\n")
"""
"""Imports a handler, and prints which modules of the layer that loads. It is an error if one had to be compiled."""

LATE: Final = ("dns.resolver", "tabulate")
"""What fleet53 imports in its functions, when it is first used."""

NEVER_IMPORTED: Final = {
    "aws_lambda_powertools.event_handler.openapi.compat": "only a Pydantic model as a function's event needs it",
    "pydantic.v1": "only a class that declares __get_validators__, as Pydantic 1 wanted, needs it",
    "tabulate.version": "tabulate's wheel does not have it either",
}
"""What loaded modules name, in functions that nothing here calls, and the layer does not hold."""

_PARTS: Final = slice(0, 4), slice(4, 8), slice(8, 16), slice(16, None)
"""The parts of a .pyc file (PEP 552): magic number, flags, hash of the source, code."""
_UNCHECKED_HASH: Final = 0b01
"""The flags of byte code that is never compared with its source."""


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


def zipped_size(folder: Path) -> int:
    """Return the bytes of a folder in the form that is uploaded."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return file.tell()


def byte_code_faults(layer: Path) -> Iterator[str]:
    """Yield each module of the layer without byte code that Lambda's Python uses as it is."""
    for source in sorted(layer.rglob("*.py")):
        name = source.relative_to(layer)
        code = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        if not code.is_file():
            yield f"{name}: no byte code"
            continue
        magic, flags, stamp, content = (code.read_bytes()[part] for part in _PARTS)
        if magic != importlib.util.MAGIC_NUMBER or int.from_bytes(flags, "little") != _UNCHECKED_HASH:
            yield f"{name}: the byte code is of another Python, or Python would compare it with the source"
        elif stamp != importlib.util.source_hash(source.read_bytes()):
            yield f"{name}: the byte code is of another source"
        elif (path := marshal.loads(content).co_filename) != f"/opt/python/{name}":  # noqa: S302 - our own build
            yield f"{name}: errors would show it as {path}"


def needless(layer: Path) -> Iterator[str]:
    """Yield each file of the layer that only type checkers and tests read."""
    for path in sorted(layer.rglob("*")):
        if path.suffix == ".pyi" or path.name in {"py.typed", "tests", "test"}:
            yield f"{path.relative_to(layer)}: no function reads it"


def late_import_faults(layer: Path, modules: Iterable[str]) -> Iterator[str]:
    """Yield each import in loaded modules, in their functions too, of a module that a package of the layer lacks."""
    packages = {path.name.split(".")[0] for path in layer.iterdir()}
    for module in sorted(modules):
        spec = PathFinder.find_spec(module, [str(layer.joinpath(*module.split(".")[:-1]))])
        if spec is None or spec.origin is None:
            yield f"{module}: loaded, but not of the layer"
            continue
        package = module if spec.submodule_search_locations else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
            for name in _imported(node, package):
                if name.split(".")[0] in packages and name not in NEVER_IMPORTED and not _holds(layer, name):
                    yield f"{module} imports {name}, which is not in the layer"


def _imported(node: ast.AST, package: str) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [each.name for each in names]
        case ast.ImportFrom(module=module, level=level):
            return [importlib.util.resolve_name("." * level + (module or ""), package)]
        case _:
            return []


def _holds(layer: Path, name: str) -> bool:
    path = layer.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or any(path.parent.glob(f"{path.name}.*.so"))


def link_runtime(folder: Path) -> None:
    """Fill `folder` with what Lambda's runtime brings, and nothing else of this environment."""
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name)
        origin = Path(spec.origin)
        origin = origin.parent if origin.name == "__init__.py" else origin
        (folder / origin.name).symlink_to(origin)


def imported(function: Function, layer: Path, runtime: Path) -> tuple[set[str], str | None]:
    """Return the modules of the layer that the handler loads, and why Lambda could not import it, or None."""
    probe = subprocess.run(  # noqa: S603  # our own interpreter and our own text
        [sys.executable, "-S", "-P", "-c", PROBE, function.handler, str(layer), *LATE],  # -S: no site-packages
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
    fault = f"{function.logical_id}: {probe.stderr}" if probe.returncode != 0 else None
    return set(probe.stdout.split()), fault


def main() -> int:
    """Say what was imported, and return 1 if Lambda could not run it."""
    template = yaml_parse((BUILT / "template.yaml").read_text(encoding="utf-8"))
    layer = built_layer(template)
    faults = [*platform_faults(layer), *byte_code_faults(layer), *needless(layer)]
    loaded: set[str] = set()
    with tempfile.TemporaryDirectory() as runtime:
        link_runtime(Path(runtime))
        for function in built_functions(template):
            modules, fault = imported(function, layer, Path(runtime))
            loaded |= modules
            faults += [fault] if fault else []
            sys.stdout.write(f"{function.handler}: {'not ' if fault else ''}imported from {function.folder}\n")
    faults += late_import_faults(layer, loaded)
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
