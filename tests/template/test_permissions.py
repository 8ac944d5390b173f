from typing import Any

import pytest

from tests.template.iam import iam_actions, statements
from tests.template.stack import Stack, stack

READS = {
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeScalingActivities",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "ec2:DescribeInstances",
    "ec2:DescribeSpotInstanceRequests",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "route53:ListResourceRecordSets",
    "ssm:GetParametersByPath",
}
FUNCTIONS = ["AuditFunction", "ReconcilerFunction", "StackLifecycleFunction", "WidgetFunction"]
UNBOUND = {
    "AuditFunction": {"SeeInstances", "SeeChecks", "ReadQuotas", "SeeWhomGroupsLetIn", "SeeCheckers"},
    "ReconcilerFunction": {"SeeInstances", "SeeChecks", "CreateChecks"},
    "StackLifecycleFunction": {"SeeChecks", "SeeTagsThatAnUpdateExpects"},
    "WidgetFunction": {"SeeInstances", "SeeChecks", "ReadQuotas", "SeeWhomGroupsLetIn", "SeeCheckers"},
}
"""The statements about what takes no resource."""
OWN_LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}


def _statement(of: Stack, function: str, sid: str) -> dict[str, Any]:
    (found,) = (statement for statement in statements(of, function) if statement["Sid"] == sid)
    return found


def test_the_audit_may_only_send_messages_and_publish_events() -> None:
    assert iam_actions(stack(), "AuditFunction") == {
        *READS,
        *OWN_LOGS,
        "cloudwatch:GetMetricStatistics",
        "ec2:DescribeManagedPrefixLists",
        "ec2:DescribeSecurityGroups",
        "ec2:GetManagedPrefixListEntries",
        "events:PutEvents",
        "route53:GetAccountLimit",
        "route53:GetCheckerIpRanges",
        "route53:GetHostedZoneLimit",
        "route53:ListResourceRecordSetProtections",
        "route53:ListTagsForResources",
        "sqs:SendMessage",
    }


def test_the_widget_may_do_what_the_audit_may_except_publish_events() -> None:
    assert iam_actions(stack(), "WidgetFunction") == iam_actions(stack(), "AuditFunction") - {"events:PutEvents"}


def test_the_reconciler_may_read_signals_and_change_records_and_checks() -> None:
    assert iam_actions(stack(), "ReconcilerFunction") == {
        *READS,
        *OWN_LOGS,
        "autoscaling:CompleteLifecycleAction",
        "autoscaling:RecordLifecycleActionHeartbeat",
        "autoscaling:SetInstanceHealth",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:PutMetricAlarm",
        "events:PutEvents",
        "route53:ChangeResourceRecordSets",
        "route53:ChangeTagsForResource",
        "route53:CreateHealthCheck",
        "route53:DeleteHealthCheck",
        "route53:GetHealthCheckStatus",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    }


def test_the_stacks_lifecycle_may_withdraw_and_make_nothing_but_a_message_and_an_audit() -> None:
    assert iam_actions(stack(), "StackLifecycleFunction") == {
        *OWN_LOGS,
        "cloudformation:DescribeStacks",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "ec2:DescribeInstances",
        "lambda:InvokeFunction",
        "route53:ChangeResourceRecordSets",
        "route53:DeleteHealthCheck",
        "route53:ListHealthChecks",
        "route53:ListResourceRecordSets",
        "sqs:GetQueueAttributes",
        "sqs:SendMessage",
        "ssm:GetParametersByPath",
    }


def test_the_stacks_lifecycle_may_withdraw_what_the_reconciler_may_put_and_delete() -> None:
    for sid in ("ChangeAllowedRecords", "DeleteAlarmsOfMembers", "DeleteChecks"):
        allowed = _statement(stack(), "StackLifecycleFunction", sid)
        assert allowed == _statement(stack(), "ReconcilerFunction", sid)


def test_only_alarms_with_the_stacks_own_prefix_can_be_put_and_deleted() -> None:
    for sid in ("PutAlarmsOfMembers", "DeleteAlarmsOfMembers"):
        resource = _statement(stack(), "ReconcilerFunction", sid)["Resource"]
        assert resource == ("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:fleet53/fleet53.eu-west-1.123456789012/*")


