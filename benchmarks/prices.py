"""Prices: what requests cost, in US cents, by the prices of us-east-1 in November 2026. Route 53's API is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.audit.cost import READ

if TYPE_CHECKING:
    from benchmarks.account import Account

_METRIC: Final = 100 * READ
"""One metric of a GetMetricData request."""
_INVOCATION: Final = 0.00002
_SECOND: Final = 0.5 * 0.00166667
"""A second of a function with 512 MB (AWS Lambda pricing)."""
_MESSAGE: Final = 0.00004
"""One request to SQS (Amazon SQS pricing)."""


def cents(account: Account) -> float:
    """Return the cost of all that an account's functions did since it was last told to forget."""
    messages = sum(count for asked, count in account.asked.items() if asked.startswith("sqs:"))
    return (
        _METRIC * account.metrics
        + _INVOCATION * (account.invocations + account.audits)
        + _SECOND * account.seconds
        + _MESSAGE * messages
    )
