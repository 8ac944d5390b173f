"""Cost: the monthly price of a stack's health checks, by Route 53's price list of 2026 for endpoints in AWS. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.report.model import Cost

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet53.domain.model import CheckConfig

_BASIC: Final = 0.50
"""US dollars a month for a health check."""
_FEATURE: Final = 1.00
"""US dollars a month for each optional feature: HTTPS, string matching, the fast interval, latency."""
_FREE: Final = 50
"""Health checks of an account that are free. Their optional features are not."""
_FAST: Final = 10


def cost_of(ours: Collection[CheckConfig], *, in_account: int) -> Cost:
    """Return what the checks `ours` add to the bill of an account that has `in_account` of them, ours included."""
    paid = min(len(ours), max(0, in_account - _FREE))
    features = sum(_features(config) for config in ours)
    return Cost(len(ours), paid * _BASIC + features * _FEATURE)


def _features(config: CheckConfig) -> int:
    return sum(
        (
            config.settings.protocol == "https",
            config.settings.search_string is not None,
            config.settings.interval == _FAST,
            config.measure_latency,
        )
    )
