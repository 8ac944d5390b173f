"""Custom resources: what LocalStack's CloudFormation lacks.

As in AWS, the function's answer goes to a presigned URL of S3, over TLS (CloudFormation User Guide, crpg-ref).
"""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack import config
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent

_BUCKET: Final = "cloudformation-custom-resource-responses"
_REGION: Final = "us-east-1"
_DEFAULT_TIMEOUT: Final = 3600
"""Seconds that CloudFormation waits without a ServiceTimeout (AWS::CloudFormation::CustomResource)."""
_PAUSE: Final = 0.5
_ASKED: Final = "_asked"
_ID: Final = "PhysicalResourceId"


class CustomResource:
    """All custom resources, with the methods of LocalStack's ResourceProvider.

    The model of a resource has its physical id, the properties it was asked for, and the attributes of the last answer.
    """

    SCHEMA: Final = {"primaryIdentifier": [f"/properties/{_ID}"]}

    def create(self, request: Any) -> Any:
        """Ask the function for Create."""
        return _ask(request, "Create", request.desired_state)

    def update(self, request: Any) -> Any:
        """Ask the function for Update."""
        before = request.previous_state
        return _ask(
            request,
            "Update",
            request.desired_state,
            PhysicalResourceId=before[_ID],
            OldResourceProperties=before[_ASKED],
        )

    def delete(self, request: Any) -> Any:
        """Ask the function for Delete."""
        before = request.previous_state
        return _ask(request, "Delete", before[_ASKED], PhysicalResourceId=before[_ID])


def _ask(request: Any, kind: str, properties: dict[str, Any], **more: Any) -> Any:
    """Invoke the function that ServiceToken names, wait for its answer, and return that as a ProgressEvent."""
    asked = _texts(properties)
    s3, request_id = _s3(), str(uuid.uuid4())
    s3.create_bucket(Bucket=_BUCKET)
    place = {"Bucket": _BUCKET, "Key": request_id}
    event = {
        "RequestType": kind,
        "ServiceToken": asked["ServiceToken"],
        "ResponseURL": s3.generate_presigned_url("put_object", Params=place),
        "StackId": request.stack_id,
        "RequestId": request_id,
        "ResourceType": request.resource_type,
        "LogicalResourceId": request.logical_resource_id,
        "ResourceProperties": asked,
    }
    request.aws_client_factory.lambda_.invoke(
        FunctionName=asked["ServiceToken"], InvocationType="Event", Payload=json.dumps(event | more)
    )
    deadline = time.monotonic() + int(asked.get("ServiceTimeout", _DEFAULT_TIMEOUT))
    while (answer := _answer(s3, place)) is None:
        if time.monotonic() > deadline:
            return ProgressEvent(OperationStatus.FAILED, resource_model={}, message="the function did not answer")
        time.sleep(_PAUSE)
    if answer["Status"] != "SUCCESS":
        return ProgressEvent(OperationStatus.FAILED, resource_model={}, message=answer["Reason"])
    model = {**answer.get("Data", {}), _ASKED: asked, _ID: answer[_ID]}
    return ProgressEvent(OperationStatus.SUCCESS, resource_model=model)


def _s3() -> Any:
    """Return a client of LocalStack's TLS port.

    CloudFormation's URLs have S3's older signature, which also covers the content type: it has to be empty.
    """
    listens = config.GATEWAY_LISTEN[0]
    return boto3.client(
        "s3",
        region_name=_REGION,
        endpoint_url=f"https://{listens.host}:{listens.port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3"),
        verify=json.loads(os.environ["FLEET53_COMPAT"])["certificate"],
    )


def _answer(s3: Any, place: dict[str, str]) -> dict[str, Any] | None:
    """Return the answer that the function has put, None until then."""
    try:
        answer: dict[str, Any] = json.load(s3.get_object(**place)["Body"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
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
