"""Identity: the ids that say which stack owns a record, a health check or an alarm. Route 53 is the only state.

SetIdentifier: `<owner>/<instance id>`, or `<owner>/fallback`.
CallerReference: `fleet53/<owner hash 8>/<pool hash 8>/<instance id>/<generation 12>`.
AlarmName: `fleet53/<owner>/<pool>/<instance id>`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fleet53.domain.alarm import OWN_PREFIX
from fleet53.domain.ids import InstanceId, PoolName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from fleet53.domain.alarm import AlarmConfig
    from fleet53.domain.health_check import CheckConfig
    from fleet53.domain.record import RecordType

FALLBACK: Final = "fallback"
ATTEMPTS: Final = 64
"""How many CallerReferences one need has. Route 53 refuses the reference of a deleted health check for days, so this
limits how often the same need (same launch, address and settings) can come back within that time
(CreateHealthCheck)."""
_OF_A_STACK: Final = re.compile(rf"([^/]+\.[^./]+\.\d+)/(?:i-[0-9a-f]+|{FALLBACK})")


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@lru_cache(maxsize=1024)
def _hash_of_name(name: str) -> str:
    """Return the eight hex digits that stand for an owner or a pool: each CallerReference has both."""
    return _hash(name, 8)


def owner_of(identifier: str | None) -> str | None:
    """Return the fleet53 stack, this one or another, that owns the record with a SetIdentifier; None if none does."""
    found = _OF_A_STACK.fullmatch(identifier or "")
    return found[1] if found is not None else None


def is_fallback(identifier: str | None) -> bool:
    """Whether a SetIdentifier is that of the fallback of a fleet53 stack, this one or another."""
    return owner_of(identifier) is not None and (identifier or "").endswith(f"/{FALLBACK}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of a CallerReference of ours."""

    pool_hash: str
    instance_id: InstanceId
    generation: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The stack that owns records and health checks: `<stack name>.<region>.<account id>`."""

    name: str

    def identifier(self, holder: str) -> str:
        """Return the SetIdentifier for `holder`: an instance id, or FALLBACK. 128 characters at most."""
        return f"{self.name}/{holder}"

    def holder(self, identifier: str | None) -> str | None:
        """Return the instance id, or FALLBACK, of a SetIdentifier of ours; None if it is not ours."""
        prefix = f"{self.name}/"
        if identifier is None or not identifier.startswith(prefix):
            return None
        return identifier.removeprefix(prefix)

    def instance(self, identifier: str | None) -> InstanceId | None:
        """Return the instance id of a SetIdentifier of ours; None if it is the fallback's, or not ours."""
        holder = self.holder(identifier)
        return None if holder is None or holder == FALLBACK else InstanceId(holder)

    def instances(self, identifiers: Iterable[str | None]) -> frozenset[InstanceId]:
        """Return the instance ids of those SetIdentifiers that are ours, without fallbacks."""
        return frozenset(each for each in map(self.instance, identifiers) if each is not None)

    def references(
        self,
        pool: PoolName,
        instance_id: InstanceId,
        launched: datetime,
        record_type: RecordType,
        config: CheckConfig | AlarmConfig,
    ) -> Iterator[str]:
        """Yield the CallerReferences for one need, in the order in which to try them. 64 characters each.

        The same need gives the same references, so two passes cannot create two health checks. A restart, another
        address or a changed setting gives other references. A later one is used if a deleted or edited health check has
        used those before it (CreateHealthCheck, CallerReference).
        """
        need = json.dumps([record_type, str(config.address), launched.isoformat(), *config.reference_parts()])
        prefix = f"{self._prefix}{self.pool_hash(pool)}/{instance_id}/"
        for attempt in range(ATTEMPTS):
            yield prefix + _hash(f"{need}#{attempt}", 12)

    def read_reference(self, reference: str) -> Reference | None:
        """Return the parts of a CallerReference of ours; None if it is not ours."""
        if not reference.startswith(self._prefix):
            return None
        match reference.removeprefix(self._prefix).split("/"):
            case [pool_hash, instance_id, generation]:
                return Reference(pool_hash, InstanceId(instance_id), generation)
            case _:
                return None

    @property
    def region(self) -> str:
        """The region of the stack, which is that of its alarms."""
        return self.name.rsplit(".", 2)[1]

    @property
    def alarm_prefix(self) -> str:
        """The prefix of the names of the stack's own alarms of members. No other alarm has it."""
        return f"{OWN_PREFIX}{self.name}/"

    def alarm_name(self, pool: PoolName, instance_id: InstanceId) -> str:
        """Return the name of the alarm of a member. 169 characters at most, of 255 (PutMetricAlarm, AlarmName)."""
        return f"{self.alarm_prefix}{pool}/{instance_id}"

    def read_alarm_name(self, name: str) -> tuple[PoolName, InstanceId] | None:
        """Return the pool and the instance that an alarm of ours is for; None if it is not ours."""
        match name.removeprefix(self.alarm_prefix).split("/"):
            case [pool, instance_id] if name.startswith(self.alarm_prefix):
                return PoolName(pool), InstanceId(instance_id)
            case _:
                return None

    @staticmethod
    def pool_hash(pool: PoolName) -> str:
        """Return the eight hex digits that stand for a pool's name in a CallerReference."""
        return _hash_of_name(pool)

    @property
    def _prefix(self) -> str:
        return f"fleet53/{_hash_of_name(self.name)}/"
