"""The names of health checks: the tag `Name`, which the Route 53 console shows in its list of health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_route53 import Route53Client

    from fleet53.domain.ids import CheckId

_NAME: Final = "Name"  # Route 53 Developer Guide, Naming and tagging health checks


class CheckNames:
    """The calls to Route 53 about the names of health checks."""

    def __init__(self, client: Route53Client) -> None:
        self._client = client

    def missing(self, check_ids: Sequence[CheckId]) -> frozenset[CheckId]:
        """Return those of at most ten health checks that have no name (ListTagsForResources).

        Raises an AWS error if one of them was deleted.
        """
        answer = self._client.list_tags_for_resources(ResourceType="healthcheck", ResourceIds=check_ids)
        named = {
            listed.get("ResourceId")
            for listed in answer["ResourceTagSets"]
            if any(tag.get("Key") == _NAME for tag in listed.get("Tags", []))
        }
        return frozenset(check_ids) - named

    def put(self, check_id: CheckId, name: str) -> None:
        """Give a health check a name (ChangeTagsForResource). A health check that was deleted is not an error."""
        try:
            self._client.change_tags_for_resource(
                ResourceType="healthcheck", ResourceId=check_id, AddTags=[{"Key": _NAME, "Value": name}]
            )
        except self._client.exceptions.NoSuchHealthCheck:
            return
