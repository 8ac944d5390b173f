"""CloudFormation: the state of a stack, and the answer to a custom resource's request."""

from __future__ import annotations

import json
import logging
from http import HTTPMethod
from typing import TYPE_CHECKING, Any, Final

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry, Timeout

from fleet53.domain.errors import AnswerNotSentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_cloudformation import CloudFormationClient

_RETRIES: Final = Retry(
    total=3,
    backoff_factor=1,
    status_forcelist=range(300, 600),
    allowed_methods={HTTPMethod.PUT},
    respect_retry_after_header=False,
)
"""Four tries with pauses of 0, 2 and 4 seconds between them. With _TIMEOUT for each try that is 26 seconds at most."""
_TIMEOUT: Final = Timeout(total=5)

# urllib3 logs the URL of a request that it tries again, and anyone who has this URL can answer CloudFormation.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class CloudFormation:
    """The calls to CloudFormation."""

    def __init__(self, client: CloudFormationClient) -> None:
        self._client = client

    def status(self, stack_id: str) -> str:
        """Return a stack's StackStatus; by its id a stack is found also while it is deleted (DescribeStacks)."""
        (stack,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return stack["StackStatus"]


def send_answer(url: str, answer: Mapping[str, Any]) -> None:
    """Put the answer to a request's ResponseURL, or raise AnswerNotSentError when four tries have failed.

    The error does not name the URL: it is signed.
    """
    try:
        with PoolManager() as pool:
            # The URL is signed for an empty content type.
            pool.request(
                HTTPMethod.PUT,
                url,
                body=json.dumps(answer).encode(),
                headers={"Content-Type": ""},
                timeout=_TIMEOUT,
                retries=_RETRIES,
            )
    except HTTPError as error:
        reason = str(error.reason) if isinstance(error, MaxRetryError) else type(error).__name__
        raise AnswerNotSentError(f"CloudFormation did not take the answer: {reason}") from None
