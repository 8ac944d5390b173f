"""The health checks of one pool: which of the account's are its own, which one fits a member, and which to create."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.domain.alarm import INSTANCE_ID, AlarmConfig, AlarmSettings, status_rule
from fleet53.domain.finding import FindingKind
from fleet53.domain.health_check import CheckConfig
from fleet53.planning.changes import CheckKey, CreateCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from fleet53.domain.alarm import Alarm, AlarmRule
    from fleet53.domain.health_check import Check
    from fleet53.domain.identity import Owner, Reference
    from fleet53.domain.ids import CheckId, InstanceId, IPAddress
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record, RecordType
    from fleet53.planning.situation import Situation

type OwnedChecks = Sequence[tuple[Check, Reference]]
"""The stack's health checks, in the order of their listing, each with its CallerReference taken apart."""


def owned_checks(situation: Situation) -> OwnedChecks:
    """Return the stack's own health checks among all of the account; none where they were not read."""
    return [
        (check, reference)
        for check in (situation.checks or {}).values()
        if (reference := situation.owner.read_reference(check.reference)) is not None
    ]


def checks_by_pool(owned: OwnedChecks) -> Mapping[str, Mapping[InstanceId, Sequence[Check]]]:
    """Return the health checks by the hash of their pool's name, then by instance."""
    found: dict[str, dict[InstanceId, list[Check]]] = defaultdict(dict)
    for check, reference in owned:
        found[reference.pool_hash].setdefault(reference.instance_id, []).append(check)
    return found


@dataclass(frozen=True, slots=True)
class PoolChecks:
    """The health checks that matter to one pool's plan.

    `account` are all of the account by id, None where they were not read. `by_instance` are those that this stack
    created for the pool. `healthy` is what Route 53 sees; a health check without data is missing. `late` are those that
    had data for AdmitTimeout and were never healthy. `alarms` are those that health checks may follow, by name, None if
    they were not read.
    """

    owner: Owner
    pool: Pool
    account: Mapping[CheckId, Check] | None
    by_instance: Mapping[InstanceId, Sequence[Check]]
    healthy: Mapping[CheckId, bool]
    late: AbstractSet[CheckId]
    alarms: Mapping[str, Alarm] | None = None

    @property
    def wanted(self) -> bool:
        """Whether the pool's members have health checks at all."""
        return self.pool.check is not None

    @property
    def known(self) -> bool:
        """Whether the account's health checks were read, and the alarms where the pool's health checks follow some."""
        return self.account is not None and (self.alarms is not None or not isinstance(self.pool.check, AlarmSettings))

    def why_none(self, instance: Instance) -> str | None:
        """Return why no health check can be created for the instance, or None.

        The alarm that the operator keeps for it does not exist, or is of a kind that Route 53 does not follow.
        """
        name = self._kept_alarm(instance)
        if name is None:
            return None
        alarm = (self.alarms or {}).get(name)
        if alarm is None:
            return f"there is no metric alarm {name!r} in {self.owner.region}, which its health check is to follow"
        if alarm.rule is None:
            return f"Route 53 does not follow alarm {name!r}: {alarm.refused}"
        return None

    def gone(self, check_id: CheckId | None) -> bool:
        """Whether the account has no such health check. While the health checks are not read, none counts as gone."""
        return check_id is not None and self.account is not None and check_id not in self.account

    def fitting(
        self, instance: Instance, record_type: RecordType, address: IPAddress, *, prefer: CheckId | None = None
    ) -> Check | None:
        """Return the health check that was created for this launch of the instance with the pool's settings, or None.

        A health check that was edited by hand does not fit. Of several, `prefer` wins, then the one whose
        CallerReference is tried first.
        """
        config = self._config(instance, address)
        if config is None or instance.id not in self.by_instance:
            return None
        same = {check.reference: check for check in self.by_instance[instance.id] if check.config == config}
        if not same:
            return None
        references = self._references(instance, record_type, config)
        fitting = (same[reference] for reference in references if reference in same)
        first = next(fitting, None)
        if first is None or prefer is None or first.id == prefer:
            return first
        return next((check for check in fitting if check.id == prefer), first)

    def creation(
        self,
        instance: Instance,
        record_type: RecordType,
        address: IPAddress,
        *,
        drift: FindingKind,
        because: str,
        replaces: CheckId | None = None,
    ) -> CreateCheck | None:
        """Return the change that creates the instance's health check, or None if it can have none.

        CallerReferences that existing health checks use are left out.
        """
        config = self._config(instance, address)
        if config is None:
            return None
        used = {check.reference for check in self.by_instance.get(instance.id, ())}
        references = self._references(instance, record_type, config)
        return CreateCheck(
            key=CheckKey(self.pool.name, instance.id, record_type),
            config=config,
            references=tuple(reference for reference in references if reference not in used),
            drift=drift,
            because=because,
            replaces=replaces,
            alarm=self._alarm_to_put(instance, config),
        )

    def fault(
        self, record: Record, instance: Instance, record_type: RecordType, address: IPAddress
    ) -> tuple[FindingKind, str]:
        """Return what is wrong with the health check of a record that does not name the fitting one."""
        config = self._config(instance, address)
        if record.check_id is None or config is None:
            return FindingKind.MISSING_CHECK, "its record has no health check"
        named = (self.account or {}).get(record.check_id)
        if named is None:
            return (
                FindingKind.DEAD_CHECK_REFERENCE,
                f"its record refers to health check {record.check_id}, which is gone",
            )
        if self.owner.read_reference(named.reference) is None:
            return FindingKind.STALE_RECORD, f"its record refers to health check {named.id}, which is not ours"
        if named.reference in self._references(instance, record_type, config):
            return FindingKind.CHECK_MISMATCH, f"its health check {named.id} was edited by hand"
        return FindingKind.STALE_RECORD, f"its health check {named.id} was created for an earlier launch or setting"

    def _config(self, instance: Instance, address: IPAddress) -> CheckConfig | AlarmConfig | None:
        """Return the configuration of an instance's health check, None if it has or can have no health check."""
        match self.pool.check:
            case None:
                return None
            case AlarmSettings():
                name, rule = self._kept_alarm(instance), status_rule(instance.id)
                if name is None:
                    own = self.owner.alarm_name(self.pool.name, instance.id)
                    return AlarmConfig(own, self.owner.region, rule=rule, address=address)
                alarm = (self.alarms or {}).get(name)
                if alarm is None or alarm.rule is None:
                    return None
                return AlarmConfig(name, self.owner.region, rule=alarm.rule, address=address)
            case settings:
                return CheckConfig.of(settings, address)

    def _kept_alarm(self, instance: Instance) -> str | None:
        """Return the name of the alarm that the operator keeps for the instance, None if fleet53 makes it."""
        if not isinstance(self.pool.check, AlarmSettings) or self.pool.check.name is None:
            return None
        return self.pool.check.name.replace(INSTANCE_ID, instance.id)

    def _alarm_to_put(self, instance: Instance, config: CheckConfig | AlarmConfig) -> AlarmRule | None:
        """Return the rule of an alarm of ours that does not exist as it should, else None."""
        if not isinstance(config, AlarmConfig) or self._kept_alarm(instance) is not None:
            return None
        there = (self.alarms or {}).get(config.alarm)
        return config.rule if there is None or there.rule != config.rule else None

    def _references(
        self, instance: Instance, record_type: RecordType, config: CheckConfig | AlarmConfig
    ) -> Iterator[str]:
        return self.owner.references(self.pool.name, instance.id, instance.launched, record_type, config)
