"""Whether the commands that a page shows exist, with the options that they are given."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import xform_name
from click import Context
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final[dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))

GLOBAL_OPTIONS: Final = {"--output", "--profile", "--query", "--region"}
"""Options that every command of the AWS CLI takes (its user guide, global options)."""

BEYOND_THE_MODEL: Final = {
    # Commands of the CLI's own, which no operation has.
    ("cloudformation", "deploy"): {
        "--capabilities",
        "--parameter-overrides",
        "--s3-bucket",
        "--stack-name",
        "--template-file",
    },
    ("cloudformation", "package"): {"--output-template-file", "--s3-bucket", "--template-file"},
    ("s3", "cp"): set(),
    ("route53", "list-resource-record-set-protections"): {"--hosted-zone-id"},  # newer than the boto3 that is pinned
    ("route53", "delete-resource-record-set-protections"): {"--hosted-zone-id", "--protections"},
}
"""Commands of the AWS CLI that boto3's models do not have, with options of theirs (AWS CLI Command Reference)."""


def faults(commands: Iterable[Sequence[str]]) -> list[str]:
    """Return what is wrong with commands that begin with make, aws or sam; others are not looked at."""
    known = {"make": _make_faults, "aws": _aws_faults, "sam": _sam_faults}
    return [
        f"{' '.join(words)}: {fault}"
        for words in commands
        if words[0] in known
        for fault in known[words[0]](list(words[1:]))
    ]


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _make_faults(words: list[str]) -> list[str]:
    target, *given = words
    if target not in make_targets():
        return [f"no target {target}"]
    found = []
    for variable, _, value in (each.partition("=") for each in given):
        if variable not in _variables(target):
            found.append(f"{target} reads no {variable}")
        elif variable == "PARAMETERS":
            found += _parameter_faults(value)
    return found


def _variables(target: str) -> set[str]:
    """Return the variables that a target's rule reads."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rule = re.search(rf"^{target}:.*?(?=^\S|\Z)", makefile, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"\$(?:\(|\$\{?)(?:if \$\()?([A-Z]+)", rule[0])) if rule else set()


def _parameter_faults(text: str) -> list[str]:
    found = []
    for name, _, value in (each.partition("=") for each in text.split()):
        parameter = TEMPLATE["Parameters"].get(name, {"AllowedValues": []})
        listed = value in map(str, parameter.get("AllowedValues", [value]))
        if not (listed and ("$" in value or re.fullmatch(parameter.get("AllowedPattern", ".*"), value))):
            found.append(f"the template takes no {name}={value}")
    return found


def _aws_faults(words: list[str]) -> list[str]:
    service, command, *given = words
    options = BEYOND_THE_MODEL.get((service, command))
    if options is None:
        model = boto3.client(service, region_name="eu-west-1").meta.service_model  # type: ignore[call-overload]
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        if command not in operations:
            return [f"{service} has no {command}"]
        shape = model.operation_model(operations[command]).input_shape
        members = shape.members if shape is not None else {}
        options = {f"--{xform_name(name, '-')}" for name in members}
        options |= {
            f"--no-{xform_name(name, '-')}" for name, member in members.items() if member.type_name == "boolean"
        }
        missing = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape is not None else [])}
        missing -= {option.replace("--no-", "--") for option in given}
        if missing:
            return [f"{command} needs {' '.join(sorted(missing))}"]
    return [
        f"{command} has no {word}" for word in given if word.startswith("--") and word not in options | GLOBAL_OPTIONS
    ]


def _sam_faults(words: list[str]) -> list[str]:
    command: Any = importlib.import_module("samcli.cli.main").cli
    while hasattr(command, "get_command"):
        # An empty context has SAM import nothing, and answer with a command that has no options.
        command = command.get_command(Context(command, obj=True), words.pop(0))
    if command is None:
        return ["no such command"]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    found = [f"no option {word}" for word in words if word.startswith("--") and word not in options]
    if command.name == "invoke" and TEMPLATE["Resources"].get(words[0], {}).get("Type") != "AWS::Serverless::Function":
        found.append(f"{words[0]} is not a function of the template")
    return found
