"""Auto Scaling: where in its group's life an instance is."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Final

from fleet53.model import InstanceId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_autoscaling import AutoScalingClient

_IDS_PER_CALL: Final = 50  # DescribeAutoScalingInstances, InstanceIds


class AutoScaling:
    """What fleet53 reads from Auto Scaling."""

    def __init__(self, client: AutoScalingClient) -> None:
        self._client = client

    def lifecycle_states(self, instance_ids: Iterable[InstanceId]) -> dict[InstanceId, str]:
        """Return the LifecycleState of each instance that Auto Scaling knows; it passes over the others."""
        states: dict[InstanceId, str] = {}
        for ids in batched(sorted(instance_ids), _IDS_PER_CALL, strict=False):
            described = self._client.describe_auto_scaling_instances(InstanceIds=list(ids))
            for member in described["AutoScalingInstances"]:
                states[InstanceId(member["InstanceId"])] = member["LifecycleState"]
        return states
