from typing import Any

import pytest

from tests.template.constraints import accepts
from tests.template.stack import source, stack

PARAMETERS = {
    "AddressType",
    "AdmitTimeout",
    "AdmitWhen",
    "AlarmEmail",
    "AllowedRecordNames",
    "AllowedZoneIds",
    "Architecture",
    "AuditMode",
    "AuditSchedule",
    "HealthCheckAlarm",
    "HealthCheckFailureThreshold",
    "HealthCheckInterval",
    "HealthCheckSearchString",
    "HealthCheckUrl",
    "HookPrefix",
    "HostedZoneId",
    "LogLevel",
    "LogRetentionDays",
    "MaxWithdrawPercent",
    "NamePrefix",
    "OnStackDelete",
    "PermissionsBoundary",
    "PoolName",
    "PoolTagKey",
    "RecordName",
    "RecordTTL",
    "ReplaceUnhealthyAfter",
    "RolePath",
    "Route53RoleArn",
    "Route53RoleExternalId",
    "UnhealthyAlarmPercent",
    "UnhealthyLaunchResult",
}

GOOD = {
    "AddressType": ["public-ipv4", "ipv6", "dualstack", "private-ipv4"],
    "AdmitTimeout": ["30", "7200"],
    "AdmitWhen": ["healthy", "running"],
    "AlarmEmail": ["", "ops@example.com"],
    "AllowedRecordNames": ["", "api.example.com", "api.example.com, *.example.org"],
    "AllowedZoneIds": ["", "Z1", "Z1, Z2ABC, 0a1b2c"],
    "Architecture": ["arm64", "x86_64"],
    "AuditMode": ["repair", "report"],
    "AuditSchedule": ["rate(1 hour)", "rate(15 minutes)", "cron(0/15 * * * ? *)"],
    "HealthCheckAlarm": ["", "ec2-status", "app-{instance_id}-down", "my team/{instance_id}", "{instance_id}"],
    "HealthCheckFailureThreshold": ["1", "10"],
    "HealthCheckInterval": ["10", "30"],
    "HealthCheckSearchString": ["", "all is well: ('a'|[1]) ~"],
    "HealthCheckUrl": [
        "",
        "none",
        "http://:80/",
        "http://:8080/health?deep=1&x=%20|~",
        "https://App.example.com/",
        "https://app.example.com:8443",
        "tcp://:65535",
    ],
    "HookPrefix": ["fleet53", "my_team/fleet-53"],
    "HostedZoneId": ["Z0123456789ABC", "0a1b2c3d4e", "Z" + "A" * 31],
    "LogLevel": ["DEBUG", "CRITICAL"],
    "LogRetentionDays": ["1", "30", "3653"],
    "MaxWithdrawPercent": ["0", "100"],
    "NamePrefix": ["", "dns", "A" * 51],
    "OnStackDelete": ["withdraw", "keep"],
    "PermissionsBoundary": [
        "",
        "arn:aws:iam::123456789012:policy/teams/dns/boundary",
        "arn:aws:iam::aws:policy/PowerUserAccess",
    ],
    "PoolName": ["web", "a", "web-2"],
    "PoolTagKey": ["fleet53:pool", "dns/pool"],
    "RecordName": ["app.example.com", "*.example.com", "_x.a-b.example.com"],
    "RecordTTL": ["1", "60", "86400"],
    "ReplaceUnhealthyAfter": ["0", "10", "1440"],
    "RolePath": ["/", "/dns/", "/teams/dns_1+a/"],
    "Route53RoleArn": [
        "",
        "arn:aws:iam::210987654321:role/zone",
        "arn:aws:iam::210987654321:role/teams/dns/fleet53-ZoneRole-1A",
    ],
    "Route53RoleExternalId": ["", "a1", "fleet53/7f3a", "a_+=,.@:/-1", "x" * 1224],
    "UnhealthyAlarmPercent": ["0", "100"],
    "UnhealthyLaunchResult": ["CONTINUE", "ABANDON"],
}

