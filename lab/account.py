"""An AWS account in this process: moto's services and the lab's Route 53, found by standard environment variables."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from lab import in_process
from lab.moto import cloud
from lab.route53.http import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.faults import Faults
    from lab.route53.api import Route53

_MISLEADING: Final = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
"""Variables that would lead an SDK past the lab."""


@contextlib.contextmanager
def empty_account(route53: Route53, faults: Faults, *, http: bool, seed: int = cloud.SEED) -> Iterator[dict[str, str]]:
    """Empty moto, point this process at it and at `route53`, and put the environment back afterwards.

    Yield the variables by which any AWS SDK or CLI finds the lab instead of AWS. They work in other processes only with
    `http`, and `faults` meet requests only without it. The same `seed` makes the same ids.
    """
    with _served(route53, faults, http=http) as (moto_url, route53_url), cloud.emptied(seed):
        environment = {
            "AWS_ENDPOINT_URL": moto_url,
            "AWS_ENDPOINT_URL_ROUTE_53": route53_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": cloud.REGION,
            "AWS_REGION": cloud.REGION,
        }
        with patch.dict(os.environ, environment):
            for name in _MISLEADING:
                os.environ.pop(name, None)
            yield environment


@contextlib.contextmanager
def _served(route53: Route53, faults: Faults, *, http: bool) -> Iterator[tuple[str, str]]:
    """Make moto and `route53` reachable, and yield their URLs."""
    if http:
        with serve(route53) as server:
            yield cloud.served(), server.url
    else:
        with in_process.answering(route53, faults):
            yield in_process.URLS
