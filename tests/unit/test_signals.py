from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet53.domain.claim import Claim
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import InstanceId, InterfaceId, PoolName
from fleet53.domain.lifecycle import Action, Transition
from fleet53.signals.messages import reconcile_message
from fleet53.signals.model import Ignored, InstanceSignal, PoolSignal, Signal
from fleet53.signals.read import read_signal

EVENTS = Path(__file__).parents[2] / "events"
TAG = "fleet53:pool"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ID = InstanceId("i-0a1b2c3d4e5f60001")
WEB = PoolName("web")
LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING
NO_ID = "not an instance id (i- and 8 to 17 hexadecimal digits)"
NOT_NAMED = "which does not name the instance that lost the address"


def about_it(because: str, claim: Claim | None = None) -> InstanceSignal:
    return InstanceSignal(frozenset({ID}), because, AT, claim=claim)


def about_action(transition: Transition, token: str, *, warm: bool = False) -> InstanceSignal:
    hook = "fleet53-launch" if transition is Transition.LAUNCHING else "fleet53-terminate"
    waits = Action("web-fleet", hook, ID, transition, at=AT, heartbeat_at=AT, token=token, warm=warm)
    claim = Claim.LAUNCHED if transition is Transition.LAUNCHING else Claim.LEAVES
    return InstanceSignal(frozenset({ID}), f"Auto Scaling waits at hook {hook}", AT, (waits,), claim=claim)


def about_settings(pool: str, operation: str) -> PoolSignal:
    because = f"parameter of pool {pool}: {operation}"
    claim = Claim.UNDECLARED if operation == "Delete" else Claim.DECLARED
    return PoolSignal(None, because, AT, sweep=True, changed=frozenset({PoolName(pool)}), claim=claim)


def about_all(because: str) -> PoolSignal:
    return PoolSignal(None, because, AT)


def about_address(operation: str) -> PoolSignal:
    return PoolSignal(None, f"CloudTrail recorded {operation}, {NOT_NAMED}", AT, claim=Claim.ADDRESSED)


def about_interface(operation: str) -> InstanceSignal:
    interfaces = frozenset({InterfaceId("eni-0a1b2c3d4e5f60001")})
    because = f"CloudTrail recorded {operation}"
    return InstanceSignal(frozenset(), because, AT, interface_ids=interfaces, claim=Claim.ADDRESSED)


