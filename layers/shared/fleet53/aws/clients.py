"""Clients: the boto3 clients of a function, which a cold start makes, and the adapters of each invocation."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from fleet53 import __version__
from fleet53.aws.absences import Absences
from fleet53.aws.alarms import Alarms
from fleet53.aws.autoscaling import AutoScaling
from fleet53.aws.check_names import CheckNames
from fleet53.aws.cloudformation import CloudFormation
from fleet53.aws.ec2 import Ec2
from fleet53.aws.event_bus import EventBus
from fleet53.aws.functions import Functions
from fleet53.aws.health import REGION, Health
from fleet53.aws.holders import Holders
from fleet53.aws.names import Names
from fleet53.aws.pacer import Pacer
from fleet53.aws.parameters import PoolParameters
from fleet53.aws.queue import Looks, Queue
from fleet53.aws.retrier import Retrier
from fleet53.aws.route53 import Route53
from fleet53.aws.security_groups import SecurityGroups
from fleet53.aws.statuses import Statuses
from fleet53.aws.tries import ZONE_ACCOUNT, Tries
from fleet53.aws.usage import Usage
from fleet53.aws.zone_account import AssumedAccount, Sessions
from fleet53.config.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

    from fleet53.config.settings import Settings
    from fleet53.domain.ids import ZoneId
    from fleet53.domain.pool import Zone
    from fleet53.domain.role import Role


def _config(*, connect: int, read: int) -> Config:
    """Return the settings of a client with these time-outs in seconds.

    botocore tries once. Tries makes all further tries, because it knows how much time is left: Note [Time of a call].
    """
    return Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=connect, read_timeout=read)


_USUAL: Final = _config(connect=3, read=10)
_METRICS: Final = _config(connect=2, read=5)
"""Metrics serve only admissions and the report, and a withdrawal may wait in the same pass."""
_BRIEF: Final = _config(connect=1, read=2)
"""For the last requests, within the reserve of Retrier: those that return messages and send events."""
_MODELS: Final = Path(__file__).parent / "models"
"""Operations and parameters that the botocore of Lambda's runtime may lack, in the form of botocore's model extras.

They change nothing in a botocore that has them already.
"""


TRIES: Final = Tries()
"""The try policy of all clients of this process, which is one function's."""


_read_time: Final = lru_cache(maxsize=4096)(parse_timestamp)


@cache
def _session(account: str = "") -> boto3.Session:
    """Return the session of all clients, with the operations of botocore and those of _MODELS.

    The clients of another `account` than the stack's have a session of their own: Note [Requests of an account]. The
    datapoints of thousands of health checks have the same sixty times, and botocore takes longer to parse a time than
    the rest of a datapoint. So each time is parsed once.
    """
    session = botocore.session.get_session()
    session.get_component("data_loader").search_paths.append(str(_MODELS))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_read_time)
    # Older versions of botocore ask STS in us-east-1 (AWS SDKs and Tools Reference Guide, AWS STS Regional endpoints).
    session.set_config_variable("sts_regional_endpoints", "regional")
    TRIES.apply_to(session, account)
    session.user_agent_extra = f"fleet53/{__version__}"  # CloudTrail and AWS Support see which version made a request
    return boto3.Session(botocore_session=session)


def _make_sts() -> STSClient:
    return _session().client("sts", config=_USUAL)


def _make_route53(credentials: CredentialsTypeDef) -> Route53Client:
    return _session(ZONE_ACCOUNT).client(
        "route53",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=_USUAL,
    )


@dataclass(frozen=True, slots=True)
class Connection[Adapters]:
    """The settings and adapters of one invocation. `retrier` knows the time left, `now` returns the current time."""

    settings: Settings
    aws: Adapters
    retrier: Retrier
    now: Callable[[], datetime]


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


