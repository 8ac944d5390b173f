"""A stack's life as CloudFormation plays it: it is created, updated or rolled back, and deleted."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from lab.moto import cloudformation, cloudwatch
from lab.stack.custom_resource import CustomResource
from lab.stack.deploy import complete, deploy
from lab.stack.functions import Functions
from lab.stack.sources import Poller, Timer
from lab.stack.template import TemplateError, default_values, is_custom, read_template
from lab.stack.update import StackUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from lab.clock import Clock
    from lab.faults import Faults
    from lab.stack.answer_urls import AnswerUrls
    from lab.stack.deploy import Deployment


class Stack:
    """One stack, with its functions and with what invokes them.

    `parameters` are those that it was created with or updated to. The permissions in `faults` follow its policies, each
    function's under its logical id after `permitted_as`, because other stacks have the same logical ids. `go_on` lets
    the world follow a change and go on for some seconds.
    """

    def __init__(
        self,
        template: Path,
        name: str,
        parameters: Mapping[str, str],
        *,
        faults: Faults,
        urls: AnswerUrls,
        clock: Clock,
        go_on: Callable[[float], None],
        permitted_as: str = "",
    ) -> None:
        self.name = name
        self.parameters = dict(parameters)
        self.custom_resources: dict[str, CustomResource] = {}
        self._to_retain: tuple[str, ...] | None = None
        self._to_update: Mapping[str, str] | None = None
        self._template = template
        self._faults = faults
        self._urls = urls
        self._now = clock.now
        self._clock = clock
        self._go_on = go_on
        self._permitted_as = permitted_as
        self.deployment = deploy(template, self.parameters, name)
        self.functions = Functions(self.deployment, lambda: clock.speed, self._running)
        self._grant()
        self.pollers = tuple(Poller(each, self.functions) for each in self.deployment.event_sources)
        self.timers = tuple(Timer(each, self.functions, clock.now) for each in self.deployment.schedules)

    @contextlib.contextmanager
    def _running(self, function: str) -> Iterator[None]:
        with self._faults.invoked(self._permitted_as + function), self._clock.waits():
            yield

    def complete(self) -> None:
        """Request the creation of the custom resources, and create what depends on them.

        If one fails, a TemplateError says why, and whether what was created could be deleted again.
        """
        for logical_id, properties in self.deployment.custom.items():
            created = self._custom(logical_id, self.deployment.kinds[logical_id], properties)
            answer = created.create()
            if answer["Status"] != "SUCCESS":
                raise TemplateError(f"the creation of {logical_id} failed: {answer['Reason']}{self._undo_creation()}")
        self._follow(complete(self._template, self.deployment, self._data()))

    def _custom(self, logical_id: str, kind: str, properties: dict[str, Any]) -> CustomResource:
        created = self.custom_resources[logical_id] = CustomResource(
            logical_id=logical_id,
            kind=kind,
            properties=properties,
            stack_id=self.deployment.stack_id,
            functions=self.functions,
            urls=self._urls,
        )
        return created

    def _undo_creation(self) -> str:
        """Delete the custom resources of a stack whose creation has failed, and return what of it failed as well.

        CloudFormation requests the deletion of the one that failed, too (aws/aws-cdk pull request 5525).
        """
        cloudformation.put_stack_status(self.name, "ROLLBACK_IN_PROGRESS")
        for logical_id, created in reversed(self.custom_resources.items()):
            answer = created.delete()
            if answer["Status"] != "SUCCESS":
                cloudformation.put_stack_status(self.name, "ROLLBACK_FAILED")
                return f"; ROLLBACK_FAILED: the deletion of {logical_id} failed: {answer['Reason']}"
        cloudformation.put_stack_status(self.name, "ROLLBACK_COMPLETE")
        return ""

    def update(self, parameters: Mapping[str, str], *, pause: float = 0, template: Path | None = None) -> str:
        """Change some parameters, or the template, and return the stack's status.

        A parameter that is not given keeps its value, also if its default changes (CloudFormation API Reference,
        Parameter, UsePreviousValue, which SAM and the AWS CLI set). After each resource that is changed, the world goes
        on for `pause` seconds. If a custom resource fails, all is changed back, and what was created is deleted.
        """
        new = template or self._template
        declared = read_template(new).for_moto["Parameters"]
        kept = default_values(self._template) | self.parameters
        given = {name: value for name, value in kept.items() if name in declared} | dict(parameters)
        update = StackUpdate(new, given, self.deployment)
        if self._carry_out("UPDATE", update, pause):
            self.parameters, self._template = given, new
            return "UPDATE_COMPLETE"
        rollback = StackUpdate(self._template, self.parameters, self.deployment, undoes=update)
        undone = self._carry_out("UPDATE_ROLLBACK", rollback, pause)
        return "UPDATE_ROLLBACK_COMPLETE" if undone else "UPDATE_ROLLBACK_FAILED"

    def _carry_out(self, action: str, update: StackUpdate, pause: float) -> bool:
        """Change one resource after the other, and return whether every custom resource succeeded."""
        cloudformation.put_stack_status(self.name, f"{action}_IN_PROGRESS")
        for logical_id in update.order:
            properties = update.changed(logical_id, self._data())
            custom = self.custom_resources.get(logical_id)
            if custom is not None and custom.failed:
                properties = self.deployment.properties[logical_id]  # CloudFormation asks it again to roll back
            if properties is None:
                continue
            if is_custom(kind := update.kind(logical_id)) and not self._ask(logical_id, kind, properties):
                cloudformation.put_stack_status(self.name, f"{action}_FAILED")
                return False
            if update.takes_two_requests(logical_id, properties):
                with self.functions.mismatched(logical_id):
                    self._go_on(pause)
            update.apply(logical_id, properties)
            self._follow(update.deployment)
            self._go_on(pause)
        cloudformation.put_stack_status(self.name, f"{action}_COMPLETE_CLEANUP_IN_PROGRESS")
        for logical_id in update.dropped:
            if logical_id in self.custom_resources:
                self.custom_resources.pop(logical_id).delete()  # a failed deletion does not fail the update
            cloudwatch.delete_alarm(f"{self.name}-{logical_id}")
        update.clean_up()
        self._follow(update.deployment)
        self._go_on(0)
        cloudformation.put_stack_status(self.name, f"{action}_COMPLETE")
        return True

    def _ask(self, logical_id: str, kind: str, properties: dict[str, Any]) -> bool:
        """Ask a custom resource for its update, or for its creation if it is new, and tell whether it succeeded."""
        if (custom := self.custom_resources.get(logical_id)) is not None:
            answer = custom.update(properties)
        else:
            answer = self._custom(logical_id, kind, properties).create()
        return bool(answer["Status"] == "SUCCESS")

    def _follow(self, deployment: Deployment) -> None:
        """Let the functions, their permissions and what invokes them follow a change."""
        before, self.deployment, self.functions.deployment = self.deployment, deployment, deployment
        self._grant()
        for logical_id, function in deployment.functions.items():
            if function != before.functions[logical_id]:
                self.functions.cold_start(logical_id)
        if deployment.schedules != before.schedules:
            self.timers = tuple(Timer(each, self.functions, self._now) for each in deployment.schedules)
        if (polled := deployment.polled) != before.polled:
            self.pollers = tuple(Poller(each, self.functions) for each in polled)

    def _grant(self) -> None:
        for logical_id in self.deployment.functions:
            role = self.deployment.role(logical_id)
            statements = self.deployment.statements(logical_id)
            self._faults.permissions.grant(self._permitted_as + logical_id, statements, role)

    def _data(self) -> dict[str, dict[str, str]]:
        return {logical_id: resource.data for logical_id, resource in self.custom_resources.items()}

    def ask_to_delete(self, name: str, retain: tuple[str, ...]) -> bool:
        """Take a request to delete the stack of this name, and return whether it is this one."""
        if name == self.name and self._to_retain is None:
            cloudformation.put_stack_status(self.name, "DELETE_IN_PROGRESS")
            self._to_retain = retain
        return name == self.name

    def ask_to_update(self, given: Mapping[str, str | None]) -> str:
        """Take a request to update the stack to these parameters. Return why it is refused, an empty text if it is not.

        None stands for the previous value. A parameter that is not given gets its default (CloudFormation API
        Reference, UpdateStack and Parameter; the texts are CloudFormation's).
        """
        declared = read_template(self._template).for_moto["Parameters"]
        defaults = default_values(self._template)
        before = defaults | self.parameters
        new = defaults | {name: before.get(name, "") if value is None else value for name, value in given.items()}
        if unknown := sorted(new.keys() - declared.keys()):
            return f"Parameters: [{', '.join(unknown)}] do not exist in the template"
        if missing := sorted(declared.keys() - new.keys()):
            return f"Parameters: [{', '.join(missing)}] must have values"
        for name, value in new.items():
            if value not in map(str, declared[name].get("AllowedValues", [value])):
                return f"Parameter '{name}' must be one of AllowedValues"
            if not re.fullmatch(declared[name].get("AllowedPattern", ".*"), value, re.DOTALL):
                return f"Parameter '{name}' must match pattern {declared[name]['AllowedPattern']}"
        if new == before:
            return "No updates are to be performed."
        cloudformation.put_stack_status(self.name, "UPDATE_IN_PROGRESS")
        self._to_update = new
        return ""

    def carry_out_what_is_asked(self) -> None:
        """Carry out the request to update or to delete the stack, if there is one."""
        if self._to_update is not None:
            new, self._to_update = self._to_update, None
            self.update(new)
        if self._to_retain is not None:
            self.delete(retain=self._to_retain)
            self._to_retain = None

    def delete(self, *, retain: Collection[str] = ()) -> str:
        """Delete each resource before what it depends on, and return the stack's status.

        It stops at a custom resource whose deletion fails, unless that is one of those to `retain`.
        """
        cloudformation.put_stack_status(self.name, "DELETE_IN_PROGRESS")
        for logical_id in self.deployment.deletion_order:
            if logical_id in self.custom_resources and logical_id not in retain:
                if self.custom_resources[logical_id].delete()["Status"] != "SUCCESS":
                    cloudformation.put_stack_status(self.name, "DELETE_FAILED")
                    return "DELETE_FAILED"
                del self.custom_resources[logical_id]
            self.pollers = tuple(each for each in self.pollers if each.source.logical_id != logical_id)
            self.timers = tuple(each for each in self.timers if each.schedule.logical_id != logical_id)
            cloudwatch.delete_alarm(f"{self.name}-{logical_id}")
            cloudformation.delete_resource(self.name, logical_id)
        cloudformation.drop_stack(self.name)
        return "DELETE_COMPLETE"
