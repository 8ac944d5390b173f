"""Checks: the account's health checks, and what Route 53 sees of them. A pass reads them only where they matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.convergence.instances import add_instances

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.domain.model import CheckId
    from fleet53.planning.situation import Situation


def add_checks(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the account's checks, and with the instances that our checks are for."""
    checks = aws.route53.checks()
    references = (situation.owner.read_reference(check.reference) for check in checks.values())
    holders = {reference.instance_id for reference in references if reference is not None}
    return add_instances(replace(situation, checks=checks), holders, aws)


def add_health(situation: Situation, check_ids: Iterable[CheckId], aws: Aws, *, now: datetime) -> Situation:
    """Return the situation with what Route 53 sees of `check_ids`."""
    wanted = frozenset(check_ids)
    return replace(situation, healthy=aws.health.read(wanted, now=now)) if wanted else situation
