"""Decide: makes the plan for a situation, and reads health checks and their health only where the plan needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.convergence.checks import add_checks, add_health, add_late
from fleet53.domain.source import Source
from fleet53.planning.changes import DeleteRecord
from fleet53.planning.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime, timedelta

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import InstanceId
    from fleet53.planning.changes import Plan
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import Situation


def decide(
    situation: Situation,
    guard: Guard,
    aws: Aws,
    *,
    about: Collection[InstanceId] | None,
    goes_on: Callable[[], bool],
    admit_timeout: timedelta,
    now: datetime,
) -> tuple[Situation, Plan]:
    """Return the plan, and the situation with all that was read for it.

    Health checks and their state are read only if the plan depends on them. If the health checks cannot be read, the
    plan has the withdrawals, which do not depend on them. Route 53 is asked for the status of the members that the pass
    is `about`, because each other member has a look of its own (Note [Each its own] in planning/own.py). If the plan
    withdraws a record, Route 53 is not asked, because the withdrawal would wait for the answers.
    """
    plan = make_plan(situation, guard)
    if situation.checks is None:
        if not plan.nothing_to_do and Source.CHECKS not in situation.unread:
            situation = add_checks(situation, aws)
            plan = make_plan(situation, guard)
        if situation.checks is None:
            return situation, plan
    awaited = {waiting.check_id for waiting in plan.waiting if waiting.check_id is not None}
    if not awaited:
        return situation, plan
    withdraws = any(isinstance(change, DeleteRecord) for change in plan.records_at_once)
    asked = () if withdraws else (each for each in plan.waiting if about is None or each.instance_id in about)
    own = awaited & {each.check_id for each in asked}
    situation = add_health(situation, awaited, aws, ask=own, goes_on=goes_on, now=now)
    plan = make_plan(situation, guard)
    if plan.full_names:
        situation = add_late(situation, awaited, aws, timeout=admit_timeout, now=now)
        plan = make_plan(situation, guard)
    return situation, plan
