"""Apply: make the changes of a plan, in the order of Note [Apply order] in changes.py."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from fleet53.aws.retrier import is_denied
from fleet53.convergence.batches import batches, created_by, deleted_by, undo_batches
from fleet53.convergence.describe import describe
from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.errors import (
    BatchRefusedError,
    CheckQuotaError,
    CheckRefusedError,
    OutOfTimeError,
    ReferenceBurnedError,
    TryLaterError,
)
from fleet53.domain.finding import Finding, FindingKind
from fleet53.planning.changes import DeleteCheck, DeleteRecord, PutRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from fleet53.aws.alarms import Alarms
    from fleet53.aws.route53 import Route53
    from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
    from fleet53.domain.log import Log
    from fleet53.planning.changes import Change, CheckKey, CreateCheck, Plan, PutAlarm, RecordChange


class Writable(Protocol):
    """Where changes are made: Route 53, and the alarms of the stack's region."""

    @property
    def route53(self) -> Route53:
        """Where records and health checks are."""

    @property
    def alarms(self) -> Alarms:
        """The alarms that health checks follow."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch that Route 53 did not make. `pools` are those whose changes were in it; None is a change of no pool.

    `denied` is whether a permission was missing.
    """

    pools: frozenset[PoolName | None]
    reason: str
    denied: bool = False


@dataclass(slots=True)
class Applied:
    """The result of a plan: the changes `made`, the batches `refused`, and `findings` that no retry would repair.

    `unanswered` are the batches, and the deletions of health checks, that Route 53 did not answer in time. `left` are
    the health checks that are created later.
    """

    made: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unanswered: list[Refusal] = field(default_factory=list)
    left: list[CreateCheck] = field(default_factory=list)

    @property
    def unchanged(self) -> frozenset[PoolName | None]:
        """The pools whose changes were not made, so their health checks are still needed."""
        return frozenset(pool for batch in (*self.refused, *self.unanswered) for pool in batch.pools)

    def check_answered(self) -> None:
        """Raise TryLaterError if Route 53 did not answer a batch."""
        if self.unanswered:
            raise TryLaterError(self.unanswered[0].reason)


def apply(
    plan: Plan, aws: Writable, log: Log, *, one_pool_a_batch: bool = False, applied: Applied | None = None
) -> Applied:
    """Make the changes of `plan`. A batch that is refused or not answered does not stop the other changes.

    With `one_pool_a_batch`, the withdrawals of a refused pool are sent again on their own, so that an admission that
    Route 53 refuses does not keep an address in DNS. Raises TryLaterError if AWS does not answer in time. The changes
    made before the error stay, and making them again does no harm. Pass `applied` to know them after an error.
    """
    applied = Applied() if applied is None else applied
    change_at_once(plan, aws, log, applied, one_pool_a_batch=one_pool_a_batch)
    change_after_checks(plan, aws, log, applied, one_pool_a_batch=one_pool_a_batch)
    delete_checks(plan.without(applied.unchanged), aws, log, applied)
    delete_alarms(plan.without(applied.unchanged), aws, log, applied)
    applied.check_answered()
    return applied


def change_at_once(
    plan: Plan,
    aws: Writable,
    log: Log,
    applied: Applied,
    *,
    one_pool_a_batch: bool,
    within: Callable[[ZoneId], AbstractContextManager[None]] = lambda _zone_id: nullcontext(),
) -> None:
    """Change the records that need no new health check: every withdrawal, and the changes in the same batch.

    `within` limits how long a hosted zone may keep the batches of the others waiting.
    """
    for batch in batches(plan.records_at_once, one_pool_a_batch=one_pool_a_batch):
        with within(batch[0].zone_id):
            refused = _change(batch, aws.route53, log, applied)
            deletions = [change for change in batch if isinstance(change, DeleteRecord)]  # never an adoption alone
            if refused and one_pool_a_batch and 0 < len(deletions) < len(batch):
                _change(deletions, aws.route53, log, Applied(made=applied.made))


