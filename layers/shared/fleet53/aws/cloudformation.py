"""CloudFormation: what becomes of a stack, and the answer to a custom resource's request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

_PAUSES: Final = (1.0, 2.0, 4.0)
"""Seconds between the tries to answer; with a time-out each they take half a minute at most."""
_TIMEOUT: Final = 5.0


class CloudFormation:
    """What fleet53 asks CloudFormation."""

    def __init__(self, client: CloudFormationClient) -> None:
        self._client = client

    def status(self, stack_id: str) -> str:
        """Return a stack's StackStatus; by its id a stack is found also while it is deleted (DescribeStacks)."""
        (stack,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return stack["StackStatus"]


def send_answer(url: str, answer: Mapping[str, Any], *, sleep: Callable[[float], None]) -> None:
    """Put the answer to a request's ResponseURL; raise OSError where it is not taken, several times over."""
    body = json.dumps(answer).encode()
    # The URL is signed for an empty content type, and urllib would send one of its own.
    request = Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310 - CloudFormation's own https URL
    for pause in _PAUSES:
        try:
            return _send(request)
        except OSError:
            sleep(pause)
    return _send(request)


def _send(request: Request) -> None:
    with urlopen(request, timeout=_TIMEOUT):  # noqa: S310 - as above
        """A status that is not of success is raised."""
