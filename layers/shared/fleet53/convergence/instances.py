"""Instances: reads what EC2, Auto Scaling and Spot say about the members of a pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE, is_denied
from fleet53.domain.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import InstanceId
    from fleet53.domain.instance import Instance
    from fleet53.planning.situation import Situation


def add_instances(situation: Situation, instance_ids: Iterable[InstanceId], aws: Aws) -> Situation:
    """Return the situation with those of `instance_ids` that it lacks and EC2 knows. Their tag is gone."""
    unknown = set(instance_ids) - situation.instances.keys()
    if not unknown:
        return situation
    return replace(situation, instances={**situation.instances, **aws.ec2.by_id(unknown)})


def add_states(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the Auto Scaling and Spot state of each running member of the pass's pools.

    Running instances that have a record of ours are read too, whatever their tag names. If their pool tag is gone, the
    tag with their group may be gone too, so Auto Scaling is asked whether they are in a group. A service that cannot be
    read is noted, and the pass goes on with the members about which EC2 alone decides.
    """
    holders = situation.owner.instances(record.identifier for _, record in situation.own_records())
    members = [
        instance
        for instance in situation.instances.values()
        if instance.state == "running" and (instance.id in holders or is_member(instance, situation))
    ]
    in_groups = [each.id for each in members if each.group is not None or not is_member(each, situation)]
    by_spot = [instance.id for instance in members if instance.spot]
    try:
        with aws.retrier.within(DISPENSABLE):
            situation = replace(situation, lifecycle_states=aws.autoscaling.lifecycle_states(in_groups))
    except AWS_ERRORS as error:
        situation = situation.without(Source.AUTO_SCALING, error, denied=is_denied(error))
    try:
        with aws.retrier.within(DISPENSABLE):
            return replace(situation, spot=aws.ec2.spot_status(by_spot))
    except AWS_ERRORS as error:
        return situation.without(Source.SPOT, error, denied=is_denied(error))


def is_member(instance: Instance, situation: Situation) -> bool:
    """Whether an instance's tag names one of the pass's pools."""
    return any(pool.name in instance.pools for pool in situation.pools)
