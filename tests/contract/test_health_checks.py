"""CreateHealthCheck, UpdateHealthCheck, DeleteHealthCheck and ListHealthChecks."""

from typing import Any

import pytest

from lab.route53.api import Route53
from tests.contract.account import ENDPOINT, Account, refused
from tests.contract.clock import Clock


def test_the_same_reference_and_settings_return_the_existing_check(account: Account) -> None:
    first = account.create_check("web", Port=8080)

    second = account.create_check("web", Port=8080)

    assert second["Id"] == first["Id"]


def test_a_default_spelled_out_is_the_same_setting(account: Account) -> None:
    first = account.create_check("web")

    second = account.create_check("web", Port=80, RequestInterval=30, FailureThreshold=3)

    assert second["Id"] == first["Id"]


def test_the_same_reference_with_other_settings_is_refused(account: Account) -> None:
    account.create_check("web", Port=8080)

    with refused("HealthCheckAlreadyExists"):
        account.create_check("web", Port=8081)


@pytest.mark.parametrize("port", [8080, 8081], ids=["same settings", "other settings"])
def test_the_reference_of_a_deleted_check_is_burned(account: Account, port: int) -> None:
    account.delete_check(account.create_check("web", Port=8080))

    with refused("HealthCheckAlreadyExists"):
        account.create_check("web", Port=port)


def test_another_reference_makes_another_check_of_the_same_settings(account: Account) -> None:
    assert account.create_check("a")["Id"] != account.create_check("b")["Id"]


def test_a_reference_has_64_characters_at_most(account: Account) -> None:
    with refused("InvalidInput"):
        account.create_check("x" * 64)


def test_a_reference_has_a_character_at_least(account: Account) -> None:
    with refused("InvalidInput"):
        account.client.create_health_check(CallerReference="", HealthCheckConfig=ENDPOINT)


def test_a_check_carries_its_reference_and_its_defaults(account: Account) -> None:
    check = account.create_check("web")

    assert check["CallerReference"] == account.reference("web")
    assert check["HealthCheckVersion"] == 1
    assert check["HealthCheckConfig"] | ENDPOINT == check["HealthCheckConfig"]
    assert check["HealthCheckConfig"]["RequestInterval"] == 30
    assert check["HealthCheckConfig"]["FailureThreshold"] == 3


def test_every_kind_of_endpoint_is_checked(account: Account) -> None:
    account.create_check("http", Type="HTTP", ResourcePath="/health?deep=1", FullyQualifiedDomainName="example.com")
    account.create_check("https", Type="HTTPS", Port=443, EnableSNI=True, FullyQualifiedDomainName="example.com")
    account.create_check("match", Type="HTTP_STR_MATCH", SearchString="ready")
    account.create_check("tcp", Type="TCP", Port=22)
    account.create_check("six", IPAddress="2600:1f18::1")
    account.create_check("calculated", Type="CALCULATED", IPAddress=None, HealthThreshold=1, ChildHealthChecks=[])


@pytest.mark.parametrize(
    "config",
    [
        {"Port": 0},
        {"Port": 65536},
        {"Type": "TCP"},
        {"Type": "PING"},
        {"ResourcePath": "/" + "p" * 255},
        {"FullyQualifiedDomainName": "n" * 256},
        {"Type": "HTTP_STR_MATCH", "SearchString": "s" * 256},
        {"Type": "HTTP_STR_MATCH"},
        {"SearchString": "ready"},
        {"FailureThreshold": 0},
        {"FailureThreshold": 11},
        {"RequestInterval": 20},
        {"Regions": ["us-east-1", "eu-west-1"]},
        {"Regions": ["us-east-1", "eu-west-1", "eu-central-1"]},
        {"IPAddress": "52.95.110"},
        {"IPAddress": "example.com"},
        {"IPAddress": None},
        {"EnableSNI": True},
        {"Type": "CALCULATED", "IPAddress": None},
        {"Type": "CALCULATED", "IPAddress": None, "HealthThreshold": 257},
        {"Type": "CALCULATED", "IPAddress": None, "HealthThreshold": 1, "ChildHealthChecks": ["unknown"]},
        {"Type": "CLOUDWATCH_METRIC", "IPAddress": None},
    ],
    ids=repr,
)
def test_an_invalid_setting_is_refused(account: Account, config: dict[str, Any]) -> None:
    with refused("InvalidInput"):
        account.create_check("web", **config)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"Type": "TCP", "Port": 22, "ResourcePath": "/"},
            "TCP health checks must not have a resource path specified.",
        ),
        (
            {"Type": "TCP", "Port": 22, "FullyQualifiedDomainName": "example.com"},
            "TCP health checks that have IP address must not have a fully qualified domain name specified.",
        ),
        (
            {"AlarmIdentifier": {"Region": "eu-west-1", "Name": "alarm"}},
            "Basic health checks must not have an metric region specified.",
        ),
        (
            {"InsufficientDataHealthStatus": "Healthy"},
            "Basic health checks must not have an insufficient data health state specified",
        ),
        (
            {"Type": "CALCULATED", "IPAddress": None, "HealthThreshold": 1, "FailureThreshold": 3},
            "Calculated health checks must not have a failure threshold specified.",
        ),
    ],
    ids=repr,
)
def test_settings_that_do_not_go_together_are_refused(account: Account, config: dict[str, Any], text: str) -> None:
    with refused("InvalidInput", text):
        account.create_check("web", **config)


