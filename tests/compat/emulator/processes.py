"""Functions as processes: what LocalStack's Lambda uses in place of containers.

Each execution environment is a process of AWS's runtime interface emulator, which starts the runtime with the first
invocation. FLEET53_COMPAT says how: Functions.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import ProxyHandler, Request, build_opener

from localstack.services.lambda_.invocation.lambda_models import InvocationResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST: Final = "127.0.0.1"
_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_START_WITHIN: Final = 20.0
_END_WITHIN: Final = 10.0
_PAUSE: Final = 0.05
_GRACE: Final = 10.0
"""Seconds after its timeout within which the emulator has ended a function."""
_DIRECT: Final = build_opener(ProxyHandler({}))


class ProcessExecutor:
    """One execution environment of a function, with the methods of LocalStack's RuntimeExecutor.

    `function_version` is LocalStack's FunctionVersion. Its code and its layers are unzipped in folders of this machine.
    """

    def __init__(self, executor_id: str, function_version: Any) -> None:
        self.id = executor_id
        self.function_version = function_version
        self._settings: dict[str, Any] = json.loads(os.environ["FLEET53_COMPAT"])
        self._output = Path(tempfile.gettempdir()) / f"{function_version.id.function_name}-{executor_id}.log"
        self._read = 0

    @staticmethod
    def validate_environment() -> bool:
        """Return True: no container engine is needed."""
        return True

    @staticmethod
    def prepare_version(function_version: Any) -> None:
        """Unzip the code of a function and of its layers."""
        for code in _codes(function_version):
            code.prepare_for_execution()

    @staticmethod
    def cleanup_version(function_version: Any) -> None:
        """Do nothing: LocalStack deletes the unzipped code itself."""

    def start(self, env_vars: Mapping[str, Any]) -> None:
        """Start the runtime interface emulator with the function's environment, and return when it listens."""
        folder, *layers = (code.get_unzipped_code_location() for code in _codes(self.function_version))
        path = [folder, *(layer / "python" for layer in layers), self._settings["runtime"]]
        self._port, runtime_api = _free_ports(2)
        command = [
            self._settings["emulator"],
            *("--runtime-interface-emulator-address", f"{HOST}:{self._port}"),
            *("--runtime-api-address", f"{HOST}:{runtime_api}"),
            *self._settings["python"],
            *("-m", "awslambdaric", self.function_version.config.handler),
        ]
        environment = {name: str(value) for name, value in env_vars.items()} | {
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "LAMBDA_TASK_ROOT": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "SSL_CERT_FILE": self._settings["certificate"],
        }
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, and our own command
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _START_WITHIN
        while not _listens(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the runtime interface emulator did not start: {self.get_logs()}")
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """End the process, and with it the runtime that it has started."""
        self._process.terminate()
        try:
            self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get_address(self) -> str:
        """Return where the process listens."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """Return where the function finds LocalStack."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Return nothing: the runtime interface emulator does not report to LocalStack."""
        return ""

    def get_logs(self) -> str:
        """Return all that the process has printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def invoke(self, payload: Mapping[str, str]) -> Any:
        """Invoke the function and return its InvocationResult. An error is told by its fields, as Lambda's clients do.

        `payload` has the event as JSON text at `payload` and a trace header at `trace-id`.
        """
        headers = {"Content-Type": "application/json", "X-Amzn-Trace-Id": payload["trace-id"]}
        request = Request(f"http://{HOST}:{self._port}{_INVOKE}", payload["payload"].encode(), headers)
        with _DIRECT.open(request, timeout=self.function_version.config.timeout + _GRACE) as answer:
            body = answer.read()
        printed = self.get_logs()
        new, self._read = printed[self._read :], len(printed)
        return InvocationResult(payload["invoke-id"], body, is_error=_is_error(body), logs=new or "nothing")


def _codes(function_version: Any) -> Iterator[Any]:
    """Yield the code of a function, and then that of each of its layers."""
    yield function_version.config.code
    yield from (layer.code for layer in function_version.config.layers)


def _is_error(body: bytes) -> bool:
    """Tell whether a function has failed (Lambda Developer Guide, python-exceptions), or was ended at its timeout."""
    try:
        answer = json.loads(body)
    except ValueError:
        return True
    return isinstance(answer, dict) and {"errorMessage", "errorType"} <= answer.keys()


def _listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
