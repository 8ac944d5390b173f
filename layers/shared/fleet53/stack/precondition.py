"""Precondition: whether the stack may be created here, and whether an update would leave or lose records.

Note [Nothing left behind]: the policies allow changes of the names and the zones that the stack's parameters have now.
Records at a place that an update drops could never be withdrawn again, and DNS would answer with them always. If the
key of the pool tag or the name of the first pool changes, instances whose tags do not have it yet stop being members.
So CloudFormation asks for this before it changes a policy, a pool or a function, and a refusal changes nothing. A run
may admit a member at a dropped place between this and the change of the policies. So `StackLifecycle`, which comes
late, looks there again, and fails the update if it finds a record. The rollback allows the place again, and takes back
the records that were put during the update (handover.py). A rollback is never refused, because a stack whose rollback
fails needs an operator. Version 0.1.0 had no precondition, so an update from it asks for the creation of one and does
not say what the parameters were. Then the names of the records show which places the stack had in the hosted zones that
it keeps.

Note [Through a role]: where the hosted zones are in another account, the role that leads there may be wrong or may not
exist yet. So the zones are read through it before anything else exists or changes. An update that drops zones looks for
records there through the role that the stack had before it, which its old policies still allow at that moment.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fleet53.config.pools import normal_name
from fleet53.config.settings import read_role
from fleet53.domain.errors import ZoneElsewhereError, ZoneGoneError, ZoneUnreadableError
from fleet53.domain.ids import InstanceId, ZoneId
from fleet53.domain.words import some
from fleet53.planning.membership import EC2, Membership

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fleet53.aws.ec2 import Ec2
    from fleet53.aws.route53 import Route53
    from fleet53.domain.identity import Owner
    from fleet53.domain.pool import Place
    from fleet53.domain.record import Record
    from fleet53.domain.role import Role

SUPPORTED: Final = "aws"
_UNCHANGED: Final = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a stack's parameters say about its pools.

    `zone_ids` are the hosted zones, and `names` the names in any of them, that its policies allow it to change. `place`
    is where the first pool is. `tag_key` is the key of the pool tag, and `first_pool` the name of the pool that the
    parameters define. A part that is not known is empty, if the properties come from an older template or the stack is
    being created. `role` is the role in the account of the hosted zones, None if the stack's own account has them.
    """

    zone_ids: frozenset[ZoneId] = frozenset()
    names: frozenset[str] = frozenset()
    tag_key: str = ""
    first_pool: str = ""
    role: Role | None = None
    place: Place | None = None

    def allows(self, zone_id: ZoneId, name: str) -> bool:
        """Whether the stack may change records at this place."""
        return zone_id in self.zone_ids and name in self.names


def read_declaration(properties: Mapping[str, Any]) -> Declaration:
    """Return the declaration in the properties of a custom resource."""
    zone_ids = [ZoneId(zone_id) for zone_id in properties.get("HostedZoneIds", ()) if zone_id]
    names = [normal_name(name) for name in properties.get("RecordNames", ()) if name]
    return Declaration(
        frozenset(zone_ids),
        frozenset(names),
        properties.get("PoolTagKey", ""),
        properties.get("PoolName", ""),
        read_role(properties.get("Route53RoleArn", ""), properties.get("Route53RoleExternalId", "")),
        (zone_ids[0], names[0]) if zone_ids and names else None,
    )


def why_not_here(stack_id: str) -> str | None:
    """Return why fleet53 does not work in the partition of a stack, known by its ARN; None if it does."""
    partition = stack_id.split(":")[1]
    if partition == SUPPORTED:
        return None
    return (
        f"fleet53 works in the partition {SUPPORTED} only, and this stack is in {partition}: it reads what Route 53's "
        "checkers see from CloudWatch in us-east-1, so no instance would ever enter DNS here. Nothing was created."
    )


def read_through_role(before: Declaration, after: Declaration, route53: Route53) -> None:
    """Read each hosted zone for which the role is new, or raise ZoneUnreadableError: Note [Through a role].

    `route53` reads the zones through the role of `after`. Without a role, none is read.
    """
    if after.role is None:
        return
    known = before.zone_ids if before.role == after.role else frozenset()
    for zone_id in sorted(after.zone_ids - known):
        route53.zone(zone_id)


