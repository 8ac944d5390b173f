"""Read: reads all that an audit needs from AWS and DNS into one value. Pure functions make the findings from it.

A read that the plan does not depend on goes through InformingReads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fleet53.audit.informing import InformingReads
from fleet53.audit.quotas import read_quotas
from fleet53.audit.reachability import CheckerAccess, doors, find_unreachable
from fleet53.audit.zones import Delegation, delegated_elsewhere, public_zones
from fleet53.aws.resolver import name_servers
from fleet53.config.pools import normal_name
from fleet53.convergence.checks import read_late
from fleet53.convergence.gather import gather
from fleet53.convergence.hooks import find_waits, read_ended, waiting_actions, waiting_groups
from fleet53.convergence.replacement import find_replacements
from fleet53.domain.alarm import confirmed
from fleet53.domain.errors import ZoneUnansweredError
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.source import Source
from fleet53.planning.plan import make_plan
from fleet53.planning.pool_checks import owned_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta

    from fleet53.aws.clients import Aws
    from fleet53.config.settings import Settings
    from fleet53.convergence.replacement import Replacement
    from fleet53.domain.health_check import Check, HealthObservation
    from fleet53.domain.ids import CheckId, InstanceId, ZoneId
    from fleet53.domain.ingress import Family, PrefixList
    from fleet53.domain.lifecycle import Action
    from fleet53.domain.log import Log
    from fleet53.domain.pool import Zone
    from fleet53.domain.record import Protection
    from fleet53.domain.scope import Scope
    from fleet53.planning.changes import Plan
    from fleet53.planning.guard import Guard
    from fleet53.planning.situation import Situation
    from fleet53.report.model import Quotas


@dataclass(frozen=True, slots=True)
class AuditReadings:
    """What an audit read.

    `plan` is what the reconciler would do in the `situation`, and `unreadable` has a finding for each part that could
    not be read. `checks` are ours, `observations` what Route 53 sees of them, if `health_known`. `actions` are the
    lifecycle actions that wait, `replacements` the members that their groups should replace.
    """

    situation: Situation
    plan: Plan
    unreadable: tuple[Finding, ...]
    checks: Mapping[CheckId, Check]
    observations: Mapping[CheckId, HealthObservation]
    health_known: bool
    quotas: Quotas
    actions: tuple[Action, ...]
    replacements: tuple[Replacement, ...]
    access: CheckerAccess
    protections: Mapping[ZoneId, tuple[Protection, ...]]
    delegation: Delegation


def read_for_audit(
    scope: Scope, guard: Guard, settings: Settings, aws: Aws, log: Log, *, now: datetime
) -> AuditReadings:
    """Read what an audit of the scope needs, and make the plan that `guard` allows.

    Raises TryLaterError or an AWS error if a read fails without which there can be no report. A hosted zone that does
    not answer is a finding about its pools, if there are others.
    """
    informing = InformingReads(aws.retrier, log)
    gathered = gather(scope, settings, aws)
    unanswered = [error for error in gathered.unreadable.values() if isinstance(error, ZoneUnansweredError)]
    if unanswered and not gathered.situation.pools:
        raise unanswered[0]
    checks = {check.id: check for check, _ in owned_checks(gathered.situation)}
    by_alarm = gathered.situation.by_alarm
    observations = informing.read("health not read", lambda: aws.health.history(checks, by_alarm, now=now), None)
    seen = {check_id: observation.healthy for check_id, observation in (observations or {}).items()}
    healthy = confirmed(seen, by_alarm, gathered.situation.alarms)
    situation = replace(gathered.situation, healthy=healthy)
    plan = make_plan(situation, guard)
    # A full name's seats depend on the time for which every health check was unhealthy, other members only on their
    # own.
    waited_for = checks if plan.full_names else _unhealthy_for_long(situation, plan, settings.admit_timeout, now=now)
    if waited_for:
        late = partial(read_late, situation, waited_for, aws, timeout=settings.admit_timeout, now=now)
        situation = replace(situation, late=informing.read("time without health not read", late, frozenset()))
    if plan.full_names:
        plan = make_plan(situation, guard)
    return AuditReadings(
        situation=situation,
        plan=plan,
        checks=checks,
        observations=observations or {},
        health_known=observations is not None,
        quotas=read_quotas(settings, situation, aws, informing, now=now),
        actions=tuple(_read_actions(situation, aws, informing)),
        replacements=tuple(_read_replacements(situation, plan, settings, aws, informing, now=now)),
        access=_read_access(situation, aws, informing),
        protections=_read_protections(situation, aws, informing),
        delegation=_read_delegation(situation, aws, informing),
        unreadable=(*gathered.findings, *_unread(situation), *informing.findings),
    )


def _unhealthy_for_long(situation: Situation, plan: Plan, timeout: timedelta, *, now: datetime) -> set[CheckId]:
    """Return the health checks that are unhealthy of members that wait and were launched longer than `timeout` ago."""
    return {
        check_id
        for waiting in plan.waiting
        if (check_id := waiting.check_id) in situation.healthy and check_id and now - waiting.launched > timeout
    }


def _unread(situation: Situation) -> Iterator[Finding]:
    """Yield a finding for the health checks, the alarms and each hosted zone that could not be read.

    Members whose state could not be read have theirs in the plan.
    """
    for pool in situation.pools:
        if pool.zone_id not in situation.zones:
            because = f"hosted zone not read: {pool.zone_id} may be private, or not hold {pool.record_name}"
            yield Finding(FindingKind.NOT_READ, because, pool.name, record_name=pool.record_name)
    for source in (Source.CHECKS, Source.ALARMS):
        if source in situation.unread:
            yield Finding(FindingKind.NOT_READ, f"{source} not read: {situation.unread[source]}")


def _read_actions(situation: Situation, aws: Aws, informing: InformingReads) -> Iterator[Action]:
    """Yield the lifecycle actions that wait. A group that cannot be read does not hide the others."""
    none: dict[InstanceId, str] = {}
    ended = informing.read("states of ended instances not read", partial(read_ended, situation, aws), none)
    waits = find_waits(situation, ended)
    for group in waiting_groups(situation, waits):
        failed = f"lifecycle actions of group {group} not read"
        yield from informing.read_all(failed, partial(waiting_actions, situation, group, waits, aws))


def _read_replacements(
    situation: Situation, plan: Plan, settings: Settings, aws: Aws, informing: InformingReads, *, now: datetime
) -> Iterator[Replacement]:
    """Yield the members to replace. A pool whose health or groups cannot be read does not hide the others."""
    for status in plan.statuses:
        failed = f"members of pool {status.pool} to replace not read"
        yield from informing.read_all(failed, partial(find_replacements, situation, status, settings, aws, now=now))


def _read_access(situation: Situation, aws: Aws, informing: InformingReads) -> CheckerAccess:
    """Read the security groups of the members, and prefix lists and the checkers' ranges only if they decide."""

    def attempt[T](read: Callable[[], T]) -> T | None:
        return informing.read("reachability not checked", read, None)

    def checker_lists() -> Mapping[Family, PrefixList]:
        return attempt(aws.security_groups.checker_lists) or {}

    every = doors(situation)
    group_ids = {group for door in every for group in door.security_groups}
    access = CheckerAccess(attempt(lambda: aws.security_groups.by_id(group_ids)) or {})
    shut = [door for door in every if not access.is_open(door)]
    lists_read = any(access.other_lists(door) for door in shut)
    if lists_read:
        access = replace(access, checker_lists=checker_lists())
        shut = [door for door in shut if not access.is_open(door)]
    entries = {}
    for prefix_list in sorted({each for door in shut for each in access.other_lists(door)}):
        found = attempt(partial(aws.security_groups.entries, prefix_list))
        if found is not None:
            entries[prefix_list] = found
    access = replace(access, entries=entries)
    if any(access.ranges(door) for door in shut):
        access = replace(access, checker_ranges=attempt(aws.route53.checker_ranges) or ())
    if not lists_read and any(find_unreachable(situation, access)):
        access = replace(access, checker_lists=checker_lists())  # the finding names the list to let in
    return access


