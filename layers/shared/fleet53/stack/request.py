"""Request: carries out the requests of CloudFormation to the stack's custom resources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fleet53.aws.retrier import AWS_ERRORS, is_denied
from fleet53.config.schedule import audit_period
from fleet53.domain.errors import NotUnderstoodError, ZoneUnreadableError
from fleet53.signals.messages import reconcile_message
from fleet53.stack.handover import take_back
from fleet53.stack.precondition import Update, read_declaration, read_through_role, why_not_here
from fleet53.stack.withdraw import withdraw
from fleet53.stack.withdrawal import describe_left

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet53.aws.connection import Connection
    from fleet53.aws.retrier import Retrier
    from fleet53.aws.stack_clients import StackAws
    from fleet53.domain.log import Log
    from fleet53.stack.precondition import Declaration

_GOING: Final = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
"""The status of a stack that is being deleted, or whose creation is rolled back (DescribeStacks, StackStatus)."""
_DENIED_PAUSES: Final = (5, 10, 20, 25)
"""Seconds between tries of a call that AWS denies."""
_UPDATE: Final = "UPDATE_IN_PROGRESS"
_ROLLBACK: Final = "UPDATE_ROLLBACK_IN_PROGRESS"
_LIFECYCLE: Final = "Custom::StackLifecycle"
_PRECONDITION: Final = "Custom::StackPrecondition"
_HANDOVER: Final = "Custom::StackHandover"
_LATE: Final = "They were put while the update was in progress, so it is rolled back."
_MAX_REASON: Final = 1500
"""Characters of a reason: an answer has 4,096 bytes at most, and JSON writes some characters as two."""
_MAX_REASONS: Final = 480
_MAX_LEFT: Final = 220
"""Characters of the two parts of a failed deletion's reason. A stack event keeps about 1,024 bytes, and the advice has
to fit too."""
_WAYS_ON: Final = (
    "Delete the stack again to go on. Remove by hand what is under a name or in a zone that the parameters do not "
    "allow any more. To leave it all: aws cloudformation delete-stack --retain-resources {}. "
    "The function's log names the rest."
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of CloudFormation. `kind` is Create, Update or Delete. `physical_id` is empty on Create.

    `response_url` takes the answer. `withdraws` is whether a deletion removes the stack's records and health checks.
    `resource_type` is the type of the custom resource. `before` and `after` are what the parameters say about pools
    before and after the request. `audit_schedule` is the schedule of the audit, `audit_function` its function's name. A
    property that an older template does not have is empty.
    """

    kind: str
    response_url: str
    request_id: str
    stack_id: str
    logical_id: str
    physical_id: str
    resource_type: str
    before: Declaration
    after: Declaration
    withdraws: bool
    audit_schedule: str = ""
    audit_function: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a request succeeded, and a sentence that says what was done or why it failed."""

    succeeded: bool
    because: str


NOTHING_TO_DO: Final = Answer(succeeded=True, because="there is nothing to do")
"""The answer to a request that `asks_for_nothing`."""


def read_request(event: dict[str, Any]) -> Request:
    """Return the request in a custom resource's event.

    Raises NotUnderstoodError if the answer would not go over TLS. CloudFormation sends presigned URLs of S3, but anyone
    who may invoke the function can send another URL.
    """
    if not str(event["ResponseURL"]).startswith("https://"):
        raise NotUnderstoodError("ResponseURL is not an https URL")
    properties = event["ResourceProperties"]
    return Request(
        kind=event["RequestType"],
        response_url=event["ResponseURL"],
        request_id=event["RequestId"],
        stack_id=event["StackId"],
        logical_id=event["LogicalResourceId"],
        physical_id=event.get("PhysicalResourceId", ""),
        resource_type=event["ResourceType"],
        before=read_declaration(event.get("OldResourceProperties", {})),
        after=read_declaration(properties),
        withdraws=properties.get("OnStackDelete") == "withdraw",
        audit_schedule=properties.get("AuditSchedule", ""),
        audit_function=properties.get("AuditFunction", ""),
    )


def asks_for_nothing(request: Request) -> bool:
    """Whether there is nothing to do for a request: a precondition or a handover is deleted, which has made nothing.

    CloudFormation also asks for that where the creation of a stack has failed because its settings are wrong. The
    deletion must not fail for the same reason, because such a stack could not be deleted.
    """
    return request.kind == "Delete" and request.resource_type in {_PRECONDITION, _HANDOVER}


def serve(request: Request, connection: Connection[StackAws], log: Log) -> Answer:
    """Carry out a request. Raises an AWS error if AWS refuses a read that decides, or the message."""
    if request.resource_type == _PRECONDITION:
        return _check(request, connection)
    if request.resource_type == _HANDOVER:
        return _hand_over(request, connection, log)
    aws = connection.aws
    if request.kind == "Update" and (because := _why_left_behind(request, connection, log)) is not None:
        return Answer(succeeded=False, because=f"{because} {_LATE}")
    if request.kind != "Delete":
        because = f"CloudFormation asks for {request.kind} of {request.logical_id}"
        message = reconcile_message(None, because)
        _once_allowed(lambda: aws.queue.send(message), connection.retrier, "until IAM allows the first message")
        _start_audit(request, aws, log)
        return Answer(succeeded=True, because="a pass over all pools is queued")
    if not request.withdraws:
        return Answer(succeeded=True, because="records and health checks are kept, as OnStackDelete says")
    status = aws.cloudformation.status(request.stack_id)
    if status not in _GOING:
        # An update that drops this resource, or is rolled back to before it, ends with a Delete too.
        return Answer(succeeded=True, because=f"records and health checks stay, because the stack does ({status})")
    return _withdraw(request, connection, log)


def _once_allowed[Answered](call: Callable[[], Answered], retrier: Retrier, purpose: str) -> Answered:
    """Make a call and return what it returns, and make it again for a minute while AWS denies it.

    IAM may know the policies of a new role only after some seconds, and CloudFormation would roll back the creation of
    the stack.
    """
    for pause in _DENIED_PAUSES:
        try:
            return call()
        except (ZoneUnreadableError, *AWS_ERRORS) as error:
            if not is_denied(error):
                raise
            retrier.wait(pause, purpose)
    return call()


def _check(request: Request, connection: Connection[StackAws]) -> Answer:
    """Return whether the stack may be created or updated: Note [Nothing left behind] in precondition.py."""
    because = None
    if request.kind == "Create":
        because = (
            why_not_here(request.stack_id)
            or _why_not_through_its_role(request, connection)
            or _once_allowed(
                lambda: _why_not_from_first(request, connection), connection.retrier, "until IAM allows to list records"
            )
        )
    elif request.kind == "Update" and not _is_rolled_back(request, connection):
        because = _update(request, connection).why_not() or _why_not_through_its_role(request, connection)
    return Answer(succeeded=because is None, because=because or "nothing is in the way")


def _why_not_from_first(request: Request, connection: Connection[StackAws]) -> str | None:
    """Return why the stack may not be updated from a version without precondition; None if it is just being created."""
    if connection.aws.cloudformation.status(request.stack_id) != _UPDATE:
        return None
    return replace(
        _update(request, connection), route53=connection.aws.through(request.after.role)
    ).why_not_from_first()


def _hand_over(request: Request, connection: Connection[StackAws], log: Log) -> Answer:
    """Take back the records of an update that is rolled back: Note [Rolled back] in handover.py."""
    because = "nothing is rolled back"
    if request.kind == "Update" and _is_rolled_back(request, connection):
        because = take_back(_update(request, connection), connection.aws, connection.retrier, log)
    return Answer(succeeded=True, because=because)


def _why_left_behind(request: Request, connection: Connection[StackAws], log: Log) -> str | None:
    """Return a message if an update leaves records behind that the precondition did not see; None if it does not.

    A hosted zone that cannot be read now does not fail the update. If the update has dropped the role, no zone can be
    read, because the policy no longer allows assuming it.
    """
    if request.before.role not in {None, request.after.role}:
        return None
    try:
        because = _update(request, connection).why_dropped()
    except ZoneUnreadableError as error:
        log.warning("places that the update drops not read", extra={"because": str(error)})
        return None
    return None if because is None or _is_rolled_back(request, connection) else because


def _update(request: Request, connection: Connection[StackAws]) -> Update:
    aws = connection.aws
    role = request.before.role
    return Update(request.before, request.after, connection.settings.owner, aws.through(role), aws.tagged_by)


def _is_rolled_back(request: Request, connection: Connection[StackAws]) -> bool:
    """Whether the update is the one that undoes a failed update."""
    return connection.aws.cloudformation.status(request.stack_id) == _ROLLBACK


def _why_not_through_its_role(request: Request, connection: Connection[StackAws]) -> str | None:
    """Return why the hosted zones cannot be read through their role; None where they can."""
    before, after, through = request.before, request.after, connection.aws.through
    try:
        _once_allowed(
            lambda: read_through_role(before, after, through(after.role)),
            connection.retrier,
            "until IAM allows the role",
        )
    except ZoneUnreadableError as error:
        return f"Route53RoleArn does not lead to the hosted zones: {error}. Nothing was changed."
    return None


def _start_audit(request: Request, aws: StackAws, log: Log) -> None:
    """Start an audit now, so that the alarm on missing audits and the dashboard have data from the beginning.

    A failure is logged only: the schedule starts the next audit in any case.
    """
    if not request.audit_function:
        return
    try:
        aws.functions.start(request.audit_function)
    except AWS_ERRORS as error:
        log.warning("audit not started", extra={"because": str(error)})


def _withdraw(request: Request, connection: Connection[StackAws], log: Log) -> Answer:
    withdrawal = withdraw(connection.settings, connection.aws, connection.retrier, log)
    if not withdrawal.reasons:
        return Answer(succeeded=True, because=f"withdrawn: {len(withdrawal.made)} records and health checks")
    reasons = _short("; ".join(dict.fromkeys(withdrawal.reasons)), _MAX_REASONS)
    left = _short(describe_left(withdrawal.left) or "not known, because it could not be read", _MAX_LEFT)
    ways_on = _WAYS_ON.format(request.logical_id)
    return Answer(succeeded=False, because=f"Not withdrawn, because {reasons}. Left: {left}. {ways_on}")


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def write_answer(request: Request, answer: Answer) -> dict[str, Any]:
    """Return the body that answers a request, with the attributes that the template reads of the resource (Data).

    The physical id never changes, so CloudFormation never treats the resource as replaced.
    """
    stands = answer.succeeded and request.kind != "Delete" and request.resource_type == _LIFECYCLE
    data = {"Data": {"AuditPeriod": str(audit_period(request.audit_schedule))}} if stands else {}
    return {
        "Status": "SUCCESS" if answer.succeeded else "FAILED",
        "Reason": answer.because.encode("ascii", "replace").decode()[:_MAX_REASON],
        "PhysicalResourceId": request.physical_id or f"{request.stack_id}/{request.logical_id}",
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_id,
    } | data
