"""The lab's own behaviour, seen with a small stack whose functions do as their messages say."""

from __future__ import annotations

import contextlib
import json
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from lab.moto import cloud
from lab.moto.cloudwatch import metric_data
from lab.stack.template import TemplateError
from lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  HostedZoneId: {Type: String}
  RecordName: {Type: String}
  Every: {Type: String, Default: rate(5 minutes)}
Resources:
  Signals:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Dead: {Type: AWS::SQS::Queue}
  MaySend:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Signals]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sqs:SendMessage
            Condition: {ArnEquals: {"aws:SourceArn": [!GetAtt Stopped.Arn, !GetAtt Settings.Arn]}}
  Stopped:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.ec2]
        detail: {state: [stopped]}
      Targets: [{Id: q, Arn: !GetAtt Signals.Arn}]
  Settings:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.ssm]
        detail: {name: [{prefix: !Sub "/fleet53/${AWS::StackName}/pools/"}]}
      Targets: [{Id: q, Arn: !GetAtt Signals.Arn}]
  First:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !Sub /fleet53/${AWS::StackName}/pools/web
      Type: String
      Value: '{"record_name": "app.example.com", "health_check": {"url": "http://:80/"}}'
  ReconcilerFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      CodeUri: code/
      Handler: doing.handler
      Timeout: 30
      Environment: {Variables: {GREETING: !Sub "hello ${RecordName}"}}
      Events:
        Signals:
          Type: SQS
          Properties:
            Queue: !GetAtt Signals.Arn
            BatchSize: 20
            FunctionResponseTypes: [ReportBatchItemFailures]
  AuditFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      CodeUri: code/
      Handler: doing.audit
      Events:
        Often: {Type: Schedule, Properties: {Schedule: !Ref Every, Input: '{"by": "clock"}'}}
"""

CODE = """
import json, os

imported = os.environ["GREETING"] if "GREETING" in os.environ else ""
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print(json.dumps({"message": imported, "calls": calls, "left": context.get_remaining_time_in_millis()}))
    print(json.dumps({
        "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{
            "Namespace": "lab", "Dimensions": [["pool"]], "Metrics": [{"Name": "Members"}]}]},
        "pool": "web", "Members": [2.0],
    }))
    print("no JSON")
    bodies = {record["messageId"]: record["body"] for record in event["Records"]}
    if "raise" in bodies.values():
        raise RuntimeError("told to")
    if "nonsense" in bodies.values():
        return {"batchItemFailures": [{"itemIdentifier": "nobody's"}]}
    return {"batchItemFailures": [{"itemIdentifier": i} for i, body in bodies.items() if body == "fail"]}

def audit(event, context):
    if event.get("raise"):
        raise ValueError("told to")
    return {"event": event, "function": context.function_name}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "doing.py").write_text(textwrap.dedent(CODE))
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture
def lab(template: Path) -> Iterator[Lab]:
    with Lab(template=template) as lab:
        yield lab


def bodies(lab: Lab) -> list[list[str]]:
    """Return the messages of each batch that the reconciler was given."""
    return [
        sorted(record["body"] for record in each.event["Records"])
        for each in lab.invocations
        if each.function == "ReconcilerFunction"
    ]


def states(lab: Lab) -> list[str]:
    """Return the instance states that reached the reconciler."""
    return [json.loads(body)["detail"]["state"] for batch in bodies(lab) for body in batch]


def left_in(lab: Lab, queue: str) -> int:
    attributes = lab.client("sqs").get_queue_attributes(
        QueueUrl=lab.deployment.queue_url(queue), AttributeNames=["All"]
    )["Attributes"]
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(attributes[name]) for name in names)


# -- deployment


def test_settings_of_the_template_reach_the_functions_resolved(lab: Lab) -> None:
    lab.send("hello")
    lab.settle()
    (invocation,) = lab.invocations
    assert invocation.logs[0]["message"] == "hello app.example.com"
    assert 29_000 < invocation.logs[0]["left"] <= 30_000


