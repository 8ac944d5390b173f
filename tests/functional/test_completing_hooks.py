"""What can go wrong with an instance that waits at a hook of ours is logged once, and nothing is retried for ever."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from lab.moto.autoscaling import ScalingError
from lab.scaling.fleet import WarmPool
from lab.scaling.hooks import Hooks, launch_hook, terminate_hook
from tests.functional.groups import (
    GROUP,
    LAUNCH,
    TERMINATE,
    complete,
    completions,
    events,
    heartbeats,
    in_service,
    lose,
    may_deny,
    pass_time,
    state_of,
    terminate,
    watch,
)
from tests.functional.views import audit, findings, in_dns, log_lines, signal

if TYPE_CHECKING:
    from lab.scaling.hooks import Hook
    from lab.stack.functions import Invocation
    from lab.world import Lab

HOOK_LINES: Final = (
    "lifecycle action completed",
    "lifecycle action already completed",
    "lifecycle hook not found",
    "lifecycle action not completed",
)


def going(lab: Lab) -> str:
    """Return an instance of two that its terminate hooks hold, and whose record is gone."""
    goes, _ = in_service(lab, 2)
    terminate(lab, goes)
    lab.run(2)
    assert state_of(lab, goes) == "Terminating:Wait"
    return goes


def going_untold(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return an instance that its terminate hook holds, of which no event told, and one that stays in service."""
    goes, stays = in_service(lab, 2)
    lose(monkeypatch, TERMINATE)
    terminate(lab, goes)
    lab.turn()
    lab.clock.advance(2)
    lab.turn()
    assert state_of(lab, goes) == "Terminating:Wait"
    return goes, stays


def coming(lab: Lab, *others: Hook) -> str:
    """Return the one instance of a group that its launch hook holds, and that Route 53 has not seen healthy."""
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(), *others))
    lab.run(12)
    (instance_id,) = lab.fleet.members(GROUP)
    assert state_of(lab, instance_id) == "Pending:Wait"
    return instance_id


def said(lab: Lab, instance_id: str) -> list[str]:
    """Return what was logged of an instance's hooks, in order."""
    return [
        line["message"]
        for each in lab.invocations
        for line in each.logs
        if line["message"] in HOOK_LINES and line["instance_id"] == instance_id
    ]


def nothing_went_wrong(lab: Lab) -> bool:
    """Tell whether no run failed, no message was returned, and none waits for another try."""
    broken = [each for each in lab.invocations if each.error is not None]
    return not broken and log_lines(lab, "message returned") == [] and dead_letters(lab) == 0


def dead_letters(lab: Lab) -> int:
    sqs = lab.client("sqs")
    urls = [url for url in sqs.list_queues()["QueueUrls"] if "Dead" in url]
    counts = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
        for url in urls
    ]
    assert len(counts) == 1
    return int(counts[0]["ApproximateNumberOfMessages"])


def runs_since(lab: Lab, count: int) -> list[Invocation]:
    return [each for each in lab.invocations[count:] if each.function == "ReconcilerFunction"]


# -- whose action it is


def test_an_action_whose_token_is_not_the_events_any_more_is_not_completed_by_its_instance_until_a_sweep_finds_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, TERMINATE)
    goes, _ = in_service(lab, 2)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(2)
    (event,) = events(lab, TERMINATE, goes)
    detail = event["detail"] | {"LifecycleActionToken": "00000000-0000-4000-8000-000000000000"}
    lab.send(json.dumps(event | {"detail": detail}))
    lab.run(130, step=5)

    assert [(one.token, one.instance_id, one.refusal is None) for one in asked] == [
        ("00000000-0000-4000-8000-000000000000", None, False)
    ]
    assert state_of(lab, goes) == "Terminating:Wait"
    signal(lab)
    lab.run(130, step=5)

    assert [(one.token, one.instance_id, one.refusal is None) for one in asked[1:]] == [(None, goes, True)]
    assert said(lab, goes)[-1] == "lifecycle action completed"
    assert nothing_went_wrong(lab)


def test_an_action_that_another_caller_has_completed_is_logged_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes = going(lab)
    complete(lab, "fleet53-terminate", goes)
    asked = completions(monkeypatch)
    (event,) = events(lab, TERMINATE, goes)
    lab.run(1200, step=10)

    assert [one.refusal is None for one in asked] == [False]
    (line,) = log_lines(lab, "lifecycle action already completed")
    assert line["instance_id"] == goes
    token = event["detail"]["LifecycleActionToken"]
    assert line["because"] == f"No active Lifecycle Action found with token {token}"
    assert nothing_went_wrong(lab)


