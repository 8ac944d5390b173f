"""Where moto's CloudFormation creates EC2's resources differently from AWS's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Mapping

_FROM_TEMPLATE: Final = ("ImageId", "InstanceType", "KeyName", "SecurityGroupIds", "UserData")
"""The properties of an instance that moto reads, and that a launch template may have instead."""


def gaps() -> tuple[Gap, ...]:
    """Return how moto's CloudFormation is corrected for EC2."""
    return _launch_from_template(), _allow_prefix_lists()


def _launch_from_template() -> Gap:
    """Launch a stack's instance from its launch template and in its security groups; moto knows neither.

    A property of the instance overrides the template's (CloudFormation Template Reference, AWS::EC2::Instance,
    LaunchTemplate, SecurityGroupIds).
    """
    create_as_moto = Instance.create_from_cloudformation_json

    def create(_model: type, /, *args: Any, **given: Any) -> Any:
        name, resource, *others = args
        return create_as_moto(name, resource | {"Properties": _launched_with(resource["Properties"])}, *others, **given)

    return Gap(Instance, "create_from_cloudformation_json", classmethod(create))


def _launched_with(properties: Mapping[str, Any]) -> dict[str, Any]:
    named = properties.get("LaunchTemplate")
    template: Mapping[str, Any] = {}
    if named is not None:
        template = ec2_backends[ACCOUNT][REGION]._get_template_from_args(named).data  # noqa: SLF001 - moto's own look-up
    merged = {key: template[key] for key in _FROM_TEMPLATE if key in template} | dict(properties)
    # moto takes the ids of the groups for those of SecurityGroups, which are names.
    return {**merged, "SecurityGroups": merged.get("SecurityGroupIds", merged.get("SecurityGroups", []))}


def _allow_prefix_lists() -> Gap:
    """Create a stack's security group with its rules for prefix lists; moto leaves these out.

    Source: CloudFormation Template Reference, AWS::EC2::SecurityGroup, Ingress, SourcePrefixListId.
    """
    create_as_moto = SecurityGroup.create_from_cloudformation_json

    def create(_model: type, /, *args: Any, **given: Any) -> Any:
        group = create_as_moto(*args, **given)
        for rule in args[1]["Properties"].get("SecurityGroupIngress", []):
            if "SourcePrefixListId" in rule:
                group.ec2_backend.authorize_security_group_ingress(
                    group_name_or_id=group.id,
                    ip_protocol=rule["IpProtocol"],
                    from_port=rule["FromPort"],
                    to_port=rule["ToPort"],
                    ip_ranges=[],
                    prefix_list_ids=[{"PrefixListId": rule["SourcePrefixListId"]}],
                )
        return group

    return Gap(SecurityGroup, "create_from_cloudformation_json", classmethod(create))
