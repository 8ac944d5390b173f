"""Gaps: what LocalStack 4.9.2 lacks or does otherwise than AWS, and fleet53 cannot be deployed or seen without.

Each function closes one gap. Its docstring says what is lacking and why that matters; `fill` prints its first line.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from localstack.services.cloudformation.engine.v2.change_set_model import is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_describer import ChangeSetModelDescriber
from localstack.services.cloudformation.engine.v2.change_set_model_executor import ChangeSetModelExecutor
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import (
    ChangeSetModelPreproc,
    PreprocEntityDelta,
)
from localstack.services.cloudformation.engine.v2.change_set_model_transform import ChangeSetModelTransform
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.cloudformation.v2.entities import Stack
from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import CloudWatchAlarmProvider
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin
from localstack.services.lambda_.resource_providers.aws_lambda_function import LambdaFunctionProvider
from moto.route53 import models as route53_models
from moto.route53.models import Route53Backend

from tests.compat.emulator.custom_resource import CustomResource
from tests.compat.emulator.processes import ProcessExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

_DELETING: Final = "DELETE_IN_PROGRESS"
_LIST: Final = "CommaDelimitedList"
_LAST_POLL: Final = 3.0
"""Seconds after the update of a function in which its former poller ends. It waits two seconds for invocations."""
_DELETED: Final = frozenset({"DELETE_COMPLETE", "DELETE_FAILED"})


def functions_as_processes() -> None:
    """Run functions as processes under AWS's runtime interface emulator: LocalStack runs them in containers.

    No container engine is needed then, and what runs is the Python of .venv.
    """
    DockerRuntimeExecutorPlugin.load = lambda *_: ProcessExecutor


def custom_resources() -> None:
    """Ask the functions of custom resources: LocalStack knows none, and takes them as created.

    Without StackLifecycle's attributes the alarms have no period, and a deleted stack withdraws nothing.
    """
    load = ResourceProviderExecutor.try_load_resource_provider

    def load_custom_too(resource_type: str) -> Any:
        return CustomResource() if resource_type.startswith("Custom::") else load(resource_type)

    ResourceProviderExecutor.try_load_resource_provider = staticmethod(load_custom_too)


def invocations_after_updates() -> None:
    """Wait after the update of a function: LocalStack loses an asynchronous invocation of the next two seconds.

    The poller of the function's former version still takes it, and drops it. An update that changes a function and its
    custom resource would wait for the answer until it times out.
    """
    update = LambdaFunctionProvider.update

    def update_and_wait(provider: Any, request: Any) -> Any:
        progress = update(provider, request)
        time.sleep(_LAST_POLL)
        return progress

    LambdaFunctionProvider.update = update_and_wait


def replacements() -> None:
    """Replace a resource where a property that cannot be updated has another value: LocalStack looks at expressions.

    It replaces a resource wherever an expression in such a property might have changed, and the widget's function has
    the same name after every update, so a second one with that name cannot be created. It does not replace one whose
    property is new, such as the name that a queue did not have.
    """
    execute = ChangeSetModelExecutor._execute_resource_change

    def execute_as_values_need(executor: Any, name: str, before: Any, after: Any) -> None:
        if not is_nothing(before) and not is_nothing(after):
            provider = ResourceProviderExecutor.try_load_resource_provider(after.resource_type)
            schema = {} if provider is None else provider.SCHEMA
            fixed = [each.removeprefix("/properties/") for each in schema.get("createOnlyProperties", [])]
            was, will_be = before.properties.properties, after.properties.properties
            after.requires_replacement = any(was.get(each) != will_be.get(each) for each in fixed)
        execute(executor, name, before, after)

    ChangeSetModelExecutor._execute_resource_change = execute_as_values_need


def alarms() -> None:
    """Update an alarm: LocalStack says that it is updated, and leaves it as it was created.

    An alarm's period is what the function of StackLifecycle answers.
    """

    def update(provider: Any, request: Any) -> Any:
        wanted = request.desired_state
        wanted["AlarmName"] = request.previous_state["AlarmName"]
        wanted["Threshold"] = float(wanted["Threshold"])  # a parameter's value is a text
        return provider.create(request)  # PutMetricAlarm overwrites an alarm of the same name

    CloudWatchAlarmProvider.update = update


def status_while_deleting() -> None:
    """Keep the status DELETE_IN_PROGRESS until a stack is deleted: LocalStack says that it is updated.

    fleet53 withdraws only if DescribeStacks says that the stack is being deleted.
    """
    set_status = Stack.set_stack_status

    def set_unless_deleting(stack: Any, status: str, *rest: Any, **more: Any) -> None:
        if stack.status != _DELETING or status in _DELETED:
            set_status(stack, status, *rest, **more)

    Stack.set_stack_status = set_unless_deleting


def literals_in_sub() -> None:
    """Leave ${!Literal} as ${Literal} in Fn::Sub: LocalStack looks for a resource with the name !Literal.

    The dashboard has expressions of CloudWatch's own, such as ${!PROP('Dim.Pool')}.
    """
    for model in (ChangeSetModelPreproc, ChangeSetModelDescriber):
        _resolve_literals(model)
    refer = ChangeSetModelPreproc._resolve_reference

    def refer_or_literal(model: Any, logical_id: str) -> Any:
        if logical_id.startswith("!"):
            return PreprocEntityDelta(before=_literal(logical_id), after=_literal(logical_id))
        return refer(model, logical_id)

    ChangeSetModelPreproc._resolve_reference = refer_or_literal


def _resolve_literals(model: Any) -> None:
    resolve = model._resolve_attribute

    def resolve_or_literal(model: Any, arguments: Any, select_before: Any) -> Any:
        if isinstance(arguments, str) and arguments.startswith("!"):
            return _literal(arguments)
        return resolve(model, arguments, select_before)

    model._resolve_attribute = resolve_or_literal


def _literal(name: str) -> str:
    return f"${{{name.removeprefix('!')}}}"


def lists_for_sam() -> None:
    """Give SAM's transform a list for a parameter that is a list: LocalStack gives it the text.

    The functions' environment joins AllowedRecordNames and AllowedZoneIds, and Fn::Join takes no text.
    """
    transform = ChangeSetModelTransform._apply_global_serverless_transformation

    def transform_with_lists(region_name: str, template: dict[str, Any], parameters: dict[str, Any]) -> Any:
        lists = {name for name, declared in template.get("Parameters", {}).items() if declared["Type"] == _LIST}
        values = {name: value.split(",") if name in lists else value for name, value in parameters.items()}
        return transform(region_name, template, values)

    ChangeSetModelTransform._apply_global_serverless_transformation = staticmethod(transform_with_lists)


def former_lists() -> None:
    """Split the former value of a parameter that is a list: LocalStack splits only its new value.

    A stack with AllowedRecordNames could be neither updated nor deleted.
    """
    visit = ChangeSetModelPreproc.visit_node_parameter

    def visit_former_too(model: Any, parameter: Any) -> Any:
        delta = visit(model, parameter)
        if isinstance(delta.before, str) and model.visit(parameter.type_).before == _LIST:
            delta.before = delta.before.split(",")
        return delta

    ChangeSetModelPreproc.visit_node_parameter = visit_former_too


def attributes_without_property() -> None:
    """Let an attribute have a value where only the other template has a property of its name: LocalStack knows none.

    A queue also has a name where a template gives it none, and the dashboard has that name.
    """
    resolve = ChangeSetModelPreproc._resolve_attribute

    def resolve_deployed_too(model: Any, arguments: Any, select_before: bool) -> Any:
        value = resolve(model, arguments, select_before)
        name, attribute = arguments.split(".") if isinstance(arguments, str) else arguments
        if is_nothing(value) and name in model._before_resolved_resources:
            deployed = (
                model._before_deployed_property_value_of if select_before else model._after_deployed_property_value_of
            )
            value = deployed(resource_logical_id=name, property_name=attribute)
        return value

    ChangeSetModelPreproc._resolve_attribute = resolve_deployed_too


def hosted_zone_ids() -> None:
    """Let the id of a hosted zone begin with Z: LocalStack's begin with any letter or digit.

    Version 0.1.0 takes only those of the first kind, which are what Route 53 makes.
    """
    create = route53_models.create_route53_zone_id

    def create_with_z(*arguments: Any, **more: Any) -> str:
        return f"Z{create(*arguments, **more)[1:]}"

    route53_models.create_route53_zone_id = create_with_z


def records_again() -> None:
    """Let a deleted record be created again: LocalStack refuses that while other records have its name.

    A repair puts back the same record. LocalStack's Route 53 is moto's, which refuses what the hosted zone's list of
    changes has. So what is not in the hosted zone any more is taken out of that list.
    """
    change = Route53Backend.change_resource_record_sets

    def change_what_stands(backend: Any, zone_id: str, changes: Any) -> None:
        zone = backend.get_hosted_zone(zone_id)
        stand = {(each.name.strip("."), each.type_, each.set_identifier) for each in zone.rrsets}
        sets = [(each, each["ResourceRecordSet"]) for each in zone.rr_changes]
        zone.rr_changes[:] = [
            each for each, one in sets if (one["Name"].strip("."), one["Type"], one.get("SetIdentifier")) in stand
        ]
        change(backend, zone_id, changes)

    Route53Backend.change_resource_record_sets = change_what_stands


def records_at_one_name() -> None:
    """Delete a record at its name only: LocalStack deletes every record with its SetIdentifier, at any name.

    While a pool moves, a member has a record at both names, with the same SetIdentifier.
    """
    change = Route53Backend.change_resource_record_sets

    def change_at_names(backend: Any, zone_id: str, changes: Any) -> None:
        zone = backend.get_hosted_zone(zone_id)
        before = list(zone.rrsets)
        change(backend, zone_id, changes)
        named = {each["ResourceRecordSet"]["Name"].strip(".") for each in changes}
        zone.rrsets += [each for each in before if each.name.strip(".") not in named and each not in zone.rrsets]

    Route53Backend.change_resource_record_sets = change_at_names


GAPS: Final[tuple[Callable[[], None], ...]] = (
    functions_as_processes,
    custom_resources,
    invocations_after_updates,
    replacements,
    alarms,
    status_while_deleting,
    literals_in_sub,
    lists_for_sam,
    former_lists,
    attributes_without_property,
    hosted_zone_ids,
    records_again,
    records_at_one_name,
)


def fill() -> None:
    """Close every gap, and print which."""
    for gap in GAPS:
        gap()
        sys.stdout.write(f"gap: {(gap.__doc__ or '').splitlines()[0]}\n")
    sys.stdout.flush()
