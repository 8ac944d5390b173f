"""Apply: make a plan's changes, in the order of Note [Apply order] in changes.py."""

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
from fleet53.domain.finding import Finding, FindingKind
from fleet53.planning.changes import CreateCheck, DeleteCheck, DeleteRecord, PutRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fleet53.aws.route53 import Route53
    from fleet53.domain.ids import CheckId, PoolName, ZoneId
    from fleet53.domain.log import Log
    from fleet53.planning.changes import Change, CheckKey, Plan, RecordChange

MAX_ELEMENTS: Final = 1000
"""ResourceRecord elements of one batch, an UPSERT counting twice (Route 53 Developer Guide, Quotas)."""
MAX_CHARACTERS: Final = 32_000
"""Characters of all values of one batch, an UPSERT counting twice (the same page)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch that Route 53 refused, with the pools whose changes were in it; None stands for no pool."""

    pools: frozenset[PoolName | None]
    reason: str


@dataclass(slots=True)
class Applied:
    """What became of a plan: the changes `made`, the batches `refused`, and what no retry mends."""

    made: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def apply(
    plan: Plan, route53: Route53, log: Log, *, one_pool_a_batch: bool = False, applied: Applied | None = None
) -> Applied:
    """Make the changes of `plan`. A refused batch stops neither the other batches nor the other zones.

    With `one_pool_a_batch` a refused pool also gets its withdrawals alone: no admission that Route 53 dislikes may
    keep an address in DNS. Raises TryLaterError where AWS does not answer in time; what was made stays made,
    and making it again is harmless. An `applied` that is handed in then tells what that was.
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
    """Create checks and return their ids. A refused one stops no other, a quota that is used up stops them all."""
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
            # One that is throttled every time has used up the day's creations, which Route 53 says in the same words.
            _not_created(FindingKind.CHECK_QUOTA, change, error, log, applied)
            break
        created[change.key] = check_id
        _record(change, log, applied, check_id=check_id)
    return created


def _create_check(change: CreateCheck, route53: Route53) -> CheckId:
    """Create a check with the first reference that is not burned."""
    for reference in change.references:
        try:
            return route53.create_check(reference, change.config)
        except ReferenceBurnedError:
            continue
    raise CheckRefusedError(f"all {len(change.references)} CallerReferences are used up; they return in some days")


def _not_created(kind: FindingKind, change: CreateCheck, error: Exception, log: Log, applied: Applied) -> None:
    """Report a check that could not be made. Nobody but this run hears Route 53's reason, so it is logged."""
    because = f"{change.because}; its check for {change.config.address} could not be made: {error}"
    applied.findings.append(Finding(kind, because, change.key.pool, change.key.instance_id))
    fields = describe(change) | {"kind": kind.value, "because": because}
    fields.pop("change")
    log.warning("check not created", extra=fields)


def _resolve(changes: Iterable[RecordChange], created: dict[CheckKey, CheckId]) -> Iterator[RecordChange]:
    """Give each record its new check's id; a record whose check could not be made is left out."""
    for change in changes:
        if isinstance(change, DeleteRecord) or change.new_check is None:
            yield change
        elif (check_id := created.get(change.new_check)) is not None:
            yield replace(change, record=replace(change.record, check_id=check_id))


def _batches(changes: Iterable[RecordChange], *, one_pool_a_batch: bool) -> Iterator[list[RecordChange]]:
    """Yield the changes by zone, as few batches as the limits allow, a name's changes always in one batch.

    A name has at most 100 records of each of two types, so its changes always fit: what must happen together (the
    last member's going and the fallback's coming) does.
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