READ: dict[str, Signal] = {
    "ec2-instance-pending": about_it("EC2 said pending"),
    "ec2-instance-running": about_it("EC2 said running", Claim.RUNNING),
    "ec2-instance-stopping": about_it("EC2 said stopping", Claim.ENDS),
    "ec2-instance-stopped": about_it("EC2 said stopped", Claim.ENDS),
    "ec2-instance-shutting-down": about_it("EC2 said shutting-down", Claim.ENDS),
    "ec2-instance-terminated": about_it("EC2 said terminated", Claim.ENDS),
    "ec2-spot-interruption-terminate": about_it("Spot warned of an interruption", Claim.INTERRUPTED),
    "ec2-spot-interruption-stop": about_it("Spot warned of an interruption", Claim.INTERRUPTED),
    "ec2-spot-interruption-hibernate": about_it("Spot warned of an interruption", Claim.INTERRUPTED),
    "ec2-rebalance-recommendation": Ignored(
        "aws.ec2 'EC2 Instance Rebalance Recommendation' is not an event that fleet53 acts on"
    ),
    "autoscaling-launch-action": about_action(LAUNCHING, "87654321-4321-4321-4321-21098765000a"),
    "autoscaling-launch-action-into-warm-pool": about_action(
        LAUNCHING, "87654321-4321-4321-4321-21098765000b", warm=True
    ),
    "autoscaling-launch-action-from-warm-pool": about_action(LAUNCHING, "87654321-4321-4321-4321-21098765000c"),
    "autoscaling-launch-action-after-root-volume": about_action(LAUNCHING, "87654321-4321-4321-4321-210987650010"),
    "autoscaling-terminate-action-before-root-volume": about_action(
        TERMINATING, "87654321-4321-4321-4321-210987650011"
    ),
    "autoscaling-terminate-action": about_action(TERMINATING, "87654321-4321-4321-4321-21098765000d"),
    "autoscaling-terminate-action-into-warm-pool": about_action(TERMINATING, "87654321-4321-4321-4321-21098765000e"),
    "autoscaling-terminate-action-from-warm-pool": about_action(
        TERMINATING, "87654321-4321-4321-4321-21098765000f", warm=True
    ),
    "autoscaling-launch-successful": about_it("Auto Scaling sent EC2 Instance Launch Successful", Claim.LAUNCHED),
    "autoscaling-terminate-successful": about_it("Auto Scaling sent EC2 Instance Terminate Successful", Claim.ENDS),
    "autoscaling-launch-unsuccessful": Ignored(
        "aws.autoscaling 'EC2 Instance Launch Unsuccessful' is not an event that fleet53 acts on"
    ),
    "tag-change-pool-tag-added": replace(
        about_all("tag fleet53:pool changed"), instance_ids=frozenset({ID}), tagged=frozenset({PoolName("web")})
    ),
    "tag-change-pool-tag-removed": replace(
        about_all("tag fleet53:pool changed"), instance_ids=frozenset({ID}), tagged=frozenset()
    ),
    "tag-change-other-key": Ignored("aws.tag 'Tag Change on Resource' is not about fleet53:pool"),
    "parameter-store-pool-created": about_settings("web", "Create"),
    "parameter-store-pool-updated": about_settings("web", "Update"),
    "parameter-store-pool-deleted": about_settings("web", "Delete"),
    # No rule sends this one: the rule's pattern holds the path of the stack's pools.
    "parameter-store-other-parameter": about_settings("host", "Update"),
    "cloudtrail-associate-address-with-instance": about_address("AssociateAddress"),
    "cloudtrail-associate-address-with-interface": about_address("AssociateAddress"),
    "cloudtrail-disassociate-address": about_address("DisassociateAddress"),
    "cloudtrail-release-address": about_address("ReleaseAddress"),
    "cloudtrail-detach-network-interface": about_address("DetachNetworkInterface"),
    "cloudtrail-attach-network-interface": about_it("CloudTrail recorded AttachNetworkInterface", Claim.ADDRESSED),
    "cloudtrail-modify-network-interface-attribute": about_interface("ModifyNetworkInterfaceAttribute"),
    "cloudtrail-assign-ipv6-addresses": about_interface("AssignIpv6Addresses"),
    "cloudtrail-unassign-ipv6-addresses": about_interface("UnassignIpv6Addresses"),
    "cloudtrail-unassign-private-ip-addresses": about_interface("UnassignPrivateIpAddresses"),
    "cloudtrail-assign-private-ip-addresses": about_address("AssignPrivateIpAddresses"),
    "cloudtrail-enter-standby": about_it("CloudTrail recorded EnterStandby", Claim.LEAVES),
    "cloudtrail-exit-standby": about_it("CloudTrail recorded ExitStandby"),
    "cloudtrail-detach-instances": about_it("CloudTrail recorded DetachInstances", Claim.LEAVES),
    "fleet53-reconcile": PoolSignal(frozenset({WEB}), "i-0a1b2c3d4e5f60001 waits for its health check"),
    "fleet53-reconcile-all": PoolSignal(None, "the stack was updated", sweep=True),
    "fleet53-drift-detected": Ignored("fleet53 'Drift Detected' is not an event that fleet53 acts on"),
    "fleet53-instance-admitted": Ignored("fleet53 'Instance Admitted' is not an event that fleet53 acts on"),
    "fleet53-instance-withdrawn": Ignored("fleet53 'Instance Withdrawn' is not an event that fleet53 acts on"),
    "fleet53-member-healthy": Ignored("fleet53 'Member Healthy' is not an event that fleet53 acts on"),
    "fleet53-member-unhealthy": Ignored("fleet53 'Member Unhealthy' is not an event that fleet53 acts on"),
    "fleet53-pool-answered": Ignored("fleet53 'Pool Answered' is not an event that fleet53 acts on"),
    "fleet53-pool-unanswered": Ignored("fleet53 'Pool Unanswered' is not an event that fleet53 acts on"),
    "fleet53-withdrawal-held": Ignored("fleet53 'Withdrawal Held' is not an event that fleet53 acts on"),
}


