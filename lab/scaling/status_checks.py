"""EC2's status checks: the metric StatusCheckFailed of each running instance, every minute.

Amazon EC2 User Guide, Status check metrics: 0 where all status checks passed in the last minute, 1 where one
failed. An instance whose status checks have not ended yet (initializing) has no data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from lab.moto import cloudwatch, ec2

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_MINUTE: Final = timedelta(minutes=1)
INITIALIZING: Final = timedelta(minutes=2)
"""How long the first status checks of a running instance take here; in AWS it is some minutes."""


@dataclass(slots=True)
class StatusChecks:
    """Publishes the metric. `failing` are the instances of which a status check fails.

    Only metrics that an alarm watches are published, because every read of metrics in moto looks through all of them.
    """

    now: Callable[[], datetime]
    failing: set[str] = field(default_factory=set)
    _running: dict[str, datetime] = field(default_factory=dict)
    """Since when an instance runs."""
    _due: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.now() + _MINUTE

    def turn(self) -> None:
        """Publish if a minute has passed since the last time."""
        watched = {
            each.value
            for alarm in cloudwatch.alarms().values()
            if alarm.namespace == "AWS/EC2"
            for each in alarm.dimensions
            if each.name == "InstanceId"
        }
        now = self.now()
        running = {each.id for each in ec2.instances() if each.state == "running"} if watched else set()
        self._running = {each: self._running.get(each, now) for each in running}
        if now < self._due:
            return
        self._due = now + _MINUTE
        data = [
            {
                "MetricName": "StatusCheckFailed",
                "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
                "Timestamp": now,
                "Value": float(instance_id in self.failing),
                "Unit": "Count",
            }
            for instance_id in sorted(watched & running)
            if now - self._running[instance_id] >= INITIALIZING
        ]
        if data:
            cloudwatch.publish_metrics("AWS/EC2", data)
