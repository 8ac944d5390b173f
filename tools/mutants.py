#!/usr/bin/env python3
"""Mutation testing: change the code in small ways, and find the changes that no test notices. See docs/mutants.md.

mutmut makes the mutants and runs the tests of each. It names a mutant by the module's path, and only a package in `src`
has the name that its tests import. So it works on copies, in .mutants/<part>, and never on the files that you edit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
WORK: Final = ROOT / ".mutants"
COPIED: Final = ("events", "functions", "lab", "tests", "template.yaml")
FUNCTIONS: Final = ("reconciler", "audit", "stack_lifecycle", "widget")
STATUSES: Final = {None: "not run", 0: "survived", 5: "no test", 33: "no test", 24: "timeout", 36: "timeout"} | {
    -24: "timeout"  # SIGXCPU
}
"""What becomes of a mutant, by the exit code that mutmut notes. By any other, a test has killed it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A package to mutate, and the tests that run: each mutant meets those that call its function, fast ones first.

    `first` is any of its functions, by module and name.
    """

    package: str
    first: str
    tests: tuple[str, ...]


UNIT: Final = (
    "test_absences",
    "test_address_kinds",
    "test_adoption",
    "test_alarms",
    "test_apply",
    "test_behind",
    "test_check_names",
    "test_guard",
    "test_hooks",
    "test_membership",
    "test_orphans",
    "test_outcome",
    "test_own",
    "test_plan",
    "test_plan_properties",
    "test_replacement",
    "test_requeue",
    "test_seats",
    "test_waiting_actions",
    "test_withdrawal",
)
FUNCTIONAL: Final = (
    "test_adoption",
    "test_apply_order",
    "test_check_lifecycle",
    "test_failing_reads",
    "test_overtaken",
    "test_places",
    "test_races",
    "test_replacement",
)
_UNIT: Final = tuple(f"tests/unit/{name}.py" for name in UNIT)
PARTS: Final = {
    "planning": Part("planning", "own.x_own_checks", _UNIT),
    "convergence": Part(
        "convergence", "batches.x__fits", (*_UNIT, *(f"tests/functional/{name}.py" for name in FUNCTIONAL))
    ),
}


_CONFTEST: Final = """
from hypothesis import Phase, settings

# Of a mutant, it counts that a test fails, and not the smallest example.
settings.register_profile(
    "mutants", max_examples=25, phases=[Phase.explicit, Phase.generate], database=None, deadline=None, derandomize=True
)
settings.load_profile("mutants")
"""


def prepare(part: Part) -> Path:
    """Copy what the tests need, with the package in `src`, and return the folder."""
    folder = WORK / part.package
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    shutil.copytree(ROOT / "layers/shared/fleet53", folder / "src/fleet53", ignore=ignored)
    (folder / "layers/shared").mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    (folder / "pyproject.toml").write_text(_settings(part), encoding="utf-8")
    return folder


def _settings(part: Part) -> str:
    """Return the settings of pytest and mutmut. JSON's strings and lists are TOML's, too."""
    paths = [".", "src", *(f"functions/{name}" for name in FUNCTIONS)]
    return "\n".join(
        (
            "[tool.pytest.ini_options]",
            'addopts = ["--strict-markers", "--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist"]',
            f"pythonpath = {json.dumps(paths)}",
            "[tool.mutmut]",
            'source_paths = ["src"]',
            f"only_mutate = {json.dumps([f'src/fleet53/{part.package}/*.py'])}",
            f"also_copy = {json.dumps([*COPIED, 'conftest.py', 'layers'])}",
            f"pytest_add_cli_args_test_selection = {json.dumps(part.tests)}",
            # The lab keeps a server in a thread, which a child does not have that is forked after a test.
            'process_isolation = "forkserver"',
            "track_dependencies = false",
            "use_git_change_detection = false",
            "",
        )
    )


def results(folder: Path) -> dict[str, str]:
    """Return what has become of each mutant, by its name."""
    return {
        name: STATUSES.get(code, "killed")
        for meta in sorted((folder / "mutants").rglob("*.py.meta"))
        for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items()
    }


def run(folder: Path, names: Sequence[str], *, workers: int, seconds: float) -> None:
    """Run the tests of these mutants, for so many seconds at most."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers), *names]
    with (folder / "mutmut.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(  # noqa: S603 - names that mutmut itself has given
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            process.wait(max(seconds, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # mutmut then keeps the results that it has
            process.wait()
        else:
            if process.returncode:
                sys.exit(f"mutmut failed: see {folder / 'mutmut.log'}")


def show(folder: Path, name: str) -> str:
    """Return a mutant as a diff."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - as above
    return shown.stdout.strip()


def report(found: Mapping[str, str]) -> Iterator[str]:
    """Yield the score of each module and of all: the share of the mutants that a test has killed."""
    by_module: dict[str, Counter[str]] = {}
    for name, status in found.items():
        by_module.setdefault(name.rpartition(".x")[0], Counter())[status] += 1
    total = sum(by_module.values(), Counter[str]())
    for module, counts in (*sorted(by_module.items()), ("all", total)):
        ran = counts.total() - counts["not run"]
        noticed = counts["killed"] + counts["timeout"]
        score = f"{100 * noticed / ran:5.1f} %" if ran else "      -"
        yield f"{score} {noticed:5} of {ran:5} ({counts['not run']} not run)  {module}"


def main() -> int:
    """Run a part, or both, and print the score and the survivors."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="part", help=f"of {', '.join(PARTS)}; all by default"
    )
    parser.add_argument("--minutes", type=float, default=30, help="how long each part takes at most")
    parser.add_argument("--sample", type=int, default=0, help="how many mutants of each part run; by default all")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--only", default="", help="mutants whose names have this text")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    for part in (PARTS[name] for name in chosen.parts or PARTS):
        ends = time.monotonic() + 60 * chosen.minutes
        folder = prepare(part)
        # mutmut makes the mutants when it runs the first of them, and learns which tests call which function.
        first = f"fleet53.{part.package}.{part.first}__mutmut_1"
        run(folder, [first], workers=chosen.workers, seconds=ends - time.monotonic())
        names = sorted(name for name, status in results(folder).items() if chosen.only in name and status == "not run")
        if chosen.sample:
            names = random.Random(chosen.seed).sample(names, min(chosen.sample, len(names)))
        if names:
            run(folder, names, workers=chosen.workers, seconds=ends - time.monotonic())
        found = results(folder)
        for name, status in found.items():
            if status in {"survived", "no test"} and chosen.only in name:
                sys.stdout.write(f"{show(folder, name)}\n")
        sys.stdout.writelines(f"{line}\n" for line in report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
