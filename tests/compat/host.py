"""The emulator as a process: LocalStack from .venv-compat, on loopback, with everything it writes in one folder."""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import platform
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import ProxyHandler, build_opener

from lab.loopback import HOST, self_signed
from tests.artifact.lambda_runtime import link_runtime, python_command
from tests.e2e.child import Child, Program

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON: Final = ROOT / ".venv-compat/bin/python"
REGION: Final = "eu-west-1"
_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
_READY_WITHIN: Final = 120.0
_DIRECT: Final = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: `aws` is the environment with which AWS's clients find it."""

    child: Child
    aws: dict[str, str]

    def lines(self, start: str) -> list[str]:
        """Return what follows `start` in the lines that the emulator has printed."""
        return [line.removeprefix(start) for line in self.child.printed().splitlines() if line.startswith(start)]


@contextlib.contextmanager
def running() -> Iterator[Emulator]:
    """Run the emulator until the context ends. Nothing of it is left then, neither a process nor a file."""
    with tempfile.TemporaryDirectory(prefix="fleet53-compat-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for part in ("runtime", "tmp", "home"):
            (folder / part).mkdir()
        link_runtime(folder / "runtime")
        certificate = folder / "server.pem"
        certificate.write_bytes(self_signed("localstack.compat"))
        rapid = importlib.resources.files("samcli") / "local" / "rapid"
        program = rapid / f"aws-lambda-rie-{_ARCHITECTURES[platform.machine()]}"
        functions = {
            "emulator": str(stack.enter_context(importlib.resources.as_file(program))),
            "python": list(python_command()),
            "runtime": str(folder / "runtime"),
            "certificate": str(certificate),
        }
        port = _free_port()
        environment = _environment(folder, port) | {"FLEET53_COMPAT": json.dumps(functions)}
        command = (str(PYTHON), "-W", "ignore", "-m", "tests.compat.emulator")
        output = folder / "emulator.log"
        child = Child(Program(command, ROOT, environment), output)
        try:
            with child:
                child.wait_until("the emulator is ready", lambda: "Ready." in child.printed(), _READY_WITHIN)
                yield Emulator(child, _aws(port))
        finally:
            child.end_rest()
            if kept := os.environ.get("FLEET53_COMPAT_LOG"):
                Path(kept).write_bytes(output.read_bytes())


def _environment(folder: Path, port: int) -> dict[str, str]:
    """Return the emulator's whole environment (LocalStack's documentation, Configuration)."""
    return {
        "HOME": str(folder / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", str(folder / "byte-code")),
        "TMPDIR": str(folder / "tmp"),
        "FILESYSTEM_ROOT": str(folder / "files"),
        "DISABLE_EVENTS": "1",  # no telemetry
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "CUSTOM_SSL_CERT_PATH": str(folder / "server.pem"),
        "DNS_ADDRESS": "0",  # no DNS server
        "GATEWAY_LISTEN": f"{HOST}:{port}",
        "LOCALSTACK_HOST": f"{HOST}:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",  # the other strategies have host names that have to be resolved
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
    }


def _aws(port: int) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": HOST,
        "SAM_CLI_TELEMETRY": "0",
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
