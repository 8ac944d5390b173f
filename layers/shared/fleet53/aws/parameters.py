"""Parameter Store: the pools' declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SSMProvider

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class PoolParameters:
    """The parameters below `path`, one for each pool."""

    def __init__(self, client: SSMClient, path: str) -> None:
        self._provider = SSMProvider(boto3_client=client)
        self._path = path

    def read(self) -> dict[str, str]:
        """Return every parameter below the path, name to text.

        A pass reads the parameters every time, so a warm function never applies an old setting.
        """
        found = self._provider.get_multiple(self._path, force_fetch=True, max_age=0)
        return {f"{self._path}/{name}": str(text) for name, text in (found or {}).items()}
