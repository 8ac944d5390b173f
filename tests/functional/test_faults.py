"""The lab's faults: each kind of error of AWS, as a function's boto3 client meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from lab.faults import Fault
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=7)
CALLS = {
    "ec2": "describe_instances",
    "autoscaling": "describe_auto_scaling_groups",
    "route53": "list_health_checks",
    "cloudwatch": "list_metrics",
    "ssm": "describe_parameters",
    "sqs": "list_queues",
    "events": "list_rules",
    "lambda": "list_functions",
    "cloudformation": "describe_stacks",
}
"""An operation of each service that fleet53 uses, and so of each protocol."""


@pytest.fixture(scope="module")
def one_lab() -> Iterator[Lab]:
    with Lab(start=MONDAY_NOON) as lab:
        yield lab


@pytest.fixture
def lab(one_lab: Lab) -> Lab:
    """Return the lab of all tests here, without faults."""
    one_lab.faults.end()
    one_lab.faults.forget()
    return one_lab


def ask(lab: Lab, service: str) -> object:
    """Ask a service as a function does that may ask all of them."""
    client = boto3.client(service, config=ONCE)  # type: ignore[call-overload]
    lab.faults.permissions.grant("AnyFunction", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
    with lab.faults.invoked("AnyFunction"):
        return getattr(client, CALLS[service])()


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ec2", "UnauthorizedOperation", 403),
        ("autoscaling", "AccessDenied", 403),
        ("route53", "AccessDenied", 403),
        ("cloudwatch", "AccessDeniedException", 400),
        ("ssm", "AccessDeniedException", 400),
        ("sqs", "AccessDeniedException", 400),
        ("events", "AccessDeniedException", 400),
        ("lambda", "AccessDeniedException", 400),
        ("cloudformation", "AccessDenied", 403),
    ],
)
def test_a_service_denies_a_call_with_its_own_code(lab: Lab, service: str, code: str, status: int) -> None:
    lab.faults.order(Fault.DENIED, f"{service}:*", calls=1)

    with pytest.raises(ClientError, match="is not authorized to perform") as caught:
        ask(lab, service)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    ask(lab, service)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "RequestLimitExceeded"),
        ("autoscaling", "Throttling"),
        ("route53", "Throttling"),
        ("cloudwatch", "ThrottlingException"),
        ("ssm", "ThrottlingException"),
        ("sqs", "RequestThrottled"),
    ],
)
def test_a_service_throttles_a_call_with_its_own_code(lab: Lab, service: str, code: str) -> None:
    lab.faults.order(Fault.THROTTLED, f"{service}:*")

    with pytest.raises(ClientError, match="Rate exceeded") as caught:
        ask(lab, service)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("service", ["ec2", "autoscaling", "route53", "ssm"])
def test_a_service_fails(lab: Lab, service: str) -> None:
    lab.faults.order(Fault.SERVER_ERROR, f"{service}:*")

    with pytest.raises(ClientError, match="InternalFailure") as caught:
        ask(lab, service)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


@pytest.mark.parametrize(
    ("fault", "error", "seconds"),
    [
        (Fault.HANG, ReadTimeoutError, 7),
        (Fault.UNREACHABLE, ConnectTimeoutError, 3),
        (Fault.RESET, ConnectionClosedError, 0),
    ],
)
def test_a_call_that_is_not_answered_takes_the_clients_timeout(
    lab: Lab, fault: Fault, error: type[Exception], seconds: int
) -> None:
    lab.faults.order(fault, "ssm:DescribeParameters")
    before = lab.clock.now()

    with pytest.raises(error):
        ask(lab, "ssm")
    assert (lab.clock.now() - before).total_seconds() == seconds


def test_a_fault_happens_to_one_operation_only_and_only_to_functions(lab: Lab) -> None:
    lab.faults.order(Fault.DENIED, "ssm:GetParametersByPath")

    ask(lab, "ssm")
    lab.client("ssm").get_parameters_by_path(Path="/fleet53")
    lab.faults.order(Fault.DENIED, "ssm:*")
    lab.client("ssm").get_parameters_by_path(Path="/fleet53")


def test_requests_of_functions_are_kept(lab: Lab) -> None:
    lab.faults.forget()
    ask(lab, "ssm")
    lab.client("ssm").describe_parameters()

    assert lab.faults.asked == ["ssm:DescribeParameters"]