def test_the_deployment_says_who_created_what(lab: Lab) -> None:
    assert lab.deployment.created_by["Signals"] == "moto"
    assert lab.deployment.created_by["MaySend"] == "set on the queue"


def test_an_error_names_a_resource_type_that_cannot_be_created(template: Path) -> None:
    template.write_text(TEMPLATE + "  Game: {Type: 'AWS::GameLift::Fleet'}\n")
    with pytest.raises(TemplateError, match=r"Game \(AWS::GameLift::Fleet\)"), Lab(template=template):
        pass


def test_an_error_names_a_schedule_that_the_lab_cannot_run(template: Path) -> None:
    schedule = {"Every": "cron(0 12 * * ? *)"}
    with pytest.raises(TemplateError, match=r"cron\(0 12"), Lab(schedule, template=template):
        pass


def test_each_lab_begins_empty(template: Path) -> None:
    for _ in range(2):
        with Lab(template=template) as lab:
            assert lab.fleet.ids() == ()
            lab.fleet.launch()


def test_the_files_of_a_labs_buckets_are_closed_when_the_next_one_begins(template: Path) -> None:
    with Lab(template=template):
        s3 = s3_backends[cloud.ACCOUNT]["aws"]
        s3.create_bucket("code", cloud.REGION)
        key = s3.put_object("code", "template.yaml", b"Resources: {}")
    with Lab(template=template):
        assert key.disposed


def test_ids_are_the_same_with_the_same_seed_only(template: Path) -> None:
    drawn = []
    for seed in (1, 1, 2):
        with Lab(template=template, seed=seed) as lab:
            drawn.append((lab.fleet.launch(), lab.zone_id))
    first, again, other = drawn
    assert first == again
    assert set(first) & set(other) == set()


def test_the_name_of_a_deleted_queue_is_free_after_a_minute(lab: Lab) -> None:
    sqs = lab.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName="again")["QueueUrl"])
    lab.clock.advance(59)
    with pytest.raises(ClientError, match="You must wait 60 seconds after deleting a queue") as refused:
        sqs.create_queue(QueueName="again")
    assert refused.value.response["Error"]["Code"] == "AWS.SimpleQueueService.QueueDeletedRecently"
    assert sqs.create_queue(QueueName="other")["QueueUrl"]
    lab.clock.advance(1)
    assert sqs.create_queue(QueueName="again")["QueueUrl"]


# -- functions


def test_a_function_stays_warm_until_it_is_started_cold(lab: Lab) -> None:
    for text in ("one", "two"):
        lab.send(text)
        lab.settle()
    lab.functions.cold_start("ReconcilerFunction")
    lab.send("three")
    lab.settle()
    assert [(each.cold, each.logs[0]["calls"]) for each in lab.invocations] == [(True, 1), (False, 2), (True, 1)]


def test_embedded_metrics_are_kept_and_published(lab: Lab) -> None:
    lab.send("hello")
    lab.settle()
    assert lab.invocations[0].metric("Members", pool="web") == [2.0]
    (metric,) = lab.client("cloudwatch").list_metrics(Namespace="lab")["Metrics"]
    assert (metric["MetricName"], metric["Dimensions"]) == ("Members", [{"Name": "pool", "Value": "web"}])


def test_audit_returns_the_report(lab: Lab) -> None:
    assert lab.audit({"repair": True})["event"] == {"repair": True}


def test_audit_raises_the_functions_error(lab: Lab) -> None:
    with pytest.raises(ValueError, match="told to"):
        lab.audit({"raise": True})


def test_an_asynchronous_invocation_is_answered_at_once_and_run_later(lab: Lab) -> None:
    name = lab.deployment.functions["AuditFunction"].name
    answer = lab.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=b'{"by": "hand"}')
    assert (answer["StatusCode"], lab.invocations) == (202, [])
    lab.settle()
    lab.settle()
    assert [each.event for each in lab.invocations] == [{"by": "hand"}]


