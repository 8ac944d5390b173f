"""Adoption: which foreign records at a pool's name our own records can replace without an address leaving DNS. Pure.

Note [Adoption]: a foreign record is replaced only on a person's order (Guard.adopt). Each of its addresses must be in a
record of ours, which the same batch may create, and Route 53 must see each of them healthy. So an adoption takes no
address out of DNS. The health check that the record names stays.

A simple record (DNS round robin) keeps multivalue records out of its name and type, so its members have no records of
ours yet. If all of its addresses are members', these members get their health checks while it exists, and the batch
that deletes it creates their records. The same holds for foreign records at a full name.

Records with another routing policy, aliases and CNAME records are never replaced, because our records would give other
answers. Records of other stacks of fleet53 are never replaced either, because those stacks would create them again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from fleet53.domain.addresses import normal_address
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.identity import owner_of
from fleet53.domain.record import MAX_RECORDS_PER_NAME
from fleet53.domain.words import count, some
from fleet53.planning.changes import AdoptRecord, Waiting
from fleet53.planning.membership import Membership
from fleet53.planning.records_at import blocks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.domain.ids import CheckId, InstanceId
    from fleet53.domain.pool import Pool
    from fleet53.domain.record import Record, RecordType
    from fleet53.planning.decision import Decision
    from fleet53.planning.member import Member
    from fleet53.planning.pool_checks import PoolChecks
    from fleet53.planning.records_at import RecordsAtName

_LASTING: Final = frozenset({Membership.WITHDRAW, Membership.LEAVE})
"""The memberships with which a member does not enter DNS until a person changes something."""
_UNUSED: Final = "no member has it"


@dataclass(frozen=True, slots=True)
class Adoption:
    """Which foreign records of one type at a pool's name can be replaced.

    `records` can be replaced now, and `coming` are their members without a record of ours. `refused` are other records
    that keep ours out or hold a member's address, each with the reason. `expected` are the members without a record of
    ours whose foreign record can be replaced when all of its members are healthy. `unseen` are the health checks, by
    member, that decide but whose status was not read.
    """

    records: tuple[Record, ...] = ()
    coming: frozenset[InstanceId] = frozenset()
    refused: tuple[tuple[Record, str], ...] = ()
    expected: frozenset[InstanceId] = frozenset()
    unseen: Mapping[InstanceId, CheckId] = field(default_factory=dict)

    def outlook(self, record: Record, pool: Pool) -> str:
        """Return whether a record that keeps ours out can be taken over, with the command or the reason."""
        why = next((why for refused, why in self.refused if refused == record), None)
        return f"it can be taken over: {_order(pool)}" if why is None else f"it cannot be taken over: {why}"


@dataclass(frozen=True, slots=True)
class _Address:
    """One address of a foreign record. `fault` is why no record of ours can replace it now, None if one can.

    `member` is the member that has the address, None if no member has it. `seeks` is whether that member has no record
    of ours yet. `lasting` is whether the fault stays until a person changes something. `unseen` is the health check
    that decides, if its status was not read.
    """

    value: str
    fault: str | None = None
    lasting: bool = False
    member: InstanceId | None = None
    seeks: bool = False
    unseen: CheckId | None = None


class _Answering:
    """The addresses that the members of a pool have, or would have, in records of one type."""

    def __init__(
        self,
        record_type: RecordType,
        pool: Pool,
        members: Collection[Member],
        decided: Collection[Decision],
        checks: PoolChecks,
    ) -> None:
        seekers = (each.seeker for each in decided if each.seeker is not None)
        self._checks = checks
        self._type = record_type
        self._seekers = {each.instance.id: each for each in seekers if each.record_type is record_type}
        self._members: dict[str, list[Member]] = defaultdict(list)
        for member in members:
            if member.instance is not None and pool.name in member.instance.pools:
                for address in member.instance.own_addresses(pool, record_type):
                    self._members[str(address)].append(member)
        self.remaining = sum(each.remaining is not None and each.remaining.type == record_type for each in decided)

    def address(self, value: str) -> _Address:
        """Return which member has an address, and whether a record of ours can replace it now."""
        address = normal_address(value)
        found = [self._judge(_Address(address, member=each.id), each) for each in self._members.get(address, ())]
        return min(found, key=lambda each: (each.fault is not None, each.lasting), default=_Address(address, _UNUSED))

    def _judge(self, address: _Address, member: Member) -> _Address:
        assessment = member.assessment
        if assessment.membership is not Membership.ADMIT:
            return replace(address, fault=assessment.because, lasting=assessment.membership in _LASTING)
        seeker = self._seekers.get(member.id)
        if seeker is not None:
            check = self._checks.fitting(seeker.instance, self._type, seeker.address)
            answers, check_id = str(seeker.address), check.id if check is not None else None
        else:
            record = member.records.get(self._type)
            answers, check_id = (", ".join(record.values), record.check_id) if record is not None else ("", None)
        if answers != address.value:
            return replace(address, fault=f"fleet53 answers with {answers or 'nothing'} for it", lasting=True)
        address = replace(address, seeks=seeker is not None)
        if not self._checks.wanted:
            return address
        if check_id is None:
            return replace(address, fault="it has no health check yet")
        if check_id not in self._checks.healthy:
            return replace(address, fault="Route 53 has not seen it yet", unseen=check_id)
        return address if self._checks.healthy[check_id] else replace(address, fault="Route 53 does not see it healthy")


@dataclass(frozen=True, slots=True)
class Adoptions:
    """What is done about all foreign records at a pool's name.

    `found` are the records at the name without those that `changes` delete. `waiting` are members whose health check
    has to be read first.
    """

    by_type: Mapping[RecordType, Adoption]
    found: RecordsAtName
    changes: tuple[AdoptRecord, ...] = ()
    findings: tuple[Finding, ...] = ()
    waiting: tuple[Waiting, ...] = ()


def plan_adoptions(
    pool: Pool,
    found: RecordsAtName,
    members: Collection[Member],
    decided: Collection[Decision],
    checks: PoolChecks,
    *,
    adopt: bool,
) -> Adoptions:
    """Return which foreign records at a pool's name are taken over, or with `adopt` False could be, and what to report.

    `decided` are the decisions about the members' own records.
    """
    by_type = {
        record_type: _find_adoption(record_type, found, _Answering(record_type, pool, members, decided, checks))
        for record_type in pool.address.record_types
    }
    records = [record for adoption in by_type.values() for record in adoption.records]
    if not adopt:
        by_type = {record_type: replace(adoption, coming=frozenset()) for record_type, adoption in by_type.items()}
        return Adoptions(by_type, found, findings=(_adoptable(records, pool),) if records else ())
    launched = {member.id: member.instance.launched for member in members if member.instance is not None}
    return Adoptions(
        by_type,
        found.without(records),
        changes=tuple(AdoptRecord(pool.name, pool.zone_id, record, _because(record)) for record in records),
        findings=tuple(
            _refusal(record, why, pool)
            for record_type, adoption in by_type.items()
            for record, why in adoption.refused
            if not blocks(record, record_type)
        ),
        waiting=tuple(
            Waiting(
                pool.name,
                instance_id,
                "its record cannot replace another before its health is read",
                launched[instance_id],
                check_id,
            )
            for adoption in by_type.values()
            for instance_id, check_id in adoption.unseen.items()
        ),
    )


def _find_adoption(record_type: RecordType, found: RecordsAtName, answering: _Answering) -> Adoption:
    """Return which foreign records of the type can be replaced by ours, and why the others cannot."""
    records: list[Record] = []
    refused: list[tuple[Record, str]] = []
    coming: set[InstanceId] = set()
    expected: set[InstanceId] = set()
    unseen: dict[InstanceId, CheckId] = {}
    used = answering.remaining + found.count_foreign(record_type)
    for record in sorted(found.foreign, key=lambda each: (each.type, each.identifier or "", each.values)):
        addresses = [answering.address(value) for value in record.values]
        if not blocks(record, record_type) and (
            record.type != record_type or not any(each.member for each in addresses)
        ):
            continue
        if (never := _why_never(record)) is not None:
            refused.append((record, never))
            continue
        unseen |= {each.member: each.unseen for each in addresses if each.member and each.unseen}
        seeking = {each.member for each in addresses if each.member is not None and each.seeks}
        fits = used - 1 + len(seeking - coming) <= MAX_RECORDS_PER_NAME
        if fits and all(each.member is not None and not each.lasting for each in addresses):
            expected |= seeking
        if (faults := _faults(addresses)) is not None:
            refused.append((record, faults))
        elif not fits:
            refused.append((record, f"the name would have more than {MAX_RECORDS_PER_NAME} {record_type} records"))
        else:
            used += len(seeking - coming) - 1
            coming |= seeking
            records.append(record)
    return Adoption(tuple(records), frozenset(coming), tuple(refused), frozenset(expected), unseen)


def _why_never(record: Record) -> str | None:
    """Return why a record is never replaced, and what to do instead; None where it can be."""
    if (owner := owner_of(record.identifier)) is not None:
        return f"it is a record of the stack {owner}; take the member out of the pool there first"
    if record.type == "CNAME" or not record.values:
        what = "a CNAME record" if record.type == "CNAME" else "an alias"
        return f"it is {what}; give the pool a name of its own, and let this record point to it"
    if record.identifier is not None and not record.multivalue:
        return "it has another routing policy; give the pool a name of its own, or delete the records of that policy"
    if "TrafficPolicyInstanceId" in record.listed:
        return "a traffic policy created it; delete the policy record, or give the pool a name of its own"
    return None


def _faults(addresses: Collection[_Address]) -> str | None:
    """Return why a record cannot be replaced now, by its addresses, and what to do; None where it can."""
    strangers = [each.value for each in addresses if each.member is None]
    faulty = [f"{each.member} ({each.value}): {each.fault}" for each in addresses if each.member and each.fault]
    reasons = [some(faulty)] if faulty else []
    if strangers:
        what = "tag the instances that have these addresses, or take the addresses out of the record first"
        reasons.insert(0, f"no member has {some(strangers)}: {what}")
    return "; ".join(reasons) or None


def _adoptable(records: Collection[Record], pool: Pool) -> Finding:
    """Return the finding that records can be taken over, with the command that does it."""
    because = (
        f"{count(len(records), 'record')} of others at {pool.record_name} can be taken over, because members answer "
        f"with the same addresses: {some([_described(record) for record in records])}; {_order(pool)}"
    )
    return Finding(FindingKind.ADOPTABLE_RECORD, because, pool.name, record_name=pool.record_name)


def _refusal(record: Record, why: str, pool: Pool) -> Finding:
    """Return the finding that a record which holds a member's address is left, although an adoption was ordered."""
    because = f"{_described(record)} is not taken over: {why}"
    return Finding(
        FindingKind.ADOPTION_REFUSED, because, pool.name, record_name=pool.record_name, check_id=record.check_id
    )


def _because(record: Record) -> str:
    left = f"; health check {record.check_id} is left" if record.check_id is not None else ""
    return f"{_described(record)} is taken over, because members answer with the same addresses{left}"


def _order(pool: Pool) -> str:
    """Return the command that takes records over."""
    return f'invoke the audit with {{"repair": true, "adopt": true, "pools": ["{pool.name}"]}}'


def _described(record: Record) -> str:
    """Return a foreign record as words, with its SetIdentifier and its addresses."""
    whose = f" {record.identifier!r}" if record.identifier else ""
    return f"{record.type} record{whose} ({some(record.values) or 'alias'})"
