import pytest

from fleet53.config.pools import read_pool
from fleet53.domain.pool import Pool
from tests.template.stack import stack


def test_the_first_pool_stands_under_the_stacks_path() -> None:
    parameter = stack(PoolName="api").properties("FirstPool")
    assert parameter["Name"] == "/fleet53/fleet53/pools/api"
    assert (parameter["Type"], parameter["Tier"]) == ("String", "Standard")


def test_the_defaults_make_a_pool_with_an_http_check() -> None:
    assert stack().pool() == {
        "hosted_zone_id": "Z0123456789ABC",
        "record_name": "app.example.com",
        "ttl": 60,
        "address": "public-ipv4",
        "health_check": {
            "url": "http://:80/",
            "interval": 30,
            "failure_threshold": 3,
            "search_string": None,
            "regions": None,
        },
        "admit_when": "healthy",
        "fallback": None,
    }


def test_every_setting_of_the_pool_comes_from_its_parameter() -> None:
    other = stack(
        HostedZoneId="Z9",
        RecordName="*.example.org",
        RecordTTL="10",
        AddressType="dualstack",
        HealthCheckUrl="https://app.example.org:8443/health?deep=1",
        HealthCheckInterval="10",
        HealthCheckFailureThreshold="1",
        HealthCheckSearchString="it's ${AWS::Region} {ok}",
        AdmitWhen="running",
    )
    assert other.pool() == {
        "hosted_zone_id": "Z9",
        "record_name": "*.example.org",
        "ttl": 10,
        "address": "dualstack",
        "health_check": {
            "url": "https://app.example.org:8443/health?deep=1",
            "interval": 10,
            "failure_threshold": 1,
            "search_string": "it's ${AWS::Region} {ok}",
            "regions": None,
        },
        "admit_when": "running",
        "fallback": None,
    }


@pytest.mark.parametrize("url", ["none", ""])
def test_without_a_url_the_pool_has_no_check(url: str) -> None:
    private = stack(HealthCheckUrl=url, AddressType="private-ipv4", AdmitWhen="running")
    assert private.pool()["health_check"] is None


@pytest.mark.parametrize("alarm", ["ec2-status", "app ${AWS::Region} {instance_id}-down"])
@pytest.mark.parametrize("url", ["none", "http://:80/"])
def test_an_alarm_takes_the_place_of_the_url(alarm: str, url: str) -> None:
    assert stack(HealthCheckUrl=url, HealthCheckAlarm=alarm).pool()["health_check"] == {"alarm": alarm}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"AddressType": "private-ipv4", "HealthCheckAlarm": "ec2-status"},
        {"HealthCheckAlarm": "app-{instance_id}-down"},
        {
            "HealthCheckUrl": "https://App.example.com:8443/health?a=1&b=%20",
            "HealthCheckSearchString": "it's ok",
        },
        {"HealthCheckUrl": "tcp://:5432", "AddressType": "ipv6"},
        {"HealthCheckUrl": "none", "AdmitWhen": "running", "AddressType": "private-ipv4"},
        {"RecordName": "*.example.com", "RecordTTL": "86400"},
    ],
)
def test_the_functions_can_read_the_pool_that_the_template_writes(parameters: dict[str, str]) -> None:
    parameter = stack(**parameters).properties("FirstPool")
    assert isinstance(read_pool(parameter["Name"], parameter["Value"]), Pool)
