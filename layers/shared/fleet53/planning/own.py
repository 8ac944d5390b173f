"""Own: which of the health checks in its plan a pass creates and deletes itself. Pure.

Note [Each its own]: in a burst every instance has a message of its own, and two functions handle these messages at the
same time. Each of them plans for all members of the pool. If each also created and deleted all health checks of its
plan, Route 53 would get most of these requests twice. So a pass leaves the health checks of other instances to their
own messages: it does not create those of new launches, and does not delete those of instances that end. If these are
FEW, it creates and deletes them all, because messages may have been lost. If they are many, a later pass about the
whole pool, such as an audit's repair, finds those whose messages were lost. In a pool that has more members than
places, a member may get its place when another one ends, so there every pass creates health checks. Records are changed
for all members at once: that takes one request, and a withdrawal does not wait.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.domain.record import MAX_RECORDS_PER_NAME
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from fleet53.domain.ids import InstanceId
    from fleet53.domain.instance import Instance
    from fleet53.planning.changes import Plan

NEW: Final = timedelta(minutes=5)
"""How long after a launch its message may still come: the queue of a burst is shorter than that."""
FEW: Final = 3
"""Up to this number, a pass creates and deletes health checks of other instances."""


def own_checks(
    plan: Plan, about: Collection[InstanceId] | None, instances: Mapping[InstanceId, Instance], *, now: datetime
) -> Plan:
    """Return the plan without the health checks that are left to other messages: Note [Each its own].

    `about` are the instances that the pass was asked for, None where it was asked for whole pools.
    """
    if about is None:
        return plan
    crowded = {status.pool for status in plan.statuses if len(status.members) > MAX_RECORDS_PER_NAME}
    others = instances.keys() - set(about)
    new = {each for each in others if now - instances[each].launched < NEW}
    ending = {each for each in others if EC2.get(instances[each].state) is Membership.WITHDRAW}
    theirs = [change for change in plan.create_checks if change.key.instance_id in new]
    if len(theirs) + sum(change.instance_id in ending for change in plan.delete_checks) <= FEW:
        return plan
    return replace(
        plan,
        create_checks=tuple(
            change for change in plan.create_checks if change.key.instance_id not in new or change.key.pool in crowded
        ),
        delete_checks=tuple(change for change in plan.delete_checks if change.instance_id not in ending),
    )
