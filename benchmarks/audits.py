"""Audits: what an audit of a large stack takes: CPU time, memory, calls, and the size of its answer."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.crowd import MEMBERS, Crowd
from benchmarks.table import keep, row, say
from lab.world import ZONE, Lab

COUNTS: Final = (100, 1000, 10_000)
MB: Final = 1_000_000
_ROOT: Final = Path(__file__).resolve().parent.parent
_PATH: Final = [str(_ROOT), str(_ROOT / "layers" / "shared"), str(_ROOT / "functions" / "audit")]


def audit(count: int, *, groups: bool = False) -> dict[str, Any]:
    """Audit an account with so many members in a process of its own, and return what it took."""
    with Lab(http=True) as lab, Crowd(lab, count, groups=groups) as crowd:
        environment = os.environ | crowd.environment | {"PYTHONPATH": os.pathsep.join(_PATH)}
        environment["NAME_SERVERS"] = ",".join(lab.route53.name_servers(ZONE))
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.invoked"]
        ended = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)  # noqa: S603
    if ended.returncode != 0:
        raise RuntimeError(f"the audit failed: {ended.stderr}")
    taken: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    well = taken["verdict"] in {"ok", "near-limit"}  # a pool of 100 members has all records that its name may have
    if not well or taken["members"] != count:
        raise RuntimeError(f"the audit is wrong: {taken}")
    return taken


def _print(title: str, taken: dict[str, Any]) -> dict[str, Any]:
    route53 = sum(number for call, number in taken["calls"].items() if call.startswith("route53:"))
    row(
        title,
        f"{taken['seconds']:.2f}",
        f"{taken['in_botocore']:.2f}",
        f"{taken['seconds'] - taken['in_botocore']:.2f}",
        f"{taken['peak'] / MB:.0f}",
        f"{taken['at_start'] / MB:.0f}",
        route53,
        sum(taken["calls"].values()) - route53,
        f"{taken['answer'] / MB:.2f}",
    )
    say("    " + ", ".join(f"{call} {number}" for call, number in sorted(taken["calls"].items())))
    return {
        "members": taken["members"],
        "botocore": round(taken["in_botocore"], 2),
        "fleet53": round(taken["seconds"] - taken["in_botocore"], 2),
        "peak": round(taken["peak"] / MB),
        "at_start": round(taken["at_start"] / MB),
    }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="audits", description=__doc__)
    parser.add_argument("--count", type=int, nargs="*", default=COUNTS, help=f"members, in pools of {MEMBERS}")
    parser.add_argument("--groups", action="store_true", help="members in an Auto Scaling group only")
    given = parser.parse_args()
    say("CPU seconds of one invocation without its start, and of that botocore's and fleet53's; the most memory in MB,")
    say("and that at the start; requests to Route 53 and to other services; MB of the answer\n")
    row("members", "CPU s", "botocore", "fleet53", "peak MB", "at start", "Route 53", "others", "answer")
    rows = [_print(f"{count}", audit(count)) for count in given.count if not given.groups]
    _print(f"{max(given.count)} in Auto Scaling groups", audit(max(given.count), groups=True))
    if given.count == COUNTS and not given.groups:
        keep("audits", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
