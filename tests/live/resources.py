"""What the story of `make live` makes besides the stack: instances, an Auto Scaling group, and what these need."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.place import Place

TAG: Final = "fleet53-live:pool"
"""The key of the pool tag, which no other stack in the account has."""
HOOK_PREFIX: Final = "fleet53-live"
HOOK_TIMEOUT: Final = 1200
"""Seconds after which Auto Scaling would abandon an action that is not completed: longer than any step."""
_SERVER: Final = """#!/bin/bash
mkdir -p /srv/www
hostname > /srv/www/index.html
systemd-run --unit=site /usr/bin/python3 -m http.server 80 --directory /srv/www
printf '#!/bin/bash\\nsystemd-run --unit=site /usr/bin/python3 -m http.server 80 --directory /srv/www\\n' \\
  > /var/lib/cloud/scripts/per-boot/site.sh
chmod +x /var/lib/cloud/scripts/per-boot/site.sh
"""
"""User data of a web server on port 80 that also runs after a restart."""
_TRIES: Final = 60
_PAUSE: Final = 10.0


@dataclass(slots=True)
class Resources:
    """Everything has the name of the stack, so that it can be found and removed by hand."""

    place: Place
    _instances: list[str] = field(default_factory=list)
    _parameters: list[str] = field(default_factory=list)

    def prepare(self, checkers: str) -> None:
        """Create a security group that lets in this prefix list on port 80, and a launch template in it."""
        ec2, name = self.place.client("ec2"), self.place.stack
        group = ec2.create_security_group(GroupName=name, Description="make live of fleet53")["GroupId"]
        source = {"PrefixListId": checkers, "Description": "Route 53 checkers"}
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [source]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={
                "ImageId": self.place.image,
                "InstanceType": "t4g.nano",
                "SecurityGroupIds": [group],
                "MetadataOptions": {"HttpTokens": "required"},
                "UserData": base64.b64encode(_SERVER.encode()).decode(),
            },
        )

    def launch(self, *pools: str) -> str:
        """Launch an instance that is tagged for these pools, if any, and return its id."""
        tags = [{"Key": "Name", "Value": self.place.stack}]
        tags += [{"Key": TAG, "Value": " ".join(pools)}] if pools else []
        launched = self.place.client("ec2").run_instances(
            LaunchTemplate={"LaunchTemplateName": self.place.stack},
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        self._instances.append(str(launched["Instances"][0]["InstanceId"]))
        return self._instances[-1]

    def create_group(self, pool: str) -> None:
        """Create an Auto Scaling group of one instance, tagged for a pool, with a launch and a terminate hook."""
        default = [{"Name": "default-for-az", "Values": ["true"]}]
        subnets = self.place.client("ec2").describe_subnets(Filters=default)["Subnets"]
        hooks = {"launch": "EC2_INSTANCE_LAUNCHING", "terminate": "EC2_INSTANCE_TERMINATING"}
        self.place.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=self.place.stack,
            LaunchTemplate={"LaunchTemplateName": self.place.stack, "Version": "$Latest"},
            MinSize=0,
            MaxSize=1,
            DesiredCapacity=1,
            AvailabilityZones=[min(str(each["AvailabilityZone"]) for each in subnets)],
            Tags=[{"Key": TAG, "Value": pool, "PropagateAtLaunch": True}],
            LifecycleHookSpecificationList=[
                {
                    "LifecycleHookName": f"{HOOK_PREFIX}-{name}",
                    "LifecycleTransition": f"autoscaling:{transition}",
                    "HeartbeatTimeout": HOOK_TIMEOUT,
                    "DefaultResult": "ABANDON",
                }
                for name, transition in hooks.items()
            ],
        )

    def put_pool(self, name: str, settings: str) -> None:
        """Declare a pool of the stack by its JSON."""
        self._parameters.append(f"/fleet53/{self.place.stack}/pools/{name}")
        self.place.client("ssm").put_parameter(Name=self._parameters[-1], Value=settings, Type="String")

    def create_check(self, address: str, port: int) -> str:
        """Create a health check of a port of an address, and return its id. Its CallerReference is the stack's name."""
        route53 = self.place.client("route53")
        config = {
            "Type": "HTTP",
            "IPAddress": address,
            "Port": port,
            "ResourcePath": "/",
            "RequestInterval": 30,
            "FailureThreshold": 3,
        }
        created = route53.create_health_check(CallerReference=self.place.stack, HealthCheckConfig=config)
        return str(created["HealthCheck"]["Id"])

    def remove(self) -> list[str]:
        """Delete everything that was made and still exists, and return what could not be deleted and why."""
        ec2, name = self.place.client("ec2"), self.place.stack
        scaling = self.place.client("autoscaling")
        removals: list[Callable[[], object]] = [
            self._delete_check,
            lambda: scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True),
            self._terminate,
            lambda: ec2.delete_launch_template(LaunchTemplateName=name),
            lambda: ec2.delete_security_group(GroupId=self._security_group(ec2)),
            *(partial(self.place.client("ssm").delete_parameter, Name=each) for each in self._parameters),
        ]
        left = []
        for remove in removals:
            try:
                remove()
            except (BotoCoreError, ClientError, LookupError) as error:
                if not _is_gone(error):
                    left.append(str(error))
        return left

    def _delete_check(self) -> None:
        """Delete the health check of create_check, also if the answer with its id was lost."""
        route53 = self.place.client("route53")
        for page in route53.get_paginator("list_health_checks").paginate():
            for each in page["HealthChecks"]:
                if each["CallerReference"] == self.place.stack:
                    route53.delete_health_check(HealthCheckId=each["Id"])

    def _terminate(self) -> None:
        """Terminate all instances of the security group, and wait until they are: it cannot be deleted before."""
        ec2 = self.place.client("ec2")
        for _ in range(_TRIES):
            states = self._states(ec2)
            running = [each for each, state in states.items() if state not in {"shutting-down", "terminated"}]
            if running:
                ec2.terminate_instances(InstanceIds=running)
            if set(states.values()) <= {"terminated"}:
                return
            self.place.pause(_PAUSE)
        raise LookupError(f"instances of {self.place.stack} that are not terminated: {self._states(ec2)}")

    def _states(self, ec2: Any) -> dict[str, str]:
        """Return the state of each instance that was launched here or by the group."""
        filters = [{"Name": "instance.group-name", "Values": [self.place.stack]}]
        by_id = [{"Name": "instance-id", "Values": self._instances}] if self._instances else filters
        found = [each for given in (filters, by_id) for each in _described(ec2, given)]
        return {str(each["InstanceId"]): str(each["State"]["Name"]) for each in found}

    def _security_group(self, ec2: Any) -> str:
        named = [{"Name": "group-name", "Values": [self.place.stack]}]
        found = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
        if not found:
            raise LookupError
        return str(found[0]["GroupId"])


def _described(ec2: Any, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters)
    return [each for page in pages for found in page["Reservations"] for each in found["Instances"]]


def _is_gone(error: Exception) -> bool:
    """Tell whether what was to be deleted does not exist."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return "NotFound" in said["Code"] or "not found" in said["Message"].lower()
    return isinstance(error, LookupError) and not str(error)
