"""What the lab answers without bytes is what botocore reads of moto's bytes."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError
from moto.core.request import Request

from lab.moto import answers, reading, requests
from lab.route53 import http
from lab.scaling.hooks import Hook
from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from pathlib import Path

    from lab.world import Lab

NOON: Final = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
HOOK: Final = Hook("drain", "autoscaling:EC2_INSTANCE_TERMINATING", heartbeat=300)


def fill(lab: Lab) -> dict[str, Any]:
    """Make something of each kind, and return the reading requests as parameters by service and operation."""
    lab.fleet.launch(tags={"Name": "a & b < c > \"d\" 'é'", "lines": "one\r\ntwo\rthree\tfour", "empty": ""})
    lab.fleet.attach_interface(lab.fleet.launch(), ipv6=["2001:db8::1"])
    lab.fleet.stop(lab.fleet.launch(pools=()))
    lab.fleet.launch(spot=True)
    lab.fleet.create_group("web", 2, hooks=[HOOK])
    lab.run(60)
    member = next(iter(lab.fleet.members("web")))
    check = {"Type": "HTTP", "IPAddress": "52.94.0.1", "Port": 80, "ResourcePath": "/a?b&c"}
    route53, sqs, ssm = lab.client("route53"), lab.client("sqs"), lab.client("ssm")
    route53.create_health_check(CallerReference="one", HealthCheckConfig=check)
    zone = {"HostedZoneId": lab.zone_id}
    queue = {"QueueUrl": sqs.list_queues()["QueueUrls"][0]}
    sqs.send_message(**queue, MessageBody='{"a": "<&>\\r\\n"}', DelaySeconds=0)
    ssm.put_parameter(Name="/fleet53/pools/web", Value='{"a": "é"}', Type="String")
    metric = {"Namespace": "Own", "MetricName": "Count"}
    lab.client("cloudwatch").put_metric_data(Namespace="Own", MetricData=[{"MetricName": "Count", "Value": 0.1}])
    times = {"StartTime": datetime(2026, 1, 5, 11, tzinfo=UTC), "EndTime": datetime(2026, 1, 5, 13, tzinfo=UTC)}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    return {
        "ec2:describe_instances": {},
        "ec2:describe_security_groups": {},
        "ec2:describe_spot_instance_requests": {},
        "ec2:describe_tags": {},
        "autoscaling:describe_auto_scaling_groups": {},
        "autoscaling:describe_auto_scaling_instances": {"InstanceIds": [member]},
        "autoscaling:describe_lifecycle_hooks": {"AutoScalingGroupName": "web"},
        "autoscaling:describe_scaling_activities": {"AutoScalingGroupName": "web"},
        "autoscaling:describe_instance_refreshes": {"AutoScalingGroupName": "web"},
        "cloudformation:describe_stacks": {},
        "cloudwatch:describe_alarms": {},
        "cloudwatch:get_metric_statistics": {**metric, **times, "Period": 60, "Statistics": ["Sum"]},
        "cloudwatch:get_metric_data": {**times, "MetricDataQueries": [{"Id": "a", "MetricStat": stat}]},
        "route53:list_health_checks": {},
        "route53:list_hosted_zones": {},
        "route53:list_resource_record_sets": zone,
        "route53:get_hosted_zone_limit": {**zone, "Type": "MAX_RRSETS_BY_ZONE"},
        "sns:list_topics": {},
        "sqs:get_queue_attributes": {**queue, "AttributeNames": ["All"]},
        "sqs:receive_message": {**queue, "VisibilityTimeout": 0},
        "ssm:get_parameters_by_path": {"Path": "/fleet53/pools", "Recursive": True},
    }


def ask(lab: Lab, asked: str, parameters: dict[str, Any]) -> Any:
    """Return an answer without what is new with each request."""
    service, operation = asked.split(":")
    answer = getattr(lab.client(service), operation)(**parameters)
    assert answer["ResponseMetadata"].keys() == {"RequestId", "HTTPStatusCode", "HTTPHeaders", "RetryAttempts"}
    metadata = answer.pop("ResponseMetadata")
    for message in answer.get("Messages", []):
        del message["ReceiptHandle"]
    return answer, metadata["HTTPStatusCode"], metadata["RetryAttempts"]


def test_each_answer_is_what_botocore_reads_of_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_members: list[str] = []
    read = answers.read

    def note(serializer: Any, result: Any) -> answers.Members:
        as_members.append(serializer.operation_model.name)
        return read(serializer, result)

    def write_bytes(_serializer: Any, _result: Any) -> answers.Members:
        raise reading.Unreadable

    with bare_lab(tmp_path, start=NOON) as lab:
        asked_for = fill(lab)
        for asked, parameters in asked_for.items():
            for module in (answers, http):
                monkeypatch.setattr(module, "read", note)
            directly = ask(lab, asked, parameters)
            for module in (answers, http):
                monkeypatch.setattr(module, "read", write_bytes)
            assert directly == ask(lab, asked, parameters), asked

    assert len(as_members) == len(asked_for)


def test_moto_knows_of_a_request_what_its_own_web_server_would_find_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    set_up = requests._set_up

    def compare(response: Any, request: Any, url: str, account: str, region: str) -> None:
        set_up(response, request, url, account, region)
        signature = f"AWS4-HMAC-SHA256 Credential=testing/20260105/{region}/{response.service_name}/aws4_request"
        headers = {**request.headers, "Authorization": signature, "x-moto-account-id": account}
        body = request.data or urlencode(request.values)
        as_moto = type(response)()
        as_moto.setup_class(Request.from_primitives(request.method, url, headers, body))
        action = response._get_action()
        known[f"{response.service_name}:{action}"] = what_it_knows(response), what_it_knows(as_moto)

    with bare_lab(tmp_path, start=NOON) as lab:
        monkeypatch.setattr(requests, "_set_up", compare)
        asked = fill(lab)
        for each, parameters in asked.items():
            ask(lab, each, parameters)

    assert len(known) >= 25
    assert [ours for ours, _ in known.values()] == [motos for _, motos in known.values()]


def what_it_knows(response: Any) -> dict[str, Any]:
    """Return what moto's operations read of a request."""
    names = ("region", "partition", "current_account", "access_key", "method", "uri", "path", "body", "uri_match")
    # Of a JSON text, moto makes a parameter of that name, which no operation has.
    is_form = response.normalized_request.content_type.startswith("application/x-www-form-urlencoded")
    return {
        **{name: getattr(response, name) for name in names},
        "action": response._get_action(),
        "parameters": copy.deepcopy(getattr(response, "params", None)),  # operations change them
        "form": dict(response.querystring) if is_form else None,
        "response headers": {name: each for name, each in response.response_headers.items() if name != "date"},
    }


def test_a_refused_request_reaches_the_lab_once_and_is_refused_as_by_aws(tmp_path: Path) -> None:
    with bare_lab(tmp_path) as lab:
        with pytest.raises(ClientError) as of_moto:
            lab.client("ec2").describe_instances(InstanceIds=["i-0123456789abcdef0"])
        lab.route53.forget_calls()
        with pytest.raises(ClientError) as of_route53:
            lab.client("route53").delete_health_check(HealthCheckId="00000000-0000-4000-8000-000000000000")
        calls = [(call.operation, call.code) for call in lab.route53.calls]

    assert of_moto.value.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
    assert of_route53.value.response["Error"]["Code"] == "NoSuchHealthCheck"
    assert of_route53.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert calls == [("DeleteHealthCheck", "NoSuchHealthCheck")]


@pytest.mark.parametrize("text", ["a\x00b", "\x1b[1m"])
def test_a_text_that_xml_cannot_carry_is_not_read_without_its_bytes(text: str) -> None:
    with pytest.raises(reading.Unreadable):
        reading._text_of_xml(reading._Reading(None, None, reading._changes({})), text)
