"""Messages that neither AWS nor fleet53 writes: nothing of them reaches AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import InstanceId
from fleet53.signals.model import InstanceSignal, PoolSignal
from fleet53.signals.read import read_signal

TAG = "fleet53:pool"
GOOD = "i-0a1b2c3d4e5f60001"
NO_IDS = [
    "*",
    "i-*",
    "i-0a1b2c3d4e5f6000?",
    "i-0a1b2c3",
    "i-0a1b2c3d4e5f600012",
    "i-0A1B2C3D4E5F60001",
    "i-0a1b2c3d4e5f60001\n",
    " i-0a1b2c3d4e5f60001",
    "eni-0a1b2c3d4e5f60001",
    "i-0a1b2c3d4e5f6000\ud800",
]
ACTION = {
    "group": "web-fleet",
    "hook": "fleet53-launch",
    "instance_id": GOOD,
    "transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "at": "2026-11-20T10:00:00+00:00",
    "beat": "2026-11-20T10:00:00+00:00",
}
LIFECYCLE = {
    "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
    "AutoScalingGroupName": "web-fleet",
    "LifecycleHookName": "fleet53-launch",
    "EC2InstanceId": GOOD,
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
}


def event(source: str, kind: str, **detail: Any) -> str:
    return json.dumps({"source": source, "detail-type": kind, "detail": detail, "time": "2026-11-20T10:00:00Z"})


def call(name: str, **parameters: Any) -> str:
    return event("aws.ec2", "AWS API Call via CloudTrail", eventName=name, requestParameters=parameters)


def reconcile(**detail: Any) -> str:
    return event("fleet53", "Reconcile", **{"pools": ["web"], "because": "a test"} | detail)


def lifecycle(**detail: Any) -> str:
    return event("aws.autoscaling", "EC2 Instance-launch Lifecycle Action", **LIFECYCLE | detail)


def refusal(body: str) -> str:
    with pytest.raises(NotUnderstoodError) as caught:
        read_signal(body, TAG)
    return str(caught.value)


@pytest.mark.parametrize("instance_id", NO_IDS)
@pytest.mark.parametrize(
    ("field", "body"),
    [
        (
            "instance-id",
            lambda each: event("aws.ec2", "EC2 Instance State-change Notification", **{"instance-id": each}),
        ),
        (
            "instance-id",
            lambda each: event("aws.ec2", "EC2 Spot Instance Interruption Warning", **{"instance-id": each}),
        ),
        ("EC2InstanceId", lambda each: event("aws.autoscaling", "EC2 Instance Launch Successful", EC2InstanceId=each)),
        ("EC2InstanceId", lambda each: lifecycle(EC2InstanceId=each)),
        ("instanceId", lambda each: call("AttachNetworkInterface", instanceId=each)),
        ("instanceIds", lambda each: call("EnterStandby", instanceIds=[GOOD, each])),
        ("instance_id", lambda each: reconcile(actions=[ACTION, ACTION | {"instance_id": each}])),
    ],
)
def test_a_text_that_is_not_an_instance_id_is_refused_with_its_field_and_value(
    instance_id: str, field: str, body: Any
) -> None:
    refused = f"{field} is {instance_id!r}, not an instance id (i- and 8 to 17 hexadecimal digits)"
    assert refusal(body(instance_id)).endswith(refused)


@pytest.mark.parametrize("instance_id", ["i-0a1b2c3d", GOOD])
def test_old_and_new_instance_ids_are_read(instance_id: str) -> None:
    read = read_signal(call("EnterStandby", instanceIds=[instance_id]), TAG)
    assert isinstance(read, InstanceSignal)
    assert read.instance_ids == {instance_id}


@pytest.mark.parametrize("interface_id", ["*", "eni-*", "eni-0a1b2c3", GOOD, "eni-0a1b2c3d4e5f6000\ud800"])
def test_a_text_that_is_not_an_interface_id_is_refused_with_its_value(interface_id: str) -> None:
    refused = (
        f"networkInterfaceId is {interface_id!r}, not a network interface id (eni- and 8 to 17 hexadecimal digits)"
    )
    assert refusal(call("AssignIpv6Addresses", networkInterfaceId=interface_id)).endswith(refused)


@pytest.mark.parametrize("other", NO_IDS)
def test_an_id_that_only_limits_whose_wait_is_looked_at_is_left_out(other: str) -> None:
    times = {GOOD: "2026-11-20T10:00:00+00:00", other: "2026-11-20T10:00:00+00:00"}
    read = read_signal(reconcile(attempt=1, since=times), TAG)
    assert isinstance(read, PoolSignal)
    assert read.waiting == frozenset({InstanceId(GOOD)})
    changed = {
        "source": "aws.tag",
        "detail-type": "Tag Change on Resource",
        "resources": [f"arn:aws:ec2:eu-west-1:123456789012:instance/{each}" for each in (GOOD, other)],
        "detail": {"changed-tag-keys": [TAG]},
    }
    read = read_signal(json.dumps(changed), TAG)
    assert isinstance(read, PoolSignal)
    assert (read.pools, read.instance_ids) == (None, frozenset({InstanceId(GOOD)}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("AutoScalingGroupName", "web\ud800"),
        ("AutoScalingGroupName", "web\x00"),
        ("AutoScalingGroupName", "x" * 256),
        ("LifecycleHookName", "fleet53 launch"),
        ("LifecycleHookName", "fleet53\ud800"),
        ("LifecycleHookName", "x" * 256),
        ("LifecycleActionToken", "87654321"),
        ("LifecycleActionToken", "87654321-4321-4321-4321-21098765432\ud800"),
    ],
)
def test_what_auto_scaling_would_refuse_is_refused_with_its_field(field: str, value: str) -> None:
    assert refusal(lifecycle(**{field: value})).startswith(
        f"aws.autoscaling 'EC2 Instance-launch Lifecycle Action': {field} is '"
    )
    written = {"AutoScalingGroupName": "group", "LifecycleHookName": "hook", "LifecycleActionToken": "token"}[field]
    assert refusal(reconcile(actions=[ACTION | {written: value}])).startswith(f"fleet53 'Reconcile': {written} is ")


@pytest.mark.parametrize("body", [reconcile(because="\ud800"), reconcile(pools=["web", "\ud800"])])
def test_text_that_is_not_unicode_is_refused(body: str) -> None:
    assert "'\\ud800'" in refusal(body)


def test_values_that_are_nested_more_deeply_than_python_reads_are_refused() -> None:
    nested = '{"a":' * 3000 + "1" + "}" * 3000
    body = call("AssignIpv6Addresses").replace('"requestParameters": {}', f'"requestParameters": {nested}')
    assert refusal(body).startswith("nested too deeply: ")


@pytest.mark.parametrize("attempt", [1_000_001, True, 1.0])
def test_a_number_of_looks_that_no_chain_has_is_refused(attempt: object) -> None:
    assert f"detail.attempt={attempt}" in refusal(reconcile(attempt=attempt))


@pytest.mark.parametrize("ttl", [True, -1, 2_147_483_648, 60.0, "60", None])
def test_a_value_that_cannot_be_a_records_ttl_cannot_be_an_actions_ttl(ttl: object) -> None:
    read = read_signal(reconcile(actions=[ACTION | {"ttl": ttl}]), TAG)
    assert isinstance(read, PoolSignal)
    assert [action.ttl for action in read.actions] == [None]


def test_the_reason_is_short_however_long_the_value_is() -> None:
    assert len(refusal(call("EnterStandby", instanceIds=["x" * 200_000]))) < 400
    assert len(refusal(reconcile(actions=["x" * 200_000]))) < 400