def test_the_stacks_lifecycle_may_ask_about_its_own_stack_only() -> None:
    asked = _statement(stack(), "StackLifecycleFunction", "SeeWhatHappensToTheStack")
    assert asked["Resource"] == "AWS::StackId"


def test_the_stacks_lifecycle_may_start_the_audit_only() -> None:
    assert _statement(stack(), "StackLifecycleFunction", "StartAudit")["Resource"] == "AuditFunction.Arn"


@pytest.mark.parametrize("function", ["AuditFunction", "ReconcilerFunction"])
def test_events_may_be_put_on_the_default_bus_and_under_our_name_only(function: str) -> None:
    assert _statement(stack(), function, "Tell") == {
        "Sid": "Tell",
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": "arn:aws:events:eu-west-1:123456789012:event-bus/default",
        # A key with several values (Service Authorization Reference, EventBridge; IAM User Guide, set operators).
        "Condition": {
            "ForAllValues:StringEquals": {"events:source": "fleet53"},
            "Null": {"events:source": "false"},
        },
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_statement_allows_named_actions_and_says_its_purpose(function: str) -> None:
    for statement in statements(stack(), function):
        assert statement["Effect"] == "Allow"
        assert statement["Sid"]
        assert "*" not in str(statement["Action"])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_actions_that_take_no_resource_are_allowed_on_any(function: str) -> None:
    unbound = [statement["Sid"] for statement in statements(stack(), function) if statement["Resource"] == "*"]
    assert set(unbound) == UNBOUND[function]


def test_hooks_of_any_group_of_this_account_and_region_may_be_completed_and_no_others() -> None:
    statement = _statement(stack(), "ReconcilerFunction", "CompleteHooksAndMarkUnhealthy")
    assert statement["Resource"] == (
        "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/*"
    )


def test_one_name_in_one_zone_may_be_changed_and_only_its_addresses() -> None:
    assert _statement(stack(), "ReconcilerFunction", "ChangeAllowedRecords") == {
        "Sid": "ChangeAllowedRecords",
        "Effect": "Allow",
        "Action": "route53:ChangeResourceRecordSets",
        "Resource": "arn:aws:route53:::hostedzone/Z0123456789ABC",
        "Condition": {
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["app.example.com"],
                "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA"],
            },
            "Null": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": "false",
                "route53:ChangeResourceRecordSetsRecordTypes": "false",
            },
        },
    }