def event(source: str, kind: str, detail: Any, **more: Any) -> str:
    return json.dumps({"source": source, "detail-type": kind, "detail": detail, **more})


def call(name: str, parameters: Any, **more: Any) -> str:
    detail = {"eventName": name, "requestParameters": parameters, **more}
    return event("aws.ec2", "AWS API Call via CloudTrail", detail)


def reconcile(**detail: Any) -> str:
    return event("fleet53", "Reconcile", {"pools": ["web"], "because": "a test", **detail})


def lifecycle(
    kind: str = "EC2 Instance-terminate Lifecycle Action", time: object = AT.isoformat(), **detail: Any
) -> str:
    usual = {
        "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
        "AutoScalingGroupName": "web-fleet",
        "LifecycleHookName": "fleet53-terminate",
        "EC2InstanceId": "i-0a1b2c3d4e5f60001",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    }
    return event("aws.autoscaling", kind, usual | detail, time=time)


def written(**differs: Any) -> str:
    """Return a message to ourselves with one action, of which something differs."""
    usual = {
        "group": "web-fleet",
        "hook": "fleet53-launch",
        "instance_id": "i-0a1b2c3d4e5f60001",
        "transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "at": "2026-11-20T10:00:00+00:00",
        "beat": "2026-11-20T10:00:00+00:00",
        "token": None,
        "warm": False,
    }
    return reconcile(actions=[usual | differs])


def test_every_event_has_its_row() -> None:
    audits = {"audit-one-pool", "audit-repair", "audit-repair-by-force", "audit-report"}  # input of the audit
    assert {path.stem for path in EVENTS.glob("*.json")} == READ.keys() | audits


@pytest.mark.parametrize("name", READ)
def test_an_event_reads_as_what_it_is_about(name: str) -> None:
    assert read_signal((EVENTS / f"{name}.json").read_text(), TAG) == READ[name]


FIRST_ACTION = {
    "group": "web-fleet",
    "hook": "fleet53-terminate",
    "instance_id": "i-0a1b2c3d4e5f60001",
    "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
    "at": "2026-11-20T10:00:00+00:00",
    "beat": "2026-11-20T10:00:00+00:00",
    "token": "87654321-4321-4321-4321-210987654321",
    "warm": False,
}


# This is what version 0.1.0 wrote. An upgrade from it keeps the dead-letter queue.
@pytest.mark.parametrize(
    ("detail", "signal"),
    [
        ({"pools": "*"}, PoolSignal(None, "b", sweep=True)),
        (
            {"pools": ["web"], "attempt": 3, "since": {"i-0a1b2c3d4e5f60001": "2026-11-20T10:00:00+00:00"}},
            PoolSignal(frozenset({WEB}), "b", attempt=3, since={ID: AT}),
        ),
        (
            {"pools": ["web"], "attempt": 1, "actions": [FIRST_ACTION]},
            PoolSignal(
                frozenset({WEB}),
                "b",
                attempt=1,
                actions=about_action(TERMINATING, "87654321-4321-4321-4321-210987654321").actions,
            ),
        ),
        (
            {"pools": ["web"], "sweep": True, "repair": True, "force": True},
            PoolSignal(frozenset({WEB}), "b", sweep=True, repair=True, force=True),
        ),
    ],
)
def test_a_message_of_version_0_1_0_is_read(detail: dict[str, Any], signal: PoolSignal) -> None:
    message = {"source": "fleet53", "detail-type": "Reconcile", "detail": {"because": "b"} | detail}
    assert read_signal(json.dumps(message), TAG) == signal


