"""Precondition: whether the stack may be created here, and whether an update would leave records behind.

Note [Nothing left behind]: the policies allow changes of the names and the zones that the stack's parameters have now.
Records at a place that an update drops could never be withdrawn again, and would answer for ever. So CloudFormation
asks for this before it changes a policy or a pool, and a refusal changes nothing. A rollback is never refused, because
a stack whose rollback fails needs an operator.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fleet53.config.pools import normal_name
from fleet53.domain.errors import ZoneGoneError
from fleet53.domain.ids import ZoneId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fleet53.aws.route53 import Route53
    from fleet53.domain.identity import Owner

SUPPORTED: Final = "aws"
_NAMED: Final = 5
"""How many places a refusal names."""


@dataclass(frozen=True, slots=True)
class Places:
    """The hosted zones, and the names in any of them, that the policies of a stack allow it to change."""

    zone_ids: frozenset[ZoneId]
    names: frozenset[str]


def read_places(properties: Mapping[str, Any]) -> Places:
    """Return the places in the properties of the custom resource. An older template's have none."""
    return Places(
        frozenset(ZoneId(zone_id) for zone_id in properties.get("HostedZoneIds", ()) if zone_id),
        frozenset(normal_name(name) for name in properties.get("RecordNames", ()) if name),
    )


def why_not_here(stack_id: str) -> str | None:
    """Return why fleet53 does not work in the partition of a stack, known by its ARN; None where it does."""
    partition = stack_id.split(":")[1]
    if partition == SUPPORTED:
        return None
    return (
        f"fleet53 works in the partition {SUPPORTED} only, and this stack is in {partition}: it reads what Route 53's "
        "checkers see from CloudWatch in us-east-1, so nobody would ever be admitted here. Nothing was created."
    )


def why_not_dropped(before: Places, after: Places, owner: Owner, route53: Route53) -> str | None:
    """Return why an update must not drop the places that `after` lacks: records of ours are there. None where it may.

    Raises ZoneUnreadableError or an AWS error where a hosted zone could not be read.
    """
    found: Counter[tuple[str, ZoneId]] = Counter()
    for zone_id in sorted(before.zone_ids):
        dropped = before.names if zone_id not in after.zone_ids else before.names - after.names
        if not dropped:
            continue
        try:
            records = route53.records_in(zone_id)
        except ZoneGoneError:
            continue
        found.update(
            (record.name, zone_id)
            for record in records
            if record.name in dropped and owner.holder(record.identifier) is not None
        )
    if not found:
        return None
    keep = []
    if names := sorted({name for name, _ in found} - after.names):
        keep.append(f"{_some(names)} in AllowedRecordNames")
    if zone_ids := sorted({zone_id for _, zone_id in found} - after.zone_ids):
        keep.append(f"{_some(zone_ids)} in AllowedZoneIds")
    places = _some([f"{count} at {name} in {zone_id}" for (name, zone_id), count in sorted(found.items())])
    return (
        f"{found.total()} records of this stack remain where it could not change them any more: {places}. Keep "
        f"{' and '.join(keep)} until they are withdrawn, then update the stack again. Nothing was changed."
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
