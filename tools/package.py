#!/usr/bin/env python3
"""Makes .aws-sam/fleet53.zip: what `sam build` made, with all that its template names beside it.

`sam build` leaves the functions' folders, the licence and the README where they are, because it builds only the layer.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BUILT: Final = ROOT / ".aws-sam/build"
FOLDER: Final = ROOT / ".aws-sam/fleet53"
OUTSIDE: Final = "../../"
"""How the built template begins the path of what was not built: from its folder to the repository's."""


def gather(built: Path, folder: Path) -> None:
    """Copy the build, and what its template names outside it, into a folder that needs nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(built, folder)
    shutil.copytree(ROOT / "functions", folder / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md"):
        shutil.copy(ROOT / name, folder)
    template = folder / "template.yaml"
    template.write_text(template.read_text(encoding="utf-8").replace(OUTSIDE, ""), encoding="utf-8")


def main() -> None:
    """Make the archive."""
    gather(BUILT, FOLDER)
    shutil.make_archive(str(FOLDER), "zip", FOLDER)


if __name__ == "__main__":
    main()
