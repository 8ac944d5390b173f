"""Stack: what CloudFormation asks of the stack's custom resource, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fleet53.aws.retrier import AWS_ERRORS
from fleet53.config.schedule import audit_period
from fleet53.signals import reconcile_message
from fleet53.stack.withdraw import withdraw
from fleet53.stack.withdrawal import describe_left

if TYPE_CHECKING:
    from fleet53.aws.clients import StackAws
    from fleet53.aws.retrier import Retrier
    from fleet53.config.settings import Settings
    from fleet53.domain.log import Log

_GOING: Final = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
"""What CloudFormation says of a stack that is deleted, or whose creation is undone (DescribeStacks, StackStatus)."""
_MAX_REASON: Final = 1500
"""Characters of a reason: CloudFormation takes 4,096 bytes with all around it, and JSON doubles some characters."""
_WAYS_ON: Final = (
    "Not everything could be withdrawn; the log of this function names it. Delete the stack again to go on, or remove "
    "what is left by hand first. A record under a name or in a zone that the stack's parameters do not allow any more "
    "goes only by hand. To delete the stack and leave it: aws cloudformation delete-stack with --retain-resources and "
    "this resource's logical id."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What CloudFormation asks: `kind` is Create, Update or Delete, `physical_id` is empty on Create.

    `withdraws` is whether the stack's records and checks go with it. `audit_schedule` is when the audit runs by itself,
    `audit_function` its name; both are empty where the resource's properties come from an older template.
    """

    kind: str
    request_id: str
    stack_id: str
    logical_id: str
    physical_id: str
    withdraws: bool
    audit_schedule: str = ""
    audit_function: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request, in a sentence."""

    succeeded: bool
    because: str


def serve(request: Request, settings: Settings, aws: StackAws, retrier: Retrier, log: Log) -> Answer:
    """Do what a request asks for. Raises an AWS error where not even that much could be found out."""
    if request.kind != "Delete":
        because = f"CloudFormation asks for {request.kind} of {request.logical_id}"
        aws.queue.send(reconcile_message(None, because))
        _start_audit(request, aws, log)
        return Answer(succeeded=True, because="a pass over all pools is queued")
    if not request.withdraws:
        return Answer(succeeded=True, because="records and checks are kept, as OnStackDelete says")
    status = aws.cloudformation.status(request.stack_id)
    if status not in _GOING:
        # An update that drops this resource, or is rolled back to before it, ends with a Delete too.
        return Answer(succeeded=True, because=f"records and checks stay, because the stack does ({status})")
    return _withdraw(settings, aws, retrier, log)


def _start_audit(request: Request, aws: StackAws, log: Log) -> None:
    """Have the audit run now: the alarm on missing audits counts from here, and the dashboard has something to show.

    The schedule brings the next one in any case, so a failure fails nothing.
    """
    if not request.audit_function:
        return
    try:
        aws.functions.start(request.audit_function)
    except AWS_ERRORS as error:
        log.warning("audit not started", extra={"because": str(error)})


def _withdraw(settings: Settings, aws: StackAws, retrier: Retrier, log: Log) -> Answer:
    withdrawal = withdraw(settings, aws, retrier, log)
    if not withdrawal.reasons:
        return Answer(succeeded=True, because=f"withdrawn: {len(withdrawal.made)} records and checks")
    left = describe_left(withdrawal.left) or "nobody could read what"
    reasons = "; ".join(dict.fromkeys(withdrawal.reasons))
    return Answer(succeeded=False, because=f"{_WAYS_ON} Left: {left}. Because: {reasons}")


def write_answer(request: Request, answer: Answer) -> dict[str, Any]:
    """Return the body that answers a request, with the attributes that the template reads of the resource (Data).

    The physical id never changes, so that CloudFormation never sees the resource replaced.
    """
    stands = answer.succeeded and request.kind != "Delete"
    data = {"Data": {"AuditPeriod": str(audit_period(request.audit_schedule))}} if stands else {}
    return {
        "Status": "SUCCESS" if answer.succeeded else "FAILED",
        "Reason": answer.because.encode("ascii", "replace").decode()[:_MAX_REASON],
        "PhysicalResourceId": request.physical_id or f"{request.stack_id}/{request.logical_id}",
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_id,
    } | data
