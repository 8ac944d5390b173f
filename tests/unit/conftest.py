"""Unit tests need milliseconds; hypothesis repeats the same examples wherever CI is set."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick",
    max_examples=100,
    deadline=None,  # a shared machine stalls now and then, which says nothing about the code
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("ci", settings.get_profile("quick"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "quick")