def _read_protections(
    situation: Situation, aws: Aws, informing: InformingReads
) -> dict[ZoneId, tuple[Protection, ...]]:
    found = {
        zone_id: informing.read("record set protections not read", partial(aws.route53.protections, zone_id), None)
        for zone_id in sorted(situation.zones)
    }
    return {zone_id: protections for zone_id, protections in found.items() if protections is not None}


def _read_delegation(situation: Situation, aws: Aws, informing: InformingReads) -> Delegation:
    zones = public_zones(situation)
    found = name_servers(sorted({zone.name for zone in zones}))
    for name in sorted({zone.name for zone in zones} - found.keys()):
        informing.note("delegation not read", f"the resolver does not say who serves {name}")
    elsewhere = [zone for zone in zones if delegated_elsewhere(zone, found)]
    return Delegation(found, {zone.id: _own_name_servers(zone, aws, informing) for zone in elsewhere})


def _own_name_servers(zone: Zone, aws: Aws, informing: InformingReads) -> frozenset[str]:
    """Return the name servers that a zone's own NS record set names, none where that cannot be read."""
    records = informing.read("name servers not read", lambda: aws.route53.records_at(zone.id, zone.name), ())
    return frozenset(normal_name(value) for record in records if record.type == "NS" for value in record.values)
