"""Updates a stack as CloudFormation does: resource by resource, each after those that it depends on.

A resource is updated if one of its properties has another value than before. One whose name changes is replaced: the
new one is created, all that refers to it is updated, and the old one is deleted at the end, in the clean-up. So is a
resource that the new template does not have. Sources: CloudFormation User Guide, "Update behaviors of stack resources"
and "Update stack resources"; Template Reference, DependsOn, and the types in `_FIXED`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.moto.cloudformation import StackChange, StackValues
from lab.stack.deploy import describe, with_attributes
from lab.stack.resources import put_resource
from lab.stack.template import is_custom, read_code, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.stack.deploy import Deployment

_FIXED: Final = {
    "AWS::Events::Rule": "Name",
    "AWS::Lambda::EventSourceMapping": "EventSourceArn",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
}
"""The property of a type that a resource is replaced for, also if it is new (Update requires: Replacement)."""


class StackUpdate:
    """One update of a stack to these parameters; one that is not given gets its default.

    `deployment` is the stack as it is at every moment of the update. A rollback knows the update that it undoes.
    """

    def __init__(
        self, path: Path, parameters: Mapping[str, str], deployment: Deployment, undoes: StackUpdate | None = None
    ) -> None:
        self._template = read_template(path)
        self._change = StackChange(deployment.stack_name, self._template.for_moto, parameters)
        self._values = StackValues(deployment.stack_name)
        self._replaced: dict[str, Any] = {}
        self._undoes = undoes
        self._before = deployment.deletion_order if undoes is None else tuple(reversed(undoes.order))
        self.order: Final[tuple[str, ...]] = tuple(reversed(self._template.deletion_order))
        self.deployment = deployment

    @property
    def dropped(self) -> tuple[str, ...]:
        """The resources that this template does not have, in the order of their deletion."""
        return tuple(logical_id for logical_id in self._before if logical_id not in self.order)

    def kind(self, logical_id: str) -> str:
        """Return the type of a resource of this template."""
        return str(self._template.resource(logical_id)["Type"])

    def takes_two_requests(self, logical_id: str, properties: Mapping[str, Any]) -> bool:
        """Tell whether a function gets other layers and other code: Lambda takes these by two requests.

        The first one, UpdateFunctionConfiguration, has the layers. The second one is UpdateFunctionCode (Lambda API
        Reference; aws/aws-cdk issue 8446; DataBiosphere/azul issue 5927 has them in this order).
        """
        before = self.deployment.properties.get(logical_id)
        if before is None or self.kind(logical_id) != "AWS::Lambda::Function":
            return False
        was, will_be = read_code(before), read_code(properties)
        return was.layers != will_be.layers and was.folder != will_be.folder

    def changed(self, logical_id: str, data: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
        """Return a resource's new properties, or None where they stay or the resource does not exist.

        `data` are the attributes of the custom resources.
        """
        resource = self._template.resource(logical_id)
        if not self._values.exists(resource):
            return None
        properties = self._values.resolved(with_attributes(resource.get("Properties", {}), data))
        return None if properties == self.deployment.properties.get(logical_id) else properties

    def apply(self, logical_id: str, properties: dict[str, Any]) -> None:
        """Give a resource its new properties. A custom resource was asked before."""
        kind = self.kind(logical_id)
        before = self.deployment.properties.get(logical_id, {})
        name = _FIXED.get(kind, "")
        if is_custom(kind):
            pass
        elif logical_id in self._template.for_lab:
            put_resource(f"{self.deployment.stack_name}-{logical_id}", kind, properties)
        elif before and before.get(name) != properties.get(name):
            old = self._undoes._replaced[logical_id] if self._undoes is not None else None  # noqa: SLF001 - this class
            new = self._change.create(logical_id) if old is None else self._change.restore(logical_id, old)
            self._replaced[logical_id] = new
        else:
            self._change.update(logical_id)
        self._describe({**self.deployment.properties, logical_id: properties})

    def clean_up(self) -> None:
        """Delete the resources that were replaced, and those that the template does not have."""
        for logical_id, replaced in self._replaced.items():
            self._change.delete(logical_id, replaced)
        for logical_id in self.dropped:
            self._change.drop(logical_id, self.deployment.properties.get(logical_id, {}))
        self._change.end()
        kept = {name: each for name, each in self.deployment.properties.items() if name in self.order}
        self._describe(kept)

    def _describe(self, properties: Mapping[str, dict[str, Any]]) -> None:
        self.deployment = describe(self._template, self.deployment.stack_name, properties)