@pytest.mark.parametrize("operation", ["LabelParameterVersion", None, ["Create"]])
def test_an_event_about_a_parameter_whose_value_did_not_change_says_nothing_that_parameter_store_will_show(
    operation: object,
) -> None:
    detail = {"operation": operation, "name": "/fleet53/fleet53/pools/web"}
    signal = read_signal(event("aws.ssm", "Parameter Store Change", detail), TAG)
    assert isinstance(signal, PoolSignal)
    assert signal.changed == {PoolName("web")}
    assert signal.claim is None


# Origin and Destination stand only in events of groups with a warm pool (Auto Scaling User Guide, event reference).
@pytest.mark.parametrize(
    ("transition", "ends", "warm"),
    [
        (LAUNCHING, {}, False),
        (LAUNCHING, {"Origin": "EC2"}, False),
        (LAUNCHING, {"Origin": "EC2", "Destination": "AutoScalingGroup"}, False),
        (LAUNCHING, {"Origin": "WarmPool", "Destination": "AutoScalingGroup"}, False),
        (LAUNCHING, {"Origin": "EC2", "Destination": "WarmPool"}, True),
        (LAUNCHING, {"Destination": "WarmPool"}, True),
        (TERMINATING, {}, False),
        (TERMINATING, {"Destination": "EC2"}, False),
        (TERMINATING, {"Origin": "AutoScalingGroup", "Destination": "EC2"}, False),
        (TERMINATING, {"Origin": "AutoScalingGroup", "Destination": "WarmPool"}, False),
        (TERMINATING, {"Origin": "WarmPool", "Destination": "EC2"}, True),
        (TERMINATING, {"Origin": "WarmPool"}, True),
        (LAUNCHING, {"Origin": None, "Destination": 5}, False),
    ],
)
def test_only_an_instance_that_never_serves_on_its_way_is_warm(
    transition: Transition, ends: dict[str, Any], *, warm: bool
) -> None:
    signal = read_signal(lifecycle(LifecycleTransition=transition.value, **ends), TAG)
    assert isinstance(signal, InstanceSignal)
    assert [(each.transition, each.warm) for each in signal.actions] == [(transition, warm)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lifecycle(time=None), "time is missing or is not a time, and the drain is counted from it"),
        (lifecycle(time="this morning"), "time is missing or is not a time, and the drain is counted from it"),
        (
            lifecycle(LifecycleTransition="autoscaling:EC2_INSTANCE_RESTING"),
            (
                "the transition is 'autoscaling:EC2_INSTANCE_RESTING', not autoscaling:EC2_INSTANCE_LAUNCHING "
                "or autoscaling:EC2_INSTANCE_TERMINATING"
            ),
        ),
        (lifecycle(LifecycleTransition=None), "LifecycleTransition is None, not a non-empty string"),
        (lifecycle(AutoScalingGroupName=""), "AutoScalingGroupName is '', not a non-empty string"),
        (lifecycle(LifecycleHookName=5), "LifecycleHookName is 5, not a non-empty string"),
        (lifecycle(EC2InstanceId=None), f"EC2InstanceId is None, {NO_ID}"),
        (lifecycle(LifecycleActionToken=[]), "LifecycleActionToken is [], not a non-empty string"),
    ],
)
def test_an_action_that_cannot_be_completed_is_not_understood(body: str, message: str) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        read_signal(body, TAG)
    assert str(caught.value) == f"aws.autoscaling 'EC2 Instance-terminate Lifecycle Action': {message}"


def test_an_action_of_the_audit_reads_without_a_token() -> None:
    signal = read_signal(written(), TAG)
    assert signal == PoolSignal(
        frozenset({WEB}),
        "a test",
        actions=(Action("web-fleet", "fleet53-launch", ID, LAUNCHING, at=AT, heartbeat_at=AT),),
    )


