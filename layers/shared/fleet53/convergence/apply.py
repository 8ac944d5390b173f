"""Apply: make the changes of a plan, in the order of Note [Apply order] in changes.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.errors import (
    BatchRefusedError,
    CheckQuotaError,
    CheckRefusedError,
    OutOfTimeError,
    ReferenceBurnedError,
    TryLaterError,
)
from fleet53.domain.model import Finding, FindingKind
from fleet53.planning.changes import CreateCheck, DeleteCheck, DeleteRecord, PutRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleet53.aws.route53 import Route53
    from fleet53.domain.log import Log
    from fleet53.domain.model import CheckId, PoolName, ZoneId
    from fleet53.planning.changes import Change, CheckKey, Plan, RecordChange

MAX_ELEMENTS: Final = 1000
"""ResourceRecord elements of one batch, an UPSERT counting twice (Route 53 Developer Guide, Quotas)."""
MAX_CHARACTERS: Final = 32_000
"""Characters of all values of one batch, an UPSERT counting twice (the same page)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch that Route 53 refused. `pools` are those whose changes were in it; None is a change of no pool."""

    pools: frozenset[PoolName | None]
    reason: str


@dataclass(slots=True)
class Applied:
    """The result of a plan: the changes `made`, the batches `refused`, and `findings` that no retry would repair."""

    made: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def apply(
    plan: Plan, route53: Route53, log: Log, *, one_pool_a_batch: bool = False, applied: Applied | None = None
) -> Applied:
    """Make the changes of `plan`. A refused batch does not stop the other batches.

    With `one_pool_a_batch`, the withdrawals of a refused pool are sent again on their own, so that an admission that
    Route 53 refuses does not keep an address in DNS. Raises TryLaterError if AWS does not answer in time. The changes
    made until then stay, and to make them again does no harm. Hand in `applied` to know them after an error.
    """
    applied = Applied() if applied is None else applied
    created = _create_checks(plan.create_checks, route53, log, applied)
    resolved = list(_resolve(plan.change_records, created))
    for batch in _batches(resolved, one_pool_a_batch=one_pool_a_batch):
        refusal = _change(batch, route53, log, applied)
        deletions = [change for change in batch if isinstance(change, DeleteRecord)]
        if refusal and one_pool_a_batch and 0 < len(deletions) < len(batch):
            _change(deletions, route53, log, applied)
        if refusal:
            applied.refused.append(refusal)
    refused = {pool for refusal in applied.refused for pool in refusal.pools}
    for change in plan.delete_checks:
        if change.pool not in refused:
            route53.delete_check(change.check_id)
            _record(change, log, applied)
    return applied


def _create_checks(
    changes: Iterable[CreateCheck], route53: Route53, log: Log, applied: Applied
) -> dict[CheckKey, CheckId]:
    """Create checks and return their ids. A refused check does not stop the others; a used-up quota stops them all."""
    created: dict[CheckKey, CheckId] = {}
    for change in changes:
        try:
            check_id = _create_check(change, route53)
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


def _create_check(change: CreateCheck, route53: Route53) -> CheckId:
    """Create a check with the first CallerReference that is not used up."""
    for reference in change.references:
        try:
            return route53.create_check(reference, change.config)
        except ReferenceBurnedError:
            continue
    raise CheckRefusedError(f"all {len(change.references)} CallerReferences are used up; they return in some days")


def _not_created(kind: FindingKind, change: CreateCheck, error: Exception, log: Log, applied: Applied) -> None:
    """Report a check that could not be created, and log Route 53's reason: no audit can find it out."""
    because = f"{change.because}; its check for {change.config.address} could not be made: {error}"
    applied.findings.append(Finding(kind, because, change.key.pool, change.key.instance_id))
    fields = describe(change) | {"kind": kind.value, "because": because}
    fields.pop("change")
    log.warning("check not created", extra=fields)


def _resolve(changes: Iterable[RecordChange], created: dict[CheckKey, CheckId]) -> Iterator[RecordChange]:
    """Give each record the id of its new check, and leave out a record whose check was not created."""
    for change in changes:
        if isinstance(change, DeleteRecord) or change.new_check is None:
            yield change
        elif (check_id := created.get(change.new_check)) is not None:
            yield replace(change, record=replace(change.record, check_id=check_id))


def _batches(changes: Iterable[RecordChange], *, one_pool_a_batch: bool) -> Iterator[list[RecordChange]]:
    """Yield the changes by hosted zone, in as few batches as the limits allow, and those of one name in one batch.

    A name has at most 100 records of each of two types, so its changes always fit into a batch. The last member's
    withdrawal and the fallback's admission are therefore one change.
    """

    def place(change: RecordChange) -> tuple[ZoneId, str]:
        return change.zone_id, change.record.name

    batch: list[RecordChange] = []
    for _, group in groupby(sorted(changes, key=place), key=place):
        together = list(group)
        other_zone = bool(batch) and batch[0].zone_id != together[0].zone_id
        if batch and (other_zone or one_pool_a_batch or not _fits([*batch, *together])):
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


def _fits(batch: list[RecordChange]) -> bool:
    elements = characters = 0
    for change in batch:
        weight = 2 if isinstance(change, PutRecord) else 1
        elements += weight * len(change.record.values)
        characters += weight * sum(len(value) for value in change.record.values)
    return elements <= MAX_ELEMENTS and characters <= MAX_CHARACTERS


def _change(batch: Sequence[RecordChange], route53: Route53, log: Log, applied: Applied) -> Refusal | None:
    """Make one batch; return the refusal if Route 53 refuses it."""
    try:
        route53.change_records(
            batch[0].zone_id,
            deletions=[change.record for change in batch if isinstance(change, DeleteRecord)],
            puts=[change.record for change in batch if isinstance(change, PutRecord)],
        )
    except BatchRefusedError as error:
        pools = frozenset(change.pool for change in batch)
        log.warning("batch refused", extra={"pools": sorted(map(str, pools)), "because": str(error)})
        return Refusal(pools, str(error))
    for change in batch:
        _record(change, log, applied)
    return None


def _record(change: Change, log: Log, applied: Applied, *, check_id: CheckId | None = None) -> None:
    fields = describe(change)
    if check_id is not None:
        fields["check_id"] = check_id
    log.info(fields.pop("change"), extra=fields)
    applied.made.append(change)


def describe(change: Change) -> dict[str, Any]:
    """Return a change as the fields of a log line."""
    match change:
        case CreateCheck():
            return {
                "change": "check created",
                "pool": change.key.pool,
                "instance_id": change.key.instance_id,
                "address": str(change.config.address),
                "because": change.because,
            }
        case DeleteCheck():
            return {
                "change": "check deleted",
                "pool": change.pool,
                "instance_id": change.instance_id,
                "address": str(change.address),
                "check_id": change.check_id,
                "because": change.because,
            }
        case PutRecord() | DeleteRecord():
            put = isinstance(change, PutRecord)
            return {
                "change": "record put" if put else "record deleted",
                "pool": change.pool,
                "instance_id": change.instance_id,
                "record_name": change.record.name,
                "address": ", ".join(change.record.values),
                "check_id": change.record.check_id,
                "because": change.because,
            }
