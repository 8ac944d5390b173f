"""Version 0.1.0, from which the story upgrades: its template and its code, which the history of this repository has."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING, Final

from tests.compat.host import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COMMIT: Final = "a21cd202348ef40179ebdbf2de4bff5138c465a3"
"""The last commit of version 0.1.0. The changelog has what came after it under Unreleased."""
_PARTS: Final = ("template.yaml", "functions", "layers")
_BIN: Final = ROOT / ".venv/bin"


def build(folder: Path) -> Path:
    """Build it in an empty folder with `sam build`, and return the path of the built template.

    Raises CalledProcessError if the clone does not have the commit, or if the build fails.
    """
    archive = ["git", "archive", COMMIT, *_PARTS]
    written = subprocess.run(archive, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - no shell, and our own command
    with tarfile.open(fileobj=io.BytesIO(written)) as parts:
        parts.extractall(folder, filter="data")
    environment = os.environ | {
        "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    }  # the layer's build needs Python 3.13
    subprocess.run([_BIN / "sam", "build"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 - as above
    return folder / ".aws-sam/build/template.yaml"
