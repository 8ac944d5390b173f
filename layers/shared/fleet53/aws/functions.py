"""Lambda: starts functions without waiting for their result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Functions:
    """The functions of this stack."""

    def __init__(self, client: LambdaClient) -> None:
        self._client = client

    def start(self, name: str) -> None:
        """Invoke a function asynchronously with an empty event (Invoke, InvocationType Event)."""
        self._client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
