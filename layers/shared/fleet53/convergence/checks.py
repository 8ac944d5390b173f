"""Health checks: reads the account's health checks, their alarms and their health, if a pass needs them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet53.aws.health import LEAST_COVERED
from fleet53.aws.pacer import STATUS
from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE, is_denied
from fleet53.aws.statuses import MOST_A_LOOK
from fleet53.convergence.instances import add_instances
from fleet53.domain.alarm import INSTANCE_ID, AlarmSettings, confirmed
from fleet53.domain.health_check import HEALTHY_ABOVE
from fleet53.domain.source import Source
from fleet53.planning.looks import STEP
from fleet53.planning.pool_checks import owned_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime, timedelta

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import CheckId
    from fleet53.planning.situation import Situation

_AT_ONCE: Final = 4
"""How many statuses Route 53 answers without a pause."""
_TURN: Final = STEP
"""Seconds after which other health checks have their turn: the time between two looks at a waiting member."""


def add_checks(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the account's health checks and alarms, and with the instances of our health checks.

    Health checks and alarms that cannot be read are noted. A withdrawal of a record does not depend on them.
    """
    try:
        with aws.retrier.within(DISPENSABLE):
            checks = aws.route53.checks()
    except AWS_ERRORS as error:
        return situation.without(Source.CHECKS, error, denied=is_denied(error))
    references = (situation.owner.read_reference(check.reference) for check in checks.values())
    holders = {reference.instance_id for reference in references if reference is not None}
    return _add_alarms(add_instances(replace(situation, checks=checks), holders, aws), aws)


def _add_alarms(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the alarms that its health checks follow or will follow, and all of our own.

    A stack whose health checks follow no alarms reads them only in a sweep, which finds alarms that were left behind.
    """
    owner = situation.owner
    settings = {pool.name: pool.check.name for pool in situation.pools if isinstance(pool.check, AlarmSettings)}
    by_alarm = situation.by_alarm
    followed = {by_alarm.get(check.id) for check, _ in owned_checks(situation)} - {None}
    if not (settings or followed or situation.swept):
        return situation
    kept = (
        name.replace(INSTANCE_ID, instance_id)
        for pool, name in settings.items()
        if name is not None
        for instance_id in situation.tagged_for(pool)
    )
    try:
        with aws.retrier.within(DISPENSABLE):
            alarms = aws.alarms.starting_with(owner.alarm_prefix) | aws.alarms.named(kept)
    except AWS_ERRORS as error:
        return situation.without(Source.ALARMS, error, denied=is_denied(error))
    holders = (held[1] for name in alarms if (held := owner.read_alarm_name(name)) is not None)
    return add_instances(replace(situation, alarms=alarms), holders, aws)


def add_health(
    situation: Situation,
    check_ids: Iterable[CheckId],
    aws: Aws,
    *,
    ask: Collection[CheckId],
    goes_on: Callable[[], bool],
    now: datetime,
) -> Situation:
    """Return the situation with what Route 53 sees of `check_ids`. A health check without data is missing.

    The health is read from CloudWatch, whose newest datapoint may be a minute old. So Route 53 itself is asked for
    those of the health checks to `ask` for that are not healthy there, if they are few. Where CloudWatch cannot be
    read, Route 53 is asked for MOST_A_LOOK of the health checks, in each pass for other ones. Before each request that
    has to wait, `goes_on` says whether it is sent. Route 53 has no status of health checks that follow alarms.
    """
    wanted, by_alarm = frozenset(check_ids), situation.by_alarm
    if not wanted:
        return situation
    seen: dict[CheckId, bool] = {}
    try:
        with aws.retrier.within(DISPENSABLE):
            seen = aws.health.seen(wanted, by_alarm, now=now)
    except AWS_ERRORS as error:
        situation = situation.without(Source.HEALTH, error)
    asked = sorted(each for each in ask if not seen.get(each) and each not in by_alarm)
    if Source.HEALTH in situation.unread or len(asked) <= MOST_A_LOOK:
        asked = _turn(asked, now)
    if not aws.statuses.take(len(asked), now=now):
        asked = []
    for check_id in asked:
        if aws.pacer.delay(STATUS) > 0 and not goes_on():
            break
        try:
            with aws.retrier.within(DISPENSABLE):
                if (percent := aws.route53.percent_healthy(check_id)) is not None:
                    seen[check_id] = percent > HEALTHY_ABOVE
        except AWS_ERRORS as error:
            situation = situation.without(Source.HEALTH, error)
    return replace(situation, healthy=confirmed(seen, by_alarm, situation.alarms))


def read_late(
    situation: Situation, check_ids: Iterable[CheckId], aws: Aws, *, timeout: timedelta, now: datetime
) -> frozenset[CheckId]:
    """Return the health checks that had data for `timeout` (AdmitTimeout) and were never healthy: Note [Turns].

    A health check may lack data for a part of the window, so the window is longer than the timeout.
    """
    return aws.health.unhealthy_throughout(check_ids, timeout / LEAST_COVERED, situation.by_alarm, now=now)


def add_late(
    situation: Situation, check_ids: Iterable[CheckId], aws: Aws, *, timeout: timedelta, now: datetime
) -> Situation:
    """Return the situation with those of `check_ids` that are late. Where CloudWatch cannot be read, none is."""
    try:
        with aws.retrier.within(DISPENSABLE):
            return replace(situation, late=read_late(situation, check_ids, aws, timeout=timeout, now=now))
    except AWS_ERRORS as error:
        return situation.without(Source.HEALTH, error)


def _turn(check_ids: list[CheckId], now: datetime) -> list[CheckId]:
    """Return the health checks whose turn it is now, so that those that never become healthy do not delay others.

    Where all are asked for, others come first in each turn, because a signal may end the look after _AT_ONCE of them.
    """
    count, turn = len(check_ids), int(now.timestamp()) // _TURN
    first = turn * (MOST_A_LOOK if count > MOST_A_LOOK else _AT_ONCE) % max(count, 1)
    return [*check_ids, *check_ids][first : first + min(count, MOST_A_LOOK)]
