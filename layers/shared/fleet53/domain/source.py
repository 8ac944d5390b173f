"""Sources: what a pass reads from AWS. If one cannot be read, the pass does all that does not depend on it."""

from __future__ import annotations

from enum import StrEnum


class Source(StrEnum):
    """Something that a pass could not read. A withdrawal that EC2 alone decides needs none of it."""

    EC2 = "EC2"
    AUTO_SCALING = "Auto Scaling"
    SPOT = "Spot requests"
    CHECKS = "health checks"
    ALARMS = "alarms"
    HEALTH = "health"
