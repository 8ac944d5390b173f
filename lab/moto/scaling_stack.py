"""Where moto's CloudFormation creates Auto Scaling groups, and what they launch, differently from AWS's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.autoscaling.models import FakeAutoScalingGroup, autoscaling_backends
from moto.ec2.models.launch_templates import LaunchTemplateVersion

from lab.moto.cloud import ACCOUNT, REGION, client
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE: Final = ("MinSize", "MaxSize", "DesiredCapacity", "HealthCheckGracePeriod")


def gaps() -> tuple[Gap, ...]:
    """Return how moto's CloudFormation is corrected for Auto Scaling."""
    return _read_security_groups(), _create_group(), _delete_group()


def _create_group() -> Gap:
    """Create a group as its API does, with its lifecycle hooks; moto's CloudFormation drops them.

    Source: CloudFormation Template Reference, AWS::AutoScaling::AutoScalingGroup, LifecycleHookSpecificationList.
    """

    def create(_class: Any, name: str, resource: Mapping[str, Any], *_where: Any, **_more: Any) -> Any:
        given = dict(resource["Properties"])
        given |= {key: int(given[key]) for key in _WHOLE if key in given}  # CloudFormation accepts strings
        if "VPCZoneIdentifier" in given:
            given["VPCZoneIdentifier"] = ",".join(given["VPCZoneIdentifier"])
        client("autoscaling").create_auto_scaling_group(AutoScalingGroupName=name, **given)
        return autoscaling_backends[ACCOUNT][REGION].autoscaling_groups[name]

    return Gap(FakeAutoScalingGroup, "create_from_cloudformation_json", classmethod(create))


def _delete_group() -> Gap:
    """End a group's instances when its stack is deleted; moto deletes the group only.

    Source: CloudFormation Template Reference, AWS::AutoScaling::AutoScalingGroup.
    """

    def delete(group: Any, _account_id: str, _region: str) -> None:
        client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=group.name, ForceDelete=True)

    return Gap(FakeAutoScalingGroup, "delete", delete)


def _read_security_groups() -> Gap:
    """Give an instance the security groups of its launch template; moto knows only those that are named by name.

    Source: EC2 API Reference, RequestLaunchTemplateData, SecurityGroupIds and NetworkInterfaces.
    """

    def security_groups(version: Any) -> list[str]:
        interfaces = version.data.get("NetworkInterfaces", [])
        groups = [group for each in interfaces for group in each.get("Groups", [])]
        return [*version.data.get("SecurityGroupIds", []), *groups, *version.data.get("SecurityGroups", [])]

    return Gap(LaunchTemplateVersion, "security_groups", property(security_groups))
