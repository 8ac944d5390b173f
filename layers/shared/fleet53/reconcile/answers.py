"""Answers: whether a run that has brought a pool back may end the alarm about unanswered pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.record import ANSWERING

if TYPE_CHECKING:
    from fleet53.domain.pool import Pool
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run

_MOST: Final = 10
"""How many pools a run reads at most, so that a hundred pools that are filled do not each read all others."""


def look_at_others(outcome: Outcome, run: Run) -> None:
    """Add a pool that the run has not passed to the unanswered ones, if no record is at its name.

    It reads only where the run has filled a pool, and until it finds one. A pool that cannot be read, or that is one of
    too many, may be unanswered, so the alarm lasts until the next audit. A pool without instances is left out, if EC2
    lists the instances: it keeps no alarm, because it may never have had any.
    """
    if not outcome.filled:
        return
    tagged = {name for instance in outcome.instances.values() for name in instance.pools}
    passed = outcome.statuses.keys()
    others = [each for each in outcome.valid if each.name not in passed and (outcome.unlisted or each.name in tagged)]
    found = others[0] if len(others) > _MOST else next((each for each in others if not _is_answered(each, run)), None)
    if found is not None:
        outcome.unanswered.add(found.name)


def _is_answered(pool: Pool, run: Run) -> bool:
    try:
        with run.aws.retrier.within(DISPENSABLE):
            records = run.aws.route53.records_at(*pool.place)
    except (ZoneUnreadableError, *AWS_ERRORS):
        return False
    return any(record.type in ANSWERING for record in records)
