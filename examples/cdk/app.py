#!/usr/bin/env python3
"""fleet53 as a nested stack of its packaged template, a further pool, and an Auto Scaling group in that pool.

cdk deploy -c template_url=… -c hosted_zone_id=Z… -c record_name=app.example.com -c pool_record_name=api.example.com \
  -c vpc_id=vpc-… -c subnet_ids=subnet-…,subnet-… -c checkers=pl-…
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ssm as ssm

if TYPE_CHECKING:
    from constructs import Construct

IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
SERVER = """#!/bin/bash
mkdir -p /srv/www
hostname > /srv/www/index.html
cd /srv/www && nohup python3 -m http.server 80 &
"""


class Fleet(cdk.Stack):
    """The whole of it; `context` gives a setting of the command line by its name."""

    def __init__(self, scope: Construct, construct_id: str, pool: str = "servers", **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        context = self.node.get_context
        fleet53 = cdk.CfnStack(
            self,
            "Fleet53",
            template_url=context("template_url"),
            parameters={
                "HostedZoneId": context("hosted_zone_id"),
                "RecordName": context("record_name"),
                "AllowedRecordNames": context("pool_record_name"),
                "NamePrefix": "fleet53",  # a nested stack's own name is too long
            },
        )
        pool_setting = ssm.CfnParameter(
            self,
            "Pool",
            name=cdk.Fn.join("/", [fleet53.get_att("Outputs.PoolsPath").to_string(), pool]),
            type="String",
            value=json.dumps(
                {
                    "hosted_zone_id": context("hosted_zone_id"),
                    "record_name": context("pool_record_name"),
                    "ttl": 60,
                    "address": "public-ipv4",
                    "health_check": {
                        "url": "http://:80/",
                        "interval": 30,
                        "failure_threshold": 3,
                        "search_string": None,
                        "regions": None,
                    },
                    "admit_when": "healthy",
                    "fallback": None,
                }
            ),
        )
        # The pool is there first and goes last, so that fleet53 completes the hooks.
        self._group(pool).node.add_dependency(pool_setting)

    def _group(self, pool: str) -> autoscaling.CfnAutoScalingGroup:
        context = self.node.get_context
        access = ec2.CfnSecurityGroup(
            self,
            "Access",
            group_description="Port 80 for Route 53 checkers and for clients",
            vpc_id=context("vpc_id"),
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp", from_port=80, to_port=80, source_prefix_list_id=context("checkers")
                ),
                ec2.CfnSecurityGroup.IngressProperty(ip_protocol="tcp", from_port=80, to_port=80, cidr_ip="0.0.0.0/0"),
            ],
        )
        server = ec2.CfnLaunchTemplate(
            self,
            "Server",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                image_id=f"{{{{resolve:ssm:{IMAGE}}}}}",
                instance_type="t4g.nano",
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(http_tokens="required"),
                network_interfaces=[
                    ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                        device_index=0, associate_public_ip_address=True, groups=[access.attr_group_id]
                    )
                ],
                user_data=cdk.Fn.base64(SERVER),
            ),
        )
        return autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            min_size="2",
            max_size="4",
            vpc_zone_identifier=context("subnet_ids").split(","),
            launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
                launch_template_id=server.ref, version=server.attr_latest_version_number
            ),
            # In the group, not resources of their own, so that they hold the first instances too.
            lifecycle_hook_specification_list=[
                autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name="fleet53-launch",
                    lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
                    heartbeat_timeout=1200,  # more than fleet53's AdmitTimeout
                    default_result="CONTINUE",
                ),
                autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name="fleet53-terminate",
                    lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
                    heartbeat_timeout=600,  # more than the records' TTL and a minute
                    default_result="CONTINUE",
                ),
            ],
            tags=[
                autoscaling.CfnAutoScalingGroup.TagPropertyProperty(
                    key="fleet53:pool", value=pool, propagate_at_launch=True
                )
            ],
        )


if __name__ == "__main__":
    app = cdk.App()
    Fleet(app, "fleet53-servers")
    app.synth()
