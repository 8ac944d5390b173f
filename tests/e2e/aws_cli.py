"""A stand-in for the AWS CLI that answers in this process: it reads a command's words as the CLI does, and calls boto3.

It knows what the pages use of the CLI: options, shorthand, JSON, files, --query, and the outputs text and json (AWS CLI
User Guide, "Specifying parameter values" and "Controlling command output").
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jmespath
from botocore import xform_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_TOKEN = re.compile(r"""[=,\[\]{}]|'[^']*'|"[^"]*"|[^=,\[\]{}'"]+""")


class UsageError(Exception):
    """A command that the AWS CLI would not take."""


def run(words: Sequence[str], client: Callable[[str, str | None], Any], folder: Path) -> str:
    """Run a command without its first word, `aws`, and return what it prints; files are looked for in `folder`.

    `client` makes a client of a service in a region. What AWS refuses is raised as boto3 raises it.
    """
    service, command, *given = words
    options = _options(given)
    if (service, command) == ("cloudformation", "deploy"):
        return _deploy(options, client(service, None), folder)
    query, output = (options.pop(name, [""])[0] for name in ("--query", "--output"))
    made = client(service, options.pop("--region", [None])[0])
    names = {xform_name(name, "-"): name for name in made.meta.service_model.operation_names}
    if command not in names:
        raise UsageError(f"{service} has no command {command}")
    shape = made.meta.service_model.operation_model(names[command]).input_shape
    members = shape.members if shape is not None else {}
    by_option = {f"--{xform_name(name, '-')}": name for name in members}
    parameters: dict[str, Any] = {}
    for option, values in options.items():
        name = by_option.get(option.replace("--no-", "--", 1) if option not in by_option else option)
        if name is None:
            raise UsageError(f"{command} has no option {option}")
        read = [_file(folder, each) if each.startswith("file://") else each for each in values]
        parameters[name] = _typed(members[name], read) if read else option in by_option
    method = xform_name(names[command])
    if made.can_paginate(method):
        answer = made.get_paginator(method).paginate(**parameters).build_full_result()
    else:
        answer = getattr(made, method)(**parameters)
        answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, answer) if query else answer
    return _text(found) if output == "text" else json.dumps(found, indent=4, default=str) + "\n"


def _deploy(options: dict[str, list[str]], client: Any, folder: Path) -> str:
    """Create a stack by a change set (AWS CLI Command Reference, cloudformation deploy)."""
    (name,), (template,) = options.pop("--stack-name"), options.pop("--template-file")
    parameters = [each.split("=", 1) for each in options.pop("--parameter-overrides", [])]
    if options:
        raise UsageError(f"deploy has no option {' '.join(options)}")
    client.create_change_set(
        StackName=name,
        ChangeSetName="deploy",
        ChangeSetType="CREATE",
        TemplateBody=(folder / template).read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters],
    )
    client.execute_change_set(StackName=name, ChangeSetName="deploy")
    return f"Successfully created/updated stack - {name}\n"


def _file(folder: Path, address: str) -> str:
    return (folder / address.removeprefix("file://")).read_text(encoding="utf-8")


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            found[word] = values = []
        elif not found:
            raise UsageError(f"what is {word}?")
        else:
            values.append(word)
    return found


def _typed(shape: Any, values: list[str]) -> Any:
    """Return an option's value as its shape has it."""
    if shape.type_name in {"list", "structure", "map"} and values[0][:1] in {"[", "{"}:
        return json.loads(values[0])
    if shape.type_name == "list":
        scalar = shape.member.type_name not in {"list", "structure", "map"}
        return [_cast(shape.member, each if scalar else _shorthand(each)) for each in values]
    if len(values) != 1:
        raise UsageError(f"one value, not {' '.join(values)}")
    return _cast(shape, values[0] if shape.type_name not in {"structure", "map"} else _shorthand(values[0]))


def _cast(shape: Any, value: Any) -> Any:
    """Return a value of texts with numbers where the shape has them, and lists where it has lists."""
    match shape.type_name:
        case "integer" | "long":
            return int(value)
        case "boolean":
            return value in {True, "true"}
        case "structure":
            return {name: _cast(shape.members[name], each) for name, each in value.items()}
        case "list":
            return [_cast(shape.member, each) for each in (value if isinstance(value, list) else [value])]
    return value


def _shorthand(text: str) -> dict[str, Any]:
    tokens = _TOKEN.findall(text)[::-1]
    found = _pairs(tokens)
    if tokens:
        raise UsageError(f"not understood: {text}")
    return found


def _pairs(tokens: list[str]) -> dict[str, Any]:
    """Read key=value pairs; words after a value that are not keys make it a list."""
    found: dict[str, Any] = {}
    while tokens and tokens[-1] != "}":
        key = tokens.pop()
        if not tokens or tokens.pop() != "=":
            raise UsageError(f"= expected after {key}")
        value = _value(tokens)
        while tokens[-1:] == [","]:
            tokens.pop()
            if tokens[-2:-1] == ["="]:
                break
            value = [*(value if isinstance(value, list) else [value]), _value(tokens)]
        found[key] = value
    return found


def _value(tokens: list[str]) -> Any:
    word = tokens.pop() if tokens else ""
    if word == "{":
        inside = _pairs(tokens)
        tokens.pop()
        return inside
    if word == "[":
        items = [_value(tokens)]
        while tokens.pop() == ",":
            items.append(_value(tokens))
        return items
    return word.strip("'\"")


def _text(found: Any) -> str:
    """Return an answer as --output text prints it: a list's rows on lines, their cells between tabs."""
    rows = found if isinstance(found, list) else [found]
    if rows and not any(isinstance(row, list) for row in rows):
        rows = [rows]
    return "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows)
