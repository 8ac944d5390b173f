"""Names: an audit that repairs finds health checks without a name and queues their naming.

Note [Names] in planning/check_names.py. A missing name is neither drift nor a finding, because nothing in DNS depends
on it.
"""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, Limits
from fleet53.convergence.pool_looks import NO_TIMER
from fleet53.planning.check_names import TOGETHER, find_to_look_at
from fleet53.signals.messages import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import CheckId
    from fleet53.domain.log import Log
    from fleet53.planning.situation import Situation

_LIMITS: Final = Limits(tries=1, reserve=30.0, hurried=True)
MOST: Final = 200
"""Health checks that one message names: as many as an account has by default."""


def queue_naming(situation: Situation, aws: Aws, log: Log, *, now: datetime) -> None:
    """Queue a message that lists health checks without a name, if there are any. An AWS error is only logged."""
    if aws.retrier.throttled["route53"]:
        return
    names = find_to_look_at(situation, now=now)
    try:
        with aws.retrier.within(_LIMITS):
            unnamed = _find_unnamed(tuple(names), aws)
            if unnamed:
                pools = frozenset(names[each].pool for each in unnamed)
                because = f"health checks without a name: {len(unnamed)}"
                aws.queue.send(reconcile_message(pools, because, attempt=NO_TIMER, unnamed=unnamed))
    except AWS_ERRORS as error:
        log.info("names of health checks not looked for", extra={"because": str(error)})


def _find_unnamed(check_ids: Sequence[CheckId], aws: Aws) -> list[CheckId]:
    unnamed: list[CheckId] = []
    for number, together in enumerate(batched(check_ids, TOGETHER, strict=False)):
        found = aws.check_names.missing(together)
        unnamed += (each for each in together if each in found)
        if (number and not found) or len(unnamed) >= MOST:
            break
    return unnamed[:MOST]