@dataclass(slots=True)
class Clients:
    """The clients of one function, kept while it is warm. `function` names it in the log of another account.

    `zone_pacer` is for the requests to the account that has the hosted zones, where that is another. `cloudwatch` is in
    the region of Route 53's metrics, `own_cloudwatch` in the region of the stack's own.
    """

    function: str
    ec2: EC2Client = field(default_factory=lambda: _session().client("ec2", config=_USUAL))
    autoscaling: AutoScalingClient = field(default_factory=lambda: _session().client("autoscaling", config=_USUAL))
    route53: Route53Client = field(default_factory=lambda: _session().client("route53", config=_USUAL))
    cloudwatch: CloudWatchClient = field(
        default_factory=lambda: _session().client("cloudwatch", region_name=REGION, config=_METRICS)
    )
    own_cloudwatch: CloudWatchClient = field(default_factory=lambda: _session().client("cloudwatch", config=_METRICS))
    ssm: SSMClient = field(default_factory=lambda: _session().client("ssm", config=_USUAL))
    sqs: SQSClient = field(default_factory=lambda: _session().client("sqs", config=_BRIEF))
    events: EventBridgeClient = field(default_factory=lambda: _session().client("events", config=_BRIEF))
    pacer: Pacer = field(default_factory=lambda: Pacer(time.time, random.random))
    zone_pacer: Pacer = field(default_factory=lambda: Pacer(time.time, random.random))
    sessions: Sessions = field(init=False)
    zones: dict[ZoneId, Zone] = field(default_factory=dict)
    looks: Looks = field(default_factory=Looks)
    holders: Holders = field(default_factory=Holders)
    names: Names = field(default_factory=Names)
    absences: Absences = field(default_factory=Absences)
    statuses: Statuses = field(default_factory=Statuses)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.function, _make_sts, _make_route53)

    def connect(self, environment: Mapping[str, str], context: LambdaContext) -> Connection[Aws]:
        """Return an invocation's settings and adapters, or raise SettingsError."""
        settings, retrier = read_settings(environment), _begin(context, self.pacer, self.zone_pacer)
        return Connection(settings, self._adapters(settings, retrier), retrier, _now)

    def _adapters(self, settings: Settings, retrier: Retrier) -> Aws:
        return Aws(
            ec2=Ec2(self.ec2, settings.pool_tag_key),
            security_groups=SecurityGroups(self.ec2),
            autoscaling=AutoScaling(self.autoscaling, settings.hook_prefix),
            route53=_route53(self.route53, self.zones, settings.zone_role, self.sessions),
            alarms=Alarms(self.own_cloudwatch),
            check_names=CheckNames(self.route53),
            health=Health(self.cloudwatch),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url, self.looks),
            usage=Usage(self.own_cloudwatch, settings.owner),
            bus=EventBus(self.events, retrier),
            retrier=retrier,
            pacer=self.pacer,
            holders=self.holders,
            names=self.names,
            absences=self.absences,
            statuses=self.statuses,
        )


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


@dataclass(slots=True)
class StackClients:
    """The clients of the function that answers CloudFormation. The fields are as those of Clients."""

    function: str
    cloudformation: CloudFormationClient = field(
        default_factory=lambda: _session().client("cloudformation", config=_USUAL)
    )
    ec2: EC2Client = field(default_factory=lambda: _session().client("ec2", config=_USUAL))
    route53: Route53Client = field(default_factory=lambda: _session().client("route53", config=_USUAL))
    cloudwatch: CloudWatchClient = field(default_factory=lambda: _session().client("cloudwatch", config=_USUAL))
    ssm: SSMClient = field(default_factory=lambda: _session().client("ssm", config=_USUAL))
    sqs: SQSClient = field(default_factory=lambda: _session().client("sqs", config=_BRIEF))
    functions: LambdaClient = field(default_factory=lambda: _session().client("lambda", config=_USUAL))
    pacer: Pacer = field(default_factory=lambda: Pacer(time.time, random.random))
    zone_pacer: Pacer = field(default_factory=lambda: Pacer(time.time, random.random))
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.function, _make_sts, _make_route53)

    def connect(
        self, environment: Mapping[str, str], context: LambdaContext, *, to_answer: float
    ) -> Connection[StackAws]:
        """Return an invocation's settings and adapters, or raise SettingsError.

        The last `to_answer` seconds are not used.
        """
        settings = read_settings(environment)
        retrier = _begin(context, self.pacer, self.zone_pacer, kept=to_answer)
        aws = StackAws(
            cloudformation=CloudFormation(self.cloudformation),
            tagged_by=lambda pool_tag_key: Ec2(self.ec2, pool_tag_key),
            through=lambda role: _route53(self.route53, {}, role, self.sessions),
            route53=_route53(self.route53, {}, settings.zone_role, self.sessions),
            alarms=Alarms(self.cloudwatch),
            parameters=PoolParameters(self.ssm, settings.pools_path),
            queue=Queue(self.sqs, settings.queue_url),
            functions=Functions(self.functions),
        )
        return Connection(settings, aws, retrier, _now)


def _route53(client: Route53Client, zones: dict[ZoneId, Zone], role: Role | None, sessions: Sessions) -> Route53:
    return Route53(client, zones, None if role is None else AssumedAccount(role, sessions, _now))


def _begin(context: LambdaContext, pacer: Pacer, zone_pacer: Pacer, *, kept: float = 0) -> Retrier:
    """Return the retrier of an invocation, which all clients use from now on."""
    TRIES.retrier = Retrier(
        lambda: context.get_remaining_time_in_millis() / 1000 - kept,
        time.sleep,
        random.random,
        {"route53": pacer, f"route53{ZONE_ACCOUNT}": zone_pacer},
    )
    return TRIES.retrier


def _now() -> datetime:
    return datetime.now(UTC)
