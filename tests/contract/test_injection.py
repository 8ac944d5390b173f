"""The refusals that a test can ask for, and the record of calls."""

import pytest

from lab.route53.api import Call, Route53, Route53Error
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


def test_five_requests_a_second_are_granted_when_a_rate_is_set(clock: Clock) -> None:
    route53 = Route53(clock, requests_per_second=5)
    for _ in range(5):
        route53.call("ListHealthChecks", {})

    with pytest.raises(Route53Error, match="Throttling: Rate exceeded"):
        route53.call("ListHealthChecks", {})
    clock.advance(seconds=1)
    route53.call("ListHealthChecks", {})


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
