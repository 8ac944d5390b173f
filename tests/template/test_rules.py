import json

import pytest

from fleet53.telemetry.events import EVENT_DETAILS
from tests.template.event_pattern import matches
from tests.template.stack import ROOT, stack

RULES = {
    "InstanceStateRule": {
        "ec2-instance-running",
        "ec2-instance-stopping",
        "ec2-instance-stopped",
        "ec2-instance-shutting-down",
        "ec2-instance-terminated",
    },
    "LifecycleActionRule": {
        "autoscaling-launch-action",
        "autoscaling-launch-action-into-warm-pool",
        "autoscaling-launch-action-from-warm-pool",
        "autoscaling-launch-action-after-root-volume",
        "autoscaling-terminate-action-before-root-volume",
        "autoscaling-terminate-action",
        "autoscaling-terminate-action-into-warm-pool",
        "autoscaling-terminate-action-from-warm-pool",
    },
    "ScalingActivityRule": {"autoscaling-launch-successful", "autoscaling-terminate-successful"},
    "SpotInterruptionRule": {
        "ec2-spot-interruption-terminate",
        "ec2-spot-interruption-stop",
        "ec2-spot-interruption-hibernate",
    },
    "PoolTagRule": {"tag-change-pool-tag-added", "tag-change-pool-tag-removed"},
    "PoolSettingRule": {
        "parameter-store-pool-created",
        "parameter-store-pool-updated",
        "parameter-store-pool-deleted",
    },
    "AddressRule": {
        "cloudtrail-associate-address-with-instance",
        "cloudtrail-associate-address-with-interface",
        "cloudtrail-disassociate-address",
        "cloudtrail-release-address",
        "cloudtrail-modify-network-interface-attribute",
        "cloudtrail-assign-ipv6-addresses",
        "cloudtrail-unassign-ipv6-addresses",
        "cloudtrail-assign-private-ip-addresses",
        "cloudtrail-unassign-private-ip-addresses",
        "cloudtrail-attach-network-interface",
        "cloudtrail-detach-network-interface",
    },
    "StandbyRule": {"cloudtrail-enter-standby", "cloudtrail-exit-standby", "cloudtrail-detach-instances"},
}

UNMATCHED = {
    "audit-one-pool",
    "audit-repair",
    "audit-repair-by-force",
    "audit-report",
    "autoscaling-launch-unsuccessful",
    "ec2-instance-pending",
    "ec2-rebalance-recommendation",
    "fleet53-drift-detected",
    "fleet53-instance-admitted",
    "fleet53-instance-withdrawn",
    "fleet53-member-healthy",
    "fleet53-member-unhealthy",
    "fleet53-pool-answered",
    "fleet53-pool-unanswered",
    "fleet53-reconcile",
    "fleet53-reconcile-all",
    "fleet53-withdrawal-held",
    "parameter-store-other-parameter",
    "tag-change-other-key",
}

EVENTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "events").glob("*.json")}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_matches_its_own_events_and_no_other(rule: str) -> None:
    pattern = stack().properties(rule)["EventPattern"]
    assert {name for name, event in EVENTS.items() if matches(pattern, event)} == RULES[rule]


def test_every_rule_and_every_event_stands_in_the_table() -> None:
    rules = {name for name, rule in stack().of_type("AWS::Events::Rule") if "EventPattern" in rule}
    assert rules == RULES.keys()
    assert set().union(*RULES.values(), UNMATCHED) == EVENTS.keys()


def test_no_rule_matches_fleet53s_own_events_so_that_it_never_answers_itself() -> None:
    told = {event["detail-type"]: event for event in EVENTS.values() if event.get("source") == "fleet53"}
    assert {each.detail_type for each in EVENT_DETAILS} <= told.keys()
    for rule in RULES:
        pattern = stack().properties(rule)["EventPattern"]
        assert [kind for kind, event in told.items() if matches(pattern, event)] == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_matches_no_event_of_another_account(rule: str) -> None:
    pattern = stack().properties(rule)["EventPattern"]
    assert not any(matches(pattern, event | {"account": "999999999999"}) for event in EVENTS.values())


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_matches_no_event_of_another_region(rule: str) -> None:
    pattern = stack().properties(rule)["EventPattern"]
    assert not any(matches(pattern, event | {"region": "us-east-1"}) for event in EVENTS.values())


def test_the_tag_rule_follows_the_pool_tag_key() -> None:
    pattern = stack(PoolTagKey="Name").properties("PoolTagRule")["EventPattern"]
    assert {name for name, event in EVENTS.items() if matches(pattern, event)} == {"tag-change-other-key"}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_hands_the_raw_event_to_the_signals_queue(rule: str) -> None:
    (target,) = stack().properties(rule)["Targets"]
    assert target["Arn"] == "Signals.Arn"
    assert not {"Input", "InputPath", "InputTransformer"} & target.keys()


@pytest.mark.parametrize("rule", sorted(RULES | {"AuditFunctionSchedule": set()}))
def test_an_event_that_cannot_be_delivered_is_retried_for_an_hour_then_kept(rule: str) -> None:
    (target,) = stack().properties(rule)["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"] == {"Arn": "DeadLetters.Arn"}


@pytest.mark.parametrize(("mode", "asked"), [("repair", {"repair": True}), ("report", {})])
def test_the_schedule_asks_the_audit_for_what_the_mode_says(mode: str, asked: dict[str, bool]) -> None:
    rule = stack(AuditMode=mode, AuditSchedule="rate(1 hour)").properties("AuditFunctionSchedule")
    assert rule["ScheduleExpression"] == "rate(1 hour)"
    (target,) = rule["Targets"]
    assert target["Arn"] == "AuditFunction.Arn"
    assert json.loads(target["Input"]) == asked
