"""The AWS services that moto plays, one set for this process, and boto3 clients of them."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import amis, instances
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend

from lab.moto import answers, memory, server

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT: Final[str] = DEFAULT_ACCOUNT_ID
REGION: Final = "eu-west-1"
ROUTE53_METRICS_REGION: Final = "us-east-1"
"""Where Route 53 publishes its metrics, for stacks in every region (Developer Guide, monitoring-cloudwatch)."""

IMAGE: Final = "ami-12c6146b"
"""The machine image of all instances: one that moto knows."""

SEED: Final = 53
"""The seed of a lab's ids, so that they are the same in every run."""


@functools.cache
def served() -> str:
    """Start the process's one moto server, and return its URL."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    return server.serve()


@contextlib.contextmanager
def emptied(seed: int) -> Iterator[None]:
    """Empty moto and make it draw the same ids as in every lab with this seed.

    Of moto's thousands of machine images there is only IMAGE, because each would be made anew for every lab. moto looks
    through all instance types of a zone for each launch, and needs only one of them, to know the zone.
    """
    images = [image for image in amis.AMIS if image["ami_id"] == IMAGE]
    only_these = {"MOTO_AMIS_PATH": "patched"}  # that it is there keeps moto from adding each region's newest
    with (
        memory.kept(),
        answers.read_directly(),
        patch.object(amis, "AMIS", images),
        patch.object(instances, "INSTANCE_TYPE_OFFERINGS", {"region": {}, "availability-zone": _one_type_a_zone()}),
        patch.dict(os.environ, only_these),
    ):
        moto_api_backend.reset()
        mock_random.seed(seed)
        yield


@functools.cache
def _one_type_a_zone() -> dict[str, list[dict[str, str]]]:
    return {
        region: list({each["Location"]: each for each in offered}.values())
        for region, offered in INSTANCE_TYPE_OFFERINGS["availability-zone"].items()
    }


def client(service: str, region: str = REGION, *, access_key: str | None = None) -> Any:
    """Return a boto3 client of the lab's cloud, the same one for as long as the environment names the same AWS.

    `access_key` is that of a person in another account.
    """
    endpoints = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_ENDPOINT_URL_ROUTE_53"]
    return _client(service, region, access_key, *endpoints)


@functools.lru_cache(maxsize=128)
def _client(service: str, region: str, access_key: str | None, _endpoint: str, _route53_endpoint: str) -> Any:
    given = {} if access_key is None else {"aws_access_key_id": access_key, "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=region, **given)  # type: ignore[call-overload]
