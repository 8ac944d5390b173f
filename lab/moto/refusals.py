"""Requests that AWS refuses with an error of the service, and moto accepts or answers with a page of HTML."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from botocore.model import OperationNotFoundError
from moto.core import errors
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ec2.models import EC2Backend

from lab.moto import ec2
from lab.moto.gap import Gap
from lab.moto.memory import with_underscores

_UNKNOWN: Final = ("InvalidAction", "UnknownOperationException")
"""Codes that each service may answer with, and that the models of none of them have."""


Refusal: Final[Any] = type("Refusal", (ServiceException,), {"__module__": __name__})
"""An error of the service that is asked, made of a code and a message; moto has no types to make a subclass of it."""


def gaps() -> tuple[Gap, ...]:
    """Return how moto's refusals are corrected."""
    return *_refuse_unknown_operations(), _refuse_tags_of_unknown_instances()


def _refuse_unknown_operations() -> tuple[Gap, Gap, Gap]:
    """Answer an operation that is not played with an AWS error; moto answers with a page of HTML and status 500.

    That is also what it answers where no model has the operation, as one that is newer than the models.

    Source: EC2 API Reference, "Error codes for the Amazon EC2 API", InvalidAction; of services with the JSON protocol,
    for example DynamoDB Developer Guide, "Error handling", UnknownOperationException.
    """
    act_as_moto, parse_as_moto = BaseResponse.call_action, BaseResponse.parse_parameters

    def parse_parameters(response: Any, request: Any) -> None:
        with contextlib.suppress(OperationNotFoundError):
            parse_as_moto(response, request)

    def call_action(response: Any) -> Any:
        action = response._get_action()  # noqa: SLF001 - as moto looks for it
        if not action or hasattr(type(response), with_underscores(action)):
            return act_as_moto(response)
        code = "UnknownOperationException" if "X-Amz-Target" in response.headers else "InvalidAction"
        text = f"The lab does not play the operation {action} of {response.service_name}"
        status, headers, body = response.serialized(ActionResult(Refusal(code, text)))
        return status, headers | {"status": str(status)}, body

    known = [*errors.COMMON_ERROR_CODES, *_UNKNOWN]
    return (
        Gap(BaseResponse, "parse_parameters", parse_parameters),
        Gap(BaseResponse, "call_action", call_action),
        Gap(errors, "COMMON_ERROR_CODES", known),
    )


def _refuse_tags_of_unknown_instances() -> Gap:
    """Refuse to tag an instance that EC2 does not know; moto accepts any id.

    Source: EC2 API Reference, "Error codes for the Amazon EC2 API", InvalidInstanceID.NotFound.
    """
    look_as_moto = EC2Backend.do_resources_exist

    def do_resources_exist(backend: Any, resource_ids: list[str]) -> Any:
        known = {each.id for each in ec2.instances()}
        unknown = [each for each in resource_ids if each.startswith("i-") and each not in known]
        if unknown:
            raise InvalidInstanceIdError(unknown)
        return look_as_moto(backend, resource_ids)

    return Gap(EC2Backend, "do_resources_exist", do_resources_exist)
