"""Route 53 and alarms of an account in memory, behind the methods of the adapters that applying a plan uses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.errors import (
    BatchRefusedError,
    CheckQuotaError,
    CheckRefusedError,
    ReferenceBurnedError,
    TryLaterError,
)
from fleet53.domain.health_check import Check
from fleet53.domain.ids import CheckId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fleet53.domain.alarm import AlarmRule
    from fleet53.domain.health_check import CheckConfig
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.record import Record

type Place = tuple[str, str, str, str | None]


def place(zone_id: str, record: Record) -> Place:
    """Return what identifies a record set: zone, name, type, SetIdentifier."""
    return zone_id, record.name, record.type, record.identifier


@dataclass
class Account:
    """Records, health checks and burned references, with Route 53's rules about them.

    `answers` is how many calls it answers before it is out of reach; `room` how many health checks it may hold;
    `creations` is how many creations of health checks are left of the day's. `refuses` are the record values in whose
    batches it finds fault. `silence` is what the adapter raises when there is no answer in time, as for every change of
    the records of `silent_zone`.
    """

    records: dict[Place, Record] = field(default_factory=dict)
    checks: dict[CheckId, Check] = field(default_factory=dict)
    burned: set[str] = field(default_factory=set)
    answers: int = 1_000_000
    room: int = 1_000_000
    creations: int = 1_000_000
    silence: type[TryLaterError] = TryLaterError
    silent_zone: ZoneId | None = None
    refuses: Collection[str] = ()
    refuses_checks_of: Collection[str] = ()
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    made: int = 0
    rules: dict[str, AlarmRule] = field(default_factory=dict)
    refuses_alarms: bool = False

    @property
    def route53(self) -> Account:
        return self

    @property
    def alarms(self) -> Account:
        return self

    @classmethod
    def of(cls, records: Iterable[tuple[ZoneId, Record]], checks: Iterable[Check]) -> Account:
        return cls({place(zone_id, one): one for zone_id, one in records}, {one.id: one for one in checks})

    def create_check(self, reference: str, config: CheckConfig | AlarmConfig) -> CheckId:
        self._answer("create check", reference)
        if self.made >= self.creations:
            raise self.silence("Throttling: Rate exceeded")
        if str(config.address) in self.refuses_checks_of:
            raise CheckRefusedError(f"{config.address} is not routable")
        if isinstance(config, AlarmConfig) and config.alarm not in self.rules:
            raise CheckRefusedError(f"{config.alarm} does not exist")
        for known in self.checks.values():
            if known.reference == reference and known.config == config:
                return known.id
            if known.reference == reference:
                raise ReferenceBurnedError(reference)
        if reference in self.burned:
            raise ReferenceBurnedError(reference)
        if len(self.checks) >= self.room:
            raise CheckQuotaError("TooManyHealthChecks: no more")
        self.made += 1
        check_id = CheckId(f"c-new-{self.made}")
        self.checks[check_id] = Check(check_id, reference, config)
        return check_id

    def change_records(self, zone_id: ZoneId, *, deletions: Iterable[Record], creations: Iterable[Record]) -> None:
        deletions, creations = list(deletions), list(creations)
        if zone_id == self.silent_zone:
            raise self.silence("out of reach")
        self._answer("change records", zone_id, deletions, creations)
        after = dict(self.records)
        for one in deletions:
            if after.pop(place(zone_id, one), None) != one:
                raise BatchRefusedError(zone_id, f"{one} is not there")
        for one in creations:
            if one.check_id is not None and one.check_id not in self.checks:
                raise BatchRefusedError(zone_id, f"NoSuchHealthCheck: {one.check_id}")
            if set(one.values) & set(self.refuses):
                raise BatchRefusedError(zone_id, f"InvalidChangeBatch: {one.values}")
            if place(zone_id, one) in after:
                raise BatchRefusedError(zone_id, f"{one} already exists")
            after[place(zone_id, one)] = replace(one)
        self.records = after

    def delete_check(self, check_id: CheckId) -> None:
        self._answer("delete check", check_id)
        gone = self.checks.pop(check_id, None)
        if gone is not None:
            self.burned.add(gone.reference)

    def put(self, name: str, rule: AlarmRule, _description: str) -> None:
        self._answer("put alarm", name)
        if self.refuses_alarms:
            raise CheckRefusedError(f"alarm {name}: LimitExceeded: no more")
        self.rules[name] = rule

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._answer("delete alarm", name)
            self.rules.pop(name, None)

    def _answer(self, *call: Any) -> None:
        if len(self.calls) >= self.answers:
            raise self.silence("out of reach")
        self.calls.append(call)

    @property
    def dangling(self) -> set[Place]:
        """The records that name a health check which does not exist."""
        return {at for at, one in self.records.items() if one.check_id is not None and one.check_id not in self.checks}


@dataclass
class Logbook:
    """A log that keeps its lines: level, message, fields."""

    lines: list[tuple[str, object, Mapping[str, object]]] = field(default_factory=list)

    def info(self, msg: object, *, extra: Mapping[str, object]) -> None:
        self.lines.append(("info", msg, extra))

    def warning(self, msg: object, *, extra: Mapping[str, object]) -> None:
        self.lines.append(("warning", msg, extra))

    def exception(self, msg: object, *, extra: Mapping[str, object]) -> None:
        self.lines.append(("exception", msg, extra))