@pytest.mark.fake_only(reason="the lab has no routing controls")
def test_a_check_of_a_routing_control_is_refused_by_name(account: Account) -> None:
    with refused("NotImplemented", "RECOVERY_CONTROL"):
        account.create_check("web", Type="RECOVERY_CONTROL", IPAddress=None, RoutingControlArn="arn:aws:x")


@pytest.mark.parametrize("kind", ["HTTP", "HTTPS"])
def test_sni_is_on_by_default_for_https_only(account: Account, kind: str) -> None:
    assert account.create_check("web", Type=kind)["HealthCheckConfig"]["EnableSNI"] is (kind == "HTTPS")


def test_a_tcp_check_by_name_only_is_granted(account: Account) -> None:
    account.create_check("web", Type="TCP", Port=22, IPAddress=None, FullyQualifiedDomainName="example.com")


@pytest.mark.parametrize(
    "config",
    [
        {"Port": 1},
        {"Port": 65535},
        {"ResourcePath": "/" + "p" * 254},
        {"FailureThreshold": 1},
        {"FailureThreshold": 10},
        {"RequestInterval": 10},
        {"Regions": ["us-east-1", "eu-west-1", "sa-east-1"]},
        {"IPAddress": None, "FullyQualifiedDomainName": "example.com"},
    ],
    ids=repr,
)
def test_a_setting_at_its_limit_is_granted(account: Account, config: dict[str, Any]) -> None:
    account.create_check("web", **config)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "0.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2001:10::1",
        "2002::1",
        "3ffe::1",
        "::ffff:52.95.110.1",
    ],
)
def test_an_address_that_no_checker_can_reach_is_refused(account: Account, address: str) -> None:
    with refused("InvalidInput"):
        account.create_check("web", IPAddress=address)


def test_an_update_changes_settings_and_counts_the_version(account: Account) -> None:
    check = account.create_check("web")

    updated = account.update_check(check, ResourcePath="/health", IPAddress="52.95.110.2")

    assert updated["HealthCheckVersion"] == 2
    assert updated["HealthCheckConfig"]["ResourcePath"] == "/health"
    assert updated["HealthCheckConfig"]["IPAddress"] == "52.95.110.2"


@pytest.mark.fake_only(reason="boto3 has no such parameters")
@pytest.mark.parametrize("field", [{"Type": "TCP"}, {"RequestInterval": 10}, {"MeasureLatency": True}], ids=repr)
def test_type_interval_and_latency_never_change(account: Account, fake: Route53, field: dict[str, Any]) -> None:
    check = account.create_check("web")

    fake.call("UpdateHealthCheck", {"HealthCheckId": check["Id"], **field})

    found = account.client.get_health_check(HealthCheckId=check["Id"])["HealthCheck"]
    assert found["HealthCheckConfig"] == check["HealthCheckConfig"]


def test_an_update_of_an_older_version_is_refused(account: Account) -> None:
    check = account.create_check("web")
    account.update_check(check, Port=8080, HealthCheckVersion=1)

    with refused("HealthCheckVersionMismatch"):
        account.update_check(check, Port=8081, HealthCheckVersion=1)


def test_an_update_cannot_add_an_address(account: Account) -> None:
    check = account.create_check("web", IPAddress=None, FullyQualifiedDomainName="example.com")

    with refused("InvalidInput"):
        account.update_check(check, IPAddress="52.95.110.1")


def test_an_update_cannot_take_the_name_of_a_check_without_address(account: Account) -> None:
    check = account.create_check("web", IPAddress=None, FullyQualifiedDomainName="example.com")

    with refused("InvalidInput"):
        account.update_check(check, ResetElements=["FullyQualifiedDomainName"])


def test_an_update_resets_elements(account: Account) -> None:
    check = account.create_check("web", ResourcePath="/health")

    updated = account.update_check(check, ResetElements=["ResourcePath"])

    assert "ResourcePath" not in updated["HealthCheckConfig"]


def test_an_update_resets_no_other_element(account: Account) -> None:
    check = account.create_check("web", Type="HTTPS", EnableSNI=True)

    with refused("InvalidInput"):
        account.update_check(check, ResetElements=["EnableSNI"])


def test_a_refused_update_changes_nothing(account: Account) -> None:
    check = account.create_check("web")

    with refused("InvalidInput"):
        account.update_check(check, ResourcePath="/health", FailureThreshold=11)

    assert account.client.get_health_check(HealthCheckId=check["Id"])["HealthCheck"] == check


