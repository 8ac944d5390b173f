"""Stack clients: the clients of the function that answers CloudFormation, and the adapters of each invocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet53.aws.alarms import Alarms
from fleet53.aws.cloudformation import CloudFormation
from fleet53.aws.connection import Connection, begin, make_pacer, now
from fleet53.aws.ec2 import Ec2
from fleet53.aws.functions import Functions
from fleet53.aws.parameters import PoolParameters
from fleet53.aws.queue import Queue
from fleet53.aws.route53 import Route53
from fleet53.aws.session import BRIEF, USUAL, make_client, make_sessions
from fleet53.config.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from fleet53.domain.role import Role


@dataclass(frozen=True, slots=True)
class StackAws:
    """The adapters that the stack's custom resources use.

    `tagged_by` returns the adapter that reads instances by a pool tag key, `through` the one that reads hosted zones
    through a role, or without one.
    """

    cloudformation: CloudFormation
    tagged_by: Callable[[str], Ec2]
    through: Callable[[Role | None], Route53]
    route53: Route53
    alarms: Alarms
    parameters: PoolParameters
    queue: Queue
    functions: Functions


class StackClients:
    """The clients of the function, kept while it is warm. What they share with Clients is as there."""

    def __init__(self, function: str) -> None:
        self.cloudformation: CloudFormationClient = make_client("cloudformation", USUAL)
        self.ec2: EC2Client = make_client("ec2", USUAL)
        self.route53: Route53Client = make_client("route53", USUAL)
        self.cloudwatch: CloudWatchClient = make_client("cloudwatch", USUAL)
        self.ssm: SSMClient = make_client("ssm", USUAL)
        self.sqs: SQSClient = make_client("sqs", BRIEF)
        self.functions: LambdaClient = make_client("lambda", USUAL)
        self.pacer = make_pacer()
        self.zone_pacer = make_pacer()
        self.sessions = make_sessions(function)

    def connect(
        self, environment: Mapping[str, str], context: LambdaContext, *, to_answer: float
    ) -> Connection[StackAws]:
        """Return an invocation's settings and adapters, or raise SettingsError.

        The last `to_answer` seconds are not used.
        """
        settings = read_settings(environment)
        retrier = begin(context, self.pacer, self.zone_pacer, kept=to_answer)
        aws = StackAws(
            cloudformation=CloudFormation(self.cloudformation),
            tagged_by=lambda pool_tag_key: Ec2(self.ec2, pool_tag_key),
            through=self._through,
            route53=self._through(settings.zone_role),
            alarms=Alarms(self.cloudwatch),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url),
            functions=Functions(self.functions),
        )
        return Connection(settings, aws, retrier, now)

    def _through(self, role: Role | None) -> Route53:
        return Route53(self.route53, {}, self.sessions.account_of(role, now))