def test_a_hook_that_is_deleted_meanwhile_is_logged_once_and_not_looked_for_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = coming(lab, terminate_hook("log-shipper"))  # it still runs after the launch was abandoned
    lab.client("autoscaling").delete_lifecycle_hook(AutoScalingGroupName=GROUP, LifecycleHookName="fleet53-launch")
    asked = completions(monkeypatch)
    lab.run(1200, step=10)

    assert asked == []
    assert said(lab, instance_id) == ["lifecycle hook not found"]
    assert nothing_went_wrong(lab)


def test_a_terminate_hook_that_is_deleted_meanwhile_is_logged_once(lab: Lab) -> None:
    goes = going(lab)
    lab.client("autoscaling").delete_lifecycle_hook(AutoScalingGroupName=GROUP, LifecycleHookName="fleet53-terminate")
    before = len(said(lab, goes))
    lab.run(1200, step=10)

    assert len(said(lab, goes)) == before + 1
    assert nothing_went_wrong(lab)


def test_a_group_that_is_deleted_meanwhile_is_logged_once_for_each_of_its_hooks(lab: Lab) -> None:
    goes = going(lab)
    before = len(said(lab, goes))
    lab.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)
    lab.run(1200, step=10)

    assert len(said(lab, goes)) == before + 1
    assert in_dns(lab) == set()
    assert nothing_went_wrong(lab)


def test_an_event_of_a_group_that_no_longer_exists_is_logged_once(lab: Lab) -> None:
    goes = going(lab)
    (event,) = events(lab, TERMINATE, goes)
    lab.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)
    lab.run(1200, step=10)
    before = len(said(lab, goes))
    lab.send(json.dumps(event))
    lab.settle()
    lab.run(1200, step=10)

    assert len(said(lab, goes)) == before + 1
    assert nothing_went_wrong(lab)


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_instance_that_is_gone_when_its_turn_comes_is_logged_once(lab: Lab, *, forgotten: bool) -> None:
    goes = going(lab)
    before = len(said(lab, goes))
    lab.fleet.scaling.drop(goes)
    lab.fleet.terminate(goes)
    if forgotten:
        lab.fleet.forget(goes)
    lab.run(1200, step=10)

    assert len(said(lab, goes)) == before + 1
    assert nothing_went_wrong(lab)


def test_an_instance_without_a_tag_goes_on_when_its_tag_had_time_to_show_and_that_is_logged(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(), terminate_hook()), pools=())
    lab.run(120, step=5)
    (instance_id,) = lab.fleet.members(GROUP)
    assert state_of(lab, instance_id) == "Pending:Wait"
    lab.run(20, step=5)
    assert state_of(lab, instance_id) == "InService"
    terminate(lab, instance_id)
    lab.run(110, step=5)
    assert state_of(lab, instance_id) == "Terminating:Wait"
    lab.run(20, step=5)

    assert [(one.hook, one.result) for one in asked] == [
        ("fleet53-launch", "CONTINUE"),
        ("fleet53-terminate", "CONTINUE"),
    ]
    lines = log_lines(lab, "lifecycle action completed")
    assert [line["because"] for line in lines] == ["the instance is in no pool"] * 2
    # Only the records can tell whether the terminating instance served.
    assert {call.operation for call in lab.route53.calls} == {
        "GetHostedZone",
        "ListResourceRecordSets",
        "ListHealthChecks",
    }
    assert nothing_went_wrong(lab)


# -- another stack of the account, whose hooks have the same names


def test_a_launch_of_another_stacks_pool_is_left_to_it_and_reported(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, beats = completions(monkeypatch), heartbeats(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(heartbeat=3600),), pools=("theirs",))
    lab.run(600, step=30)
    (instance_id,) = lab.fleet.members(GROUP)

    assert state_of(lab, instance_id) == "Pending:Wait"
    assert (asked, beats, lab.route53.calls) == ([], [], [])
    (line,) = log_lines(lab, "lifecycle action left alone")
    assert (line["instance_id"], line["hook"]) == (instance_id, "fleet53-launch")
    assert line["because"] == "its tag names 'theirs', and no pool of this stack"
    (finding,) = findings(audit(lab), "unknown-pool")
    assert (finding["pool"], finding["instance_id"]) == ("theirs", instance_id)
    assert nothing_went_wrong(lab)


