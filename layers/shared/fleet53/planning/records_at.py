"""The records at a pool's name: ours by member, our fallback, and foreign ones of people or other stacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fleet53.domain.identity import FALLBACK, is_fallback, owner_of
from fleet53.domain.pool import AddressType
from fleet53.domain.record import ANSWERING, Record, RecordType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fleet53.domain.identity import Owner
    from fleet53.domain.ids import CheckId, InstanceId, IPAddress
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from fleet53.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class RecordsAtName:
    """All record sets at a pool's name.

    `members` are our A and AAAA records by instance and record type; `fallbacks` are ours that hold the pool's
    fallback; `foreign` are all that are not ours, of any type.
    """

    members: Mapping[InstanceId, Mapping[str, Record]]
    fallbacks: tuple[Record, ...]
    foreign: tuple[Record, ...]

    def count_foreign(self, record_type: RecordType) -> int:
        """Return how many foreign records of this type are at the name."""
        return sum(record.type == record_type for record in self.foreign)

    @property
    def answered_by_others(self) -> bool:
        """Whether a foreign record answers queries for an address at the name."""
        return any(record.type in ANSWERING for record in self.foreign)

    @property
    def answering(self) -> tuple[Record, ...]:
        """The foreign records that answer queries for an address at the name.

        Fallbacks of other stacks do not count: two stacks would each wait for the other's.
        """
        return tuple(
            record for record in self.foreign if record.type in ANSWERING and not is_fallback(record.identifier)
        )

    @property
    def shared(self) -> bool:
        """Whether another stack of fleet53, such as one in another Region, has a record at the name."""
        return any(owner_of(record.identifier) is not None for record in self.foreign)

    def blocker(self, record_type: RecordType) -> Record | None:
        """Return a record beside which no multivalue record of this type can be put at the name, or None."""
        return next((record for record in self.foreign if blocks(record, record_type)), None)

    def without(self, records: Collection[Record]) -> RecordsAtName:
        """Return what is at the name when these foreign records are deleted."""
        return replace(self, foreign=tuple(record for record in self.foreign if record not in records))


def blocks(record: Record, record_type: RecordType) -> bool:
    """Whether a foreign record keeps multivalue records of this type out of its name.

    Route 53 mixes multivalue records with no other policy of the same name and type, and a CNAME with nothing
    (ChangeResourceRecordSets; Route 53 Developer Guide, Supported DNS record types).
    """
    return record.type == "CNAME" or (record.type == record_type and not record.multivalue)


def records_at(situation: Situation, pool: Pool) -> RecordsAtName:
    """Return the records at the name of `pool`, sorted by their owner."""
    owner = situation.owner
    members: dict[InstanceId, dict[str, Record]] = {}
    fallbacks: list[Record] = []
    foreign: list[Record] = []
    for record in situation.records[pool.name]:
        holder = owner.holder(record.identifier)
        instance_id = owner.instance(record.identifier)
        if holder is None:
            foreign.append(record)
        elif record.type not in RecordType:
            continue
        elif instance_id is None:
            fallbacks.append(record)
        else:
            members.setdefault(instance_id, {})[record.type] = record
    return RecordsAtName(members, tuple(fallbacks), tuple(foreign))


def why_not_own(record: Record, instance: Instance, pool: Pool) -> str | None:
    """Return why a member's record does not answer with one of its instance's own addresses and nothing else, or None.

    Such a record is deleted at once: Note [Stranger's address] in plan.py. An address of another type than the pool's
    is the instance's own too (held_address).
    """
    record_type = RecordType(record.type)
    if len(record.values) == 1 and record.values[0] in {str(each) for each in instance.all_addresses}:
        return None if record.multivalue else "its record is not multivalue any more"
    if record_type not in pool.address.record_types:
        return f"the pool has no {record_type} records any more"
    own = instance.own_addresses(pool, record_type)
    holds = f"its record holds {', '.join(record.values) or 'an alias'}"
    if not own:
        return f"{holds}, and EC2 says {instance.state} without {describe_missing(instance, pool, record_type)}"
    return f"{holds}, and its own address is {instance.address(pool, record_type)}"


def held_address(record: Record, instance: Instance, pool: Pool) -> IPAddress | None:
    """Return the address of a member's record, if it is its own and of a kind that the pool answers with, else None."""
    record_type = RecordType(record.type)
    if record_type not in pool.address.record_types:
        return None
    own = instance.own_addresses(pool, record_type)
    return next((address for address in own if record.values == (str(address),)), None)


def multivalue_record(
    owner: Owner,
    pool: Pool,
    record_type: RecordType,
    address: IPAddress,
    *,
    holder: str = FALLBACK,
    check_id: CheckId | None = None,
) -> Record:
    """Return the record that answers for `holder`, an instance id or FALLBACK, at the pool's name."""
    return Record(
        name=pool.record_name,
        type=record_type,
        values=(str(address),),
        identifier=owner.identifier(holder),
        ttl=pool.ttl,
        check_id=check_id,
        multivalue=True,
    )


def describe_missing(instance: Instance, pool: Pool, record_type: RecordType) -> str:
    """Return what an instance without an address for a record of this type lacks, as words."""
    kind = "a private IPv4 address" if pool.address is AddressType.PRIVATE_IPV4 else "a public IPv4 address"
    if record_type is RecordType.AAAA:
        kind = "an IPv6 address"
    if pool.interface is None:
        return kind
    interface = f"network interface with device index {pool.interface}"
    return f"{kind} on its {interface}" if instance.has_interface(pool.interface) else f"a {interface}"
