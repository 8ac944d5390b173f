"""Deletions: the deletions of health checks that a run leaves to a later pass: Note [Signals first] in watch.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.planning.looks import next_deletions
from fleet53.signals.messages import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from fleet53.aws.queue import Queue
    from fleet53.domain.identity import Owner
    from fleet53.domain.log import Log
    from fleet53.domain.scope import Scope
    from fleet53.planning.changes import DeleteCheck


def leave_deletions(
    left: Collection[DeleteCheck], scope: Scope, owner: Owner, queue: Queue, log: Log, *, now: datetime
) -> None:
    """Leave deletions to a later pass. A health check that exists for a minute longer does no harm.

    No message is queued for health checks for which this function has queued one: EC2 also sends an event for
    `terminated`.
    """
    due = next_deletions(owner, now=now)
    keys = [(change.check_id, "deletion") for change in left]
    if all(queue.looks.covers(key, due, now=now) for key in keys):
        return
    because = f"{len(left)} health checks are to be deleted when the queue is empty"
    log.info("deletion of health checks deferred", extra={"because": because})
    pools = scope.pools or None  # an empty set is a sweep for records of no pool, which needs them all
    since = dict.fromkeys((change.instance_id for change in left), now)
    message = reconcile_message(pools, because, sweep=scope.sweep, attempt=1, since=since)
    queue.send(message, delay=due - now)
    queue.looks.note(keys, due, now=now)