def test_a_termination_of_another_stacks_pool_is_left_to_its_drain(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.fleet.create_group(GROUP, 1, hooks=(terminate_hook(heartbeat=600),), pools=("theirs",))
    lab.run(20, step=5)
    (instance_id,) = lab.fleet.members(GROUP)
    signal(lab)  # from now on the function knows at which names our records are
    lab.route53.reset_calls()
    asked = completions(monkeypatch)
    terminate(lab, instance_id)
    lab.run(590, step=5)

    assert state_of(lab, instance_id) == "Terminating:Wait"
    assert (asked, lab.route53.calls) == ([], [])
    lab.run(40, step=5)
    assert state_of(lab, instance_id) is None


def test_an_instance_of_another_stack_on_its_way_into_a_warm_pool_is_left_to_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(),), pools=("theirs",), warm_pool=WarmPool(1))
    lab.run(300, step=10)

    assert list(lab.fleet.members(GROUP).values()) == ["Warmed:Pending:Wait"]
    assert asked == []


def test_a_member_that_was_retagged_for_another_stack_is_ours_while_our_record_stands_and_until_it_has_drained(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, *stay = in_service(lab, 4)
    for each in (goes, *stay[:2]):
        lab.fleet.retag(each, ("theirs",))
    lab.settle()
    assert goes in in_dns(lab)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.run(10, step=5)
    assert goes not in in_dns(lab)
    lab.run(100, step=5)
    assert asked == []
    lab.run(60, step=5)

    assert [(one.hook, one.result) for one in asked] == [("fleet53-terminate", "CONTINUE")]


@pytest.mark.parametrize("pools", [(), ("web",)])
def test_a_foreign_hook_is_neither_completed_nor_logged_where_ours_would_be_completed_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, pools: tuple[str, ...]
) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook("config-agent"),), pools=pools)
    lab.run(300, step=5)
    (instance_id,) = lab.fleet.members(GROUP)

    assert state_of(lab, instance_id) == "Pending:Wait"
    assert (asked, said(lab, instance_id)) == ([], [])


def test_an_instance_of_a_pool_whose_settings_are_broken_is_not_asked_about_in_a_storm(lab: Lab) -> None:
    goes, _ = in_service(lab, 2)
    lab.put_pool_text("web", "{")
    lab.run(5)
    before = len(lab.invocations)
    terminate(lab, goes)
    lab.run(600, step=1)

    assert goes not in in_dns(lab)  # Auto Scaling says that it goes, and evidence needs no valid pool
    assert len(runs_since(lab, before)) <= 40


# -- events that come twice, late or never


def test_an_event_that_is_delivered_three_times_at_once_is_answered_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, _ = in_service(lab, 2)
    asked = completions(monkeypatch)
    terminate(lab, goes)
    lab.turn()
    lab.clock.advance(2)
    lab.turn()
    (event,) = events(lab, TERMINATE, goes)
    lab.send(json.dumps(event))
    lab.send(json.dumps(event))
    lab.run(1200, step=5)

    assert [one.refusal for one in asked] == [None]
    assert said(lab, goes)[-1] == "lifecycle action completed"
    assert nothing_went_wrong(lab)


def test_an_event_that_is_delivered_again_later_completes_nothing_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes = going(lab)
    (event,) = events(lab, TERMINATE, goes)
    asked = completions(monkeypatch)
    lab.run(40, step=5)
    lab.send(json.dumps(event))
    lab.run(1200, step=5)
    lab.send(json.dumps(event))
    lab.run(1200, step=5)

    assert [one.refusal for one in asked].count(None) == 1
    assert 1 <= len([line for line in said(lab, goes) if line == "lifecycle action already completed"]) <= 2
    assert nothing_went_wrong(lab)


def test_the_launch_event_of_an_instance_in_service_that_comes_again_changes_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = in_service(lab, 1)
    asked = completions(monkeypatch)
    (event,) = events(lab, LAUNCH)
    lab.send(json.dumps(event))
    pass_time(lab, 1200, step=10)

    assert in_dns(lab) == set(members)
    assert {one.refusal is None for one in asked} == {False}
    assert nothing_went_wrong(lab)


def test_a_launch_without_an_event_is_reported_after_admit_timeout_and_repaired(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, LAUNCH, "EC2 Instance State-change Notification")
    instance_id = coming(lab)
    lab.clock.advance(800)
    assert findings(audit(lab), "stuck-hook") == []
    lab.clock.advance(300)
    (finding,) = findings(audit(lab), "stuck-hook")
    assert (finding["pool"], finding["instance_id"]) == ("web", instance_id)
    assert "fleet53-launch" in finding["because"]
    asked = completions(monkeypatch)
    assert audit(lab, {"repair": True})["queued"] == 1
    lab.settle()

    assert [(one.result, one.refusal) for one in asked] == [("CONTINUE", None)]
    pass_time(lab, 90)
    assert in_dns(lab) == {instance_id}
    assert audit(lab)["in_sync"] is True