def test_an_asynchronous_invocation_that_fails_is_tried_twice_more(lab: Lab) -> None:
    lab.functions.start("AuditFunction", {"raise": True})
    tries = []
    for _ in range(6):
        lab.settle()
        tries.append(len(lab.invocations))
        lab.clock.advance(61)
    assert tries == [1, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_an_answer_of_more_than_6_mb_is_an_error_of_the_function(lab: Lab, letter: str) -> None:
    around = len(json.dumps({"event": {"text": ""}, "function": lab.deployment.functions["AuditFunction"].name}))
    fits = (6_291_456 - around) // len(letter.encode())

    assert lab.invoke("AuditFunction", {"text": letter * fits}).error is None
    too_large = lab.invoke("AuditFunction", {"text": letter * (fits + 1)})
    assert type(too_large.error).__name__ == "ResponseSizeTooLarge"
    assert too_large.result is None


def test_invocations_and_errors_are_published_as_lambda_does(lab: Lab) -> None:
    lab.invoke("AuditFunction", {})
    lab.invoke("AuditFunction", {"raise": True})
    published = [(each.name, each.value) for each in metric_data() if each.namespace == "AWS/Lambda"]
    assert published == [("Invocations", 1.0), ("Errors", 0.0), ("Invocations", 1.0), ("Errors", 1.0)]


def test_a_function_can_be_invoked_through_the_api(lab: Lab) -> None:
    name = lab.deployment.functions["AuditFunction"].name
    answer = lab.client("lambda").invoke(FunctionName=name, Payload=b'{"raise": true}')
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"


# -- the queue


def test_a_batch_holds_the_messages_that_can_be_received_now(lab: Lab) -> None:
    for number in range(25):
        lab.send(str(number))
    assert lab.settle() == 2
    assert [len(batch) for batch in bodies(lab)] == [20, 5]


def test_a_delayed_message_is_a_timer(lab: Lab) -> None:
    lab.client("sqs").send_message(QueueUrl=lab.deployment.queue_url("Signals"), MessageBody="later", DelaySeconds=30)
    lab.run(28)
    assert bodies(lab) == []
    lab.run(4)
    assert bodies(lab) == [["later"]]


def test_a_message_that_failed_alone_comes_back_alone_and_ends_in_the_dead_letter_queue(lab: Lab) -> None:
    lab.send("fine")
    lab.send("fail")
    lab.settle()
    assert left_in(lab, "Signals") == 1
    lab.run(130, step=65)
    assert bodies(lab) == [["fail", "fine"], ["fail"]]
    assert (left_in(lab, "Signals"), left_in(lab, "Dead")) == (0, 1)


@pytest.mark.parametrize("text", ["raise", "nonsense"])
def test_an_error_or_a_malformed_answer_fails_the_whole_batch(lab: Lab, text: str) -> None:
    lab.send(text)
    lab.send("fine")
    lab.settle()
    assert left_in(lab, "Signals") == 2


# -- events


def test_a_rule_delivers_the_events_that_it_matches_unchanged(lab: Lab) -> None:
    instance = lab.fleet.launch()
    lab.fleet.stop(instance)
    lab.settle()
    ((body,),) = bodies(lab)
    event = json.loads(body)
    assert event["detail"] == {"instance-id": instance, "state": "stopped"}
    assert (event["account"], event["region"]) == ("123456789012", "eu-west-1")


def test_an_event_of_a_rule_that_the_queues_policy_does_not_allow_is_dropped(template: Path) -> None:
    template.write_text(TEMPLATE.replace("!GetAtt Stopped.Arn, ", ""))
    with Lab(template=template) as lab:
        instance = lab.fleet.launch()
        lab.fleet.stop(instance)
        lab.settle()
        assert bodies(lab) == []
        ((rule, target),) = lab.bus.dropped
        assert "Stopped" in rule
        assert target == lab.deployment.event_sources[0].queue_arn


def test_events_of_fleet53_are_accepted_although_a_rules_target_has_no_policy(lab: Lab) -> None:
    events, sqs = lab.client("events"), lab.client("sqs")
    sqs.create_queue(QueueName="mine")
    events.put_rule(Name="mine", EventPattern='{"source": ["fleet53"]}')
    events.put_targets(Rule="mine", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:123456789012:mine"}])
    entry = {"Source": "fleet53", "DetailType": "Drift Found", "Detail": "{}"}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert lab.bus.dropped == [("mine", "arn:aws:sqs:eu-west-1:123456789012:mine")]


def test_messages_wait_while_the_event_source_mapping_is_disabled(lab: Lab) -> None:
    functions = lab.client("lambda")
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    lab.send("later")
    lab.settle()
    assert (bodies(lab), left_in(lab, "Signals")) == ([], 1)
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    lab.settle()
    assert bodies(lab) == [["later"]]


def test_what_a_function_prints_is_in_its_log_group_and_so_is_the_error_that_ends_it(lab: Lab) -> None:
    function = lab.deployment.functions["ReconcilerFunction"]
    lab.client("logs").create_log_group(logGroupName=function.log_group)
    lab.send("raise")
    lab.settle()
    found = lab.client("logs").filter_log_events(logGroupName=function.log_group, filterPattern='?"told to" ?hello')
    messages = [each["message"] for each in found["events"]]
    assert [message[:10] for message in messages] == ['{"message"', "[ERROR] Tr"]
    assert messages[1].endswith("RuntimeError: told to\n")


def test_what_another_thread_prints_while_a_function_runs_is_not_the_functions(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextlib.contextmanager
    def told_meanwhile(_function: str) -> Iterator[None]:
        other = threading.Thread(target=print, args=("the lab's own words",))
        other.start()
        other.join()
        yield

    lab.functions.during = told_meanwhile
    lab.send("1")
    lab.settle()
    assert capsys.readouterr().out == "the lab's own words\n"
    assert [each.text.splitlines()[-1] for each in lab.invocations] == ["no JSON"]
    assert "the lab's own words" not in lab.invocations[0].text


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["a b", "b c", "c"]),
        ("b", ["a b", "b c"]),
        ("a b", ["a b"]),
        ('"b c"', ["b c"]),
        ('?"b c" ?a', ["a b", "b c"]),
        ("c -b", ["c"]),
    ],
)
def test_log_events_are_found_by_all_of_the_terms_or_by_one_of_them(lab: Lab, pattern: str, found: list[str]) -> None:
    logs = lab.client("logs")
    logs.create_log_group(logGroupName="mine")
    logs.create_log_stream(logGroupName="mine", logStreamName="1")
    now = int(lab.clock.now().timestamp() * 1000)
    events = [{"timestamp": now, "message": each} for each in ("a b", "b c", "c")]
    logs.put_log_events(logGroupName="mine", logStreamName="1", logEvents=events)
    seen = logs.filter_log_events(logGroupName="mine", filterPattern=pattern)
    assert [each["message"] for each in seen["events"]] == found


