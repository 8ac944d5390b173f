"""Parameter Store: the pools' declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.domain.ids import PoolName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef


class PoolParameters:
    """The parameters below `path`, one for each pool."""

    def __init__(self, client: SSMClient, path: str) -> None:
        self._client = client
        self._path = path

    def read(self) -> dict[str, str | None]:
        """Return every parameter below the path, name to text; None for a SecureString, whose text is encrypted.

        A pass reads the parameters every time, so a warm function never applies an old setting.
        """
        return {found["Name"]: _text(found) for found in self._found()}

    def changed(self) -> dict[PoolName, datetime]:
        """Return when each pool's parameter was created or changed last (Parameter, LastModifiedDate)."""
        return {PoolName(found["Name"].rpartition("/")[2]): found["LastModifiedDate"] for found in self._found()}

    def _found(self) -> Iterator[ParameterTypeDef]:
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=self._path)
        return (found for page in pages for found in page["Parameters"])


def _text(found: ParameterTypeDef) -> str | None:
    """Return the text of a parameter (GetParametersByPath, WithDecryption)."""
    return None if found["Type"] == "SecureString" else found["Value"]