BAD = {
    "AddressType": ["", "ipv4"],
    "AdmitTimeout": ["29", "7201", "15m"],
    "AdmitWhen": ["", "always"],
    "AlarmEmail": ["ops", "ops@example", "a@example.com,b@example.com"],
    "AllowedRecordNames": ["API.example.com", "api.example.com.", "a.example.com, b example.com"],
    "AllowedZoneIds": ["/hostedzone/Z1", "Z1, *", "Z1, Z2?"],
    "Architecture": ["amd64"],
    "AuditMode": ["fix"],
    "AuditSchedule": [
        "",
        "15 minutes",
        "rate(1 minutes)",
        "rate(0 minutes)",
        "rate(5 hour)",
        "cron(0/15 * * * *)",
    ],
    "HealthCheckAlarm": [
        "app-down",
        "fleet53/{instance_id}",
        "{instance_id}{instance_id}",
        "{{instance_id}}",
        'say "{instance_id}"',
        "a\\{instance_id}",
        "{instance_id}" + "x" * 237,
    ],
    "HealthCheckFailureThreshold": ["0", "11"],
    "HealthCheckInterval": ["20"],
    "HealthCheckSearchString": ["{{ssm:key}}", "{", "}", 'say "ok"', "a\\b", "a\nb", "x" * 256],
    "HealthCheckUrl": [
        ":80/",
        "ftp://:21/",
        "http://:0/",
        "http://:65536/",
        'http://:80/"',
        "http://:80/a b",
        "http://:80/a\\b",
        "http://:80/{{a",
        "http://:80/a}",
        "http://user@app.example.com/",
        "tcp://",
        "tcp://:80/path",
        "tcp://app.example.com:80",
        "http://:80/" + "x" * 255,
    ],
    "HookPrefix": ["", "fleet 53"],
    "HostedZoneId": ["", "*", "Z0123456789AB?", "/hostedzone/Z0123456789ABC", "Z" + "A" * 32],
    "LogLevel": ["info"],
    "LogRetentionDays": ["0", "31"],
    "MaxWithdrawPercent": ["-1", "101", "half"],
    "NamePrefix": ["9", "-dns", "dns_1", "A" * 52],
    "OnStackDelete": ["delete"],
    "PermissionsBoundary": ["boundary", "arn:aws:iam::123456789012:role/boundary", "arn:aws:iam::1:policy/boundary"],
    "PoolName": ["", "Web", "web pool", "a" * 33],
    "PoolTagKey": ["", "aws:pool", "a b", "x" * 129],
    "RecordName": [
        "",
        "App.example.com",
        "app.example.com.",
        "app",
        "a*.example.com",
        "-a.example.com",
        "a..b.com",
    ],
    "RecordTTL": ["0", "86401", "60s"],
    "ReplaceUnhealthyAfter": ["", "-1", "1441", "10m"],
    "RolePath": ["", "dns", "/dns", "dns/", "//", "/a b/"],
    "Route53RoleArn": [
        "zone",
        "arn:aws:iam::1:role/zone",
        "arn:aws:iam::210987654321:user/zone",
        "arn:aws:iam::210987654321:role/",
        "arn:aws:iam::210987654321:role/a b",
    ],
    "Route53RoleExternalId": ["a", "a b", "a*", "x" * 1225],
    "UnhealthyAlarmPercent": ["-1", "101", "half"],
    "UnhealthyLaunchResult": ["continue"],
}


def _rows(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values]


def _declared() -> dict[str, Any]:
    parameters: dict[str, Any] = source()["Parameters"]
    return parameters


def test_the_template_has_exactly_the_parameters_that_the_design_names() -> None:
    assert _declared().keys() == PARAMETERS
    assert GOOD.keys() == PARAMETERS
    assert BAD.keys() == PARAMETERS


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_each_parameter_says_what_it_is_and_what_it_must_be(name: str) -> None:
    parameter = _declared()[name]
    assert parameter["Description"].endswith(".")
    assert "\n" not in parameter["Description"]
    assert parameter["ConstraintDescription"].startswith("must be")


@pytest.mark.parametrize("name", sorted(PARAMETERS - {"HostedZoneId", "RecordName"}))
def test_all_but_the_zone_and_the_name_have_a_default_that_is_accepted(name: str) -> None:
    parameter = _declared()[name]
    assert accepts(parameter, str(parameter["Default"]))


@pytest.mark.parametrize(("name", "value"), _rows(GOOD))
def test_a_good_value_is_accepted(name: str, value: str) -> None:
    assert accepts(_declared()[name], value)


@pytest.mark.parametrize(("name", "value"), _rows(BAD))
def test_a_bad_value_is_refused(name: str, value: str) -> None:
    assert not accepts(_declared()[name], value)


def _broken_rules(**parameters: str) -> list[str]:
    scope = stack(**parameters).scope
    return [
        name
        for name, rule in source()["Rules"].items()
        if scope.holds(rule["RuleCondition"])
        and not all(scope.holds(assertion["Assert"]) for assertion in rule["Assertions"])
    ]


@pytest.mark.parametrize(
    ("parameters", "broken"),
    [
        ({}, []),
        ({"HealthCheckUrl": "none", "AdmitWhen": "running"}, []),
        ({"HealthCheckUrl": "none"}, ["HealthyNeedsACheck"]),
        ({"HealthCheckUrl": ""}, ["HealthyNeedsACheck"]),
        ({"AddressType": "private-ipv4"}, ["PrivateAddressesHaveNoCheck"]),
        ({"AddressType": "private-ipv4", "HealthCheckAlarm": "ec2-status"}, []),
        ({"HealthCheckUrl": "none", "HealthCheckAlarm": "ec2-status"}, []),
        ({"AddressType": "private-ipv4", "HealthCheckUrl": "none", "AdmitWhen": "running"}, []),
    ],
)
def test_values_that_do_not_fit_together_are_refused(parameters: dict[str, str], broken: list[str]) -> None:
    assert _broken_rules(**parameters) == broken


def test_every_parameter_stands_in_one_group_with_a_label() -> None:
    interface = source()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)
    assert interface["ParameterLabels"].keys() == PARAMETERS


def _references(node: Any) -> set[str]:
    match node:
        case {"Ref": str(name)}:
            return {name}
        case dict():
            return set().union(*map(_references, node.values()))
        case list():
            return set().union(*map(_references, node))
        case str():
            return {name for name in PARAMETERS if f"${{{name}}}" in node}
        case _:
            return set()


def test_every_parameter_is_used() -> None:
    used = _references([source()[section] for section in ("Globals", "Conditions", "Resources")])
    assert PARAMETERS - used == set()
