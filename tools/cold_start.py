#!/usr/bin/env python3
"""`make bench`: time and memory that each built function takes to start, beside an empty handler with the same clients.

Each start is a new process of AWS's runtime interface emulator, which reports how long the init phase took. The empty
handler is the floor: it makes the clients that the reconciler, the audit and the widget make, and does nothing else.
The functions start in turn, and each start is compared with the empty handler's of the same turn, because other work on
the machine slows both. Compare the ratios of one run only. Each function is then invoked some more times with an event
that asks AWS for nothing, because AWS is not there: a warm start. The memory is the most that its process had by then.
Nothing is asserted here, because times depend on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError

from samtranslator.yaml_helper import yaml_parse

from lab.stack.deploy import Function
from tests.artifact.lambda_runtime import emulated, link_runtime, runtime_environment
from tools.import_built import BUILT, built_functions, built_layer, zipped_size

if TYPE_CHECKING:
    from collections.abc import Mapping

FLOOR: Final = "empty handler"
EMPTY: Final = """
import boto3

session = boto3.Session()
names = "ec2", "autoscaling", "route53", "cloudwatch", "cloudwatch", "ssm", "sqs", "events"
clients = [session.client(name) for name in names]


def handler(event, context):
    return None
"""
ASKS_NOTHING: Final[Mapping[str, Any]] = {
    FLOOR: {},
    "AuditFunction": {"format": "none"},
    "ReconcilerFunction": {"Records": []},
    "StackLifecycleFunction": {},
    "WidgetFunction": {"describe": True},
}
"""Events that the functions answer without AWS. The audit and the stack's lifecycle refuse theirs."""
_WARM: Final = 10
_INIT: Final = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_INVOCATION: Final = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms\)")
_WITHIN: Final = 120.0


@dataclass(frozen=True, slots=True)
class Start:
    """A start: milliseconds of the init phase and of a warm invocation, and the most memory in MB."""

    init: float
    warm: float
    memory: float


def built(empty: Path) -> dict[str, Function]:
    """Return the empty handler in the folder `empty`, and each function of the build, by logical id."""
    template = yaml_parse((BUILT / "template.yaml").read_text(encoding="utf-8"))
    (empty / "empty.py").write_text(EMPTY, encoding="utf-8")
    region = {"AWS_DEFAULT_REGION": "eu-west-1"}
    functions = {FLOOR: Function(FLOOR, FLOOR, FLOOR, empty, "empty.handler", region, 60, 256)}
    for each in built_functions(template):
        functions[each.logical_id] = Function(
            each.logical_id, each.logical_id, "arn", each.folder, each.handler, region | each.environment, 60, 256
        )
    return functions


def started(function: Function, environment: Mapping[str, str], output: Path) -> Start:
    """Start the function once, and return what the emulator reports and how much memory the process had."""
    with emulated(function, environment, output) as emulator:
        for _ in range(1 + _WARM):  # the emulator starts the runtime with the first invocation
            with contextlib.suppress(HTTPError):
                emulator.post(ASKS_NOTHING[function.logical_id], timeout=_WITHIN)
        printed = emulator.child.printed()
        memory = emulator.child.most_memory()
    (init,) = _INIT.findall(printed)
    warm = statistics.median(float(each) for each in _INVOCATION.findall(printed)[1:])
    return Start(float(init), warm, memory)


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="cold_start", description=__doc__)
    parser.add_argument("--starts", type=int, default=9, help="starts of each function (default: 9)")
    starts: int = parser.parse_args().starts
    layer = built_layer(yaml_parse((BUILT / "template.yaml").read_text(encoding="utf-8")))
    taken: dict[str, list[Start]] = {}
    with tempfile.TemporaryDirectory() as name:
        empty, runtime, output = (Path(name) / each for each in ("empty", "runtime", "output"))
        empty.mkdir()
        runtime.mkdir()
        link_runtime(runtime)
        functions = built(empty)
        for _ in range(starts):
            for logical_id, function in functions.items():
                environment = runtime_environment(function, layer.parent, runtime)
                taken.setdefault(logical_id, []).append(started(function, environment, output))
    sys.stdout.write(f"median of {starts} starts    cold, ms  of the empty handler  warm, ms  memory, MB\n")
    for logical_id, values in taken.items():
        init, warm, memory = (
            statistics.median(getattr(value, each) for value in values) for each in ("init", "warm", "memory")
        )
        ratio = statistics.median(value.init / floor.init for value, floor in zip(values, taken[FLOOR], strict=True))
        sys.stdout.write(f"{logical_id:22}  {init:10.0f}  {ratio:20.2f}  {warm:8.1f}  {memory:10.0f}\n")
    sys.stdout.write(f"layer, zipped: {zipped_size(layer.parent) / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
