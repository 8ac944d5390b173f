from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from fleet53.domain.ids import PoolName
from fleet53.domain.source import Source
from fleet53.planning.membership import AUTO_SCALING, EC2, Assessment, Membership, assess
from tests.unit.build import instance

WEB = PoolName("web")


def enum_of(aws: str, shape: str) -> set[str]:
    model: Any = botocore.session.get_session().get_service_model(aws)
    return set(model.shape_for(shape).enum)


def test_every_ec2_instance_state_has_a_row() -> None:
    assert set(EC2) == enum_of("ec2", "InstanceStateName")


def test_every_auto_scaling_lifecycle_state_has_a_row() -> None:
    assert set(AUTO_SCALING) == enum_of("autoscaling", "LifecycleState")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("pending", Assessment(Membership.WAIT, "EC2 says pending")),
        ("running", Assessment(Membership.ADMIT, "EC2 says running")),
        ("stopping", Assessment(Membership.WITHDRAW, "EC2 says stopping")),
        ("stopped", Assessment(Membership.WITHDRAW, "EC2 says stopped")),
        ("shutting-down", Assessment(Membership.WITHDRAW, "EC2 says shutting-down")),
        ("terminated", Assessment(Membership.WITHDRAW, "EC2 says terminated")),
    ],
)
def test_an_instance_in_no_group_is_what_ec2_says(state: str, expected: Assessment) -> None:
    assert assess(instance(state=state), WEB, None, None) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Pending", Membership.WAIT),
        ("Pending:Wait", Membership.PREPARE),
        ("Pending:Proceed", Membership.PREPARE),
        ("Quarantined", Membership.WITHDRAW),
        ("InService", Membership.ADMIT),
        ("Terminating", Membership.WITHDRAW),
        ("Terminating:Wait", Membership.WITHDRAW),
        ("Terminating:Proceed", Membership.WITHDRAW),
        ("Terminating:Retained", Membership.WITHDRAW),
        ("Terminated", Membership.WITHDRAW),
        ("Detaching", Membership.WITHDRAW),
        ("Detached", Membership.ADMIT),
        ("EnteringStandby", Membership.WITHDRAW),
        ("Standby", Membership.WITHDRAW),
        ("ReplacingRootVolume", Membership.WITHDRAW),
        ("ReplacingRootVolume:Wait", Membership.WITHDRAW),
        ("ReplacingRootVolume:Proceed", Membership.WITHDRAW),
        ("RootVolumeReplaced", Membership.PREPARE),
        ("Warmed:Pending", Membership.WITHDRAW),
        ("Warmed:Pending:Wait", Membership.WITHDRAW),
        ("Warmed:Pending:Proceed", Membership.WITHDRAW),
        ("Warmed:Pending:Retained", Membership.WITHDRAW),
        ("Warmed:Terminating", Membership.WITHDRAW),
        ("Warmed:Terminating:Wait", Membership.WITHDRAW),
        ("Warmed:Terminating:Proceed", Membership.WITHDRAW),
        ("Warmed:Terminating:Retained", Membership.WITHDRAW),
        ("Warmed:Terminated", Membership.WITHDRAW),
        ("Warmed:Stopped", Membership.WITHDRAW),
        ("Warmed:Running", Membership.WITHDRAW),
        ("Warmed:Hibernated", Membership.WITHDRAW),
    ],
)
def test_a_running_instance_in_a_group_is_what_auto_scaling_says(state: str, expected: Membership) -> None:
    assessment = Assessment(expected, f"Auto Scaling says {state}", passes=state == "Detaching")
    assert assess(instance(group="web-fleet"), WEB, state, None) == assessment


@pytest.mark.parametrize(
    "spot",
    [
        "marked-for-stop",
        "marked-for-termination",
        "instance-terminated-no-capacity",
        "instance-terminated-by-price",
        "instance-terminated-by-user",
    ],
)
def test_a_running_instance_that_spot_has_marked_is_withdrawn(spot: str) -> None:
    expected = Assessment(Membership.WITHDRAW, f"its Spot request is {spot}")
    assert assess(instance(spot=True), WEB, None, spot) == expected
    assert assess(instance(spot=True, group="web-fleet"), WEB, "InService", spot) == expected


@pytest.mark.parametrize("spot", ["fulfilled", "request-canceled-and-instance-running", None])
def test_any_other_spot_status_changes_nothing(spot: str | None) -> None:
    assert assess(instance(spot=True), WEB, None, spot) == Assessment(Membership.ADMIT, "EC2 says running")


def test_an_id_that_ec2_does_not_know_is_withdrawn_for_its_absence() -> None:
    assert assess(None, WEB, None, None) == Assessment(
        Membership.WITHDRAW, "EC2 does not know the instance", evidence=False
    )


