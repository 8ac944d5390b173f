"""What holds for every test: Python collects garbage seldom, because the lab and what it imports are for ever."""

from __future__ import annotations

import gc
from typing import Final

_AFTER: Final = 100_000
"""New objects after which the youngest generation is collected; 2,000 is Python 3.13's own."""


def pytest_collection_finish() -> None:
    """Leave what collection imported out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_AFTER)