def change_after_checks(
    plan: Plan,
    aws: Writable,
    log: Log,
    applied: Applied,
    *,
    one_pool_a_batch: bool,
    creates: Callable[[int], bool] = lambda _left: True,
) -> None:
    """Create health checks, each after its alarm, then change the records that waited for them.

    `creates` takes the number of health checks that are left, and returns whether to create the next one now.
    """
    _put_alarms(plan.put_alarms, aws.alarms, log, applied)
    created = _create_checks(plan.create_checks, aws, log, applied, creates)
    resolved = _resolve(plan.records_after_checks, created)
    for batch in batches(resolved, one_pool_a_batch=one_pool_a_batch):
        _change(batch, aws.route53, log, applied)


def delete_checks(
    plan: Plan, aws: Writable, log: Log, applied: Applied, *, goes_on: Callable[[], bool] = lambda: True
) -> tuple[DeleteCheck, ...]:
    """Delete the plan's health checks while `goes_on` returns true, and return those that are left.

    A deletion that Route 53 refuses or does not answer stops no other one. Raises TryLaterError at the second one that
    it does not answer.
    """
    failed = False
    for number, change in enumerate(plan.delete_checks):
        if not goes_on():
            return plan.delete_checks[number:]
        try:
            aws.route53.delete_check(change.check_id)
        except CheckRefusedError as error:
            _not_deleted(change, error, log, applied)
        except TryLaterError as error:
            if failed or isinstance(error, OutOfTimeError):
                raise
            failed = True
            applied.unanswered.append(Refusal(frozenset({change.pool}), str(error)))
        else:
            _record(change, log, applied)
    return ()


def delete_alarms(plan: Plan, aws: Writable, log: Log, applied: Applied) -> None:
    """Delete the alarms whose health checks are all deleted: Note [Alarms] in planning/alarms.py."""
    deleted = {change.check_id for change in applied.made if isinstance(change, DeleteCheck)}
    ready = [change for change in plan.delete_alarms if change.after <= deleted]
    aws.alarms.delete(change.name for change in ready)
    for change in ready:
        _record(change, log, applied)


def _put_alarms(changes: Iterable[PutAlarm], alarms: Alarms, log: Log, applied: Applied) -> None:
    """Put the alarms that existing health checks follow. One that is refused does not stop the others."""
    for change in changes:
        try:
            alarms.put(change.name, change.rule, _described(change.pool, change.instance_id))
        except CheckRefusedError as error:
            because = f"{change.because}; it could not be put: {error}"
            applied.findings.append(Finding(FindingKind.CHECK_REFUSED, because, change.pool, change.instance_id))
            log.warning("alarm not put", extra={"pool": change.pool, "because": because})
            continue
        _record(change, log, applied)


def _described(pool: PoolName, instance_id: InstanceId) -> str:
    return f"A Route 53 health check of instance {instance_id} in pool {pool} follows it. fleet53 makes and deletes it."


def _create_checks(
    changes: Sequence[CreateCheck], aws: Writable, log: Log, applied: Applied, creates: Callable[[int], bool]
) -> dict[CheckKey, CheckId]:
    """Create health checks and return their ids. One that is refused does not stop the others; a used-up quota does."""
    created: dict[CheckKey, CheckId] = {}
    for number, change in enumerate(changes):
        if not creates(len(changes) - number):
            applied.left += changes[number:]
            break
        try:
            _put_alarm_of(change, aws.alarms)
            check_id = _create_check(change, aws.route53)
        except CheckRefusedError as error:
            _not_created(FindingKind.CHECK_REFUSED, change, error, log, applied)
            continue
        except OutOfTimeError:
            raise
        except (CheckQuotaError, TryLaterError) as error:
            # Route 53 also answers Throttling when the day's quota of creations is used up.
            _not_created(FindingKind.CHECK_QUOTA, change, error, log, applied)
            break
        created[change.key] = check_id
        _record(change, log, applied, check_id=check_id)
    return created


