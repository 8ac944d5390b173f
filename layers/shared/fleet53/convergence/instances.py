"""Instances: what EC2, Auto Scaling and Spot say of the members of a pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.aws.clients import Aws
    from fleet53.domain.model import Instance, InstanceId
    from fleet53.planning.situation import Situation


def add_instances(situation: Situation, instance_ids: Iterable[InstanceId], aws: Aws) -> Situation:
    """Return the situation with those of `instance_ids` that it lacks, if EC2 knows them: their tag is gone."""
    unknown = set(instance_ids) - situation.instances.keys()
    if not unknown:
        return situation
    return replace(situation, instances={**situation.instances, **aws.ec2.by_id(unknown)})


def add_states(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the Auto Scaling and Spot state of each running member of the pass's pools."""
    members = [instance for instance in situation.instances.values() if _is_running_member(instance, situation)]
    return replace(
        situation,
        lifecycle_states=aws.autoscaling.lifecycle_states(
            instance.id for instance in members if instance.group is not None
        ),
        spot=aws.ec2.spot_status(instance.id for instance in members if instance.spot),
    )


def _is_running_member(instance: Instance, situation: Situation) -> bool:
    return instance.state == "running" and any(pool.name in instance.pools for pool in situation.pools)
