"""Functions of a build under AWS's own runtime: its interface emulator, and its client for Python."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.resources
import json
import os
import platform
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, override
from urllib.request import Request, urlopen

from packaging.requirements import Requirement

from lab.stack.functions import Functions, Invocation
from lab.stack.recursion import trace_header
from tests.e2e.child import Child, Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.stack.deploy import Function

_BROUGHT: Final = ("awslambdaric", "boto3")
"""What Lambda's Python has installed besides the standard library; the rest is what these require."""

_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
INVOKE: Final = "/2015-03-31/functions/function/invocations"
"""The emulator's one path (Lambda Developer Guide, images-test)."""


def link_runtime(folder: Path) -> None:
    """Fill `folder` with what Lambda's runtime brings, and nothing else of this environment."""
    for origin in sorted({path for name in _closure(_BROUGHT) for path in _modules(name)}):
        (folder / origin.name).symlink_to(origin)


def _closure(names: tuple[str, ...]) -> set[str]:
    """Return the distributions with all that they require here, without extras."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            required = map(Requirement, importlib.metadata.requires(name) or ())
            left += [each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def _modules(name: str) -> Iterator[Path]:
    """Yield the packages and modules that a distribution installed."""
    for file in importlib.metadata.files(name) or ():
        top = file.parts[0]
        if not top.endswith(".dist-info") and top not in {"..", "__pycache__"}:
            yield Path(str(file.locate())).parents[len(file.parts) - 1] / top


def python_command() -> tuple[str, ...]:
    """Return the command of a Python that finds modules where PYTHONPATH says, and in no site-packages."""
    return (sys.executable, "-S", "-P")


def runtime_environment(function: Function, layer: Path, runtime: Path) -> dict[str, str]:
    """Return a function's environment as Lambda makes it (Lambda Developer Guide, configuration-envvars)."""
    return {
        **function.environment,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
        "LAMBDA_TASK_ROOT": str(function.folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (function.folder, layer / "python", runtime))),
        "TZ": ":UTC",
    }


@dataclass(frozen=True, slots=True)
class Emulator:
    """A function that runs in the runtime interface emulator and answers at a port of loopback."""

    child: Child
    port: int

    def post(self, event: Any, timeout: float, headers: Mapping[str, str] | None = None) -> Any:
        """Invoke the function and return its answer, or the error that Lambda would report."""
        url = f"http://127.0.0.1:{self.port}{INVOKE}"
        with urlopen(Request(url, json.dumps(event).encode(), dict(headers or {})), timeout=timeout) as answer:
            return json.load(answer)

    def is_up(self) -> bool:
        """Return whether a server listens at the port."""
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False


@contextlib.contextmanager
def emulated(function: Function, environment: Mapping[str, str], output: Path) -> Iterator[Emulator]:
    """Run a function with an environment until the context ends; what it prints goes to `output`."""
    architecture = _ARCHITECTURES[platform.machine()]
    invocations, runtime_api = _free_ports(2)
    with importlib.resources.as_file(
        importlib.resources.files("samcli") / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    ) as program:
        command = (
            str(program),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{invocations}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_api}"),
            *python_command(),
            *("-m", "awslambdaric", function.handler),
        )
        with Child(Program(command, function.folder, environment), output) as child:
            emulator = Emulator(child, invocations)
            child.wait_until("the emulator listens", emulator.is_up, seconds=20)
            yield emulator


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@dataclass(slots=True)
class EmulatedFunctions(Functions):
    """A deployment's functions, run by emulators instead of in this process."""

    emulators: Mapping[str, Emulator] = field(default_factory=dict)

    @override
    def invoke(self, name: str, event: Any, *, chain: int = 1) -> Invocation:
        function = self.deployment.functions[self.logical_id(name)]
        headers = {"X-Amzn-Trace-Id": trace_header(function.arn, chain)}
        result = self.emulators[function.logical_id].post(event, timeout=60, headers=headers)
        return Invocation(
            function=function.logical_id,
            event=event,
            result=result,
            error=None,
            logs=(),
            metrics=(),
            text="",
            at=datetime.now(UTC),
            cold=False,
        )
