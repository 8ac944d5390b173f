"""What the template's roles refuse: a function with an error, or under an attacker's control, reaches no further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.views import admitted, check_of, record_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.world import Lab

RECONCILER, AUDIT, WIDGET, LIFECYCLE = (
    "ReconcilerFunction",
    "AuditFunction",
    "WidgetFunction",
    "StackLifecycleFunction",
)


def change(lab: Lab, zone_id: str = "", **differs: Any) -> None:
    """Create a record that fleet53 could create, but for what differs."""
    record = {"Name": "app.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "52.94.0.9"}]}
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id or lab.zone_id,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record | differs}]},
    )


def refused(lab: Lab, function: str, ask: Callable[[], object]) -> str:
    """Return the action that a function is refused."""
    with lab.faults.invoked(function), pytest.raises(ClientError) as error:
        ask()
    assert error.value.response["Error"]["Code"] in {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
    }
    ((asked_by, request),) = lab.faults.permissions.refused
    lab.faults.permissions.refused.clear()
    assert asked_by == function
    return request.action


CHANGE = "route53:ChangeResourceRecordSets"


@pytest.mark.parametrize("function", [RECONCILER, LIFECYCLE])
@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"Name": "shop.example.com"}, id="another name"),
        pytest.param({"Name": "x.app.example.com"}, id="a name below"),
        pytest.param({"Name": "example.com"}, id="the zone's own name"),
        pytest.param({"Type": "CNAME", "ResourceRecords": [{"Value": "example.net"}]}, id="CNAME"),
        pytest.param({"Type": "MX", "ResourceRecords": [{"Value": "10 mail.example.net"}]}, id="MX"),
        pytest.param({"Type": "TXT", "ResourceRecords": [{"Value": '"text"'}]}, id="TXT"),
        pytest.param({"Type": "NS", "ResourceRecords": [{"Value": "ns.example.net"}]}, id="NS"),
    ],
)
def test_another_name_or_another_type_cannot_be_changed(lab: Lab, function: str, differs: dict[str, Any]) -> None:
    assert refused(lab, function, lambda: change(lab, **differs)) == CHANGE


@pytest.mark.parametrize("function", [RECONCILER, LIFECYCLE])
def test_another_zone_cannot_be_changed(lab: Lab, function: str) -> None:
    zone_id = lab.create_zone("example.com")
    assert refused(lab, function, lambda: change(lab, zone_id)) == CHANGE


def test_the_name_itself_can_be_changed_by_the_reconciler(lab: Lab) -> None:
    with lab.faults.invoked(RECONCILER):
        change(lab)


@pytest.mark.parametrize("function", [AUDIT, WIDGET])
def test_an_audit_changes_no_record_and_no_health_check(lab: Lab, function: str) -> None:
    (member,) = admitted(lab, 1)
    route53, check_id = lab.client("route53"), check_of(lab, member)
    assert refused(lab, function, lambda: change(lab)) == CHANGE
    assert refused(lab, function, lambda: route53.delete_health_check(HealthCheckId=check_id)) == (
        "route53:DeleteHealthCheck"
    )
    assert refused(lab, function, lambda: route53.update_health_check(HealthCheckId=check_id, Disabled=True)) == (
        "route53:UpdateHealthCheck"
    )


def test_a_check_cannot_be_changed_or_disabled_by_the_reconciler(lab: Lab) -> None:
    (member,) = admitted(lab, 1)
    check_id = record_of(lab, member)["HealthCheckId"]
    ask = lab.client("route53").update_health_check
    assert refused(lab, RECONCILER, lambda: ask(HealthCheckId=check_id, Inverted=True)) == "route53:UpdateHealthCheck"


ELSEWHERE = "https://sqs.eu-west-1.amazonaws.com/123456789012/another-queue"
OUR_ALARM = "fleet53/fleet53.eu-west-1.123456789012/web/i-0123456789abcdef0"
OTHER_STACKS_ALARM = "fleet53/fleet53-2.eu-west-1.123456789012/web/i-0123456789abcdef0"
ALARM: dict[str, Any] = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
EVENT = {"Source": "fleet53", "DetailType": "Member Admitted", "Detail": "{}"}


@pytest.mark.parametrize(
    ("function", "called", "parameters"),
    [
        (RECONCILER, "ec2:terminate_instances", {"InstanceIds": ["i-1"]}),
        (RECONCILER, "ec2:create_tags", {"Resources": ["i-1"], "Tags": []}),
        (RECONCILER, "sqs:send_message", {"QueueUrl": ELSEWHERE, "MessageBody": "{}"}),
        (RECONCILER, "ssm:get_parameters_by_path", {"Path": "/fleet53/other/pools"}),
        (RECONCILER, "ssm:get_parameters_by_path", {"Path": "/"}),
        (RECONCILER, "ssm:put_parameter", {"Name": "/fleet53/fleet53/pools/web", "Value": "{}"}),
        (RECONCILER, "lambda:invoke", {"FunctionName": "another"}),
        (RECONCILER, "events:put_events", {"Entries": [EVENT | {"Source": "shop"}]}),
        (RECONCILER, "events:put_events", {"Entries": [EVENT | {"EventBusName": "shop"}]}),
        (RECONCILER, "cloudwatch:delete_alarms", {"AlarmNames": [OUR_ALARM, "fleet53-DriftAlarm"]}),
        (RECONCILER, "cloudwatch:delete_alarms", {"AlarmNames": [OTHER_STACKS_ALARM]}),
        (RECONCILER, "cloudwatch:put_metric_alarm", ALARM | {"AlarmName": "fleet53-DriftAlarm"}),
        (RECONCILER, "cloudwatch:put_metric_alarm", ALARM | {"AlarmName": OTHER_STACKS_ALARM}),
        (RECONCILER, "cloudwatch:set_alarm_state", {"AlarmName": OUR_ALARM, "StateValue": "OK", "StateReason": "-"}),
        (LIFECYCLE, "cloudwatch:put_metric_alarm", ALARM | {"AlarmName": OUR_ALARM}),
        (AUDIT, "cloudwatch:delete_alarms", {"AlarmNames": [OUR_ALARM]}),
        (WIDGET, "cloudwatch:put_metric_alarm", ALARM | {"AlarmName": OUR_ALARM}),
        (AUDIT, "autoscaling:set_instance_health", {"InstanceId": "i-1", "HealthStatus": "Unhealthy"}),
        (WIDGET, "events:put_events", {"Entries": [EVENT]}),
        (LIFECYCLE, "cloudformation:describe_stacks", {"StackName": "another"}),
        (LIFECYCLE, "lambda:invoke", {"FunctionName": "another"}),
    ],
)
def test_a_function_reaches_nothing_that_is_not_its_own(
    lab: Lab, function: str, called: str, parameters: dict[str, Any]
) -> None:
    service, operation = called.split(":")
    action = refused(lab, function, lambda: getattr(lab.client(service), operation)(**parameters))
    assert action.startswith(f"{service}:")