def test_an_action_that_says_the_least_reads_like_one_that_says_all() -> None:
    least = json.loads(written())
    for key in ("token", "warm"):
        del least["detail"]["actions"][0][key]
    assert read_signal(json.dumps(least), TAG) == read_signal(written(), TAG)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (reconcile(actions=None), "detail.actions is None, not a list of objects"),
        (reconcile(actions="i-0a"), "detail.actions is 'i-0a', not a list of objects"),
        (reconcile(actions={}), "detail.actions is {}, not a list of objects"),
        (reconcile(actions=["i-0a"]), "detail.actions is ['i-0a'], not a list of objects"),
        (reconcile(actions=[{}, None]), "detail.actions is [{}, None], not a list of objects"),
        (reconcile(actions=[{}]), "detail.actions: at and beat are times, not {}"),
        (written(group=None), "group is None, not a non-empty string"),
        (written(hook=""), "hook is '', not a non-empty string"),
        (written(instance_id=["i-0a"]), f"instance_id is ['i-0a'], {NO_ID}"),
        (written(token=5), "token is 5, not a non-empty string"),
        (written(token=""), "token is '', not a non-empty string"),
        (
            written(transition="launch"),
            (
                "the transition is 'launch', not autoscaling:EC2_INSTANCE_LAUNCHING "
                "or autoscaling:EC2_INSTANCE_TERMINATING"
            ),
        ),
    ],
)
def test_actions_that_cannot_be_read_are_named(body: str, message: str) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        read_signal(body, TAG)
    assert str(caught.value) == f"fleet53 'Reconcile': {message}"


@pytest.mark.parametrize("key", ["at", "beat"])
@pytest.mark.parametrize("time", [None, "soon", 1795168800, ""])
def test_an_action_without_its_times_is_not_understood(key: str, time: object) -> None:
    with pytest.raises(NotUnderstoodError, match=rf"detail\.actions: at and beat are times, not .*'{key}': {time!r}"):
        read_signal(written(**{key: time}), TAG)


def test_another_tag_key_is_as_good() -> None:
    changed = event("aws.tag", "Tag Change on Resource", {"changed-tag-keys": ["Name", "pool"]})
    assert read_signal(changed, "pool") == PoolSignal(None, "tag pool changed")


def test_a_call_about_several_instances_is_about_all_of_them() -> None:
    assert read_signal(
        call("EnterStandby", {"instanceIds": ["i-0a1b2c3d", "i-0a1b2c3d4e5f60001"]}), TAG
    ) == InstanceSignal(
        frozenset({InstanceId("i-0a1b2c3d"), InstanceId("i-0a1b2c3d4e5f60001")}),
        "CloudTrail recorded EnterStandby",
        claim=Claim.LEAVES,
    )


def test_a_call_that_failed_changed_nothing() -> None:
    failed = call("DetachInstances", None, errorCode="ValidationError")
    assert read_signal(failed, TAG) == Ignored("DetachInstances failed with ValidationError")


def test_another_call_is_not_a_signal() -> None:
    assert read_signal(call("RunInstances", {}), TAG) == Ignored(
        "aws.ec2 'AWS API Call via CloudTrail': RunInstances is not an event that fleet53 acts on"
    )


@pytest.mark.parametrize("parameters", [None, {"secondaryPrivateIpAddressCount": 1}, {"allowReassignment": False}])
def test_a_private_address_that_no_instance_had_is_not_a_signal(parameters: dict[str, Any] | None) -> None:
    assert read_signal(call("AssignPrivateIpAddresses", parameters), TAG) == Ignored(
        "CloudTrail recorded AssignPrivateIpAddresses, which takes no address from anybody"
    )


