"""CloudFormation in moto: how it reads a template, and the stack that it made."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, Stack, cloudformation_backends
from moto.cloudformation.parsing import get_model_map
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SUBSTITUTED: Final = re.compile(r"\$\{([^!}.]+)[^}]*\}")


# -- where moto differs from CloudFormation


class Own(Protocol):
    """The lab's own stack, which the lab deletes and updates. All others are moto's."""

    name: str

    def ask_to_delete(self, name: str, retain: tuple[str, ...]) -> bool:
        """Take a request to delete the stack of this name, and return whether it is this one."""

    def ask_to_update(self, given: Mapping[str, str | None]) -> str:
        """Take a request to update it to these parameters, None for the previous value. Return why it is refused."""


def gaps(own: Callable[[], Own]) -> tuple[Gap, ...]:
    """Return how moto's CloudFormation is corrected."""
    return (
        _read_json(),
        _find_parameters_in_sub(),
        _resolve_functions(),
        _compute_outputs(),
        _delete_in_order(own),
        _update_in_order(own),
        _refuse_change_sets(own),
    )


def _compute_outputs() -> Gap:
    """Compute a stack's outputs when a change set is executed; moto leaves them as they were.

    Source: CloudFormation API Reference, Stack, Outputs. `aws cloudformation deploy` and SAM execute change sets.
    """
    apply_as_moto = ChangeSet.apply

    def apply(change_set: Any) -> None:
        apply_as_moto(change_set)
        stack = change_set.stack
        stack.template, stack.template_dict = change_set.template, change_set.template_dict
        stack.output_map = stack._create_output_map()  # noqa: SLF001 - as StackChange does

    return Gap(ChangeSet, "apply", apply)


def _delete_in_order(own: Callable[[], Own]) -> Gap:
    """Take the deletion of a stack and carry it out later, resource by resource; moto drops the stack at once.

    Source: CloudFormation API Reference, DeleteStack, RetainResources.
    """
    delete_as_moto = CloudFormationResponse.delete_stack

    def delete_stack(response: Any) -> Any:
        retain = tuple(response._get_param("RetainResources", []))  # noqa: SLF001 - moto's own look-up
        stack = _named(response)
        if stack is None:
            return delete_as_moto(response)
        if retain and stack.status != "DELETE_FAILED":
            rule = "specify which resources to retain only when the stack is in the DELETE_FAILED state."
            raise ValidationError(
                message=f"Invalid operation on stack [{stack.stack_id}]. When you delete a stack, {rule}"
            )
        return EmptyResult() if own().ask_to_delete(stack.name, retain) else delete_as_moto(response)

    return Gap(CloudFormationResponse, "delete_stack", delete_stack)


def _update_in_order(own: Callable[[], Own]) -> Gap:
    """Take the update of the lab's own stack and carry it out later, resource by resource; moto changes all at once.

    moto also invokes no custom resource. Source: CloudFormation API Reference, UpdateStack and Parameter.
    """
    update_as_moto = CloudFormationResponse.update_stack

    def update_stack(response: Any) -> Any:
        stack = _named(response)
        if stack is None or stack.name != own().name:
            return update_as_moto(response)
        if stack.status.endswith("_IN_PROGRESS"):
            message = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            raise ValidationError(message=message)
        if not response._get_bool_param("UsePreviousTemplate", False):  # noqa: SLF001, FBT003 - as moto asks
            raise ValidationError(message="The lab updates the parameters of its own stack: use the previous template.")
        given = {
            each["ParameterKey"]: None if each.get("UsePreviousValue") else each.get("ParameterValue", "")
            for each in response._get_param("Parameters", [])  # noqa: SLF001 - as above
        }
        if refusal := own().ask_to_update(given):
            raise ValidationError(message=refusal)
        return ActionResult({"StackId": stack.stack_id})

    return Gap(CloudFormationResponse, "update_stack", update_stack)


def _refuse_change_sets(own: Callable[[], Own]) -> Gap:
    """Refuse a change set of the lab's own stack, which moto would carry out all at once, without its functions."""
    create_as_moto = CloudFormationResponse.create_change_set

    def create_change_set(response: Any) -> Any:
        stack = _named(response)
        if stack is not None and stack.name == own().name:
            raise ValidationError(message="The lab plays no change set of its own stack. It plays UpdateStack.")
        return create_as_moto(response)

    return Gap(CloudFormationResponse, "create_change_set", create_change_set)


def _named(response: Any) -> Any | None:
    """Return the stack that a request names by its name or its id."""
    named = response._get_param("StackName")  # noqa: SLF001 - moto's own look-up
    return next((each for each in _stacks() if named in (each.name, each.stack_id)), None)


def _stacks() -> list[Any]:
    return list(cloudformation_backends[ACCOUNT][REGION].stacks.values())


