"""Instances: reads what EC2, Auto Scaling and Spot say about the members of a pass.

Note [Disrupted zone]: in the rare case that an Availability Zone is disrupted, DescribeInstances fails if it names an
instance of that zone, and also if it names no instance at all, as the listing of the members does (EC2 API Reference,
DescribeInstances). Auto Scaling replaces the lost capacity in the other zones meanwhile. So a pass that was asked for
some instances then reads these by their ids. What EC2 does not show is left as it is (LEAVE), and never counts as
absent. How many members are absent is not known then, so in a pool of four or more a withdrawal that rests on absence
waits for the list. A pass about whole pools fails until EC2 lists the instances again. If EC2 throttles the account or
denies the call, no request by ids is made, because it would not help.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE, Limits, is_denied, is_throttled
from fleet53.domain.errors import UnlistedError
from fleet53.domain.source import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fleet53.aws.clients import Aws
    from fleet53.domain.ids import InstanceId, InterfaceId
    from fleet53.domain.instance import Instance
    from fleet53.planning.situation import Situation


_LISTING: Final = replace(DISPENSABLE, about="a listing of instances")
_BY_ID: Final = replace(DISPENSABLE, about="instances by their ids")


def list_instances(
    about: Collection[InstanceId] | None, aws: Aws
) -> tuple[dict[InstanceId, Instance], Mapping[Source, str]]:
    """Return all instances that have the pool tag; if EC2 does not list them, those of `about`, and why not all.

    Raises UnlistedError if EC2 lists no instances and the pass is about whole pools: Note [Disrupted zone]. Such a pass
    needs the list, so it tries for longer, unless another listing has just failed and the other messages would wait.
    """
    try:
        with aws.retrier.within(_LISTING if about or aws.retrier.failed(_LISTING) else Limits()):
            return aws.ec2.tagged(), {}
    except AWS_ERRORS as error:
        if not _may_be_disruption(error):
            raise
        if not about:
            raise UnlistedError(str(error)) from error
        found, _ = _read_by_id(about, aws)
        return found, {Source.EC2: str(error)}


def read_named(
    instance_ids: Collection[InstanceId], aws: Aws
) -> tuple[dict[InstanceId, Instance], Mapping[InstanceId, str]]:
    """Return those of `instance_ids` that EC2 knows, and the reason for each about which it does not answer."""
    try:
        with aws.retrier.within(_LISTING):
            return aws.ec2.by_id(instance_ids), {}
    except AWS_ERRORS as error:
        if not _may_be_disruption(error):
            raise
        return _read_by_id(instance_ids, aws)


def read_attached(interface_ids: Collection[InterfaceId], aws: Aws) -> tuple[dict[InstanceId, Instance], str | None]:
    """Return the instances to which these network interfaces are attached, or why EC2 does not list them."""
    try:
        with aws.retrier.within(_LISTING):
            return aws.ec2.holding(interface_ids), None
    except AWS_ERRORS as error:
        if not _may_be_disruption(error):
            raise
        return {}, str(error)


def _may_be_disruption(error: Exception) -> bool:
    """Whether EC2 may answer about single instances though it lists none: Note [Disrupted zone]."""
    return not is_denied(error) and not is_throttled(error)


def _read_by_id(
    instance_ids: Collection[InstanceId], aws: Aws
) -> tuple[dict[InstanceId, Instance], Mapping[InstanceId, str]]:
    with aws.retrier.within(_BY_ID):
        found, unread = aws.ec2.by_id_only(instance_ids)
    return found, {each: str(error) for each, error in unread.items()}


def add_instances(situation: Situation, instance_ids: Iterable[InstanceId], aws: Aws) -> Situation:
    """Return the situation with those of `instance_ids` that it lacks and EC2 knows. Their tag is gone.

    If EC2 does not list the instances, the situation is returned as it is: Note [Disrupted zone].
    """
    unknown = set(instance_ids) - situation.instances.keys()
    if not unknown or not situation.listed:
        return situation
    return replace(situation, instances={**situation.instances, **aws.ec2.by_id(unknown)})


def add_states(situation: Situation, aws: Aws) -> Situation:
    """Return the situation with the Auto Scaling and Spot state of each running member of the pass's pools.

    Running instances that have a record of ours are read too, with any tag. If their pool tag is gone, the tag with
    their group may be gone too, so Auto Scaling is asked whether they are in a group. A service that cannot be read is
    noted, and the pass goes on with the members about which EC2 alone decides.
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
