"""An instance that terminates leaves DNS at once, and goes when no resolver may send a client to it any more."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.groups import (
    GROUP,
    TERMINATE,
    complete,
    completions,
    events,
    heartbeats,
    in_service,
    lose,
    pass_time,
    resize,
    state_of,
    terminate,
)
from tests.functional.incidents import before_each, wait_in_lab_time
from tests.functional.views import audit, checks_of, in_dns, log_lines, signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lab.world import Lab


def told_at(lab: Lab, instance_id: str) -> datetime:
    """Return the time of the event about an instance's terminate hook."""
    (event,) = events(lab, TERMINATE, instance_id)
    return datetime.fromisoformat(event["time"])


def ec2_state(lab: Lab, instance_id: str) -> str:
    return str(lab.fleet.describe(instance_id)["State"]["Name"])


# -- with a hook of ours


def test_the_record_and_its_check_go_at_once_while_the_instance_still_runs(lab: Lab) -> None:
    goes, stays = in_service(lab, 2)

    terminate(lab, goes)
    lab.run(2)

    assert state_of(lab, goes) == "Terminating:Wait"
    assert ec2_state(lab, goes) == "running"
    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []
    assert log_lines(lab, "record deleted")[-1]["because"] == "Auto Scaling says Terminating:Wait"


@pytest.mark.parametrize(("ttl", "drain"), [(60, 120), (300, 360), (1800, 1860)])
def test_the_hook_is_completed_a_ttl_and_a_minute_after_the_event_and_not_before(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, ttl: int, drain: int
) -> None:
    lab.put_pool("web", ttl=ttl)
    goes, _ = in_service(lab, 2)
    asked = completions(monkeypatch)

    terminate(lab, goes)
    lab.run(drain - 5, step=5)
    assert state_of(lab, goes) == "Terminating:Wait"
    assert asked == []
    lab.run(15)

    (one,) = asked
    assert drain <= (one.at - told_at(lab, goes)).total_seconds() <= drain + 5
    assert (one.result, one.token) == ("CONTINUE", events(lab, TERMINATE)[0]["detail"]["LifecycleActionToken"])
    assert ec2_state(lab, goes) in {"shutting-down", "terminated"}