def test_a_reassignment_is_found_where_cloudtrail_nests_the_request() -> None:
    nested = {"AssignPrivateIpAddressesRequest": {"AllowReassignment": True, "PrivateIpAddress": ["10.0.0.11"]}}
    assert read_signal(call("AssignPrivateIpAddresses", nested), TAG) == PoolSignal(
        None,
        "CloudTrail recorded AssignPrivateIpAddresses, which does not name the instance that lost the address",
        claim=Claim.ADDRESSED,
    )


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2026-11-20T10:00:00Z", AT),
        ("2026-11-20T12:00:00+02:00", AT),
        ("2026-11-20T10:00:00", AT),
        ("this morning", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59Z", None),
        (1795168800, None),
        (None, None),
    ],
)
def test_a_time_that_cannot_be_read_costs_nothing_but_the_time(time: object, at: datetime | None) -> None:
    state = {"instance-id": "i-0a1b2c3d4e5f60001", "state": "running"}
    read = read_signal(event("aws.ec2", "EC2 Instance State-change Notification", state, time=time), TAG)
    assert read == InstanceSignal(frozenset({ID}), "EC2 said running", at, claim=Claim.RUNNING)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not JSON (Expecting value: line 1 column 1 (char 0)): ''"),
        ("{]", "not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)): '{]'"),
        ("[]", "not an event, which is a JSON object: '[]'"),
        ('"web"', "not an event, which is a JSON object: '\"web\"'"),
        ("{}", "event: source is None, not a non-empty string"),
        ('{"source": ""}', "event: source is '', not a non-empty string"),
        ('{"source": "aws.ec2"}', "event: detail-type is None, not a non-empty string"),
        ('{"source": "aws.ec2", "detail-type": 7}', "event: detail-type is 7, not a non-empty string"),
        (
            '{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}',
            "aws.ec2 'EC2 Instance State-change Notification': detail is None, not an object",
        ),
        (
            event("aws.ec2", "EC2 Instance State-change Notification", {"state": "running"}),
            "aws.ec2 'EC2 Instance State-change Notification': instance-id is None, " + NO_ID,
        ),
        (
            event("aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-id": 5}),
            "aws.ec2 'EC2 Spot Instance Interruption Warning': instance-id is 5, " + NO_ID,
        ),
        (
            event("aws.autoscaling", "EC2 Instance Launch Successful", {}),
            "aws.autoscaling 'EC2 Instance Launch Successful': EC2InstanceId is None, " + NO_ID,
        ),
        (
            event("aws.tag", "Tag Change on Resource", {"changed-tag-keys": "fleet53:pool"}),
            "aws.tag 'Tag Change on Resource': detail.changed-tag-keys is 'fleet53:pool', not a list",
        ),
        (
            event("aws.ssm", "Parameter Store Change", {"operation": "Update"}),
            "aws.ssm 'Parameter Store Change': name is None, not a non-empty string",
        ),
        (
            event("aws.ec2", "AWS API Call via CloudTrail", {}),
            "aws.ec2 'AWS API Call via CloudTrail': eventName is None, not a non-empty string",
        ),
        (
            call("EnterStandby", None),
            "aws.ec2 'AWS API Call via CloudTrail': EnterStandby with requestParameters None names no instances",
        ),
        (
            call("DetachInstances", {"instanceIds": []}),
            (
                "aws.ec2 'AWS API Call via CloudTrail': DetachInstances with requestParameters {'instanceIds': []} "
                "names no instances"
            ),
        ),
        (reconcile(because=None), "fleet53 'Reconcile': because is None, not a non-empty string"),
        (reconcile(pools=None), "fleet53 'Reconcile': detail.pools is None, not a list of names or '*'"),
        (reconcile(pools="web"), "fleet53 'Reconcile': detail.pools is 'web', not a list of names or '*'"),
        (reconcile(pools=[]), "fleet53 'Reconcile': detail.pools is [], not a list of names or '*'"),
        (reconcile(pools=[1]), "fleet53 'Reconcile': detail.pools is [1], not a list of names or '*'"),
        (
            reconcile(attempt="2"),
            "fleet53 'Reconcile': detail.attempt='2', detail.since={}; attempt is a number from 0, since is an object",
        ),
        (
            reconcile(since=[]),
            "fleet53 'Reconcile': detail.attempt=0, detail.since=[]; attempt is a number from 0, since is an object",
        ),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_value(body: str, message: str) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        read_signal(body, TAG)
    assert str(caught.value) == message


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        read_signal("x" * 100_000, TAG)
    assert len(str(caught.value)) < 300