def _put_alarm_of(change: CreateCheck, alarms: Alarms) -> None:
    """Put the alarm that a new health check is to follow, if it is ours and is not there."""
    if change.alarm is not None and isinstance(change.config, AlarmConfig):
        alarms.put(change.config.alarm, change.alarm, _described(change.key.pool, change.key.instance_id))


def _create_check(change: CreateCheck, route53: Route53) -> CheckId:
    """Create a health check with the first CallerReference that is not used up."""
    for reference in change.references:
        try:
            return route53.create_check(reference, change.config)
        except ReferenceBurnedError:
            continue
    raise CheckRefusedError(f"all {len(change.references)} CallerReferences are used up; they return in some days")


def _not_created(kind: FindingKind, change: CreateCheck, error: Exception, log: Log, applied: Applied) -> None:
    """Report a health check that could not be created, and log Route 53's reason, which no audit can find out."""
    because = f"{change.because}; its health check for {change.config.address} could not be created: {error}"
    applied.findings.append(Finding(kind, because, change.key.pool, change.key.instance_id))
    fields = describe(change) | {"kind": kind.value, "because": because}
    fields.pop("change")
    log.warning("health check not created", extra=fields)


def _not_deleted(change: DeleteCheck, error: CheckRefusedError, log: Log, applied: Applied) -> None:
    """Report a health check that Route 53 refuses to delete."""
    because = f"{change.because}; Route 53 does not delete it: {error}"
    kind, check_id = FindingKind.ORPHAN_CHECK, change.check_id
    applied.findings.append(Finding(kind, because, change.pool, change.instance_id, check_id=check_id))
    fields = describe(change) | {"because": because}
    fields.pop("change")
    log.warning("health check not deleted", extra=fields)


def _resolve(changes: Iterable[RecordChange], created: Mapping[CheckKey, CheckId]) -> Iterator[RecordChange]:
    """Give each record the id of its new health check.

    A record whose health check was not created is left out, and so is the deletion of a fallback that no member
    replaces.
    """
    waiting = tuple(changes)
    puts = [
        replace(change, record=replace(change.record, check_id=check_id))
        for change in waiting
        if isinstance(change, PutRecord)
        and change.new_check is not None
        and (check_id := created.get(change.new_check)) is not None
    ]
    answered = {(put.zone_id, put.record.name) for put in puts}
    for change in waiting:
        if isinstance(change, DeleteRecord) and (change.zone_id, change.record.name) in answered:
            yield change
    yield from puts


def _change(batch: Sequence[RecordChange], route53: Route53, log: Log, applied: Applied) -> bool:
    """Make one batch. If Route 53 refuses it or does not answer, note that, and return whether it was refused."""
    pools = frozenset(change.pool for change in batch)
    for zone_id, name, undo in undo_batches(batch):  # before the change: a run that ends here must have said it
        log.info("adopting records", extra={"hosted_zone_id": zone_id, "record_name": name, "undo": undo})
    try:
        route53.change_records(batch[0].zone_id, deletions=deleted_by(batch), creations=created_by(batch))
    except BatchRefusedError as error:
        log.warning("batch refused", extra={"pools": sorted(map(str, pools)), "because": str(error)})
        applied.refused.append(Refusal(pools, str(error), denied=is_denied(error)))
        return True
    except OutOfTimeError:
        raise
    except TryLaterError as error:  # a zone can be busy while the others answer
        log.warning("batch not answered", extra={"pools": sorted(map(str, pools)), "because": str(error)})
        applied.unanswered.append(Refusal(pools, str(error)))
        return False
    for change in batch:
        _record(change, log, applied)
    return False


def _record(change: Change, log: Log, applied: Applied, *, check_id: CheckId | None = None) -> None:
    fields = describe(change)
    if check_id is not None:
        fields["check_id"] = check_id
    log.info(fields.pop("change"), extra=fields)
    applied.made.append(change)
