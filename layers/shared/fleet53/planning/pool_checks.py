"""The checks of one pool: which of the account's are its own, which fit, and which to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fleet53.domain.model import CheckConfig, FindingKind
from fleet53.planning.changes import CheckKey, CreateCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.domain.identity import Owner
    from fleet53.domain.model import Check, CheckId, Instance, InstanceId, IPAddress, Pool, Record, RecordType


@dataclass(slots=True)
class PoolChecks:
    """A pool's checks among all of the `account`, which is None where they were not read."""

    owner: Owner
    pool: Pool
    account: Mapping[CheckId, Check] | None
    _by_instance: dict[InstanceId, list[Check]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Sort out which checks are the pool's."""
        pool_hash = self.owner.pool_hash(self.pool.name)
        for check in (self.account or {}).values():
            reference = self.owner.read_reference(check.reference)
            if reference is not None and reference.pool_hash == pool_hash:
                self._by_instance.setdefault(reference.instance_id, []).append(check)

    @property
    def wanted(self) -> bool:
        """Whether the pool's members have checks at all."""
        return self.pool.check is not None

    @property
    def known(self) -> bool:
        """Whether the account's checks were read."""
        return self.account is not None

    def gone(self, check_id: CheckId | None) -> bool:
        """Whether the account has no such check. One that was not looked for is not gone."""
        return check_id is not None and self.account is not None and check_id not in self.account

    def of(self, instance_id: InstanceId) -> frozenset[CheckId]:
        """Return the pool's checks of an instance, whatever they ask."""
        return frozenset(check.id for check in self._by_instance.get(instance_id, ()))

    def fitting(
        self, instance: Instance, record_type: RecordType, address: IPAddress, *, prefer: CheckId | None = None
    ) -> Check | None:
        """Return the check that asks exactly what the pool asks of this launch of the instance, if there is one.

        A check that was edited by hand does not fit. Of several, `prefer` wins, then the first reference.
        """
        mine = self._by_instance.get(instance.id)
        if self.pool.check is None or not mine:
            return None
        config = CheckConfig.of(self.pool.check, address)
        references = self._references(instance, record_type, config)
        fitting = [check for check in mine if check.config == config and check.reference in references]
        return min(fitting, key=lambda check: (check.id != prefer, references.index(check.reference)), default=None)

    def creation(
        self, instance: Instance, record_type: RecordType, address: IPAddress, drift: FindingKind, because: str
    ) -> CreateCheck | None:
        """Return the change that makes the check the pool asks for, or None where it asks for none.

        It passes over the references that are in use.
        """
        if self.pool.check is None:
            return None
        config = CheckConfig.of(self.pool.check, address)
        used = {check.reference for check in self._by_instance.get(instance.id, ())}
        references = self._references(instance, record_type, config)
        return CreateCheck(
            key=CheckKey(self.pool.name, instance.id, record_type),
            config=config,
            references=tuple(reference for reference in references if reference not in used),
            drift=drift,
            because=because,
        )

    def fault(
        self, record: Record, instance: Instance, record_type: RecordType, address: IPAddress
    ) -> tuple[FindingKind, str]:
        """Say what is wrong with the check that a record names, where it is not the fitting one."""
        if record.check_id is None or self.pool.check is None:
            return FindingKind.MISSING_CHECK, "its record names no check"
        named = (self.account or {}).get(record.check_id)
        if named is None:
            return FindingKind.DEAD_CHECK_REFERENCE, f"its record names check {record.check_id}, which is gone"
        if self.owner.read_reference(named.reference) is None:
            return FindingKind.STALE_RECORD, f"its record names check {named.id}, which is not ours"
        if named.reference in self._references(instance, record_type, CheckConfig.of(self.pool.check, address)):
            return FindingKind.CHECK_MISMATCH, f"its check {named.id} was edited by hand"
        return FindingKind.STALE_RECORD, f"its check {named.id} is of an earlier launch or setting"

    def _references(self, instance: Instance, record_type: RecordType, config: CheckConfig) -> tuple[str, ...]:
        return tuple(self.owner.references(self.pool.name, instance.id, instance.launched, record_type, config))