@dataclass(frozen=True, slots=True)
class Update:
    """An update of the stack from one declaration to another.

    `route53` reads hosted zones through the role before the update, and `tagged_by` returns the adapter that reads
    instances by a pool tag's key.
    """

    before: Declaration
    after: Declaration
    owner: Owner
    route53: Route53
    tagged_by: Callable[[str], Ec2]

    def why_not_from_first(self) -> str | None:
        """Return why an update from a version without precondition must not be made; None if it may be made.

        `before` is not known. Raises ZoneUnreadableError or an AWS error as `why_not` does.
        """
        names = {record.name for zone_id in self.after.zone_ids for record in self._ours(zone_id)}
        return replace(self, before=replace(self.after, names=frozenset(names))).why_not()

    def why_not(self) -> str | None:
        """Return why the update must not be made, and what to do; None if it may be made.

        Raises ZoneUnreadableError or an AWS error if something that decides could not be read.
        """
        because = self.why_dropped() or self._why_not_renamed() or self._why_not_moved()
        return None if because is None else f"{because} {_UNCHANGED}"

    def dropped(self) -> Iterator[tuple[ZoneId, Record]]:
        """Yield the records of ours at places that the stack may not change after the update, with their zones."""
        before, after = self.before, self.after
        for zone_id in sorted(before.zone_ids):
            leaves = self._leaves_account or zone_id not in after.zone_ids
            names = before.names if leaves else before.names - after.names
            if names:
                yield from ((zone_id, record) for record in self._ours(zone_id) if record.name in names)

    @property
    def _leaves_account(self) -> bool:
        return self.before.role is not None and self.after.role is None

    def why_dropped(self) -> str | None:
        """Return a message if records of ours are at places that the update drops; None if there are none."""
        after = self.after
        found = Counter((record.name, zone_id) for zone_id, record in self.dropped())
        if not found:
            return None
        keep = []
        if names := sorted({name for name, _ in found} - after.names):
            keep.append(f"{some(names)} in AllowedRecordNames")
        if zone_ids := sorted({zone_id for _, zone_id in found} - after.zone_ids):
            keep.append(f"{some(zone_ids)} in AllowedZoneIds")
        if self._leaves_account:
            keep.append("Route53RoleArn")
        places = some([f"{count} at {name} in {zone_id}" for (name, zone_id), count in sorted(found.items())])
        return (
            f"{found.total()} records of this stack remain where it could not change them any more: {places}. Keep "
            f"{' and '.join(keep)} until they are withdrawn, then update the stack again."
        )

    def _why_not_renamed(self) -> str | None:
        """Return a message if instances with records of ours lack the new tag key or the new name."""
        before, after = self.before, self.after
        if not before.tag_key or (before.tag_key, before.first_pool) == (after.tag_key, after.first_pool):
            return None
        holders = {
            holder for zone_id in before.zone_ids for record in self._known(zone_id) for holder in self._holder(record)
        }
        members = self.tagged_by(before.tag_key).by_id(holders)
        tagged = self.tagged_by(after.tag_key).by_id(holders)
        missing = [
            member.id
            for member in members.values()
            if EC2.get(member.state) is not Membership.WITHDRAW
            if not {self._renamed(name) for name in member.pools} <= tagged[member.id].pools
        ]
        if not missing:
            return None
        named = some(sorted(missing))
        return (
            f"{len(missing)} instances with records of this stack would no longer be members: {named}. First tag "
            f"them so that {after.tag_key} names their pools, with {after.first_pool} for the first one. Leave "
            f"{before.first_pool} in {before.tag_key} until the stack is updated."
        )

    def _why_not_moved(self) -> str | None:
        """Return a message if the first pool would get a new place and a new name at once, or another pool's place."""
        before, after = self.before, self.after
        if before.place is None or after.place is None or before.place == after.place:
            return None
        if before.first_pool != after.first_pool and (left := self._at(before.place)):
            return (
                f"{len(left)} records of this stack are at {_named(before.place)}, and pool {before.first_pool} would "
                "get another name and another place at once, so fleet53 could not tell that they have moved. Update "
                "PoolName first, and then RecordName and HostedZoneId."
            )
        if not before.allows(*after.place):
            return None  # no pool of the stack can have members there
        holders = {holder for record in self._at(after.place) for holder in self._holder(record)}
        tags = {each.id: each.pools for each in self.tagged_by(after.tag_key).by_id(holders).values() if each.pools}
        others = {each: pools for each, pools in tags.items() if after.first_pool not in pools}
        if not others:
            return None
        pools = some(sorted({pool for tag in others.values() for pool in tag}))
        return (
            f"{len(others)} instances with records at {_named(after.place)} are members of {pools} and not of "
            f"{after.first_pool}, which would take their place: {some(sorted(others))}. Give their pool another place "
            f"first, or tag them with {after.first_pool} too."
        )

    def _at(self, place: Place) -> Sequence[Record]:
        zone_id, name = place
        return [record for record in self._known(zone_id) if record.name == name]

    def _renamed(self, pool: str) -> str:
        return self.after.first_pool if pool == self.before.first_pool else pool

    def _holder(self, record: Record) -> Iterator[InstanceId]:
        if (instance_id := self.owner.instance(record.identifier)) is not None:
            yield instance_id

    def _ours(self, zone_id: ZoneId) -> Sequence[Record]:
        """Return our records in a hosted zone. A zone that does not exist, or that is another account's, has none."""
        try:
            records = self.route53.records_in(zone_id)
        except (ZoneGoneError, ZoneElsewhereError):
            return ()
        return [record for record in records if self.owner.holder(record.identifier) is not None]

    def _known(self, zone_id: ZoneId) -> Sequence[Record]:
        """Return our records in a hosted zone, none if it cannot be read: no function changes records there either."""
        try:
            return self._ours(zone_id)
        except ZoneUnreadableError:
            return ()


def _named(place: Place) -> str:
    zone_id, name = place
    return f"{name} in {zone_id}"
