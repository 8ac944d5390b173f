#!/usr/bin/env python3
"""`make bench`: how long each built function takes to start, beside an empty handler with the same clients.

Each start is a new process of AWS's runtime interface emulator, which reports how long the init phase took. The empty
handler is the floor: it makes the clients that the reconciler, the audit and the widget make, and does nothing else.
The functions start in turn, and each start is compared with the empty handler's of the same turn, because other work on
the machine slows both. Compare the ratios of one run only.
Nothing is asserted here, because times depend on the machine.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from samtranslator.yaml_helper import yaml_parse

from lab.stack.deploy import Function
from tests.artifact.lambda_runtime import INVOKE, emulated, link_runtime, runtime_environment
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
_REPORT: Final = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_WITHIN: Final = 120.0


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


def init_milliseconds(function: Function, environment: Mapping[str, str], output: Path) -> float:
    """Start the function once, and return the milliseconds of its init phase as the emulator reports them."""
    with emulated(function, environment, output) as emulator:
        # The emulator starts the runtime with the first invocation. Its answer is of no interest: it would come from
        # AWS, which is not there.
        asked = http.client.HTTPConnection("127.0.0.1", emulator.port)
        asked.request("POST", INVOKE, body=b"{}")
        found = emulator.child.wait_until(
            "the init phase is reported", lambda: _REPORT.search(emulator.child.printed()), seconds=_WITHIN
        )
        asked.close()
    return float(found[1])


def main() -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="cold_start", description=__doc__)
    parser.add_argument("--starts", type=int, default=9, help="starts of each function (default: 9)")
    starts: int = parser.parse_args().starts
    layer = built_layer(yaml_parse((BUILT / "template.yaml").read_text(encoding="utf-8")))
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        empty, runtime, output = (Path(name) / each for each in ("empty", "runtime", "output"))
        empty.mkdir()
        runtime.mkdir()
        link_runtime(runtime)
        functions = built(empty)
        for _ in range(starts):
            for logical_id, function in functions.items():
                environment = runtime_environment(function, layer.parent, runtime)
                taken.setdefault(logical_id, []).append(init_milliseconds(function, environment, output))
    sys.stdout.write(f"cold start, median of {starts} starts    ms  of the empty handler\n")
    for logical_id, values in taken.items():
        median = statistics.median(values)
        ratio = statistics.median(value / floor for value, floor in zip(values, taken[FLOOR], strict=True))
        sys.stdout.write(f"{logical_id:33}  {median:6.0f}  {ratio:20.2f}\n")
    sys.stdout.write(f"layer, zipped: {zipped_size(layer.parent) / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
