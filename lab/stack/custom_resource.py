"""CloudFormation's part in a custom resource: it invokes the function and waits for its answer at a URL."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.stack.answer_urls import AnswerUrls
    from lab.stack.functions import Functions


@dataclass(slots=True)
class CustomResource:
    """One custom resource of a stack; `answers` holds every answer, in order."""

    logical_id: str
    kind: str
    properties: dict[str, Any]
    stack_id: str
    functions: Functions
    urls: AnswerUrls
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    physical_id: str | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    """The attributes that the template reads, from the last answer that was a success."""

    @property
    def failed(self) -> bool:
        """Whether the newest request failed."""
        return bool(self.answers) and self.answers[-1]["Status"] != "SUCCESS"

    def create(self) -> dict[str, Any]:
        """Request the creation; return the answer."""
        return self._ask("Create")

    def update(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Request an update, and the deletion of the old resource if the answer has another physical id."""
        old, old_id = self.properties, self.physical_id
        self.properties = properties
        answer = self._ask("Update", OldResourceProperties=_texts(old))
        if answer["Status"] == "SUCCESS" and self.physical_id != old_id:
            self._ask("Delete", PhysicalResourceId=old_id, ResourceProperties=_texts(old))
        return answer

    def delete(self) -> dict[str, Any]:
        """Request the deletion; return the answer."""
        return self._ask("Delete")

    def _ask(self, request_type: str, **more: Any) -> dict[str, Any]:
        request_id = self.new_id()
        event = {
            "RequestType": request_type,
            "ServiceToken": self.properties["ServiceToken"],
            "ResponseURL": self.urls.url(request_id),
            "StackId": self.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.kind,
            "ResourceProperties": _texts(self.properties),
        }
        if self.physical_id is not None:
            event["PhysicalResourceId"] = self.physical_id
        self.functions.invoke(self.properties["ServiceToken"], event | more)
        answer = self.urls.answer(request_id)
        self.answers.append(answer)
        if request_type == "Create":
            self.physical_id = answer["PhysicalResourceId"]  # also of one that failed, which is deleted by it
        if answer["Status"] == "SUCCESS" and request_type != "Delete":
            self.physical_id, self.data = answer["PhysicalResourceId"], answer.get("Data", {})
        return answer


def _texts(value: Any) -> Any:
    """Return properties as CloudFormation sends them: with every value as a string."""
    match value:
        case dict():
            return {key: _texts(each) for key, each in value.items()}
        case list():
            return [_texts(each) for each in value]
        case _:
            return str(value)
