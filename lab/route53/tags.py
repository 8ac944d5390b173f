"""The tags of health checks and hosted zones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.route53.error import invalid_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Tags:
    """The tags of each resource of an account; `refuse_unknown` raises for a type and an id that do not exist."""

    def __init__(self, refuse_unknown: Callable[[str, str], object]) -> None:
        self._refuse_unknown = refuse_unknown
        self._tags: dict[tuple[str, str], dict[str, str]] = {}

    def change(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ChangeTagsForResource."""
        resource = parameters["ResourceType"], parameters["ResourceId"]
        self._refuse_unknown(*resource)
        added = {each["Key"]: each.get("Value", "") for each in parameters.get("AddTags") or ()}
        if any(key.lower().startswith("aws:") for key in added):
            raise invalid_input("Tag keys that begin with aws: are reserved")
        tags = self._tags.setdefault(resource, {})
        tags |= added
        for key in parameters.get("RemoveTagKeys") or ():
            tags.pop(key, None)
        return {}

    def of_one(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListTagsForResource."""
        return {"ResourceTagSet": self._described(parameters["ResourceType"], parameters["ResourceId"])}

    def of_several(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListTagsForResources, which fails if one of the resources does not exist."""
        kind = parameters["ResourceType"]
        return {"ResourceTagSets": [self._described(kind, each) for each in parameters["ResourceIds"]]}

    def _described(self, kind: str, resource_id: str) -> dict[str, Any]:
        self._refuse_unknown(kind, resource_id)
        tags = [{"Key": key, "Value": value} for key, value in self._tags.get((kind, resource_id), {}).items()]
        return {"ResourceType": kind, "ResourceId": resource_id, "Tags": tags}
