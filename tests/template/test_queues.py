from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.template.stack import stack

if TYPE_CHECKING:
    from collections.abc import Iterable


def test_a_message_stays_invisible_for_six_timeouts_and_the_window() -> None:
    timeout = stack().properties("ReconcilerFunction")["Timeout"]
    window = stack().properties("ReconcilerFunctionSignals")["MaximumBatchingWindowInSeconds"]
    assert stack().properties("Signals")["VisibilityTimeout"] >= 6 * timeout + window


def test_a_message_is_given_up_after_eight_receives_and_kept_for_two_weeks() -> None:
    redrive = stack().properties("Signals")["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": "DeadLetters.Arn", "maxReceiveCount": 8}
    assert stack().properties("DeadLetters")["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize("queue", ["Signals", "DeadLetters"])
def test_a_queue_is_standard_and_encrypted_with_its_own_key(queue: str) -> None:
    properties = stack().properties(queue)
    assert "FifoQueue" not in properties
    assert "KmsMasterKeyId" not in properties
    assert properties["SqsManagedSseEnabled"] is True


def _sent_by(rules: Iterable[str]) -> dict[str, Any]:
    """Return the condition of a statement that lets EventBridge send for these rules and no others."""
    prefix = "arn:aws:events:eu-west-1:123456789012:rule/"
    return {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": [f"{prefix}{name}" for name in rules]},
    }


def test_the_queues_take_events_from_this_stacks_rules_only() -> None:
    rules = [rule for _, rule in stack().of_type("AWS::Events::Rule")]
    to_queue = [rule["Name"] for rule in rules if rule["Targets"][0]["Arn"] == "Signals.Arn"]
    assert len(to_queue) == 8
    assert _allowed("SignalsPolicy", "Signals.Arn") == _sent_by(to_queue)
    assert _allowed("DeadLettersPolicy", "DeadLetters.Arn") == _sent_by(rule["Name"] for rule in rules)


def _allowed(policy: str, queue: str) -> dict[str, Any]:
    (statement,) = (each for each in _statements(policy) if each["Effect"] == "Allow")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == queue
    condition: dict[str, Any] = statement["Condition"]
    return condition


def _statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack().properties(policy)["PolicyDocument"]["Statement"]
    return found


@pytest.mark.parametrize(
    ("policy", "actions", "resource"),
    [
        ("SignalsPolicy", "sqs:*", "Signals.Arn"),
        ("DeadLettersPolicy", "sqs:*", "DeadLetters.Arn"),
        ("AlarmsPolicy", "sns:Publish", "Alarms"),
    ],
)
def test_requests_without_tls_are_denied(policy: str, actions: str, resource: str) -> None:
    (statement,) = (each for each in _statements(policy) if each["Effect"] == "Deny")
    assert statement == {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_the_topic_takes_what_this_accounts_alarms_publish() -> None:
    (statement,) = (each for each in _statements("AlarmsPolicy") if each["Effect"] == "Allow")
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*"},
    }


def test_only_the_signals_queue_gives_its_messages_up_to_the_dead_letter_queue() -> None:
    name = stack().properties("Signals")["QueueName"]
    assert stack().properties("DeadLetters")["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:eu-west-1:123456789012:{name}"],
    }


def test_the_reconciler_reads_batches_of_which_single_messages_may_fail() -> None:
    mapping = stack().properties("ReconcilerFunctionSignals")
    assert mapping["EventSourceArn"] == "Signals.Arn"
    assert mapping["BatchSize"] == 100
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
