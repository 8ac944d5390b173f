"""Answers: whether a run that has brought a pool back may end the alarm about unanswered pools."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.record import ANSWERING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from fleet53.domain.ids import PoolName, ZoneId
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
    found = next(_unanswered(others, run), None)
    if found is not None:
        outcome.unanswered.add(found)


def _unanswered(pools: Collection[Pool], run: Run) -> Iterator[PoolName]:
    """Yield the pools that may have no record."""
    if len(pools) > _MOST:
        yield from (pool.name for pool in pools)
        return
    for zone_id, here in groupby(sorted(pools, key=_zone_of), key=_zone_of):
        names = {pool.record_name: pool.name for pool in here}
        try:
            with run.aws.retrier.within(DISPENSABLE):
                records = run.aws.route53.records_at_names(zone_id, names)
        except (ZoneUnreadableError, *AWS_ERRORS):
            yield from names.values()
            continue
        yield from (names[name] for name in names if not any(each.type in ANSWERING for each in records[name]))


def _zone_of(pool: Pool) -> ZoneId:
    return pool.zone_id
