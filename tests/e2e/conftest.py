"""The system as it is shipped: what `sam build` makes, and the programs that a person starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
_BUILD_WITHIN: Final = 300
"""Real seconds that a build may take, which fetches the layer's wheels."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template that `sam build` wrote beside what it built, as `make build` runs it."""
    folder = tmp_path_factory.mktemp("sam") / "build"
    tools = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"} | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SAM_CLI_TELEMETRY": "0",
    }
    ran = subprocess.run(  # noqa: S603 - no shell, and our own command
        [tools / "sam", "build", "--build-dir", folder],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_BUILD_WITHIN,
    )
    if ran.returncode != 0:
        pytest.fail(f"sam build ended with {ran.returncode}:\n{ran.stdout}", pytrace=False)
    return folder / "template.yaml"