# -- what moto does not play, or plays otherwise


def test_a_tag_of_an_instance_that_ec2_does_not_know_is_refused(lab: Lab) -> None:
    known = lab.fleet.launch()
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound.*i-0123456789abcdef0"):
        lab.client("ec2").create_tags(Resources=[known, "i-0123456789abcdef0"], Tags=[{"Key": "mine", "Value": "1"}])


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("service-quotas", "list_services", "UnknownOperationException"),
        ("ec2", "describe_verified_access_groups", "InvalidAction"),
        ("autoscaling", "describe_account_limits", "InvalidAction"),
    ],
)
def test_an_operation_that_the_lab_does_not_play_is_answered_in_the_services_form(
    lab: Lab, service: str, operation: str, code: str
) -> None:
    with pytest.raises(ClientError, match="The lab does not play") as refused:
        getattr(lab.client(service), operation)()
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(("service", "code"), [("ec2", "InvalidAction"), ("ssm", "UnknownOperationException")])
def test_an_operation_that_no_model_has_is_answered_in_the_services_form(lab: Lab, service: str, code: str) -> None:
    def rename(params: dict[str, Any], **_: Any) -> None:
        if "X-Amz-Target" in params["headers"]:
            params["headers"]["X-Amz-Target"] = "AmazonSSM.Frob"
        else:
            params["body"]["Action"] = "Frob"

    client = lab.client(service)
    operation = {"ec2": "DescribeRegions", "ssm": "DescribeParameters"}[service]
    client.meta.events.register_first(f"before-call.{service}.{operation}", rename, unique_id="frob")
    try:
        with pytest.raises(ClientError, match="The lab does not play the operation Frob") as refused:
            client.describe_regions() if service == "ec2" else client.describe_parameters()
    finally:
        client.meta.events.unregister(f"before-call.{service}.{operation}", unique_id="frob")
    assert refused.value.response["Error"]["Code"] == code


