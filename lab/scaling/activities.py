"""Scaling activities: what a group did to an instance, its cause, and its progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.moto import cloud

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(slots=True, eq=False)
class Activity:
    """One scaling activity; `end` is None while it is in progress."""

    id: str
    group: str
    instance_id: str
    description: str
    cause: str
    start: datetime
    origin: str
    destination: str
    status: str = "InProgress"
    message: str = ""
    end: datetime | None = None

    def described(self) -> dict[str, Any]:
        """Return it as DescribeScalingActivities does."""
        described = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.start,
            "StatusCode": self.status,
            "Progress": 100 if self.end else 50,
            "Details": "{}",
        }
        if self.message:
            described["StatusMessage"] = self.message
        if self.end:
            described["EndTime"] = self.end
        return described

    def detail(self) -> dict[str, Any]:
        """Return the detail of the event that ends it (user guide, ec2-auto-scaling-event-reference)."""
        return {
            "StatusCode": "Failed" if self.status == "Failed" else "InProgress",
            "Description": self.description,
            "AutoScalingGroupName": self.group,
            "ActivityId": self.id,
            "Details": {"Availability Zone": f"{cloud.REGION}a"},
            "RequestId": self.id,
            "StatusMessage": self.message,
            "EndTime": _stamp(self.end or self.start),
            "EC2InstanceId": self.instance_id,
            "StartTime": _stamp(self.start),
            "Cause": self.cause,
            "Origin": self.origin,
            "Destination": self.destination,
        }


@dataclass(slots=True)
class Activities:
    """All groups' scaling activities, oldest first."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    _all: list[Activity] = field(default_factory=list)

    def begin(
        self, group: str, instance_id: str, description: str, cause: str, *, origin: str, destination: str
    ) -> Activity:
        """Begin an activity; its description names the instance, as AWS's do."""
        stamped = f"At {self.now():%Y-%m-%dT%H:%M:%SZ} {cause}."
        text = f"{description}: {instance_id}"
        activity = Activity(self.new_id(), group, instance_id, text, stamped, self.now(), origin, destination)
        self._all.append(activity)
        return activity

    def end(self, activity: Activity, status: str = "Successful", message: str = "") -> None:
        """End an activity."""
        activity.status, activity.message, activity.end = status, message, self.now()

    def of(self, group: str | None) -> list[Activity]:
        """Return the activities of a group, or of all, newest first."""
        return [each for each in reversed(self._all) if group in (None, each.group)]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
