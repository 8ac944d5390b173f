"""Clients: the clients of the reconciler, the audit and the widget, and the adapters of each invocation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fleet53.aws.absences import Absences
from fleet53.aws.alarms import Alarms
from fleet53.aws.autoscaling import AutoScaling
from fleet53.aws.check_names import CheckNames
from fleet53.aws.connection import Connection, begin, make_pacer, now
from fleet53.aws.ec2 import Ec2
from fleet53.aws.event_bus import EventBus
from fleet53.aws.health import REGION, Health
from fleet53.aws.holders import Holders
from fleet53.aws.names import Names
from fleet53.aws.parameters import PoolParameters
from fleet53.aws.queue import Looks, Queue
from fleet53.aws.route53 import Route53
from fleet53.aws.security_groups import SecurityGroups
from fleet53.aws.session import BRIEF, METRICS, USUAL, make_client, make_sessions
from fleet53.aws.statuses import Statuses
from fleet53.aws.usage import Usage
from fleet53.config.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from fleet53.aws.pacer import Pacer
    from fleet53.aws.retrier import Retrier
    from fleet53.config.settings import Settings
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.pool import Zone


@dataclass(frozen=True, slots=True)
class Aws:
    """The adapters that a pass and an audit use, and the retrier that their calls go through."""

    ec2: Ec2
    security_groups: SecurityGroups
    autoscaling: AutoScaling
    route53: Route53
    alarms: Alarms
    check_names: CheckNames
    health: Health
    parameters: PoolParameters
    queue: Queue
    usage: Usage
    bus: EventBus
    retrier: Retrier
    pacer: Pacer
    holders: Holders
    names: Names
    absences: Absences
    statuses: Statuses


class Clients:
    """The clients of one function, kept while it is warm. `function` names it in the log of another account.

    `zone_pacer` is for the requests to the account that has the hosted zones, where that is another. `cloudwatch` is in
    the region of Route 53's metrics, `own_cloudwatch` in the region of the stack's own.
    """

    def __init__(self, function: str) -> None:
        self.ec2: EC2Client = make_client("ec2", USUAL)
        self.autoscaling: AutoScalingClient = make_client("autoscaling", USUAL)
        self.route53: Route53Client = make_client("route53", USUAL)
        self.cloudwatch: CloudWatchClient = make_client("cloudwatch", METRICS, region_name=REGION)
        self.own_cloudwatch: CloudWatchClient = make_client("cloudwatch", METRICS)
        self.ssm: SSMClient = make_client("ssm", USUAL)
        self.sqs: SQSClient = make_client("sqs", BRIEF)
        self.pacer = make_pacer()
        self.zone_pacer = make_pacer()
        self.sessions = make_sessions(function)
        self.zones: dict[ZoneId, Zone] = {}
        self.looks = Looks()
        self.holders = Holders()
        self.names = Names()
        self.absences = Absences()
        self.statuses = Statuses()

    @cached_property
    def events(self) -> EventBridgeClient:
        """The client of the event bus, which is made when the first event is sent: decision 11."""
        client: EventBridgeClient = make_client("events", BRIEF)
        return client

    def connect(self, environment: Mapping[str, str], context: LambdaContext) -> Connection[Aws]:
        """Return an invocation's settings and adapters, or raise SettingsError."""
        settings, retrier = read_settings(environment), begin(context, self.pacer, self.zone_pacer)
        return Connection(settings, self._adapters(settings, retrier), retrier, now)

    def _adapters(self, settings: Settings, retrier: Retrier) -> Aws:
        return Aws(
            ec2=Ec2(self.ec2, settings.pool_tag_key),
            security_groups=SecurityGroups(self.ec2),
            autoscaling=AutoScaling(self.autoscaling, settings.hook_prefix),
            route53=Route53(self.route53, self.zones, self.sessions.account_of(settings.zone_role, now)),
            alarms=Alarms(self.own_cloudwatch),
            check_names=CheckNames(self.route53),
            health=Health(self.cloudwatch),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url, self.looks),
            usage=Usage(self.own_cloudwatch, settings.owner),
            bus=EventBus(lambda: self.events, retrier),
            retrier=retrier,
            pacer=self.pacer,
            holders=self.holders,
            names=self.names,
            absences=self.absences,
            statuses=self.statuses,
        )