def test_messages_move_from_the_dead_letter_queue_to_the_one_that_they_came_from(lab: Lab) -> None:
    lab.send("fail")
    lab.settle()
    lab.run(130, step=65)
    assert (left_in(lab, "Signals"), left_in(lab, "Dead")) == (0, 1)
    dead = lab.client("sqs").get_queue_attributes(
        QueueUrl=lab.deployment.queue_url("Dead"), AttributeNames=["QueueArn"]
    )
    lab.client("sqs").start_message_move_task(SourceArn=dead["Attributes"]["QueueArn"])
    assert (left_in(lab, "Signals"), left_in(lab, "Dead")) == (1, 0)


def test_messages_move_only_from_a_dead_letter_queue(lab: Lab) -> None:
    signals = lab.deployment.event_sources[0].queue_arn
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        lab.client("sqs").start_message_move_task(SourceArn=signals)


def test_a_lost_event_reaches_no_target(lab: Lab) -> None:
    instance = lab.fleet.launch()
    lab.fleet.stop(instance, events=False)
    lab.fleet.emit_changes()
    lab.settle()
    assert bodies(lab) == []


def test_a_change_through_the_api_sends_its_event_too(lab: Lab) -> None:
    instance = lab.fleet.launch()
    lab.client("ec2").stop_instances(InstanceIds=[instance])
    lab.fleet.emit_changes()
    lab.settle()
    assert states(lab) == ["stopped"]


def test_a_changed_pool_sends_its_event(lab: Lab) -> None:
    lab.put_pool("web", ttl=30)
    lab.put_pool("api")
    lab.delete_pool("api")
    lab.settle()
    told = [json.loads(body)["detail"] for batch in bodies(lab) for body in batch]
    assert sorted((each["operation"], each["name"]) for each in told) == [
        ("Create", "/fleet53/fleet53/pools/api"),
        ("Delete", "/fleet53/fleet53/pools/api"),
        ("Update", "/fleet53/fleet53/pools/web"),
    ]
    assert lab.pools.settings("web")["ttl"] == 30


def test_the_schedule_invokes_its_function_when_it_is_due(lab: Lab) -> None:
    lab.run(299, step=60)
    assert lab.invocations == []
    lab.run(2)
    assert [each.event for each in lab.invocations] == [{"by": "clock"}]


def test_a_schedule_with_a_disabled_rule_does_not_invoke_its_function_until_it_is_enabled(lab: Lab) -> None:
    events = lab.client("events")
    (rule,) = (each["Name"] for each in events.list_rules()["Rules"] if "ScheduleExpression" in each)
    events.disable_rule(Name=rule)
    lab.run(601, step=60)
    assert lab.invocations == []
    events.enable_rule(Name=rule)
    lab.run(301, step=60)
    assert [each.event for each in lab.invocations] == [{"by": "clock"}]


