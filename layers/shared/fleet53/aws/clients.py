"""The boto3 clients, made once a cold start, and the adapters around them, made for each invocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session
from botocore.config import Config

from fleet53.aws.autoscaling import AutoScaling
from fleet53.aws.cloudformation import CloudFormation
from fleet53.aws.ec2 import Ec2
from fleet53.aws.event_bus import EventBus
from fleet53.aws.functions import Functions
from fleet53.aws.health import REGION, Health
from fleet53.aws.parameters import PoolParameters
from fleet53.aws.queue import Queue
from fleet53.aws.route53 import Route53
from fleet53.aws.security_groups import SecurityGroups
from fleet53.aws.usage import Usage

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from fleet53.aws.retrier import Retrier
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.pool import Zone

_REGIONAL: Final = Config(retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, read_timeout=20)
_ROUTE53: Final = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
"""Route 53 is tried again by Retrier, which knows how much time is left and counts every request."""
_MODELS: Final = Path(__file__).parent / "models"
"""What botocore, or the one of Lambda's runtime, does not know of a service yet, in the form of its own extras.

One that knows it already is given the same again.
"""


@cache
def _session() -> boto3.Session:
    """Return the session that makes all clients: it knows botocore's operations and those of _MODELS."""
    session = botocore.session.get_session()
    session.get_component("data_loader").search_paths.append(str(_MODELS))
    return boto3.Session(botocore_session=session)


_TELLING: Final = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)
"""Telling comes last, when only the reserve of Retrier may be left, and must not cost the run that it tells of."""


@dataclass(frozen=True, slots=True)
class Aws:
    """All that a pass reads from and writes to."""

    ec2: Ec2
    security_groups: SecurityGroups
    autoscaling: AutoScaling
    route53: Route53
    health: Health
    parameters: PoolParameters
    queue: Queue
    usage: Usage
    bus: EventBus


@dataclass(slots=True)
class Clients:
    """The clients of one function, kept while it is warm.

    `cloudwatch` is where Route 53 puts its metrics, `own_cloudwatch` where the stack's own are.
    """

    ec2: EC2Client = field(default_factory=lambda: _session().client("ec2", config=_REGIONAL))
    autoscaling: AutoScalingClient = field(default_factory=lambda: _session().client("autoscaling", config=_REGIONAL))
    route53: Route53Client = field(default_factory=lambda: _session().client("route53", config=_ROUTE53))
    cloudwatch: CloudWatchClient = field(
        default_factory=lambda: _session().client("cloudwatch", region_name=REGION, config=_REGIONAL)
    )
    own_cloudwatch: CloudWatchClient = field(default_factory=lambda: _session().client("cloudwatch", config=_REGIONAL))
    ssm: SSMClient = field(default_factory=lambda: _session().client("ssm", config=_REGIONAL))
    sqs: SQSClient = field(default_factory=lambda: _session().client("sqs", config=_REGIONAL))
    events: EventBridgeClient = field(default_factory=lambda: _session().client("events", config=_TELLING))
    zones: dict[ZoneId, Zone] = field(default_factory=dict)

    def connect(self, settings: Settings, retrier: Retrier) -> Aws:
        """Return the adapters for one invocation."""
        route53 = Route53(self.route53, retrier, self.zones)
        return Aws(
            ec2=Ec2(self.ec2, settings.pool_tag_key),
            security_groups=SecurityGroups(self.ec2),
            autoscaling=AutoScaling(self.autoscaling, settings.hook_prefix),
            route53=route53,
            health=Health(self.cloudwatch, route53),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url),
            usage=Usage(self.own_cloudwatch, settings.owner),
            bus=EventBus(self.events, retrier),
        )


@dataclass(frozen=True, slots=True)
class StackAws:
    """All that a stack's lifecycle reads from and writes to."""

    cloudformation: CloudFormation
    route53: Route53
    parameters: PoolParameters
    queue: Queue
    functions: Functions


@dataclass(slots=True)
class StackClients:
    """The clients of the function that answers CloudFormation."""

    cloudformation: CloudFormationClient = field(
        default_factory=lambda: _session().client("cloudformation", config=_REGIONAL)
    )
    route53: Route53Client = field(default_factory=lambda: _session().client("route53", config=_ROUTE53))
    ssm: SSMClient = field(default_factory=lambda: _session().client("ssm", config=_REGIONAL))
    sqs: SQSClient = field(default_factory=lambda: _session().client("sqs", config=_REGIONAL))
    functions: LambdaClient = field(default_factory=lambda: _session().client("lambda", config=_REGIONAL))

    def connect(self, settings: Settings, retrier: Retrier) -> StackAws:
        """Return the adapters for one invocation."""
        return StackAws(
            cloudformation=CloudFormation(self.cloudformation),
            route53=Route53(self.route53, retrier, {}),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url),
            functions=Functions(self.functions),
        )
