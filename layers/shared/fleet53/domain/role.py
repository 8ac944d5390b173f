"""Roles: IAM roles of other accounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role of the account that has the hosted zones, known by its ARN.

    `external_id` is the external ID that its trust policy requires (IAM User Guide, access to accounts of third
    parties), None if it requires none.
    """

    arn: str
    external_id: str | None = None