def put_event(lab: Lab, **differs: Any) -> dict[str, Any]:
    """Put a custom event, and return what the bus answers."""
    usual = {"Source": "ours", "DetailType": "Test", "Detail": '{"state": "stopped"}'}
    (answer,) = lab.client("events").put_events(Entries=[usual | differs])["Entries"]
    return dict(answer)


def test_a_custom_event_is_delivered_with_its_id_and_its_time(lab: Lab) -> None:
    events, arn = lab.client("events"), "arn:aws:sqs:eu-west-1:123456789012:heard"
    url = lab.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    rule = events.put_rule(Name="r", EventPattern='{"source": ["ours"]}')["RuleArn"]
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    lab.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    answer = put_event(lab, Time=datetime(2026, 1, 5, 12, tzinfo=UTC))

    (message,) = lab.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {
        "version": "0",
        "id": answer["EventId"],
        "detail-type": "Test",
        "source": "ours",
        "account": "123456789012",
        "time": "2026-01-05T12:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {"state": "stopped"},
    }


def test_the_bus_refuses_what_is_not_for_us_to_say_and_what_is_too_large(lab: Lab) -> None:
    assert put_event(lab, Source="aws.ec2")["ErrorCode"] == "NotAuthorizedForSource"
    assert put_event(lab, Detail=json.dumps({"text": "-" * 262_144}))["ErrorCode"] == "InvalidArgument"
    lab.bus.refusals = 1
    assert put_event(lab)["ErrorCode"] == "InternalFailure"
    assert "EventId" in put_event(lab)
    assert [event["source"] for event in lab.bus.sent] == ["ours"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"source": [{"prefix": 5}]}, "prefix match pattern must be a string"),
        ({"detail": {"state": [{"anything-but": {"suffix": [1]}}]}}, "suffix match pattern must be a string"),
        ({"source": [{"frob": "a"}]}, "Unrecognized match type frob"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "Only one key allowed in match expression"),
        ({"source": [{"exists": "yes"}]}, "exists match pattern must be either true or false"),
        ({"detail": {"age": [{"numeric": ["above", 5]}]}}, "Value of numeric must be an array"),
        ({"detail": {"age": [{"numeric": [">", "5"]}]}}, "Value of numeric must be numeric"),
        ({"$or": [{"source": [{"wildcard": 1}]}]}, "wildcard match pattern must be a string"),
        (["ours"], "Filter is not an object"),
    ],
    ids=repr,
)
def test_a_rule_whose_pattern_eventbridge_cannot_compare_is_refused(lab: Lab, pattern: Any, reason: str) -> None:
    with pytest.raises(ClientError, match=f"InvalidEventPatternException.*Reason: {reason}"):
        lab.client("events").put_rule(Name="r", EventPattern=json.dumps(pattern))


def test_a_rule_with_each_kind_of_comparison_is_taken(lab: Lab) -> None:
    compared: list[Any] = [
        "a",
        1,
        None,
        {"prefix": "a"},
        {"suffix": {"equals-ignore-case": "B"}},
        {"anything-but": ["a", "b"]},
        {"anything-but": {"prefix": "aws."}},
        {"numeric": [">", 0, "<=", 5]},
        {"exists": True},
        {"cidr": "10.0.0.0/24"},
        {"wildcard": "a*b"},
        {"equals-ignore-case": "a"},
    ]
    pattern = {"$or": [{"source": compared}, {"detail": {"state": ["stopped"]}}]}
    lab.client("events").put_rule(Name="r", EventPattern=json.dumps(pattern))
    assert "EventId" in put_event(lab)


# -- instances


