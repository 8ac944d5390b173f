"""Play random steps for some minutes, with other random numbers each time, and print what it covered.

A failure prints its steps, as few as were found, and the seed that repeats it: `python -m tests.soak --seed 12`.
"""

from __future__ import annotations

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.soak.machine import COVERED, STEPS, Step, play


def run(number: int, steps: int, *, shrink: bool) -> None:
    """Play eight lists of steps that one seed gives."""

    @seed(number)
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEPS, min_size=steps, max_size=steps + 20), st.booleans())
    def played(chosen: list[Step], gentle: bool) -> None:
        play(chosen, gentle=gentle)

    played()


def main() -> int:
    """Run until the time is over or something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--no-shrink", action="store_true")
    chosen = parser.parse_args()
    began, number = time.monotonic(), chosen.first if chosen.seed is None else chosen.seed
    while True:
        try:
            run(number, chosen.steps, shrink=not chosen.no_shrink)
        except BaseException:
            print(f"seed {number} fails: python -m tests.soak --seed {number} --steps {chosen.steps}", flush=True)
            raise
        if chosen.seed is not None or time.monotonic() - began > 60 * chosen.minutes:
            break
        number += 1
    for name, count in sorted(COVERED.items()):
        print(f"{count:8} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
