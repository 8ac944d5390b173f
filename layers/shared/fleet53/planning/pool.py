"""The plan of one pool. The rules stand in plan.py; here each of them is one method."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fleet53.config.pools import record_type_of
from fleet53.domain.identity import FALLBACK
from fleet53.domain.model import (
    MAX_RECORDS_PER_NAME,
    AddressType,
    AdmitWhen,
    Finding,
    FindingKind,
    InstanceId,
    Record,
    RecordType,
)
from fleet53.planning.changes import CheckKey, DeleteRecord, PoolStatus, PutRecord, Waiting
from fleet53.planning.membership import Membership
from fleet53.planning.pool_checks import PoolChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleet53.domain.model import CheckId, Instance, IPAddress, Pool
    from fleet53.planning.changes import CreateCheck, RecordChange
    from fleet53.planning.guard import Guard
    from fleet53.planning.membership import Verdict
    from fleet53.planning.situation import Situation

_ADDRESS_TYPES: Final = frozenset(RecordType)


@dataclass(frozen=True, slots=True)
class _Seeker:
    """A member that wants a place among the records of a type, with the address it would answer with."""

    instance: Instance
    record_type: RecordType
    address: IPAddress
    verdict: Verdict


@dataclass(slots=True)
class PoolPlan:
    """What is to be done for one pool. `remaining` are the members' records once it is done."""

    situation: Situation
    pool: Pool
    guard: Guard
    checks: PoolChecks = field(init=False)
    create_checks: list[CreateCheck] = field(default_factory=list, init=False)
    held: list[DeleteRecord] = field(default_factory=list, init=False)
    waiting: list[Waiting] = field(default_factory=list, init=False)
    findings: list[Finding] = field(default_factory=list, init=False)
    remaining: list[Record] = field(default_factory=list, init=False)
    kept_checks: set[CheckId] = field(default_factory=set, init=False)
    _deletions: list[DeleteRecord] = field(default_factory=list, init=False)
    _puts: list[PutRecord] = field(default_factory=list, init=False)
    _standby: set[InstanceId] = field(default_factory=set, init=False)
    _unready: set[InstanceId] = field(default_factory=set, init=False)
    _verdicts: dict[InstanceId, Verdict] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Decide everything: members by membership, seekers by seat, then the fallback."""
        self.checks = PoolChecks(self.situation.owner, self.pool, self.situation.checks)
        owned = self._owned()
        holders = {instance_id for instance_id, _ in owned}
        self._verdicts = {
            instance_id: self.situation.verdict(instance_id, self.pool.name)
            for instance_id in sorted(holders | self.situation.tagged_for(self.pool.name))
        }
        held = self._held_by_guard(holders)
        seekers: list[_Seeker] = []
        for instance_id, verdict in self._verdicts.items():
            for record_type in RecordType:
                record = owned.get((instance_id, record_type))
                match verdict.membership:
                    case Membership.LEAVE:
                        self._leave(instance_id, verdict, record)
                    case Membership.WITHDRAW:
                        self._withdraw_member(instance_id, record, verdict, held.get(instance_id))
                    case Membership.ADMIT | Membership.PREPARE | Membership.WAIT:
                        seekers += self._serve(self.situation.instances[instance_id], record_type, verdict, record)
        for record_type in self.pool.address.record_types:
            self._seat([seeker for seeker in seekers if seeker.record_type is record_type], record_type)
        self._decide_fallback()

    @property
    def change_records(self) -> Iterator[RecordChange]:
        """The record changes, deletions first: a full name has room only after them."""
        yield from self._deletions
        yield from self._puts

    def status(self) -> PoolStatus:
        """Return who is where, as it stands before the plan."""
        in_dns = frozenset(instance_id for instance_id, _ in self._owned())
        return PoolStatus(
            pool=self.pool.name,
            record_name=self.pool.record_name,
            members=self.situation.tagged_for(self.pool.name),
            in_dns=in_dns,
            pending=frozenset(waiting.instance_id for waiting in self.waiting) - in_dns,
            standby=frozenset(self._standby),
            ready=frozenset(
                instance_id
                for instance_id, verdict in self._verdicts.items()
                if verdict.membership in {Membership.ADMIT, Membership.PREPARE} and instance_id not in self._unready
            ),
        )

    # What there is at the name

    def _owned(self) -> dict[tuple[InstanceId, str], Record]:
        """Return the members' records by instance and type; the fallback is not one."""
        holder_of = self.situation.owner.instance
        return {
            (holder, record.type): record
            for record in self.situation.records[self.pool.name]
            if (holder := holder_of(record.identifier)) is not None and record.type in _ADDRESS_TYPES
        }

    def _fallbacks(self) -> list[Record]:
        identifier = self.situation.owner.identifier(FALLBACK)
        return [
            record
            for record in self.situation.records[self.pool.name]
            if record.identifier == identifier and record.type in _ADDRESS_TYPES
        ]

    def _foreign(self) -> list[Record]:
        return [
            record
            for record in self.situation.records[self.pool.name]
            if self.situation.owner.holder(record.identifier) is None
        ]

    def _in_the_way(self, record_type: RecordType) -> str | None:
        """Return why no multivalue record of this type can be put at the name, or None.

        Route 53 mixes multivalue records with no other policy of the same name and type, and a CNAME with nothing
        (ChangeResourceRecordSets; Route 53 Developer Guide, Supported DNS record types).
        """
        for record in self._foreign():
            if record.type == "CNAME" or (record.type == record_type and not record.multivalue):
                whose = f" {record.identifier!r}" if record.identifier else ""
                return (
                    f"{record.name} has a {record.type} record{whose} that is not ours and not multivalue; "
                    "remove it or give the pool another name"
                )
        return None

    # Members that stay out, or as they are

    def _held_by_guard(self, holders: set[InstanceId]) -> dict[InstanceId, str]:
        """Return the members whose withdrawal the guard holds, with the reason."""
        verdicts = self._verdicts
        absent = [
            instance_id
            for instance_id in holders
            if verdicts[instance_id].membership is Membership.WITHDRAW and not verdicts[instance_id].evidence
        ]
        if not self.guard.holds(absent=len(absent), in_dns=len(holders)):
            return {}
        reason = self.guard.reason(absent=len(absent), in_dns=len(holders))
        return {instance_id: f"{verdicts[instance_id].because}; {reason}" for instance_id in absent}

    def _leave(self, instance_id: InstanceId, verdict: Verdict, record: Record | None) -> None:
        if record is not None:
            self.remaining.append(record)
        finding = self._finding(FindingKind.UNKNOWN_STATE, verdict.because, instance_id)
        if finding not in self.findings:
            self.findings.append(finding)

    def _withdraw_member(
        self, instance_id: InstanceId, record: Record | None, verdict: Verdict, held: str | None
    ) -> None:
        if record is None:
            return
        instance = self.situation.instances.get(instance_id)
        stranger = self._why_not_own(instance, record) if instance is not None else None
        if stranger is not None and not verdict.evidence:
            self._delete(instance_id, record, stranger, FindingKind.STALE_RECORD)
        elif held is not None:
            self.held.append(self._deletion(instance_id, record, held, FindingKind.ORPHAN_RECORD))
            self.remaining.append(record)
        else:
            self._delete(instance_id, record, verdict.because, FindingKind.ORPHAN_RECORD)

    # Members that are served, or soon will be

    def _serve(
        self, instance: Instance, record_type: RecordType, verdict: Verdict, record: Record | None
    ) -> Iterator[_Seeker]:
        """Keep a member's record right; yield the member where it wants a place instead."""
        if record is not None and (stranger := self._why_not_own(instance, record)) is not None:
            self._delete(instance.id, record, stranger, FindingKind.STALE_RECORD)
            record = None
        if record_type not in self.pool.address.record_types:
            return
        address = instance.address(self.pool.address, record_type)
        if verdict.membership is Membership.WAIT:
            self._wait(instance, verdict.because)
            if record is not None:
                self._correct(instance.id, record, record.check_id)
        elif address is None:
            wanted = _address_words(self.pool.address, record_type)
            self._wait(instance, f"running without {wanted}", overdue=FindingKind.NO_ADDRESS)
            if all(instance.address(self.pool.address, each) is None for each in self.pool.address.record_types):
                self._unready.add(instance.id)
        elif record is not None and verdict.membership is Membership.ADMIT:
            self._renew(instance, record_type, record, address)
        else:
            if record is not None:
                self._delete(instance.id, record, verdict.because, FindingKind.ORPHAN_RECORD)
            yield _Seeker(instance, record_type, address, verdict)

    def _why_not_own(self, instance: Instance, record: Record) -> str | None:
        """Return why a record does not answer with its instance's own address and nothing else, or None."""
        record_type = RecordType(record.type)
        if record_type not in self.pool.address.record_types:
            return f"the pool has no {record_type} records any more"
        own = instance.address(self.pool.address, record_type)
        holds = f"its record holds {', '.join(record.values) or 'an alias'}"
        if own is None:
            return f"{holds}, and EC2 says {instance.state} without {_address_words(self.pool.address, record_type)}"
        if record.values != (str(own),):
            return f"{holds}, and its own address is {own}"
        return None if record.multivalue else "its record is not multivalue any more"

    def _renew(self, instance: Instance, record_type: RecordType, record: Record, address: IPAddress) -> None:
        """Keep a member's record right, moving it to a check of today's settings once that is healthy."""
        if not self.checks.wanted:
            self._correct(instance.id, record, None)
            return
        if not self.checks.known:
            if record.check_id is None:
                self._wait(instance, "its check is not read yet")
            self._correct(instance.id, record, record.check_id)
            return
        check = self.checks.fitting(instance, record_type, address, prefer=record.check_id)
        if check is not None:
            self.kept_checks.add(check.id)
            if check.id == record.check_id or self.situation.healthy.get(check.id):
                self._correct(instance.id, record, check.id)
                return
        drift, because = self.checks.fault(record, instance, record_type, address)
        if check is None:
            self._create_check(instance, record_type, address, drift, because, replaces=record.check_id)
        elif drift is not FindingKind.STALE_RECORD:
            self.findings.append(self._finding(drift, because, instance.id, record.check_id))
        because = f"{because}; the record moves when its new check is healthy"
        self._wait(instance, because, check_id=check.id if check else None, overdue=FindingKind.NOT_HEALTHY_IN_TIME)
        self._correct(instance.id, record, record.check_id)

    def _seat(self, seekers: list[_Seeker], record_type: RecordType) -> None:
        """Give the free places of a name to those who seek one: who is under way first, then by oldest launch."""
        blocker = self._in_the_way(record_type)
        if blocker is not None:
            self.findings.append(self._finding(FindingKind.FOREIGN_RECORD_IN_THE_WAY, blocker))
            for seeker in seekers:
                self._unready.add(seeker.instance.id)
                self._wait(seeker.instance, blocker)
            return
        taken = sum(record.type == record_type for record in (*self.remaining, *self._foreign()))
        free = max(0, MAX_RECORDS_PER_NAME - taken)
        queue = sorted(
            seekers,
            key=lambda seeker: (
                not self.checks.of(seeker.instance.id),
                seeker.instance.launched,
                seeker.instance.id,
            ),
        )
        for seeker in queue[:free]:
            self._admit(seeker)
        for seeker in queue[free:]:
            self._standby.add(seeker.instance.id)
            because = (
                f"{self.pool.record_name} has {MAX_RECORDS_PER_NAME} {record_type} records or members under way, "
                "and Route 53 takes no more"
            )
            self.findings.append(self._finding(FindingKind.POOL_FULL, because, seeker.instance.id))

    def _admit(self, seeker: _Seeker) -> None:
        """Bring a member that has a place one step nearer to DNS: a check, then its health, then a record."""
        instance, record_type, because = seeker.instance, seeker.record_type, seeker.verdict.because
        check = self.checks.fitting(instance, record_type, seeker.address)
        if check is not None:
            self.kept_checks.add(check.id)
        elif self.checks.wanted and self.checks.known:
            drift = FindingKind.MISSING_CHECK
            self._create_check(instance, record_type, seeker.address, drift, f"{because}; it has no check")
        record = self._record(record_type, str(seeker.address), instance.id, check.id if check else None)
        needs_health = self.checks.wanted and self.pool.admit_when is AdmitWhen.HEALTHY
        if self.checks.wanted and not self.checks.known:
            self._unready.add(instance.id)
            self._wait(instance, "its check is not read yet")
        elif needs_health and not (check and self.situation.healthy.get(check.id)):
            self._unready.add(instance.id)
            seen = check is not None and check.id in self.situation.healthy
            self._wait(
                instance,
                "Route 53 does not see it healthy" if seen else "Route 53 has not seen it yet",
                check_id=check.id if check else None,
                overdue=FindingKind.NOT_HEALTHY_IN_TIME,
            )
        elif seeker.verdict.membership is Membership.PREPARE:
            self._wait(instance, because)
        else:
            if needs_health:
                because = f"{because}; Route 53 sees it healthy"
            new_check = None if check or not self.checks.wanted else CheckKey(self.pool.name, instance.id, record_type)
            self._put(instance.id, record, because, new_check=new_check, admits=True)

    def _decide_fallback(self) -> None:
        """Answer with the fallback exactly while no member is in DNS: its batch is that of the members' change."""
        wanted = self._wanted_fallback()
        if not self.remaining and self.pool.fallback is None:
            because = f"{self.pool.record_name} has no member in DNS and no fallback: it is answered negatively"
            self.findings.append(self._finding(FindingKind.EMPTY_POOL, because))
        current = self._fallbacks()
        for record in current:
            if wanted is None or record.type != wanted.type:
                because = "a member is in DNS" if self.remaining else "the pool has no such fallback"
                self._delete(None, record, because, FindingKind.ORPHAN_RECORD)
        if wanted is not None and wanted not in current:
            self._put(None, wanted, "no member is in DNS")

    def _wanted_fallback(self) -> Record | None:
        if self.remaining or self.pool.fallback is None:
            return None
        record_type = record_type_of(self.pool.fallback)
        foreign = sum(record.type == record_type for record in self._foreign())
        if self._in_the_way(record_type) is not None or foreign >= MAX_RECORDS_PER_NAME:
            return None
        return self._record(record_type, str(self.pool.fallback), FALLBACK, None)

    # Single steps

    def _record(self, record_type: RecordType, address: str, holder: str, check_id: CheckId | None) -> Record:
        return Record(
            name=self.pool.record_name,
            type=record_type,
            values=(address,),
            identifier=self.situation.owner.identifier(holder),
            ttl=self.pool.ttl,
            check_id=check_id,
            multivalue=True,
        )

    def _create_check(
        self,
        instance: Instance,
        record_type: RecordType,
        address: IPAddress,
        drift: FindingKind,
        because: str,
        *,
        replaces: CheckId | None = None,
    ) -> None:
        creation = self.checks.creation(instance, record_type, address, drift, because)
        if creation is not None:
            self.create_checks.append(replace(creation, replaces=replaces))

    def _correct(self, instance_id: InstanceId, record: Record, check_id: CheckId | None) -> None:
        """Keep a record, with the pool's TTL and with `check_id`.

        A record whose check is gone stays as it is: Route 53 refuses a batch that puts it (NoSuchHealthCheck).
        """
        right = replace(record, ttl=self.pool.ttl, check_id=check_id)
        if right == record or self.checks.gone(check_id):
            self.remaining.append(record)
            return
        differs = []
        if record.ttl != right.ttl:
            differs.append(f"TTL {record.ttl} s, not {right.ttl} s")
        if record.check_id != right.check_id:
            differs.append(f"check {record.check_id}, not {right.check_id}")
        because = f"its record has {' and '.join(differs)}"
        self._put(instance_id, right, because, drift=FindingKind.STALE_RECORD)

    def _put(
        self,
        instance_id: InstanceId | None,
        record: Record,
        because: str,
        *,
        drift: FindingKind = FindingKind.MISSING_RECORD,
        new_check: CheckKey | None = None,
        admits: bool = False,
    ) -> None:
        if instance_id is not None:
            self.remaining.append(record)
        self._puts.append(
            PutRecord(self.pool.name, self.pool.zone_id, instance_id, record, drift, because, new_check, admits)
        )

    def _delete(self, instance_id: InstanceId | None, record: Record, because: str, drift: FindingKind) -> None:
        self._deletions.append(self._deletion(instance_id, record, because, drift))

    def _deletion(
        self, instance_id: InstanceId | None, record: Record, because: str, drift: FindingKind
    ) -> DeleteRecord:
        return DeleteRecord(self.pool.name, self.pool.zone_id, instance_id, record, drift, because)

    def _wait(
        self,
        instance: Instance,
        because: str,
        *,
        check_id: CheckId | None = None,
        overdue: FindingKind | None = None,
    ) -> None:
        self.waiting.append(Waiting(self.pool.name, instance.id, because, instance.launched, check_id, overdue))

    def _finding(
        self,
        kind: FindingKind,
        because: str,
        instance_id: InstanceId | None = None,
        check_id: CheckId | None = None,
    ) -> Finding:
        return Finding(kind, because, self.pool.name, instance_id, self.pool.record_name, check_id)


def _address_words(kind: AddressType, record_type: RecordType) -> str:
    if record_type is RecordType.AAAA:
        return "an IPv6 address"
    return "a private IPv4 address" if kind is AddressType.PRIVATE_IPV4 else "a public IPv4 address"