def test_a_termination_without_an_event_is_reported_after_the_drain_and_repaired(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = going_untold(lab, monkeypatch)
    lab.clock.advance(100)
    assert findings(audit(lab), "stuck-hook") == []
    lab.clock.advance(200)
    (finding,) = findings(audit(lab), "stuck-hook")
    assert (finding["pool"], finding["instance_id"]) == ("web", goes)
    assert "fleet53-terminate" in finding["because"]
    audit(lab, {"repair": True})
    lab.settle()
    assert in_dns(lab) == {stays}
    pass_time(lab, 200)

    assert lab.fleet.describe(goes)["State"]["Name"] == "terminated"
    assert audit(lab)["in_sync"] is True


def test_a_launch_of_an_instance_that_has_ended_is_reported_two_minutes_later_and_repaired(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, LAUNCH, "EC2 Instance State-change Notification")
    instance_id = coming(lab)
    lab.fleet.terminate(instance_id)
    lab.clock.advance(60)
    assert findings(audit(lab), "stuck-hook") == []
    lab.clock.advance(120)
    (finding,) = findings(audit(lab), "stuck-hook")
    assert (finding["pool"], finding["instance_id"]) == ("web", instance_id)
    asked = completions(monkeypatch)
    assert audit(lab, {"repair": True})["queued"] == 1
    lab.settle()

    assert [(one.result, one.refusal) for one in asked] == [("ABANDON", None)]


def test_a_termination_of_an_instance_that_has_ended_is_reported_when_the_drain_is_over_and_repaired(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = in_service(lab, 2)
    lose(monkeypatch, TERMINATE)
    lab.fleet.terminate(goes)
    lab.run(40, step=5)
    assert state_of(lab, goes) == "Terminating:Wait"
    lab.clock.advance(60)
    assert findings(audit(lab), "stuck-hook") == []
    lab.clock.advance(200)
    (finding,) = findings(audit(lab), "stuck-hook")
    assert (finding["pool"], finding["instance_id"]) == ("web", goes)
    audit(lab, {"repair": True})
    lab.settle()
    pass_time(lab, 200)

    assert state_of(lab, goes) is None
    assert stays in in_dns(lab)


def test_an_instance_that_waits_no_longer_than_it_should_is_not_stuck(lab: Lab) -> None:
    going(lab)
    lab.run(60, step=5)

    report = audit(lab)

    assert findings(report, "stuck-hook") == []
    assert report["in_sync"] is True


def test_an_instance_that_waits_only_for_a_foreign_hook_is_not_stuck(lab: Lab) -> None:
    goes, _ = in_service(lab, 2, terminate_hook("log-shipper"))
    terminate(lab, goes)
    lab.run(3000, step=30)

    assert state_of(lab, goes) == "Terminating:Wait"
    assert findings(audit(lab), "stuck-hook") == []


# -- Auto Scaling that does not answer


@may_deny
def test_a_completion_that_auto_scaling_refuses_for_now_comes_again_and_succeeds(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [ScalingError("not now", "AccessDenied") for _ in range(2)]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    asked = watch(monkeypatch, "complete", refuse)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    pass_time(lab, 200)

    assert [one.refusal is None for one in asked] == [False, False, True]
    assert len(log_lines(lab, "lifecycle action not completed")) == 2
    assert len(log_lines(lab, "message returned")) == 2
    assert in_dns(lab) == set(lab.fleet.members(GROUP))


@may_deny
def test_a_completion_that_is_always_refused_ends_in_the_dead_letters_and_not_in_a_storm(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ScalingError("no", "AccessDenied")

    asked = watch(monkeypatch, "complete", refuse)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    pass_time(lab, 3600, step=10)

    assert 8 <= len(asked) <= 40
    assert dead_letters(lab) >= 1


def test_a_heartbeat_for_a_completed_action_is_not_an_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(heartbeat=30),))
    lab.run(12)
    (instance_id,) = lab.fleet.members(GROUP)
    monkeypatch.setattr(Hooks, "outcome", lambda _hooks, _actions: None)
    complete(lab, "fleet53-launch", instance_id)
    beats = heartbeats(monkeypatch)
    (event,) = events(lab, LAUNCH)
    lab.run(600, step=5)

    assert [one.refusal for one in beats] == [
        f"ValidationError: No active Lifecycle Action found with token {event['detail']['LifecycleActionToken']}"
    ]
    assert said(lab, instance_id) == ["lifecycle action already completed"]
    assert nothing_went_wrong(lab)


@may_deny
def test_where_hooks_cannot_be_read_dns_is_repaired_all_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    _, stays = going_untold(lab, monkeypatch)

    def refuse(_hooks: Hooks, _group: str, _transition: str | None = None) -> None:
        raise ScalingError("no", "AccessDenied")

    monkeypatch.setattr(Hooks, "of", refuse)
    signal(lab)

    assert in_dns(lab) == {stays}
