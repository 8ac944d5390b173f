"""Withdraw: delete all records, health checks and alarms of members of a stack, in several rounds if needed.

Note [The last run]: when CloudFormation asks for this, the reconciler gets no new messages, but a run may still be in
progress and may put a record after a round has read the zone. The messages of such a run are in flight, and no run is
longer than LONGEST_RUN. So the rounds continue while messages are in flight, for as long as a run can take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.config.claims import read_pools
from fleet53.convergence.apply import Applied, apply
from fleet53.convergence.describe import describe
from fleet53.domain.errors import (
    OutOfTimeError,
    TryLaterError,
    ZoneElsewhereError,
    ZoneGoneError,
    ZoneUnreadableError,
)
from fleet53.planning.changes import DeleteCheck, Plan
from fleet53.stack.withdrawal import (
    Withdrawal,
    alarm_deletions,
    check_deletions,
    followed_alarms,
    record_deletions,
    safe_deletions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet53.aws.retrier import Retrier
    from fleet53.aws.stack_clients import StackAws
    from fleet53.config.settings import Settings
    from fleet53.convergence.apply import Refusal
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.log import Log
    from fleet53.domain.record import Record

LONGEST_RUN: Final = 300.0
"""The longest run of the reconciler in seconds: the timeout of its function."""
_PAUSE: Final = 5.0


def withdraw(settings: Settings, aws: StackAws, retrier: Retrier, log: Log) -> Withdrawal:
    """Delete every record, then every health check, then every alarm, until a round finds none or the time is used up.

    The result names what AWS refuses to delete. No error is raised for it.
    """
    withdrawal = Withdrawal()
    try:
        _go_round(settings, aws, retrier, log, withdrawal)
    except (TryLaterError, *AWS_ERRORS) as error:
        withdrawal.reasons.append(str(error))
    for deletion in withdrawal.left:
        log.warning("not withdrawn", extra=describe(deletion))
    return withdrawal


def _go_round(settings: Settings, aws: StackAws, retrier: Retrier, log: Log, withdrawal: Withdrawal) -> None:
    zone_ids = _zones(settings, aws, log)
    no_run_left = retrier.remaining() - LONGEST_RUN
    names_apart = False
    while True:
        before = len(withdrawal.made)
        try:
            _round(zone_ids, settings, aws, log, withdrawal, names_apart=names_apart)
        except OutOfTimeError:
            raise
        except TryLaterError as error:
            retrier.wait(_PAUSE, f"for another round: {error}")
            continue
        if len(withdrawal.made) > before:
            names_apart = bool(withdrawal.reasons)
        elif withdrawal.reasons:
            if names_apart:
                return
            names_apart = True
        elif retrier.remaining() < no_run_left or not may_be_running(aws, log):
            return
        else:
            retrier.wait(_PAUSE, "to see a run of the reconciler end")


def _zones(settings: Settings, aws: StackAws, log: Log) -> dict[ZoneId, bool]:
    """Return the hosted zones that can hold records of ours, and for each whether the stack's settings name it.

    A pool can name any zone. If only a pool names a zone, and it may not be read, fleet53 never wrote to it.
    """
    try:
        pools = read_pools(aws.parameters.read(), settings.allowed).pools
    except Exception as error:  # noqa: BLE001 - Powertools wraps AWS's errors; the zones of the settings are known
        log.warning("pools not read", extra={"because": str(error)})
        pools = ()
    return dict.fromkeys((pool.zone_id for pool in pools), False) | dict.fromkeys(settings.zone_ids, True)


def _round(
    zone_ids: dict[ZoneId, bool],
    settings: Settings,
    aws: StackAws,
    log: Log,
    withdrawal: Withdrawal,
    *,
    names_apart: bool,
) -> None:
    """Delete all that is found now. With `names_apart`, a refused name does not stop the others.

    In a hosted zone of another account this stack has no records. A former one of its name may have left some there,
    which name its health checks. So health checks that no record here named stay, and are a reason.
    """
    records: dict[ZoneId, Sequence[Record]] = {}
    unread: list[str] = []
    elsewhere: list[str] = []
    for zone_id, ours in zone_ids.items():
        try:
            records[zone_id] = aws.route53.records_in(zone_id)
        except ZoneGoneError:
            continue
        except ZoneElsewhereError as error:
            elsewhere += [str(error)] if ours else []
        except ZoneUnreadableError as error:
            log.warning("hosted zone not read", extra={"because": str(error)})
            if ours:
                unread.append(str(error))
    deletions = record_deletions(settings.owner, records)
    withdrawal.left, withdrawal.reasons = list(deletions), []
    refused = _apply(Plan(change_records=deletions), aws, log, withdrawal, names_apart=names_apart)
    withdrawal.reasons += [*(refusal.reason for refusal in refused), *unread]
    found = aws.route53.checks()
    checks = check_deletions(settings.owner, found)
    withdrawal.left += checks
    all_read = not unread and not elsewhere
    _apply(Plan(delete_checks=safe_deletions(checks, withdrawal, all_read=all_read)), aws, log, withdrawal)
    if any(isinstance(each, DeleteCheck) for each in withdrawal.left):
        withdrawal.reasons += elsewhere
    alarms = alarm_deletions(settings.owner, aws.alarms.starting_with(settings.owner.alarm_prefix))
    withdrawal.left += alarms
    followed = followed_alarms(found, withdrawal)
    _apply(Plan(delete_alarms=tuple(each for each in alarms if each.name not in followed)), aws, log, withdrawal)


def _apply(plan: Plan, aws: StackAws, log: Log, withdrawal: Withdrawal, *, names_apart: bool = False) -> list[Refusal]:
    """Make the deletions of a plan and return the refused batches.

    The deletions made, and the reasons of the health checks that Route 53 refuses to delete, are noted even after an
    error.
    """
    applied = Applied()
    try:
        apply(plan, aws, log, one_pool_a_batch=names_apart, applied=applied)
    finally:
        made = frozenset(applied.made)
        withdrawal.made += applied.made
        withdrawal.left = [deletion for deletion in withdrawal.left if deletion not in made]
        withdrawal.reasons += [finding.because for finding in applied.findings]
    return applied.refused


def may_be_running(aws: StackAws, log: Log) -> bool:
    """Whether a run of the reconciler may be in progress: Note [The last run]."""
    try:
        return aws.queue.load().in_flight > 0
    except AWS_ERRORS as error:
        log.warning("queue not read", extra={"because": str(error)})
        return True