def _read_json() -> Gap:
    """Read a JSON template as JSON; moto reads it as YAML, which takes a quarter of a second for ours.

    Source: CloudFormation User Guide, "CloudFormation template formats".
    """
    parse_as_moto = Stack.parse_template

    def parse(template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return parse_as_moto(template)

    return Gap(Stack, "parse_template", staticmethod(parse))


def _resolve_functions() -> Gap:
    """Drop an item of a list that is AWS::NoValue, and let Fn::GetAZs return the zones that have a default subnet.

    moto keeps a None in the item's place, and returns four zones of us-east-1. Sources: CloudFormation Template
    Reference, "Pseudo parameters reference", AWS::NoValue, and "Fn::GetAZs".
    """
    clean_as_moto = parsing.clean_json

    def clean(node: Any, resources: Any) -> Any:
        if isinstance(node, list):
            return [cleaned for each in node if (cleaned := clean(each, resources)) is not None]
        if not isinstance(node, dict):
            return node
        if len(node) != 1:  # a function is alone in its object
            return {name: cleaned for name, each in node.items() if (cleaned := clean(each, resources)) is not None}
        if "Fn::GetAZs" in node:
            return sorted(ec2_backends[ACCOUNT][REGION].get_default_subnets())
        return clean_as_moto(node, resources)

    return Gap(parsing, "clean_json", clean)


def _find_parameters_in_sub() -> Gap:
    """Update a resource when a parameter changes that its Fn::Sub names; moto looks for Ref only.

    Source: CloudFormation Template Reference, "Fn::Sub".
    """
    return Gap(parsing, "get_references_from_template", references)


def references(node: Any) -> Iterator[str]:
    """Yield every name that a piece of a template refers to: parameters, resources, pseudo parameters."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": text}:
            yield from _SUBSTITUTED.findall(text if isinstance(text, str) else text[0])
            yield from references(text if isinstance(text, list) else None)
        case dict():
            depends = node.get("DependsOn", [])
            yield from [depends] if isinstance(depends, str) else depends
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


# -- stacks


def creatable_types() -> set[str]:
    """Return the resource types that moto's CloudFormation creates."""
    return set(get_model_map())


def create_stack(stack_name: str, template: str, parameters: Mapping[str, str]) -> None:
    """Create the stack of a template, which is JSON."""
    cloudformation_backends[ACCOUNT][REGION].create_stack(stack_name, template, dict(parameters))


def put_stack_status(stack_name: str, status: str) -> None:
    """Set a stack's status: moto does at once what takes CloudFormation its time."""
    cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name).status = status


def drop_stack(stack_name: str) -> None:
    """Drop a stack whose resources are deleted."""
    cloudformation_backends[ACCOUNT][REGION].delete_stack(stack_name)


def delete_resource(stack_name: str, logical_id: str) -> None:
    """Delete one resource of a stack, unless it is gone or moto did not make it."""
    resources = cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name).resource_map
    made = resources._parsed_resources.pop(logical_id, None)  # noqa: SLF001 - moto deletes stacks only as a whole
    if made is not None:
        resources._delete_resource(made, resources._resource_json_map[logical_id])  # noqa: SLF001 - as above


class StackChange:
    """A stack that gets a new template and new parameters. Each resource keeps its old state until its turn.

    moto would change them all at once, and in any order.
    """

    def __init__(self, stack_name: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._stack = cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name)
        self._map = resources = self._stack.resource_map
        self._stack.template, self._stack.template_dict = json.dumps(template), dict(template)
        self._stack.parameters = resources.input_parameters = dict(parameters)
        resources._template, resources._resource_json_map = template, template["Resources"]  # noqa: SLF001 - as below
        resources.load_mapping()
        resources.load_parameters()
        resources.load_conditions()

    def update(self, logical_id: str) -> None:
        """Update a resource in place, or create it."""
        made = self._map._parsed_resources  # noqa: SLF001 - moto updates stacks only as a whole
        if logical_id not in made:
            self.create(logical_id)
            return
        resource = copy.deepcopy(self._map._resource_json_map[logical_id])  # noqa: SLF001 - as above
        made[logical_id] = parsing.parse_and_update_resource(
            logical_id, resource, self._map, account_id=ACCOUNT, region_name=REGION
        )

    def create(self, logical_id: str) -> Any:
        """Create a resource, and return the one that it replaces, which stays until it is deleted."""
        old = self._map._parsed_resources.pop(logical_id, None)  # noqa: SLF001 - as above
        _ = self._map[logical_id]
        return old

    def restore(self, logical_id: str, replaced: Any) -> Any:
        """Take a resource back that was replaced, and return the one that replaced it, which stays until then too."""
        made = self._map._parsed_resources  # noqa: SLF001 - as above
        made[logical_id], new = replaced, made[logical_id]
        return new

    def delete(self, logical_id: str, replaced: Any) -> None:
        """Delete a resource that was replaced."""
        self._map._delete_resource(replaced, self._map._resource_json_map[logical_id])  # noqa: SLF001 - as above

    def drop(self, logical_id: str, properties: Mapping[str, Any]) -> None:
        """Delete a resource that the template does not have, unless moto did not make it."""
        made = self._map._parsed_resources.pop(logical_id, None)  # noqa: SLF001 - as above
        if made is not None:
            self._map._delete_resource(made, {"Type": made.type, "Properties": dict(properties)})  # noqa: SLF001 - as above

    def end(self) -> None:
        """Compute the stack's outputs again."""
        self._stack.output_map = self._stack._create_output_map()  # noqa: SLF001 - as above


class StackValues:
    """The values that a template's expressions have in a stack that exists."""

    def __init__(self, stack_name: str) -> None:
        self._stack = cloudformation_backends[ACCOUNT][REGION].get_stack(stack_name)
        self._map = self._stack.resource_map

    @property
    def stack_id(self) -> str:
        """Return the stack's id, an ARN."""
        return str(self._stack.stack_id)

    @property
    def status(self) -> str:
        """Return the stack's status."""
        return str(self._stack.status)

    def resources(self) -> dict[str, str]:
        """Return the physical id of each resource by its logical id."""
        made = (each for each in self._stack.stack_resources if each is not None)
        return {str(each.logical_resource_id): str(getattr(each, "physical_resource_id", "")) for each in made}

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs."""
        return {str(each["OutputKey"]): str(each["OutputValue"]) for each in self._stack.outputs or ()}

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Return whether a resource's condition, if it has one, holds."""
        condition = resource.get("Condition")
        return condition is None or bool(self._map.lazy_condition_map[condition])

    def resolved(self, value: Any) -> Any:
        """Return a piece of the template with every intrinsic function computed."""
        return parsing.clean_json(value, self._map)
