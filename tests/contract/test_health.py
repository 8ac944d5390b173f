"""How the checkers' observations decide a health check's status, and the status DNS's answers (dns-failover)."""

from typing import Any

import pytest

from lab.route53.api import Route53
from tests.contract.account import Account, refused
from tests.contract.clock import Clock

pytestmark = pytest.mark.fake_only(reason="no server answers a real checker at the test's address")

OK = "Success: HTTP Status Code 200, OK"
DOWN = "Failure: HTTP Status Code 503, Service Unavailable"
REGIONS = ("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "sa-east-1")


def _see(fake: Route53, check: dict[str, Any], healthy: int, of: int) -> None:
    for number in range(of):
        fake.observe(check["Id"], f"region-{number}", number < healthy, OK if number < healthy else DOWN)


def test_a_new_check_is_healthy_and_has_no_percentage(account: Account, fake: Route53) -> None:
    check = account.create_check()

    assert fake.is_healthy(check["Id"])
    assert fake.percent_healthy(check["Id"]) is None


def test_a_new_inverted_check_is_unhealthy(account: Account, fake: Route53) -> None:
    assert not fake.is_healthy(account.create_check(Inverted=True)["Id"])


@pytest.mark.parametrize(("healthy", "expected"), [(19, True), (18, False), (0, False), (100, True)])
def test_more_than_18_percent_are_healthy(account: Account, fake: Route53, healthy: int, *, expected: bool) -> None:
    check = account.create_check()

    _see(fake, check, healthy, of=100)

    assert fake.percent_healthy(check["Id"]) == healthy
    assert fake.is_healthy(check["Id"]) is expected


def test_an_inverted_check_is_healthy_when_its_endpoint_is_not(account: Account, fake: Route53) -> None:
    check = account.create_check(Inverted=True)

    _see(fake, check, healthy=0, of=3)

    assert fake.is_healthy(check["Id"])


@pytest.mark.parametrize(("inverted", "expected"), [(False, True), (True, False)])
def test_a_disabled_check_is_healthy_unless_inverted(
    account: Account, fake: Route53, *, inverted: bool, expected: bool
) -> None:
    check = account.create_check(Disabled=True, Inverted=inverted)

    _see(fake, check, healthy=0, of=3)

    assert fake.is_healthy(check["Id"]) is expected


def test_a_deleted_check_counts_as_healthy(account: Account, fake: Route53) -> None:
    check = account.create_check()
    _see(fake, check, healthy=0, of=3)

    account.delete_check(check)

    assert fake.is_healthy(check["Id"])
    assert fake.percent_healthy(check["Id"]) is None


def test_observations_of_a_deleted_health_check_are_dropped(account: Account, fake: Route53) -> None:
    check = account.create_check()
    account.delete_check(check)

    _see(fake, check, healthy=0, of=3)

    assert fake.percent_healthy(check["Id"]) is None


def test_the_newest_observation_of_a_region_counts(account: Account, fake: Route53) -> None:
    check = account.create_check()

    fake.observe(check["Id"], "us-east-1", succeeded=False, status=DOWN)
    fake.observe(check["Id"], "us-east-1", succeeded=True, status=OK)

    assert fake.percent_healthy(check["Id"]) == 100


def test_a_region_that_was_taken_out_no_longer_counts(account: Account, fake: Route53) -> None:
    check = account.create_check(Regions=list(REGIONS[:4]))
    for region in REGIONS[:4]:
        fake.observe(check["Id"], region, region != "us-east-1", OK)

    account.update_check(check, Regions=list(REGIONS[1:4]))

    assert fake.percent_healthy(check["Id"]) == 100


def test_the_status_is_what_each_region_saw(account: Account, fake: Route53, clock: Clock) -> None:
    check = account.create_check()
    fake.observe(check["Id"], "us-east-1", succeeded=True, status=OK)
    fake.observe(check["Id"], "eu-west-1", succeeded=False, status=DOWN)

    found = account.client.get_health_check_status(HealthCheckId=check["Id"])["HealthCheckObservations"]

    assert [(seen["Region"], seen["StatusReport"]["Status"]) for seen in found] == [
        ("us-east-1", OK),
        ("eu-west-1", DOWN),
    ]
    assert {seen["StatusReport"]["CheckedTime"] for seen in found} == {clock.at}


def test_the_last_failure_of_a_region_is_returned_also_after_it_sees_the_health_check_as_healthy(
    account: Account, fake: Route53
) -> None:
    check = account.create_check()
    fake.observe(check["Id"], "us-east-1", succeeded=False, status=DOWN)
    fake.observe(check["Id"], "us-east-1", succeeded=True, status=OK)
    fake.observe(check["Id"], "eu-west-1", succeeded=True, status=OK)

    found = account.client.get_health_check_last_failure_reason(HealthCheckId=check["Id"])["HealthCheckObservations"]

    assert [(seen["Region"], seen["StatusReport"]["Status"]) for seen in found] == [("us-east-1", DOWN)]


def test_a_new_check_has_no_observations(account: Account) -> None:
    check = account.create_check()

    found = account.client.get_health_check_status(HealthCheckId=check["Id"])["HealthCheckObservations"]

    assert found == []


def _calculated(account: Account, children: list[dict[str, Any]], **config: Any) -> dict[str, Any]:
    ids = [child["Id"] for child in children]
    return account.create_check("sum", Type="CALCULATED", IPAddress=None, ChildHealthChecks=ids, **config)


@pytest.mark.parametrize(("threshold", "expected"), [(0, True), (1, True), (2, True), (3, False), (4, False)])
def test_a_calculated_check_is_healthy_when_enough_children_are(
    account: Account, fake: Route53, threshold: int, *, expected: bool
) -> None:
    children = [account.create_check(label) for label in ("a", "b", "c")]
    check = _calculated(account, children, HealthThreshold=threshold)

    _see(fake, children[0], healthy=0, of=3)

    assert fake.is_healthy(check["Id"]) is expected
    assert fake.healthy_children(check["Id"]) == 2


def test_a_calculated_check_can_be_inverted_and_disabled(account: Account, fake: Route53) -> None:
    children = [account.create_check("a")]
    check = _calculated(account, children, HealthThreshold=1, Inverted=True)
    assert not fake.is_healthy(check["Id"])

    _see(fake, children[0], healthy=0, of=3)

    assert fake.is_healthy(check["Id"])
    assert not fake.is_healthy(account.update_check(check, Disabled=True)["Id"])


def test_the_children_of_a_calculated_check_change(account: Account, fake: Route53) -> None:
    children = [account.create_check(label) for label in ("a", "b")]
    check = _calculated(account, children[:1], HealthThreshold=1)
    _see(fake, children[0], healthy=0, of=3)

    account.update_check(check, ChildHealthChecks=[children[1]["Id"]])

    assert fake.is_healthy(check["Id"])


def _of_alarm(account: Account, **config: Any) -> dict[str, Any]:
    alarm = {"Region": "eu-west-1", "Name": "alarm"}
    return account.create_check("alarm", Type="CLOUDWATCH_METRIC", IPAddress=None, AlarmIdentifier=alarm, **config)


@pytest.mark.parametrize(("state", "expected"), [("OK", True), ("ALARM", False)])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_check_of_a_metric_follows_its_alarm(
    account: Account, fake: Route53, state: str, *, expected: bool, inverted: bool
) -> None:
    check = _of_alarm(account, InsufficientDataHealthStatus="Unhealthy", Inverted=inverted)

    fake.see_metrics({check["Id"]: state, "another": "OK"})

    assert fake.is_healthy(check["Id"]) is (expected is not inverted)


@pytest.mark.parametrize(
    ("assumed", "expected"), [("Healthy", True), ("Unhealthy", False), ("LastKnownStatus", True), (None, True)]
)
def test_without_data_a_check_of_a_metric_is_what_it_says(
    account: Account, fake: Route53, assumed: str | None, *, expected: bool
) -> None:
    check = _of_alarm(account, InsufficientDataHealthStatus=assumed)
    assert fake.is_healthy(check["Id"])  # a new health check, until Route 53 has looked at the metric

    fake.see_metrics({check["Id"]: "INSUFFICIENT_DATA"})

    assert fake.is_healthy(check["Id"]) is expected


@pytest.mark.parametrize(("assumed", "expected"), [("Healthy", True), ("Unhealthy", False), ("LastKnownStatus", False)])
def test_a_check_of_a_metric_that_lost_its_data_is_what_it_says(
    account: Account, fake: Route53, assumed: str, *, expected: bool
) -> None:
    check = _of_alarm(account, InsufficientDataHealthStatus=assumed)

    fake.see_metrics({check["Id"]: "ALARM"})
    fake.see_metrics({check["Id"]: "INSUFFICIENT_DATA"})

    assert fake.is_healthy(check["Id"]) is expected


def test_a_check_shows_what_it_copied_of_its_alarm(account: Account) -> None:
    check = _of_alarm(account)

    (listed,) = (each for each in account.client.list_health_checks()["HealthChecks"] if each["Id"] == check["Id"])

    assert listed["CloudWatchAlarmConfiguration"] == {
        "EvaluationPeriods": 1,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Period": 60,
        "MetricName": "Heat",
        "Namespace": "rooms",
        "Statistic": "Maximum",
        "Dimensions": [],
    }


def test_a_calculated_check_has_no_observations_to_ask_for(account: Account) -> None:
    check = _calculated(account, [], HealthThreshold=1)

    with refused("InvalidInput"):
        account.client.get_health_check_status(HealthCheckId=check["Id"])
