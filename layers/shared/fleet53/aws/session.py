"""The session: makes the clients of a function's process.

botocore makes them, and not boto3 around it: boto3 would add resources and transfers of files to S3, which are not used
here and which each cold start would import (decision 11).
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config
from botocore.utils import parse_timestamp

from fleet53 import __version__
from fleet53.aws.tries import ZONE_ACCOUNT, Tries
from fleet53.aws.zone_account import Sessions

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import CredentialsTypeDef


def _config(*, connect: int, read: int) -> Config:
    """Return the settings of a client with these time-outs in seconds.

    botocore tries once. Tries makes all further tries, because it knows how much time is left: Note [Time of a call].
    """
    return Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=connect, read_timeout=read)


USUAL: Final = _config(connect=3, read=10)
METRICS: Final = _config(connect=2, read=5)
"""Metrics serve only admissions and the report, and a withdrawal may wait in the same pass."""
BRIEF: Final = _config(connect=1, read=2)
"""For the last requests, within the reserve of Retrier: those that return messages and send events."""
_MODELS: Final = Path(__file__).parent / "models"
"""Operations and parameters that the botocore of Lambda's runtime may lack, in the form of botocore's model extras.

They change nothing in a botocore that has them already.
"""


TRIES: Final = Tries()
"""The try policy of all clients of this process, which is one function's."""


_read_time: Final = lru_cache(maxsize=4096)(parse_timestamp)


def make_client(service: str, config: Config, account: str = "", **settings: Any) -> Any:
    """Return a client, which has the type of mypy_boto3 that boto3's own has: EC2Client for "ec2".

    `account` is empty, or the account of the hosted zones. `settings` are further ones of boto3, such as region_name.
    """
    return _session(account).create_client(service, config=config, **settings)


def make_sessions(function: str) -> Sessions:
    """Return the sessions in the account of the hosted zones. The log of that account names them after `function`."""
    return Sessions(function, lambda: make_client("sts", USUAL), _make_route53)


def _make_route53(credentials: CredentialsTypeDef) -> Any:
    return make_client(
        "route53",
        USUAL,
        ZONE_ACCOUNT,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


@cache
def _session(account: str) -> botocore.session.Session:
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
    return session