def test_a_replay_after_an_update_still_finds_the_check(account: Account) -> None:
    check = account.create_check("web")
    account.update_check(check, Port=8080)

    assert account.create_check("web")["Id"] == check["Id"]


@pytest.mark.parametrize(
    "operation", ["get_health_check", "update_health_check", "delete_health_check", "get_health_check_status"]
)
def test_an_unknown_check_is_refused(account: Account, operation: str) -> None:
    with refused("NoSuchHealthCheck", "11111111-1111-1111-1111-111111111111"):
        getattr(account.client, operation)(HealthCheckId="11111111-1111-1111-1111-111111111111")


def test_a_check_cannot_be_deleted_twice(account: Account) -> None:
    check = account.create_check("web")
    account.delete_check(check)

    with refused("NoSuchHealthCheck"):
        account.delete_check(check)


def test_a_check_that_a_record_names_can_be_deleted(account: Account) -> None:
    check = account.create_check("web")
    account.create(account.member("web", "i-1", HealthCheckId=check["Id"]))

    account.delete_check(check)

    assert [record["HealthCheckId"] for record in account.records()] == [check["Id"]]


def test_a_check_that_a_calculated_check_has_as_a_child_cannot_be_deleted(account: Account) -> None:
    child = account.create_check("web")
    calculated = {"Type": "CALCULATED", "IPAddress": None, "HealthThreshold": 1, "ChildHealthChecks": [child["Id"]]}
    parent = account.create_check("any is up", **calculated)

    with refused("InvalidInput", f"still referenced from parent health check(s): {parent['Id']}"):
        account.delete_check(child)

    account.delete_check(parent)
    account.delete_check(child)


def test_listing_shows_checks_with_their_references(account: Account) -> None:
    account.create_check("a")
    account.create_check("b")

    pages = account.client.get_paginator("list_health_checks").paginate(PaginationConfig={"PageSize": 1})
    references = [check["CallerReference"] for page in pages for check in page["HealthChecks"]]

    assert {account.reference("a"), account.reference("b")} <= set(references)
    assert len(references) == len(set(references))


@pytest.mark.fake_only(reason="would use up a real account's health checks")
@pytest.mark.parametrize(
    ("parameters", "count"), [({}, 100), ({"MaxItems": "2000"}, 1000)], ids=["unasked", "asked for more"]
)
def test_a_page_of_checks_is_limited(
    account: Account, fake: Route53, clock: Clock, parameters: dict[str, str], count: int
) -> None:
    fake.health_check_quota = 1001
    for number in range(1001):
        if number == 1000:
            clock.advance(days=1)
        fake.call("CreateHealthCheck", {"CallerReference": f"r{number}", "HealthCheckConfig": ENDPOINT})

    page = account.client.list_health_checks(**parameters)

    assert len(page["HealthChecks"]) == count
    assert page["IsTruncated"]


@pytest.mark.fake_only(reason="would use up a real account's health checks")
def test_an_account_has_200_checks_at_a_time(account: Account, fake: Route53) -> None:
    checks = [account.create_check(f"r{number}") for number in range(200)]

    with refused("TooManyHealthChecks"):
        account.create_check("r200")
    account.delete_check(checks[0])
    account.create_check("r200")

    fake.health_check_quota = 201
    account.create_check("r201")


@pytest.mark.fake_only(reason="would use up a real account's health checks")
def test_a_replay_needs_no_free_place(account: Account, fake: Route53) -> None:
    fake.health_check_quota = 1
    check = account.create_check("web")

    assert account.create_check("web")["Id"] == check["Id"]


@pytest.mark.fake_only(reason="would use up a real account's creations of a day")
def test_an_account_makes_1000_creations_in_24_hours(account: Account, fake: Route53, clock: Clock) -> None:
    asked = {"CallerReference": account.reference("web"), "HealthCheckConfig": ENDPOINT}
    for _ in range(1000):
        fake.call("CreateHealthCheck", asked)

    clock.advance(hours=23)
    with refused("Throttling", "Rate exceeded"):
        account.create_check("web")
    clock.advance(hours=1)
    account.create_check("web")


def test_the_account_limit_has_the_quota_and_its_use(account: Account) -> None:
    before = account.client.get_account_limit(Type="MAX_HEALTH_CHECKS_BY_OWNER")

    account.create_check("web")

    after = account.client.get_account_limit(Type="MAX_HEALTH_CHECKS_BY_OWNER")
    assert after["Count"] == before["Count"] + 1
    assert after["Limit"]["Value"] >= 200


def test_health_checks_are_counted(account: Account) -> None:
    before = account.client.get_health_check_count()["HealthCheckCount"]

    account.create_check("web")

    assert account.client.get_health_check_count()["HealthCheckCount"] == before + 1
