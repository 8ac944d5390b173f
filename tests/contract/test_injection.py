"""The refusals that a test can ask for, and the record of calls."""

import pytest

from lab.route53.api import Call, Route53, Route53Error
from lab.route53.limits import Buckets, FiveASecond
from tests.contract.account import ENDPOINT, Account, refused
from tests.contract.clock import Clock

pytestmark = pytest.mark.fake_only(reason="a real account cannot be told to fail")


def test_the_next_calls_are_throttled(account: Account, fake: Route53) -> None:
    fake.throttle(2)

    for _ in range(2):
        with refused("Throttling", "Rate exceeded"):
            account.records()
    assert account.records() == []


def test_the_next_change_batches_meet_a_busy_zone(account: Account, fake: Route53) -> None:
    fake.busy(1)

    assert account.records() == []
    with refused("PriorRequestNotComplete", "still processing a prior request"):
        account.create(account.member("web", "i-1"))
    account.create(account.member("web", "i-1"))


def test_a_denied_zone_refuses_every_operation(account: Account, fake: Route53) -> None:
    fake.deny(account.zone_id)

    with refused("AccessDenied", account.zone_id):
        account.records()
    with refused("AccessDenied", account.zone_id):
        account.create(account.member("web", "i-1"))
    with refused("AccessDenied", account.zone_id):
        account.client.get_hosted_zone(Id=account.zone_id)


def test_a_denied_zone_leaves_others_readable(account: Account, fake: Route53) -> None:
    other = account.client.create_hosted_zone(Name="example.org", CallerReference="other")["HostedZone"]

    fake.deny(other["Id"])

    assert account.records() == []


def test_an_operation_fails_as_often_as_ordered(account: Account, fake: Route53) -> None:
    fake.fail("ListHealthChecks", Route53Error("InternalFailure", "sorry", 500), calls=1)

    with refused("InternalFailure", "sorry"):
        account.client.list_health_checks()
    assert account.client.list_health_checks()["HealthChecks"] == []


def taken(route53: Route53, operation: str, most: int = 100) -> int:
    """Send requests of an operation until one is throttled, and return how many were taken. None names a resource."""
    for number in range(most):
        try:
            route53.call(operation, {"HealthCheckId": "unknown", "CallerReference": "c", "HealthCheckConfig": ENDPOINT})
        except Route53Error as error:
            if error.code == "Throttling":
                return number
    return most


@pytest.mark.parametrize(
    ("operation", "capacity", "seconds"),
    [
        ("CreateHealthCheck", 50, 2),
        ("DeleteHealthCheck", 15, 1 / 3),
        ("GetHealthCheckStatus", 4, 1),
        ("GetHealthCheckLastFailureReason", 4, 1),
        ("ListHealthChecks", 50, 0.1),
    ],
)
def test_an_operation_has_a_bucket_that_fills_with_time(
    clock: Clock, operation: str, capacity: int, seconds: float
) -> None:
    route53 = Route53(clock, limits=Buckets)
    assert taken(route53, operation) == capacity
    clock.advance(seconds=0.9 * seconds)
    assert taken(route53, operation) == 0
    clock.advance(seconds=0.2 * seconds)
    assert taken(route53, operation) == 1
    clock.advance(seconds=1000)
    assert taken(route53, operation) == capacity


def test_an_empty_bucket_of_an_operation_throttles_no_other_operation(clock: Clock) -> None:
    route53 = Route53(clock, limits=Buckets)
    assert [taken(route53, each) for each in ("GetHealthCheckStatus", "DeleteHealthCheck")] == [4, 15]


def test_all_operations_of_an_account_share_a_bucket(clock: Clock) -> None:
    route53 = Route53(clock, limits=Buckets)
    assert taken(route53, "ListHealthChecks", most=30) == 30
    assert taken(route53, "CreateHealthCheck") == 20
    assert taken(route53, "DeleteHealthCheck") == 0
    clock.advance(seconds=0.55)
    assert taken(route53, "GetHealthCheckCount") == 5


def test_a_request_that_is_throttled_takes_no_token(clock: Clock) -> None:
    route53 = Route53(clock, limits=Buckets)
    assert [taken(route53, "GetHealthCheckStatus") for _ in range(60)] == [4] + [0] * 59
    assert taken(route53, "GetHealthCheckCount") == 46


def test_five_requests_a_second_are_taken_where_an_account_has_the_former_limit(clock: Clock) -> None:
    route53 = Route53(clock, limits=FiveASecond)
    assert taken(route53, "CreateHealthCheck") == 5
    clock.advance(seconds=0.9)
    assert taken(route53, "CreateHealthCheck") == 0
    clock.advance(seconds=0.1)
    assert taken(route53, "CreateHealthCheck") == 5


def test_every_call_is_recorded_with_its_answer(account: Account, fake: Route53) -> None:
    fake.reset_calls()

    account.create_check("web")
    with refused("NoSuchHealthCheck"):
        account.client.delete_health_check(HealthCheckId="unknown")

    created = {"CallerReference": account.reference("web"), "HealthCheckConfig": ENDPOINT}
    assert fake.calls == [
        Call("CreateHealthCheck", created, None),
        Call("DeleteHealthCheck", {"HealthCheckId": "unknown"}, "NoSuchHealthCheck"),
    ]


def test_ids_come_from_outside() -> None:
    route53 = Route53(new_id=lambda: "check-1")

    created = route53.call("CreateHealthCheck", {"CallerReference": "r", "HealthCheckConfig": ENDPOINT})

    assert created["HealthCheck"]["Id"] == "check-1"