def test_a_stopped_instance_gives_its_address_back_and_comes_back_with_another(lab: Lab) -> None:
    instance = lab.fleet.launch()
    first, launched = lab.fleet.address(instance), lab.fleet.describe(instance)["LaunchTime"]
    lab.fleet.stop(instance)
    assert "PublicIpAddress" not in lab.fleet.describe(instance)
    lab.clock.advance(60)
    lab.fleet.start(instance)
    assert lab.fleet.address(instance) != first
    assert lab.fleet.describe(instance)["LaunchTime"] - launched >= timedelta(seconds=60)


def test_an_elastic_address_stays_over_stop_and_start(lab: Lab) -> None:
    instance = lab.fleet.launch()
    before = lab.fleet.address(instance)
    elastic = lab.fleet.associate_address(instance)
    assert lab.fleet.address(instance) == elastic != before
    lab.fleet.stop(instance)
    lab.fleet.start(instance)
    assert lab.fleet.address(instance) == elastic
    lab.fleet.disassociate_address(instance)
    assert lab.fleet.address(instance) not in {elastic, before}


def test_another_elastic_address_replaces_the_first_and_an_event_reports_it(lab: Lab) -> None:
    instance = lab.fleet.launch()
    first, second = lab.fleet.associate_address(instance), lab.fleet.associate_address(instance)
    assert lab.fleet.address(instance) == second
    described = lab.client("ec2").describe_addresses()["Addresses"]
    assert {each["PublicIp"]: each.get("InstanceId", "") for each in described} == {first: "", second: instance}
    told = [each["detail"]["requestParameters"] for each in lab.bus.sent if each["detail"].get("eventName")]
    assert [each["publicIp"] for each in told] == [first, second]


def test_a_secondary_private_address_moves_with_its_elastic_address_if_the_request_allows_it(lab: Lab) -> None:
    holder, other = lab.fleet.launch(public=False), lab.fleet.launch(public=False)
    private, elastic = lab.fleet.secondary.give(holder)
    interface = lab.fleet.describe(other)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2 = lab.client("ec2")

    with pytest.raises(ClientError, match=rf"InvalidParameterValue.*\[{private}\] assigned, but move is not allowed\."):
        ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=[private])
    assert shown_at(lab, holder, private) == elastic

    lab.fleet.secondary.move(private, other)
    assert (shown_at(lab, holder, private), shown_at(lab, other, private)) == (None, elastic)
    assert (lab.fleet.addresses(holder), lab.fleet.addresses(other)) == ((), (elastic,))


def shown_at(lab: Lab, instance_id: str, private: str) -> str | None:
    """Return the public address that DescribeInstances shows beside a private one."""
    (interface,) = lab.fleet.describe(instance_id)["NetworkInterfaces"]
    found = (each for each in interface["PrivateIpAddresses"] if each["PrivateIpAddress"] == private)
    return next((str(each["Association"]["PublicIp"]) for each in found), None)


def test_a_terminated_instance_has_no_address_until_ec2_forgets_it(lab: Lab) -> None:
    instance = lab.fleet.launch()
    elastic = lab.fleet.associate_address(instance)
    lab.fleet.terminate(instance)
    described = lab.fleet.describe(instance)
    assert (described["State"]["Name"], described.get("PublicIpAddress")) == ("terminated", None)
    (address,) = lab.client("ec2").describe_addresses()["Addresses"]
    assert (address["PublicIp"], address.get("InstanceId", "")) == (elastic, "")
    lab.fleet.forget(instance)
    assert lab.fleet.ids() == ()


def test_auto_scaling_answers_the_lifecycle_state_that_was_set(lab: Lab) -> None:
    lab.fleet.create_group("web")
    instance = lab.fleet.launch(group="web", lifecycle_state="Pending:Wait")
    assert lifecycle_states(lab, instance) == ["Pending:Wait"]
    lab.fleet.set_lifecycle_state(instance, "Terminating:Retained")
    assert lifecycle_states(lab, instance) == ["Terminating:Retained"]
    lab.fleet.terminate(instance)
    assert lifecycle_states(lab, instance) == []
    tags = {each["Key"]: each["Value"] for each in lab.fleet.describe(instance)["Tags"]}
    assert tags["aws:autoscaling:groupName"] == "web"
    assert lab.fleet.ids() == (instance,)