def test_an_instance_of_two_pools_waits_for_the_longer_drain(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put_pool("api", ttl=300)
    goes, _ = in_service(lab, 2, pools=("web", "api"))
    asked = completions(monkeypatch)

    terminate(lab, goes)
    lab.run(370, step=5)

    (one,) = asked
    assert 360 <= (one.at - told_at(lab, goes)).total_seconds() <= 385


@pytest.mark.parametrize("heartbeat", [30, 60, 119])
def test_a_hook_whose_own_time_is_shorter_than_the_drain_is_kept_alive_until_then(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, heartbeat: int
) -> None:
    goes, _ = in_service(lab, 2, terminate_hook(heartbeat=heartbeat))
    beats, asked = heartbeats(monkeypatch), completions(monkeypatch)

    terminate(lab, goes)
    lab.run(118)
    assert state_of(lab, goes) == "Terminating:Wait"
    lab.run(10)

    assert [one.result for one in asked] == ["CONTINUE"]
    assert [one.refusal for one in asked] == [None]
    assert 1 <= len(beats) <= 12
    assert {one.refusal for one in beats} == {None}


def test_a_hook_whose_own_time_is_longer_than_the_drain_is_not_kept_alive(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, _ = in_service(lab, 2)
    beats = heartbeats(monkeypatch)

    terminate(lab, goes)
    lab.run(130, step=5)

    assert beats == []


def route53_does_not_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Let Route 53 answer no change of records, and return what lets it answer again."""
    outage = [OSError("Route 53 does not answer")]

    def refuse(_parameters: Mapping[str, object]) -> None:
        if outage:
            raise outage[0]

    before_each(lab, monkeypatch, "ChangeResourceRecordSets", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return outage.clear


def test_a_hook_is_not_completed_before_the_record_is_gone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, _ = in_service(lab, 2)
    answer_again = route53_does_not_answer(lab, monkeypatch)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(200, step=5)
    assert goes in in_dns(lab)
    assert asked == []
    assert state_of(lab, goes) == "Terminating:Wait"
    answer_again()
    lab.run(400, step=5)

    assert goes not in in_dns(lab)
    assert [one.result for one in asked] == ["CONTINUE"]


def test_where_the_record_went_late_the_drain_counts_from_then(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, _ = in_service(lab, 2)
    asked = completions(monkeypatch)
    lose(monkeypatch, TERMINATE)
    terminate(lab, goes)
    lab.run(300, step=5)
    assert goes in in_dns(lab)
    gone_at = lab.clock.now()
    signal(lab)
    assert goes not in in_dns(lab)
    lab.run(110, step=5)
    assert asked == []
    assert ec2_state(lab, goes) == "running"
    lab.run(30, step=5)

    (one,) = asked
    assert 120 <= (one.at - gone_at).total_seconds() <= 145


def test_where_another_run_deleted_the_record_late_the_drain_counts_from_then(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, _ = in_service(lab, 2)
    answer_again = route53_does_not_answer(lab, monkeypatch)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(100, step=1)
    assert goes in in_dns(lab)
    answer_again()
    gone_at = lab.clock.now()
    signal(lab, "web")
    assert goes not in in_dns(lab)
    lab.run(110, step=5)
    assert asked == []
    lab.run(300, step=5)

    (one,) = (each for each in asked if each.refusal is None)
    assert (one.at - gone_at).total_seconds() >= 120
    assert one.result == "CONTINUE"


def test_of_three_hooks_the_two_of_ours_are_completed_once_each_and_the_other_never(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = (terminate_hook(), terminate_hook("fleet53-second", heartbeat=60), terminate_hook("log-shipper"))
    goes, _ = in_service(lab, 2, *hooks)
    asked = completions(monkeypatch)

    terminate(lab, goes)
    lab.run(600, step=10)
    assert Counter(one.hook for one in asked) == {"fleet53-terminate": 1, "fleet53-second": 1}
    assert state_of(lab, goes) == "Terminating:Wait"
    complete(lab, "log-shipper", goes)
    lab.run(20, step=5)

    assert ec2_state(lab, goes) == "terminated"


def test_an_instance_that_scales_in_before_it_was_admitted_goes_after_the_drain(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.fleet.create_group("fleet", 1, hooks=(launch_hook(), terminate_hook()))
    lab.run(12)
    (goes,) = lab.fleet.members("fleet")
    asked = completions(monkeypatch)

    terminate(lab, goes)
    lab.run(130, step=5)

    assert [(one.hook, one.result) for one in asked if one.refusal is None] == [("fleet53-terminate", "CONTINUE")]
    assert checks_of(lab, goes) == []


def test_an_instance_whose_group_retains_it_stays_out_of_dns_though_it_runs(lab: Lab) -> None:
    goes, stays = in_service(lab, 2, terminate_hook("log-shipper", heartbeat=60), retain=True)

    terminate(lab, goes)
    pass_time(lab, 1800, step=30)

    assert (state_of(lab, goes), ec2_state(lab, goes)) == ("Terminating:Retained", "running")
    assert in_dns(lab) == {stays}
    assert checks_of(lab, goes) == []
    assert audit(lab)["in_sync"] is True


# -- without a hook of ours


def test_in_a_group_without_hooks_the_record_is_deleted_when_ec2_says_shutting_down(lab: Lab) -> None:
    goes, stays = in_service(lab, 2, launch_hook())

    terminate(lab, goes)
    lab.run(3)

    assert ec2_state(lab, goes) == "shutting-down"
    assert in_dns(lab) == {stays}
    assert log_lines(lab, "record deleted")[-1]["because"] == "EC2 says shutting-down"


def test_in_a_group_without_hooks_a_pass_that_sees_terminating_withdraws(lab: Lab) -> None:
    goes, stays = in_service(lab, 2, launch_hook())

    terminate(lab, goes)
    assert (state_of(lab, goes), ec2_state(lab, goes)) == ("Terminating", "running")
    signal(lab, "web")

    assert in_dns(lab) == {stays}
    assert log_lines(lab, "record deleted")[-1]["because"] == "Auto Scaling says Terminating"


def test_a_foreign_hook_alone_withdraws_and_is_never_completed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, stays = in_service(lab, 2, terminate_hook("log-shipper"))
    asked, beats = completions(monkeypatch), heartbeats(monkeypatch)

    terminate(lab, goes)
    lab.run(2)
    assert in_dns(lab) == {stays}
    lab.run(1800, step=30)

    assert (asked, beats) == ([], [])
    assert state_of(lab, goes) == "Terminating:Wait"


# -- of an instance whose tag is gone


def untag(lab: Lab, instance_id: str) -> None:
    """Remove the pool tag, and lose the event about it."""
    lab.fleet.retag(instance_id, [], events=False)


def test_an_instance_whose_tag_is_gone_leaves_dns_and_is_drained_before_its_hook_is_completed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = in_service(lab, 2)
    asked = completions(monkeypatch)
    untag(lab, goes)

    terminate(lab, goes)
    lab.run(2)
    assert in_dns(lab) == {stays}
    assert asked == []
    lab.run(110, step=5)
    assert asked == []
    lab.run(20)

    (one,) = asked
    assert 120 <= (one.at - told_at(lab, goes)).total_seconds() <= 125
    assert log_lines(lab, "lifecycle action completed")[-1]["because"] == (
        "its record is gone, and the drain of 120 s has passed"
    )


def test_instances_that_lose_all_tags_when_their_group_scales_in_leave_dns_at_once_however_many_they_are(
    lab: Lab,
) -> None:
    in_service(lab, 4)
    lab.scaling.machines.lose_tags = True

    resize(lab, 0)
    lab.run(10)

    assert set(lab.fleet.members(GROUP).values()) == {"Terminating:Wait"}
    assert in_dns(lab) == set()
    lab.run(150, step=5)
    assert lab.fleet.members(GROUP) == {}


def test_an_instance_that_ec2_does_not_know_any_more_is_drained_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes, stays = in_service(lab, 2)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.fleet.late.hide(goes, 3600)
    lab.run(2)
    assert in_dns(lab) == {stays}
    lab.run(110, step=5)
    assert asked == []
    lab.run(20)

    assert [one.instance_id for one in asked] == [None]


def test_an_instance_without_a_tag_and_without_a_record_goes_on_after_two_minutes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = in_service(lab, 2)
    untag(lab, goes)
    signal(lab)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(115, step=5)
    assert asked == []
    lab.run(10)

    assert in_dns(lab) == {stays}
    assert len(asked) == 1


# -- of an instance whose record is at a name that no pool has


API = "api.example.com"


def in_service_of_deleted_pool(lab: Lab, *, ttl: int = 60) -> list[str]:
    """Return five instances of a group whose pool was deleted. The guard holds their records."""
    lab.put_pool("api", record_name=API, ttl=ttl)
    lab.fleet.create_group(GROUP, 5, hooks=(terminate_hook(heartbeat=100),), pools=("api",))
    pass_time(lab, 120)
    lab.delete_pool("api")
    pass_time(lab, 120)
    members = list(lab.fleet.members(GROUP))
    assert in_dns(lab, API) == set(members)
    return members


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize(("ttl", "drain"), [(60, 120), (300, 360)])
def test_an_instance_of_a_deleted_pool_leaves_dns_and_is_drained_before_its_hook_is_completed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, ttl: int, drain: int, *, tagged: bool, warm: bool
) -> None:
    goes, *stay = in_service_of_deleted_pool(lab, ttl=ttl)
    asked = completions(monkeypatch)
    if not tagged:
        untag(lab, goes)
    if not warm:
        lab.functions.cold_start()

    terminate(lab, goes)
    lab.run(10)
    assert in_dns(lab, API) == set(stay)
    lab.run(drain - 10, step=5)
    assert asked == []
    lab.run(20)

    (one,) = asked
    assert drain <= (one.at - told_at(lab, goes)).total_seconds() <= drain + 20
    assert (one.result, one.refusal) == ("CONTINUE", None)


@pytest.mark.parametrize("tagged", [True, False])
def test_an_instance_of_a_deleted_pool_is_drained_though_the_run_that_withdrew_it_failed_then(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, tagged: bool
) -> None:
    goes, *stay = in_service_of_deleted_pool(lab, ttl=300)
    wait_in_lab_time(lab, monkeypatch)
    asked = completions(monkeypatch)
    if not tagged:
        untag(lab, goes)
    lab.faults.order(Fault.SERVER_ERROR, "route53:DeleteHealthCheck", calls=8)
    lab.faults.order(Fault.SERVER_ERROR, "autoscaling:DescribeScalingActivities", calls=4)  # so that no sweep finds it
    terminate(lab, goes)
    lab.run(1)
    assert in_dns(lab, API) == set(stay)
    gone_at = lab.clock.now()
    lab.functions.cold_start()
    lab.run(350, step=5)
    assert asked == []
    lab.run(60, step=5)

    (one,) = asked
    assert 360 <= (one.at - gone_at).total_seconds() <= 400
    assert (one.result, one.refusal) == ("CONTINUE", None)


def test_an_instance_of_a_deleted_pool_is_drained_without_an_event_of_its_hook(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, *stay = in_service_of_deleted_pool(lab, ttl=300)
    asked = completions(monkeypatch)
    lose(monkeypatch, TERMINATE)
    terminate(lab, goes)
    lab.run(5)
    assert goes in in_dns(lab, API)
    gone_at = lab.clock.now()
    signal(lab)
    assert in_dns(lab, API) == set(stay)
    lab.run(350, step=5)
    assert asked == []
    lab.run(30, step=5)

    (one,) = asked
    assert 360 <= (one.at - gone_at).total_seconds() <= 380
    assert (one.token, one.instance_id, one.result, one.refusal) == (None, goes, "CONTINUE", None)


@pytest.mark.parametrize("moved", [True, False])
def test_a_hook_is_not_completed_while_a_record_at_a_name_of_no_pool_cannot_be_deleted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    goes, *_ = in_service_of_deleted_pool(lab)
    lab.route53.protect(lab.zone_id, API, "A", "ask Kim first")
    if moved:
        lab.put_pool("api", record_name="new.example.com", health_check=None, admit_when="running")
    else:
        untag(lab, goes)
    lab.settle()
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(300, step=5)
    assert goes in in_dns(lab, API)
    assert asked == []
    protected = {"RecordName": API, "RecordType": "A"}
    lab.route53.call("DeleteResourceRecordSetProtections", {"HostedZoneId": lab.zone_id, "Protections": [protected]})
    lab.run(60, step=5)
    assert goes not in in_dns(lab, API)
    assert asked == []
    lab.run(120, step=5)

    assert [one.result for one in asked if one.refusal is None] == ["CONTINUE"]
