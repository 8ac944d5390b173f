"""Connection: the settings, the adapters and the time of one invocation."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fleet53.aws.pacer import Pacer
from fleet53.aws.retrier import Retrier
from fleet53.aws.session import TRIES
from fleet53.aws.tries import ZONE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from fleet53.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Connection[Adapters]:
    """The settings and adapters of one invocation. `retrier` knows the time left, `now` returns the current time."""

    settings: Settings
    aws: Adapters
    retrier: Retrier
    now: Callable[[], datetime]


def begin(context: LambdaContext, pacer: Pacer, zone_pacer: Pacer, *, kept: float = 0) -> Retrier:
    """Return the retrier of an invocation, which all clients use from now on. It leaves `kept` seconds unused."""
    TRIES.retrier = Retrier(
        lambda: context.get_remaining_time_in_millis() / 1000 - kept,
        time.sleep,
        random.random,
        {"route53": pacer, f"route53{ZONE_ACCOUNT}": zone_pacer},
    )
    return TRIES.retrier


def make_pacer() -> Pacer:
    """Return the pacer of a function's requests to Route 53 in one account."""
    return Pacer(time.time, random.random)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