def lifecycle_states(lab: Lab, instance: str) -> list[str]:
    described = lab.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance])
    return [each["LifecycleState"] for each in described["AutoScalingInstances"]]


def test_spot_says_what_was_set(lab: Lab) -> None:
    instance = lab.fleet.launch(spot=True)
    lab.fleet.launch(spot=True)
    lab.fleet.spot.set_status(instance, "instance-terminated-no-capacity", "closed")
    filters = [{"Name": "instance-id", "Values": [instance]}]
    (request,) = lab.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert (request["Status"]["Code"], request["State"]) == ("instance-terminated-no-capacity", "closed")
    described = lab.fleet.describe(instance)
    assert described["InstanceLifecycle"] == "spot"
    assert described["SpotInstanceRequestId"] == request["SpotInstanceRequestId"]


def test_a_private_instance_has_no_public_address(lab: Lab) -> None:
    described = lab.fleet.describe(lab.fleet.launch(public=False, ipv6="2a05:d018::53"))
    assert "PublicIpAddress" not in described
    (interface,) = described["NetworkInterfaces"]
    assert [each["Ipv6Address"] for each in interface["Ipv6Addresses"]] == ["2a05:d018::53"]


# -- health


def check(lab: Lab, address: str, **settings: Any) -> str:
    config = {"Type": "HTTP", "IPAddress": address, "Port": 80, "RequestInterval": 10, **settings}
    created = lab.client("route53").create_health_check(CallerReference=address, HealthCheckConfig=config)
    return str(created["HealthCheck"]["Id"])


def published(lab: Lab, check_id: str, name: str, statistic: str) -> list[float]:
    now = lab.clock.now()
    metric = {
        "Namespace": "AWS/Route53",
        "MetricName": name,
        "Dimensions": [{"Name": "HealthCheckId", "Value": check_id}],
    }
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}
    (result,) = lab.client("cloudwatch", "us-east-1").get_metric_data(
        MetricDataQueries=[query], StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=1)
    )["MetricDataResults"]
    return [float(value) for value in result["Values"]]


def test_reported_health_is_published_in_us_east_1(lab: Lab) -> None:
    instance = lab.fleet.launch()
    check_id = check(lab, lab.fleet.address(instance))
    assert published(lab, check_id, "HealthCheckPercentageHealthy", "Average") == []
    lab.report_health(instance, 25)
    assert published(lab, check_id, "HealthCheckPercentageHealthy", "Average") == [25.0]
    assert published(lab, check_id, "HealthCheckStatus", "Minimum") == [1.0]


def test_reading_checks_records_no_call_of_route_53(lab: Lab) -> None:
    instance = lab.fleet.launch()
    lab.report_health(check(lab, lab.fleet.address(instance)))
    assert [each.operation for each in lab.route53.calls] == ["CreateHealthCheck"]


def test_checkers_connect_and_need_as_many_results_as_the_threshold_says(template: Path) -> None:
    with Lab(template=template, servers=True) as lab:
        instance = lab.fleet.launch()
        check_id = check(lab, lab.fleet.address(instance), FailureThreshold=3)
        lab.run(25, step=5)
        assert lab.route53.percent_healthy(check_id) is None
        lab.run(40, step=5)
        assert lab.route53.percent_healthy(check_id) == 100
        lab.servers.break_(instance)
        lab.run(15, step=5)
        assert lab.route53.percent_healthy(check_id) == 100
        lab.run(20, step=5)
        assert lab.route53.percent_healthy(check_id) == 0
        assert not lab.route53.is_healthy(check_id)