@pytest.mark.parametrize("state", ["pending", "running"])
def test_an_instance_whose_tag_does_not_name_the_pool_is_withdrawn_for_its_absence(state: str) -> None:
    untagged = instance(state=state, pools=frozenset({PoolName("api")}))
    expected = Assessment(Membership.WITHDRAW, "its tag does not name pool web", evidence=False)
    assert assess(untagged, WEB, None, None) == expected


def test_a_group_that_auto_scaling_does_not_confirm_is_waited_for() -> None:
    expected = Assessment(Membership.WAIT, "Auto Scaling does not confirm it in group web-fleet")
    assert assess(instance(group="web-fleet"), WEB, None, None) == expected


def test_an_instance_that_ec2_does_not_show_is_left_while_ec2_lists_none() -> None:
    unread = {Source.EC2: "InternalError"}
    because = "left as it is, because EC2 could not be read: InternalError"
    assert assess(None, WEB, None, None, unread) == Assessment(Membership.LEAVE, because, unread=True)
    assert assess(instance(), WEB, None, None, unread) == Assessment(Membership.ADMIT, "EC2 says running")
    assert assess(instance(state="stopping"), WEB, None, None, unread).membership is Membership.WITHDRAW


def test_a_member_of_a_group_is_left_as_it_is_while_auto_scaling_cannot_be_read() -> None:
    unread = {Source.AUTO_SCALING: "AccessDenied"}
    because = "left as it is, because Auto Scaling could not be read: AccessDenied"
    left = Assessment(Membership.LEAVE, because, unread=True)
    assert assess(instance(group="web-fleet"), WEB, None, None, unread) == left
    assert assess(instance(), WEB, None, None, unread) == Assessment(Membership.ADMIT, "EC2 says running")
    assert assess(instance(group="web-fleet", state="stopping"), WEB, None, None, unread) == Assessment(
        Membership.WITHDRAW, "EC2 says stopping"
    )


@pytest.mark.parametrize("state", ["InService", "Pending:Wait"])
def test_a_spot_instance_that_would_serve_is_left_as_it_is_while_spot_cannot_be_read(state: str) -> None:
    unread = {Source.SPOT: "Throttling"}
    left = Assessment(
        Membership.LEAVE, "left as it is, because Spot requests could not be read: Throttling", unread=True
    )
    assert assess(instance(spot=True, group="web-fleet"), WEB, state, None, unread) == left
    assert assess(instance(spot=True, state="pending"), WEB, None, None, unread).membership is Membership.WAIT
    assert assess(instance(), WEB, None, None, unread).membership is Membership.ADMIT


def test_an_ec2_state_of_the_future_is_left_alone() -> None:
    expected = Assessment(Membership.LEAVE, "EC2 state 'resting' is unknown to this version")
    assert assess(instance(state="resting"), WEB, None, None) == expected


def test_an_auto_scaling_state_of_the_future_is_left_alone() -> None:
    expected = Assessment(Membership.LEAVE, "Auto Scaling state 'Resting' is unknown to this version")
    assert assess(instance(group="web-fleet"), WEB, "Resting", None) == expected


def test_a_stopped_instance_without_its_tag_has_evidence() -> None:
    assert assess(instance(state="stopped", pools=frozenset()), WEB, None, None).evidence


def test_an_unknown_state_comes_before_a_missing_tag() -> None:
    assert assess(instance(state="resting", pools=frozenset()), WEB, None, None).membership is Membership.LEAVE


def test_ec2_comes_before_auto_scaling() -> None:
    stopping = instance(state="stopping", group="web-fleet")
    assert assess(stopping, WEB, "InService", None) == Assessment(Membership.WITHDRAW, "EC2 says stopping")
    pending = instance(state="pending", group="web-fleet")
    assert assess(pending, WEB, "InService", None) == Assessment(Membership.WAIT, "EC2 says pending")


@pytest.mark.parametrize(
    ("lifecycle_state", "spot", "because"),
    [
        (None, "marked-for-termination", "its Spot request is marked-for-termination"),
        ("Terminating:Wait", None, "Auto Scaling says Terminating:Wait"),
        ("Standby", None, "Auto Scaling says Standby"),
    ],
)
def test_evidence_of_spot_and_auto_scaling_comes_before_a_missing_tag(
    lifecycle_state: str | None, spot: str | None, because: str
) -> None:
    untagged = instance(spot=True, group="web-fleet", pools=frozenset())
    assert assess(untagged, WEB, lifecycle_state, spot) == Assessment(Membership.WITHDRAW, because, evidence=True)


def test_a_missing_tag_of_an_instance_in_service_is_absence() -> None:
    assert not assess(instance(group="web-fleet", pools=frozenset()), WEB, "InService", None).evidence


def test_a_spot_mark_comes_before_a_group_that_is_not_confirmed() -> None:
    assert assess(instance(group="web-fleet"), WEB, None, "marked-for-stop").membership is Membership.WITHDRAW
