"""The AWS that moto plays: one in this process, empty for every lab, found by standard variables."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import amis
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from lab.moto import in_process, memory
from lab.route53.http import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.route53.api import Route53

ACCOUNT: Final[str] = DEFAULT_ACCOUNT_ID
REGION: Final = "eu-west-1"
ROUTE53_METRICS_REGION: Final = "us-east-1"
"""Where Route 53 publishes its metrics, whatever the stack's region (its guide, monitoring-cloudwatch)."""

IMAGE: Final = "ami-12c6146b"
"""The machine image of all instances: one that moto knows."""

_SEED = 53
"""Makes the ids that moto draws the same in every run."""


@functools.cache
def _server() -> str:
    """Start the process's one moto server, and return its URL."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@contextlib.contextmanager
def _served(route53: Route53, *, http: bool) -> Iterator[tuple[str, str]]:
    """Let moto and `route53` be reached, and yield their URLs."""
    if http:
        with serve(route53) as server:
            yield _server(), server.url
    else:
        with in_process.answering(route53):
            yield in_process.URLS


@contextlib.contextmanager
def empty_cloud(route53: Route53, *, http: bool) -> Iterator[dict[str, str]]:
    """Empty moto, point this process at it and at `route53`, and put the environment back afterwards.

    Yield the variables by which any AWS SDK or CLI finds the lab instead of AWS: with `http` those of other processes
    do too, without it only this process's boto3 does. Of moto's thousands of machine images there is only IMAGE,
    because each would be made anew for every lab.
    """
    strangers = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    images = [image for image in amis.AMIS if image["ami_id"] == IMAGE]
    only_these = {"MOTO_AMIS_PATH": "patched"}  # that it is there keeps moto from adding each region's newest
    with _served(route53, http=http) as (moto_url, route53_url), memory.kept(), patch.object(amis, "AMIS", images):
        environment = {
            "AWS_ENDPOINT_URL": moto_url,
            "AWS_ENDPOINT_URL_ROUTE_53": route53_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }
        with patch.dict(os.environ, environment | only_these):
            moto_api_backend.reset()
            mock_random.seed(_SEED)
            for name in strangers:
                os.environ.pop(name, None)
            yield environment


def client(service: str, region: str = REGION) -> Any:
    """Return a boto3 client of the lab's cloud, the same one for as long as the environment names the same AWS."""
    return _client(service, region, os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_ENDPOINT_URL_ROUTE_53"])


@functools.lru_cache(maxsize=128)
def _client(service: str, region: str, _endpoint: str, _route53_endpoint: str) -> Any:
    return boto3.client(service, region_name=region)  # type: ignore[call-overload]