def test_an_attempt_below_zero_is_not_understood() -> None:
    with pytest.raises(NotUnderstoodError, match="attempt=-20"):
        read_signal(reconcile(attempt=-20), TAG)


def test_json_of_any_depth_is_not_understood_rather_than_too_deep() -> None:
    with pytest.raises(NotUnderstoodError):
        read_signal("[" * 100_000, TAG)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(
    [
        (json.loads(path.read_text()).get("source"), json.loads(path.read_text()).get("detail-type"))
        for path in sorted(EVENTS.glob("*.json"))
    ]
)
FIELDS = st.sampled_from(
    [
        *("instance-id", "EC2InstanceId", "changed-tag-keys", "name", "eventName", "requestParameters"),
        *("errorCode", "pools", "because", "attempt", "since", "state", "operation", "actions"),
        *("LifecycleActionToken", "AutoScalingGroupName", "LifecycleHookName", "LifecycleTransition", "Origin"),
    ]
)
VALUES = JSON | st.sampled_from(
    [
        *(
            "AssociateAddress",
            "AssignIpv6Addresses",
            "EnterStandby",
            "*",
            ["web"],
            {"instanceIds": [None]},
            {"i-0a": "2026-11-20T10:00:00"},
        ),
        *(*Transition, "WarmPool", [{}], json.loads(written())["detail"]["actions"]),
    ]
)


def test_the_interface_is_found_where_cloudtrail_nests_the_request() -> None:
    nested = {
        "UnassignIpv6AddressesRequest": {
            "Ipv6Address": ["2600:1f18::53"],
            "NetworkInterfaceId": "eni-0a1b2c3d4e5f60001",
        }
    }
    assert read_signal(call("UnassignIpv6Addresses", nested), TAG) == InstanceSignal(
        frozenset(),
        "CloudTrail recorded UnassignIpv6Addresses",
        interface_ids=frozenset({InterfaceId("eni-0a1b2c3d4e5f60001")}),
        claim=Claim.ADDRESSED,
    )


def test_a_call_about_an_interface_that_it_does_not_name_concerns_all_pools() -> None:
    assert read_signal(call("UnassignIpv6Addresses", {"ipv6Addresses": ["2600:1f18::53"]}), TAG) == PoolSignal(
        None, "CloudTrail recorded UnassignIpv6Addresses, which names no network interface", claim=Claim.ADDRESSED
    )


def signal_or_reason(body: str) -> Signal | str:
    try:
        return read_signal(body, TAG)
    except NotUnderstoodError as error:
        return str(error)


@given(st.text())
@example("NaN")
@example("1" * 5000)
@example('"\\ud800"')
def test_any_text_is_read_or_not_understood(body: str) -> None:
    assert signal_or_reason(body)


@given(KINDS, st.dictionaries(FIELDS, VALUES) | JSON, JSON)
def test_any_event_is_read_or_not_understood(kind: tuple[str, str], detail: object, time: object) -> None:
    assert signal_or_reason(json.dumps({"source": kind[0], "detail-type": kind[1], "detail": detail, "time": time}))


def test_the_shortest_message_says_nothing_it_need_not() -> None:
    assert reconcile_message(frozenset({PoolName("web"), PoolName("api")}), "a test") == {
        "source": "fleet53",
        "detail-type": "Reconcile",
        "detail": {"pools": ["api", "web"], "because": "a test"},
    }


@pytest.mark.parametrize(
    ("written", "about"),
    [
        ({"held": [ID]}, frozenset({ID})),
        ({"absent": {ID: AT}}, frozenset({ID})),
        ({"since": {ID: AT}}, None),
        ({}, None),
    ],
)
def test_a_sweep_is_about_the_absent_members_that_its_message_names_and_otherwise_about_all(
    written: dict[str, Any], about: frozenset[InstanceId] | None
) -> None:
    signal = read_signal(json.dumps(reconcile_message(None, "a test", **written)), TAG)
    assert isinstance(signal, PoolSignal)
    assert (signal.sweep, signal.about) == (True, about)