ROLE = "arn:aws:iam::210987654321:role/zone"
WITH_ROLE = {"Route53RoleArn": ROLE, "Route53RoleExternalId": "fleet53/7f3a"}
ABOUT_ZONES = {
    "route53:ChangeResourceRecordSets",
    "route53:GetHostedZone",
    "route53:GetHostedZoneLimit",
    "route53:ListResourceRecordSetProtections",
    "route53:ListResourceRecordSets",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_with_a_role_a_function_may_assume_it_and_no_other_and_is_not_allowed_what_it_allows(function: str) -> None:
    through = stack(**WITH_ROLE)
    roles = [each["Resource"] for each in statements(through, function) if each["Action"] == "sts:AssumeRole"]
    assert set(roles) == {ROLE}
    left = {"route53:ListResourceRecordSets"} if function == "StackLifecycleFunction" else set()
    assert iam_actions(through, function) & ABOUT_ZONES == left  # the records that an update drops, which it only reads
    assert iam_actions(through, function) - {"sts:AssumeRole"} == iam_actions(stack(), function) - ABOUT_ZONES | left


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_a_role_no_function_may_assume_one(function: str) -> None:
    assert "sts:AssumeRole" not in iam_actions(stack(), function)


@pytest.mark.parametrize("function", ["AuditFunction", "WidgetFunction"])
def test_a_function_that_only_reads_may_only_take_sessions_that_the_role_lets_only_read(function: str) -> None:
    statement = _statement(stack(**WITH_ROLE), function, "AssumeRoleThatReadsRecords")
    assert statement["Condition"] == {"StringEquals": {"sts:RoleSessionName": ["audit", "widget"]}}


def test_an_update_finds_the_former_role_in_a_policy_that_changes_after_the_precondition() -> None:
    policy = stack(**WITH_ROLE).template["Resources"]["WithdrawPolicy"]
    assert policy["DependsOn"] == "StackHandover"
    former = _statement(stack(**WITH_ROLE), "StackLifecycleFunction", "AssumeRoleThatChangesRecords")
    assert former["Resource"] == ROLE


def test_further_names_and_zones_may_be_changed_where_they_are_allowed() -> None:
    wide = stack(
        RecordName="*.example.com",
        AllowedRecordNames="api.example.com, *.api.example.com",
        AllowedZoneIds="Z2, Z3",
    )
    statement = _statement(wide, "ReconcilerFunction", "ChangeAllowedRecords")
    assert statement["Resource"] == [
        "arn:aws:route53:::hostedzone/Z0123456789ABC",
        "arn:*:route53:::hostedzone/Z2",
        "arn:*:route53:::hostedzone/Z3",
    ]
    names = statement["Condition"]["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsNormalizedRecordNames"]
    assert names == ["\\052.example.com", "api.example.com", "\\052.api.example.com"]


def test_the_stacks_lifecycle_may_list_the_records_of_any_zone_because_an_update_may_drop_one() -> None:
    seen = _statement(stack(), "StackLifecycleFunction", "SeeRecordsThatAnUpdateDrops")
    assert (seen["Action"], seen["Resource"]) == (
        "route53:ListResourceRecordSets",
        "arn:aws:route53:::hostedzone/*",
    )


@pytest.mark.parametrize("function", ["AuditFunction", "ReconcilerFunction", "WidgetFunction"])
@pytest.mark.parametrize("further", ["", "Z2", "Z2, Z3"])
def test_the_zones_that_may_be_read_are_those_that_may_be_changed(function: str, further: str) -> None:
    of = stack(AllowedZoneIds=further)
    changed = _statement(of, "ReconcilerFunction", "ChangeAllowedRecords")["Resource"]
    assert _statement(of, function, "ReadAllowedZones")["Resource"] == changed


@pytest.mark.parametrize("further", ["", "Z2", "Z2, Z3"])
def test_the_zones_whose_limits_and_protections_may_be_read_are_those_that_may_be_changed(further: str) -> None:
    of = stack(AllowedZoneIds=further)
    changed = _statement(of, "ReconcilerFunction", "ChangeAllowedRecords")["Resource"]
    assert _statement(of, "AuditFunction", "ReadLimitsAndProtections")["Resource"] == changed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_this_stacks_pools_may_be_read(function: str) -> None:
    assert _statement(stack(), function, "ReadPools")["Resource"] == [
        "arn:aws:ssm:eu-west-1:123456789012:parameter/fleet53/fleet53/pools",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/fleet53/fleet53/pools/*",
    ]


def test_the_prefix_lists_of_this_region_may_be_read_whosever_they_are() -> None:
    lists = _statement(stack(), "AuditFunction", "ReadPrefixLists")
    assert lists["Resource"] == "arn:aws:ec2:eu-west-1:*:prefix-list/*"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_write_to_its_own_log_group_only(function: str) -> None:
    logs = function.replace("Function", "Logs")
    assert _statement(stack(), function, "WriteOwnLogs")["Resource"] == f"{logs}.Arn"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_messages_may_be_sent_to_the_signals_queue_only(function: str) -> None:
    senders = [s for s in statements(stack(), function) if "sqs:SendMessage" in str(s["Action"])]
    assert [sender["Resource"] for sender in senders] == ["Signals.Arn"]


@pytest.mark.parametrize(
    ("function", "policies"),
    [
        ("AuditFunction", ["GatherPolicy", "AuditPolicy"]),
        ("ReconcilerFunction", ["GatherPolicy", "WithdrawPolicy"]),
        ("WidgetFunction", ["GatherPolicy", "AuditPolicy"]),
    ],
)
def test_a_function_does_not_exist_before_it_may_read_and_withdraw(function: str, policies: list[str]) -> None:
    depends = stack().template["Resources"][function]["DependsOn"]
    assert ([depends] if isinstance(depends, str) else depends) == policies


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_condition_on_all_values_asks_that_there_is_one(function: str) -> None:
    for statement in statements(stack(), function):
        conditions = statement.get("Condition", {})
        for operator, keys in conditions.items():
            if operator.startswith("ForAllValues:"):
                assert conditions["Null"] == dict.fromkeys(keys, "false")
