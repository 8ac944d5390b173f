import pytest

from tests.template.stack import stack


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


def test_the_queues_take_events_from_this_stacks_rules_only() -> None:
    rules = dict(stack().of_type("AWS::Events::Rule"))
    to_queue = {f"{name}.Arn" for name, rule in rules.items() if rule["Targets"][0]["Arn"] == "Signals.Arn"}
    assert _allowed_sources("SignalsPolicy", "Signals.Arn") == to_queue
    assert _allowed_sources("DeadLettersPolicy", "DeadLetters.Arn") == {f"{name}.Arn" for name in rules}


def _allowed_sources(policy: str, queue: str) -> set[str]:
    (statement,) = stack().properties(policy)["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == queue
    return set(statement["Condition"]["ArnEquals"]["aws:SourceArn"])


def test_the_reconciler_reads_batches_of_which_single_messages_may_fail() -> None:
    mapping = stack().properties("ReconcilerFunctionSignals")
    assert mapping["EventSourceArn"] == "Signals.Arn"
    assert mapping["BatchSize"] == 100
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
