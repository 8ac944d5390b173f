"""Handover: takes back the records that an update has put at places which its rollback drops.

Note [Rolled back]: an update may fail after the first pool has moved. Its rollback changes the policies back, and after
that IAM denies all changes of the records at the new place. So CloudFormation asks for this after it has changed the
first pool back, which ends admissions at the new place, and before it changes the policies back. The records of the
first pool are created at its old place before they are deleted at the new one, so DNS answers with its members all the
time. All others are deleted. Runs that began before may still put records, so it looks again until no message is in
flight (Note [The last run] in withdraw.py). While Route 53 does not take the changes, it tries again until its time is
over, because no function can make them later. It never fails: a stack whose rollback fails needs an operator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.convergence.apply import apply
from fleet53.domain.errors import OutOfTimeError, TryLaterError, ZoneUnreadableError
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import PoolName
from fleet53.planning.changes import DeleteRecord, Plan, PutRecord
from fleet53.stack.withdraw import LONGEST_RUN, may_be_running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fleet53.aws.retrier import Retrier
    from fleet53.aws.stack_clients import StackAws
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.log import Log
    from fleet53.domain.record import Record
    from fleet53.stack.precondition import Update

_PAUSE: Final = 5.0
_ATTEMPTS: Final = 3
"""How often it tries to create records at the old place, because another run may be faster."""
_BECAUSE: Final = "the update that allowed this name is rolled back"


def take_back(update: Update, aws: StackAws, retrier: Retrier, log: Log) -> str:
    """Take back the records at the places that a rollback drops, and return what was done or why it was not.

    `update` goes from the failed parameters to those before, and reads hosted zones through the role of the failed
    ones.
    """
    try:
        return _take_back(update, replace(aws, route53=update.route53), retrier, log)
    except (TryLaterError, ZoneUnreadableError, *AWS_ERRORS) as error:
        log.warning("records not taken back", extra={"because": str(error)})
        return f"records may remain where the stack may not change them: {error}"


def _take_back(update: Update, aws: StackAws, retrier: Retrier, log: Log) -> str:
    """Take back the records that are found until there are none. Raises an error if they cannot be taken back.

    Route 53 may throttle requests, or be busy with the hosted zone or lock it. That is waited for.
    """
    taken, attempt, no_run_left = 0, 0, retrier.remaining() - LONGEST_RUN
    while True:
        try:
            found = tuple(update.dropped())
            if found and attempt < 2 * _ATTEMPTS:
                taken += _move(found, update, aws, log, copies=attempt < _ATTEMPTS)
                attempt += 1
                continue
        except OutOfTimeError:
            raise
        except TryLaterError as error:
            retrier.wait(_PAUSE, f"to take records back: {error}")
            continue
        if found:
            raise TryLaterError(f"{len(found)} records of this stack are left")
        if retrier.remaining() < no_run_left or not may_be_running(aws, log):
            return f"{taken} records taken back"
        retrier.wait(_PAUSE, "to see a run of the reconciler end")


def _move(found: Sequence[tuple[ZoneId, Record]], update: Update, aws: StackAws, log: Log, *, copies: bool) -> int:
    """Delete records, after their copies were created if they are to be, and return how many were deleted.

    If Route 53 refuses the copies, nothing is deleted. Raises TryLaterError if it does not answer.
    """
    if copies and apply(Plan(change_records=tuple(_copies(update, found))), aws, log).refused:
        return 0
    deletions = tuple(_deletion(update, zone_id, record) for zone_id, record in found)
    return 0 if apply(Plan(change_records=deletions), aws, log).refused else len(found)


def _copies(update: Update, found: Sequence[tuple[ZoneId, Record]]) -> Iterator[PutRecord]:
    """Yield the creation of the first pool's records at its old place, if the failed update allowed that too."""
    failed, restored = update.before, update.after
    if restored.place is None or not failed.allows(*restored.place):
        return
    zone_id, name = restored.place
    there = {(record.identifier, record.type) for record in update.route53.records_at(zone_id, name)}
    for at, record in found:
        instance_id = update.owner.instance(record.identifier)
        moved = (at, record.name) == failed.place and (record.identifier, record.type) not in there
        if moved and instance_id is not None:
            copy = replace(record, name=name, listed={})
            pool = PoolName(restored.first_pool)
            yield PutRecord(pool, zone_id, instance_id, copy, FindingKind.MISSING_RECORD, _BECAUSE)


def _deletion(update: Update, zone_id: ZoneId, record: Record) -> DeleteRecord:
    instance_id = update.owner.instance(record.identifier)
    return DeleteRecord(None, zone_id, instance_id, record, FindingKind.ORPHAN_RECORD, _BECAUSE)
