"""EC2's events: each change since the last comparison becomes an event on EventBridge.

So an AWS CLI at the lab's endpoint causes the same events as the lab itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling, cloud, ec2

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lab.moto.bus import Bus
    from lab.moto.late import Late

INSTANCE_ARN: Final = f"arn:aws:ec2:{cloud.REGION}:{cloud.ACCOUNT}:instance/"
_PASSED_THROUGH: Final = {
    ("running", "stopped"): ("stopping", "stopped"),
    ("stopped", "running"): ("pending", "running"),
    ("running", "terminated"): ("shutting-down", "terminated"),
    ("stopped", "terminated"): ("terminated",),
    ("", "running"): ("pending", "running"),
}
"""States that EC2 passes through and moto skips (EC2 User Guide, "Amazon EC2 instance lifecycle")."""


@dataclass(frozen=True, slots=True)
class _Seen:
    state: str
    tags: Mapping[str, str]
    elastic: str | None


def send(bus: Bus, source: str, detail_type: str, detail: dict[str, Any], instance_id: str) -> None:
    """Send an event about an instance."""
    bus.deliver(bus.event(source, detail_type, detail, (INSTANCE_ARN + instance_id,)))


@dataclass(slots=True)
class Changes:
    """The last known state of each instance, and the last holder of each public address."""

    bus: Bus
    late: Late
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)

    def emit(self, of: Collection[str] | None = None, *, lost: bool = False) -> None:
        """Send an event for each change of those instances, or of all; with `lost` the events are not delivered."""
        for instance in ec2.instances():
            if of is not None and instance.id not in of:
                continue
            if instance.public_ip:
                self._holders[instance.public_ip] = instance.id
            before = self._seen.get(instance.id)
            after = _Seen(instance.state, ec2.tags_of(instance), ec2.elastic_address_of(instance))
            if before == after:
                continue
            self._seen[instance.id] = after
            if before is None:
                self.late.note_launch(instance.id)
            elif before.state != after.state:
                self.late.note_change(instance.id, before.state)
            if not lost:
                self._tell(instance.id, before, after)

    def forget(self, instance_id: str) -> None:
        """Forget an instance that EC2 no longer lists."""
        self._seen.pop(instance_id, None)

    def whose(self, address: str) -> tuple[str | None, str]:
        """Return the instance that has an address or had it last, with its EC2 and Auto Scaling states."""
        instance_id = self._holders.get(address)
        if instance_id is None:
            return None, "never an address of this fleet"
        states = [ec2.state_of(instance_id) or "unknown to EC2"]
        states += [each.lifecycle_state for each in autoscaling.members() if each.instance_id == instance_id]
        return instance_id, ", ".join(states)

    def _tell(self, instance_id: str, before: _Seen | None, after: _Seen) -> None:
        was = before.state if before else ""
        if was != after.state:
            for state in _PASSED_THROUGH.get((was, after.state), (after.state,)):
                told = {"instance-id": instance_id, "state": state}
                send(self.bus, "aws.ec2", "EC2 Instance State-change Notification", told, instance_id)
        if before is None:
            return
        self._tell_tags(instance_id, before.tags, after.tags)
        if before.elastic != after.elastic and after.state != "terminated":
            self._tell_address(instance_id, before.elastic, after.elastic)

    def _tell_tags(self, instance_id: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        if keys:
            detail = {
                "changed-tag-keys": keys,
                "service": "ec2",
                "resource-type": "instance",
                "version": 1,
                "tags": dict(after),
            }
            send(self.bus, "aws.tag", "Tag Change on Resource", detail, instance_id)

    def _tell_address(self, instance_id: str, before: str | None, after: str | None) -> None:
        """Send the event of the call that gave an instance an Elastic IP, or of the one that took it.

        An Elastic IP that moves from one holder to another is one call, which names only the new holder (EC2 API
        Reference, AssociateAddress).
        """
        if after is not None:
            self.tell_call("AssociateAddress", {"instanceId": instance_id, "publicIp": after})
        elif before is not None and not ec2.is_associated(before):
            self.tell_call("DisassociateAddress", {"associationId": "eipassoc-0a1b2c3d4e5f60001"})

    def tell_call(self, operation: str, parameters: Mapping[str, Any]) -> None:
        """Send the event about a call to EC2 that CloudTrail recorded."""
        detail = {
            "eventSource": "ec2.amazonaws.com",
            "eventName": operation,
            "requestParameters": dict(parameters),
            "responseElements": {"_return": True},
        }
        self.bus.deliver(self.bus.event("aws.ec2", "AWS API Call via CloudTrail", detail))
