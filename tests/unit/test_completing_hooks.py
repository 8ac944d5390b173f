from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet53.aws.retrier import Retrier
from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.lifecycle import Action, Result, Transition
from fleet53.planning.changes import DeleteRecord, PoolStatus, PutRecord
from fleet53.planning.hooks import Complete, MemberStatus
from fleet53.planning.situation import OrphanRecord
from fleet53.reconcile.hooks import complete_hooks, member_status
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run
from fleet53.signals.model import InstanceSignal, PoolSignal
from fleet53.signals.read import read_signal
from tests.unit.account import Logbook
from tests.unit.build import NAME, NOW, ZONE, action, instance, pool, record, settings
from tests.unit.scaling import HOUR, Box, Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.aws.clients import Aws

WEB, API = PoolName("web"), PoolName("api")
A, B, C = InstanceId("i-0a"), InstanceId("i-0b"), InstanceId("i-0c")
SENT = InstanceId("i-0a1b2c3d4e5f60001")
"""An instance whose id a message can have."""
LAUNCHING, TERMINATING = Transition.LAUNCHING, Transition.TERMINATING
BUSY = "An error occurred (ResourceContentionFault) when calling the CompleteLifecycleAction operation: {} is busy"


@dataclass
class Scene:
    """A run at NOW plus `after` seconds, with all that it talks to."""

    after: float = 0
    autoscaling: Scaling = field(default_factory=Scaling)
    queue: Box = field(default_factory=Box)
    log: Logbook = field(default_factory=Logbook)
    retrier: Retrier = field(default_factory=lambda: Retrier(lambda: 300.0, lambda _: None, lambda: 0.5))

    def complete(
        self, outcome: Outcome, signals: Mapping[str, InstanceSignal | PoolSignal] | None = None, *actions: Action
    ) -> Scene:
        """Complete or hold the actions of `signals`, or else of an event for each of `actions` (messages m0, m1, …)."""
        told = signals or {f"m{n}": event(each) for n, each in enumerate(actions)}
        now = NOW + timedelta(seconds=self.after)
        run = Run(settings(), cast("Aws", self), self.log, lambda: now)
        complete_hooks(told, run, outcome)
        return self

    @property
    def lines(self) -> list[tuple[object, object]]:
        """What the log says, and about which instance."""
        return [(message, fields["instance_id"]) for _, message, fields in self.log.lines]


def event(*actions: Action) -> InstanceSignal:
    return InstanceSignal(frozenset(each.instance_id for each in actions), "Auto Scaling waits", NOW, actions)


def drains(instance_id: str = "i-0a", **differs: Any) -> Action:
    """Return a member's termination whose record was gone already at the time of its event."""
    usual = action(instance_id, **differs)
    return replace(usual, gone_at=usual.at)


def status(name: PoolName, in_dns: frozenset[InstanceId] = frozenset()) -> PoolStatus:
    return PoolStatus(name, NAME, members=frozenset(), in_dns=in_dns, pending=frozenset(), standby=frozenset())


def passed(
    *names: str, in_dns: str = "", ready: str = "", ttl: int = 60, tagged: tuple[str, ...] = ("web",)
) -> Outcome:
    """Return the outcome of a pass of these pools, which have the same members in DNS and ready."""
    pools = [PoolName(each) for each in names or ("web",)]
    holders = frozenset(map(InstanceId, in_dns.split()))
    tags = frozenset(map(PoolName, tagged))
    return Outcome(
        declared=frozenset({WEB, API}),
        pools={each: pool(each, ttl=ttl) for each in pools},
        instances={each: instance(each, pools=tags) for each in (A, B, C, SENT)},
        statuses={each: status(each, holders) for each in pools},
        ready=dict.fromkeys(pools, frozenset(map(InstanceId, ready.split()))),
    )


def deletion(instance_id: InstanceId, name: PoolName = WEB) -> DeleteRecord:
    gone = record(instance_id)
    return DeleteRecord(name, ZONE, instance_id, gone, FindingKind.ORPHAN_RECORD, "a test")


def admission(instance_id: InstanceId, name: PoolName = WEB) -> PutRecord:
    return PutRecord(name, ZONE, instance_id, record(instance_id), FindingKind.MISSING_RECORD, "a test", admits=True)


# How an instance stands ------------------------------------------------------------------------------

DRAIN = timedelta(seconds=120)


def test_an_instance_that_ec2_does_not_know_is_in_no_pool() -> None:
    assert member_status(InstanceId("i-99"), passed()).pooled is False


def test_an_instance_without_a_tag_is_in_no_pool() -> None:
    assert member_status(A, passed(tagged=())) == MemberStatus(pooled=False, state="running", ready=True)


def test_an_instance_whose_tag_names_only_undeclared_pools_belongs_to_another_stack() -> None:
    member = member_status(A, passed(tagged=("theirs", "none-such")))
    assert (member.pooled, member.foreign) == (False, "its tag names 'none-such', 'theirs', and no pool of this stack")


def test_an_instance_with_a_record_of_ours_is_ours_with_any_tag() -> None:
    member = member_status(A, passed(tagged=("theirs",), in_dns="i-0a"))
    assert (member.pooled, member.foreign) == (True, None)


def test_an_instance_with_a_record_of_ours_at_a_name_of_no_pool_goes_on_after_the_drain_of_that_record() -> None:
    outcome = passed(tagged=("theirs",))
    old = record("i-0a", name="old.example.com", ttl=300)
    outcome.former[A] = {OrphanRecord(ZONE, old)}
    ((detail, delay),) = Scene().complete(outcome, None, action(A)).queue.sent
    assert (detail["pools"], delay) == ("*", 5)
    outcome.made.append(DeleteRecord(None, ZONE, A, old, FindingKind.ORPHAN_RECORD, "a test"))
    ((_, delay),) = Scene().complete(outcome, None, action(A)).queue.sent
    assert delay == 360


def test_a_launch_of_an_instance_with_a_record_of_ours_at_a_name_of_no_pool_goes_on() -> None:
    outcome = passed(tagged=("theirs",))
    outcome.former[A] = {OrphanRecord(ZONE, record("i-0a", name="old.example.com"))}
    Scene().complete(outcome, None, action(A, transition=LAUNCHING))
    assert [(each.action.instance_id, each.result) for each in outcome.completed] == [(A, Result.CONTINUE)]


def test_an_instance_that_our_timer_names_was_ours() -> None:
    timer = PoolSignal(frozenset({WEB}), "a timer", attempt=1)
    assert member_status(A, passed(tagged=("theirs",)), told_by=timer).foreign is None


def test_a_member_is_unhealthy_when_one_of_its_pools_has_seen_it_so() -> None:
    outcome = passed("web", "api", tagged=("web", "api"))
    assert member_status(A, outcome).unhealthy is False
    outcome.unhealthy[API] = frozenset({A})
    assert [member_status(each, outcome).unhealthy for each in (A, B)] == [True, False]


def test_the_state_of_an_instance_is_that_of_ec2() -> None:
    outcome = passed()
    outcome.instances[A] = instance(A, state="stopped")
    assert [member_status(each, outcome).state for each in (A, B, InstanceId("i-99"))] == ["stopped", "running", None]


def test_a_member_without_a_record_is_not_in_dns() -> None:
    expected = MemberStatus(pooled=True, state="running", in_dns=False, ready=False, drain=DRAIN)
    assert member_status(A, passed()) == expected


def test_a_member_with_a_record_is_in_dns() -> None:
    assert member_status(A, passed(in_dns="i-0a")).in_dns is True
    assert member_status(A, passed(in_dns="i-0b")).in_dns is False


def test_a_record_that_the_run_took_out_is_gone_and_one_that_it_put_is_there() -> None:
    outcome = passed(in_dns="i-0a")
    outcome.made += [deletion(A), admission(B)]
    assert [member_status(each, outcome).in_dns for each in (A, B)] == [False, True]


def test_an_instance_with_a_record_in_one_of_its_pools_is_in_dns() -> None:
    outcome = passed("web", "api", tagged=("web", "api"))
    outcome.statuses[API] = status(API, frozenset({A}))
    assert member_status(A, outcome).in_dns is True


def test_the_record_of_another_pool_that_is_taken_out_leaves_this_ones() -> None:
    outcome = passed("web", "api", in_dns="i-0a", tagged=("web", "api"))
    outcome.made.append(deletion(A, API))
    assert member_status(A, outcome).in_dns is True


def test_an_instance_of_a_pool_that_was_not_passed_may_be_in_dns() -> None:
    assert member_status(A, passed("web", tagged=("web", "api"))).in_dns is True
    assert member_status(A, passed("web", tagged=("api",))).in_dns is True


def test_a_member_is_ready_when_all_its_pools_say_so() -> None:
    assert member_status(A, passed(ready="i-0a")).ready is True
    assert member_status(A, passed(ready="i-0b")).ready is False
    assert member_status(A, passed("web", ready="i-0a", tagged=("web", "api"))).ready is False
    outcome = passed("web", "api", ready="i-0a", tagged=("web", "api"))
    assert member_status(A, outcome).ready is True
    outcome.ready[API] = frozenset()
    assert member_status(A, outcome).ready is False


def test_the_drain_is_the_longest_ttl_of_its_pools_and_a_minute() -> None:
    outcome = passed("web", "api", ttl=10, tagged=("web", "api"))
    outcome.pools[API] = pool("api", ttl=300)
    assert member_status(A, outcome).drain == timedelta(seconds=360)
    outcome.instances[B] = instance(B, pools=frozenset({WEB}))
    assert member_status(B, outcome).drain == timedelta(seconds=70)


# Whose hooks -----------------------------------------------------------------------------------------


def test_a_foreign_hook_is_never_completed() -> None:
    scene = Scene().complete(passed(ready="i-0a"), None, action(transition=LAUNCHING, hook="their-launch"))
    assert (scene.autoscaling.completed, scene.queue.sent, scene.log.lines) == ([], [], [])
    scene = Scene().complete(passed(in_dns="i-0a"), None, action(hook="their-terminate"))
    assert (scene.autoscaling.beats, scene.queue.sent, scene.log.lines) == ([], [], [])


# Completing ------------------------------------------------------------------------------------------


def test_a_launch_that_is_ready_is_completed_and_logged_with_its_reason() -> None:
    waits, outcome = action(transition=LAUNCHING, token="a-token"), passed(ready="i-0a")
    scene = Scene().complete(outcome, None, waits)
    assert scene.autoscaling.completed == [(waits, Result.CONTINUE)]
    assert outcome.completed == [Complete(waits, Result.CONTINUE, "it is ready to be admitted")]
    fields = {
        "instance_id": "i-0a",
        "group": "web-fleet",
        "hook": "fleet53-launch",
        "transition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "result": "CONTINUE",
        "because": "it is ready to be admitted",
    }
    assert scene.log.lines == [("info", "lifecycle action completed", fields)]
    assert scene.queue.sent == []


def test_an_instance_of_another_stacks_pool_is_left_alone_and_logged_once() -> None:
    scene = Scene(after=5000).complete(passed(tagged=("theirs",)), None, action(transition=LAUNCHING), action(B))
    assert (scene.autoscaling.completed, scene.autoscaling.beats, scene.queue.sent) == ([], [], [])
    assert scene.lines == [("lifecycle action left alone", "i-0a"), ("lifecycle action left alone", "i-0b")]
    assert scene.log.lines[0][2]["because"] == "its tag names 'theirs', and no pool of this stack"


def test_a_held_instance_whose_tag_is_gone_waits_in_the_pools_of_its_timer() -> None:
    timer = {"m0": PoolSignal(frozenset({API}), "a timer", attempt=1, actions=(action(transition=LAUNCHING),))}
    scene = Scene(after=60).complete(passed(tagged=()), timer)
    assert sent_to(scene) == [(["api"], ["i-0a"], 60)]


def test_a_held_termination_whose_tag_is_gone_waits_in_the_pool_of_a_record_that_this_run_put() -> None:
    outcome = passed(tagged=())
    outcome.made.append(admission(A))
    scene = Scene().complete(outcome, None, action())
    assert sent_to(scene) == [(["web"], ["i-0a"], 5)]


def test_a_launch_that_goes_on_unknown_is_a_finding_of_its_pool() -> None:
    outcome = passed()
    Scene(after=900).complete(outcome, None, action(transition=LAUNCHING))
    ((finding,),) = outcome.findings.values()
    because = "AdmitTimeout (900 s) has passed, and it is not known whether it is healthy"
    assert finding == Finding(FindingKind.NOT_READ, because, WEB, A)


def test_an_end_whose_drain_has_passed_is_completed() -> None:
    scene = Scene(after=120).complete(passed(), None, drains())
    assert scene.autoscaling.completed == [(drains(), Result.CONTINUE)]


def test_a_termination_whose_record_is_gone_since_an_unknown_time_drains_from_now_on() -> None:
    scene = Scene(after=500).complete(passed(), None, action())
    assert scene.autoscaling.completed == []
    ((message, delay),) = scene.queue.sent
    assert (message["actions"][0]["gone"], delay) == ("2026-11-20T10:08:20+00:00", 120)


def test_an_end_whose_record_came_back_drains_from_when_it_is_gone_again() -> None:
    first = Scene(after=60).complete(passed(in_dns=SENT), None, drains(SENT))
    second = Scene(after=115).complete(passed(), read_back(first.queue.sent))
    assert (second.autoscaling.completed, [delay for _, delay in second.queue.sent]) == ([], [120])


def test_an_end_whose_record_this_run_deleted_drains_from_now_on() -> None:
    outcome = passed(in_dns="i-0a")
    outcome.made.append(deletion(A))
    scene = Scene(after=300).complete(outcome, None, drains())
    assert (scene.autoscaling.completed, [delay for _, delay in scene.queue.sent]) == ([], [120])


def test_of_several_signals_the_one_with_the_earliest_time_of_the_gone_record_counts() -> None:
    told = {"m0": event(action()), "m1": event(drains()), "m2": event(replace(drains(), gone_at=NOW + DRAIN))}
    assert Scene(after=120).complete(passed(), told).autoscaling.completed == [(drains(), Result.CONTINUE)]


def test_an_instance_that_is_gone_is_completed_after_two_minutes() -> None:
    outcome = passed()
    scene = Scene(after=20).complete(outcome, None, action("i-99"))
    assert (scene.autoscaling.completed, scene.queue.sent) == ([], [])
    assert outcome.again == {"m0": timedelta(seconds=100)}
    scene = Scene(after=120).complete(passed(), None, action("i-99"))
    assert [(each.instance_id, result) for each, result in scene.autoscaling.completed] == [("i-99", Result.CONTINUE)]


def test_a_hook_that_was_over_is_logged_once_and_counts_as_nothing_completed() -> None:
    outcome = passed(ready="i-0a")
    scene = Scene(autoscaling=Scaling(over={"i-0a"})).complete(outcome, None, action(transition=LAUNCHING))
    ((level, message, fields),) = scene.log.lines
    assert (level, message) == ("info", "lifecycle action already completed")
    assert fields["because"] == "No active Lifecycle Action found with instance ID i-0a"
    assert (fields["instance_id"], fields["hook"], fields["result"]) == ("i-0a", "fleet53-launch", "CONTINUE")
    assert (outcome.completed, outcome.retry, scene.queue.sent) == ([], {}, [])


# Each action once ------------------------------------------------------------------------------------


def test_an_action_that_several_signals_bring_is_completed_once_as_the_first_of_them_says() -> None:
    first = drains(at=NOW - timedelta(seconds=60), token="one")
    scene = Scene(after=60).complete(passed(), None, drains(token="one"), first, drains(token="one"))
    assert scene.autoscaling.completed == [(first, Result.CONTINUE)]
    assert scene.queue.sent == []


def test_two_actions_at_one_hook_are_completed_each_by_its_own_clock() -> None:
    old, new = drains(at=NOW - timedelta(seconds=60), token="old"), drains(token="new")
    scene = Scene(after=60).complete(passed(), None, new, old)
    assert scene.autoscaling.completed == [(old, Result.CONTINUE)]
    ((message, delay),) = scene.queue.sent
    assert ([each["token"] for each in message["actions"]], delay) == (["new"], 60)


def test_a_look_at_an_old_action_does_not_stand_for_one_at_the_next() -> None:
    scene = Scene().complete(passed(), None, drains(token="old"))
    scene.complete(passed(), None, drains(token="new"))
    assert [[each["token"] for each in message["actions"]] for message, _ in scene.queue.sent] == [["old"], ["new"]]


def test_a_sweep_that_finds_a_held_action_of_an_event_again_starts_no_second_look() -> None:
    scene = Scene().complete(passed(), None, drains(token="a-token"))
    outcome = passed()
    outcome.actions.append(action(at=NOW - timedelta(seconds=5)))
    scene.complete(outcome, {"m0": PoolSignal(None, "a sweep", sweep=True)})
    assert len(scene.queue.sent) == 1


def test_after_a_completed_action_a_sweep_that_finds_the_next_one_starts_a_look() -> None:
    scene = Scene().complete(passed(), None, drains(token="a-token"))
    scene.complete(passed(), None, drains(token="a-token", at=NOW - timedelta(seconds=200)))
    outcome = passed()
    outcome.actions.append(drains())
    scene.complete(outcome, {"m0": PoolSignal(None, "a sweep", sweep=True)})
    assert [[each["token"] for each in message["actions"]] for message, _ in scene.queue.sent] == [["a-token"], [None]]


def test_an_action_without_a_token_is_over_when_another_scaling_activity_of_its_instance_has_begun() -> None:
    later = Scaling(starts={A: NOW + timedelta(seconds=1), B: NOW})
    outcome = passed(ready="i-0a i-0b")
    outcome.actions += [action(A, LAUNCHING), action(B, LAUNCHING)]
    scene = Scene(after=60, autoscaling=later).complete(outcome, {"m0": PoolSignal(None, "a sweep", sweep=True)})
    assert [each.instance_id for each, _ in scene.autoscaling.completed] == ["i-0b"]
    assert scene.lines == [("lifecycle action already completed", "i-0a"), ("lifecycle action completed", "i-0b")]


def test_an_action_with_a_token_needs_no_look_at_scaling_activities() -> None:
    later = Scaling(starts={A: NOW + timedelta(seconds=1)})
    scene = Scene(autoscaling=later).complete(passed(ready="i-0a"), None, action(A, LAUNCHING, token="a-token"))
    assert [each.token for each, _ in scene.autoscaling.completed] == ["a-token"]


def test_an_action_with_an_event_that_a_sweep_also_found_is_completed_as_the_event_says() -> None:
    outcome = passed(ready="i-0a")
    outcome.actions.append(action(transition=LAUNCHING, at=NOW - timedelta(seconds=5)))
    told = action(transition=LAUNCHING, token="a-token")
    assert Scene().complete(outcome, None, told).autoscaling.completed == [(told, Result.CONTINUE)]


def test_an_action_that_a_sweep_found_is_completed_too() -> None:
    outcome = passed()
    outcome.actions += [drains(), drains()]
    scene = Scene(after=120).complete(outcome, {"m0": PoolSignal(None, "a sweep", sweep=True)})
    assert scene.autoscaling.completed == [(drains(), Result.CONTINUE)]


def test_two_hooks_of_an_instance_are_two_actions() -> None:
    scene = Scene(after=120).complete(passed(), None, drains(), drains(hook="fleet53-second"))
    assert [each.hook for each, _ in scene.autoscaling.completed] == ["fleet53-terminate", "fleet53-second"]


def test_an_action_whose_message_comes_again_is_left_for_then() -> None:
    outcome = passed(ready="i-0a")
    outcome.retry["m0"] = "Route 53 is out of reach"
    scene = Scene().complete(outcome, None, action(transition=LAUNCHING), action("i-0b"))
    assert scene.autoscaling.completed == []
    assert [message["actions"][0]["instance_id"] for message, _ in scene.queue.sent] == ["i-0b"]
    assert outcome.retry == {"m0": "Route 53 is out of reach"}


def test_an_action_whose_message_is_returned_is_completed_where_another_message_brings_it_too() -> None:
    outcome = passed(ready="i-0a")
    outcome.retry["m0"] = "Route 53 is out of reach"
    same = action(transition=LAUNCHING, token="a-token")
    scene = Scene().complete(outcome, None, same, same)
    assert scene.autoscaling.completed == [(same, Result.CONTINUE)]


# Holding ---------------------------------------------------------------------------------------------


def test_an_end_that_drains_is_looked_at_again_when_the_drain_is_over() -> None:
    scene = Scene(after=20).complete(passed(), None, drains(token="a-token"))
    assert (scene.autoscaling.completed, scene.autoscaling.beats) == ([], [])
    assert scene.queue.sent == [
        (
            {
                "pools": ["web"],
                "because": "resolvers may still cache its address",
                "attempt": 1,
                "actions": [
                    {
                        "group": "web-fleet",
                        "hook": "fleet53-terminate",
                        "instance_id": "i-0a",
                        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
                        "at": "2026-11-20T10:00:00+00:00",
                        "beat": "2026-11-20T10:00:00+00:00",
                        "token": "a-token",
                        "warm": False,
                        "gone": "2026-11-20T10:00:00+00:00",
                    }
                ],
            },
            100,
        )
    ]


@pytest.mark.parametrize(("after", "delay"), [(119.001, 1), (119.999999, 1), (118.5, 2), (0, 120)])
def test_a_delay_is_whole_seconds_and_never_too_short(after: float, delay: int) -> None:
    assert [sent[1] for sent in Scene(after=after).complete(passed(), None, drains()).queue.sent] == [delay]


def sent_to(scene: Scene) -> list[tuple[list[str], list[str], int]]:
    """Return each message's pools, the instances of its actions, and its delay in seconds."""
    return [
        (message["pools"], [each["instance_id"] for each in message["actions"]], delay)
        for message, delay in scene.queue.sent
    ]


def test_those_that_wait_in_the_same_pools_share_a_message_that_comes_when_the_first_is_due() -> None:
    late = drains("i-0b", at=NOW - timedelta(seconds=50))
    scene = Scene().complete(passed(), None, drains(), late, drains("i-0c"))
    assert sent_to(scene) == [(["web"], ["i-0b", "i-0a", "i-0c"], 70)]


def test_those_that_wait_in_different_pools_have_messages_of_their_own() -> None:
    outcome = passed("web", "api")
    outcome.instances[B] = instance(B, pools=frozenset({API}))
    outcome.instances[C] = instance(C, pools=frozenset({WEB, API}))
    scene = Scene().complete(outcome, None, action(), action("i-0b"), action("i-0c", transition=LAUNCHING))
    assert sorted(sent_to(scene)) == [
        (["api"], ["i-0b"], 120),
        (["api", "web"], ["i-0c"], 28),
        (["web"], ["i-0a"], 120),
    ]


def test_a_message_names_only_declared_pools() -> None:
    scene = Scene().complete(passed(tagged=("web", "none-such")), None, action())
    assert [message["pools"] for message, _ in scene.queue.sent] == [["web"]]


def test_an_instance_that_may_still_be_in_dns_is_looked_at_soon() -> None:
    assert sent_to(Scene(after=0).complete(passed(in_dns="i-0a"), None, action())) == [(["web"], ["i-0a"], 5)]


def test_a_held_action_reads_back_as_it_was() -> None:
    waits = action(SENT, transition=LAUNCHING, token="87654321-4321-4321-4321-210987654321")
    sent = Scene().complete(passed(), None, waits).queue.sent
    assert [message["because"] for message, _ in sent] == ["Route 53 does not see it healthy yet"]
    assert Scene().complete(passed(), read_back(sent)).queue.sent == sent


def read_back(sent: list[tuple[Mapping[str, Any], int]]) -> dict[str, PoolSignal]:
    """Return the messages as the next run reads them."""
    found = {}
    for n, (detail, _) in enumerate(sent):
        signal = read_signal(json.dumps({"source": "fleet53", "detail-type": "Reconcile", "detail": detail}), "pool")
        assert isinstance(signal, PoolSignal)
        found[f"m{n}"] = signal
    return found


def test_a_hook_that_the_group_has_no_more_is_logged_once_and_left() -> None:
    outcome = passed(in_dns="i-0a")
    scene = Scene(autoscaling=Scaling(timeouts={})).complete(outcome, None, action())
    fields = {
        "instance_id": "i-0a",
        "group": "web-fleet",
        "hook": "fleet53-terminate",
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "because": "the group has no such hook of ours",
    }
    assert scene.log.lines == [("info", "lifecycle hook not found", fields)]
    assert (scene.queue.sent, outcome.retry) == ([], {})


def test_a_hook_of_the_other_transition_is_not_the_one() -> None:
    other = Scaling(timeouts={("fleet53-terminate", LAUNCHING): HOUR})
    assert Scene(autoscaling=other).complete(passed(), None, action()).lines == [("lifecycle hook not found", "i-0a")]


# Heartbeats ------------------------------------------------------------------------------------------


def half_minute_hooks() -> Scaling:
    return Scaling(timeouts={("fleet53-terminate", TERMINATING): timedelta(seconds=30)})


def test_a_heartbeat_is_recorded_and_remembered_where_the_drain_outlasts_the_hook() -> None:
    scene = Scene(after=20, autoscaling=half_minute_hooks()).complete(passed(), None, drains())
    assert scene.autoscaling.beats == [drains()]
    ((message, delay),) = scene.queue.sent
    (waits,) = message["actions"]
    assert (waits["at"], waits["beat"], delay) == ("2026-11-20T10:00:00+00:00", "2026-11-20T10:00:20+00:00", 10)


def test_there_is_no_heartbeat_before_it_is_needed() -> None:
    scene = Scene(after=5, autoscaling=half_minute_hooks()).complete(passed(), None, action())
    assert scene.autoscaling.beats == []
    assert [delay for _, delay in scene.queue.sent] == [10]


def test_there_is_no_heartbeat_before_it_is_needed_where_the_queue_cannot_delay_for_so_long() -> None:
    outcome = passed(ttl=7200)
    first = Scene(after=1).complete(outcome, None, drains())
    second = Scene(after=901).complete(outcome, None, drains())  # the next look is 900 s later, the hook's end 2,699 s
    assert first.autoscaling.beats == second.autoscaling.beats == []


def test_a_heartbeat_for_a_hook_that_is_over_ends_the_wait_and_is_logged() -> None:
    over = replace(half_minute_hooks(), over={"i-0a"})
    scene = Scene(after=20, autoscaling=over).complete(passed(), None, action())
    assert scene.lines == [("lifecycle action already completed", "i-0a")]
    assert scene.log.lines[0][2]["because"] == "No active Lifecycle Action found with instance ID i-0a"
    assert scene.queue.sent == []


# Errors ----------------------------------------------------------------------------------------------


def test_an_error_returns_its_message_and_stops_no_other() -> None:
    outcome = passed(ready="i-0a i-0b i-0c")
    waits = [action(each, LAUNCHING) for each in (A, B, C)]
    scene = Scene(autoscaling=Scaling(fails={"i-0b"})).complete(outcome, None, *waits)
    assert [each.instance_id for each, _ in scene.autoscaling.completed] == ["i-0a", "i-0c"]
    assert outcome.retry == {"m1": BUSY.format("i-0b")}
    warnings = [line for line in scene.log.lines if line[0] == "warning"]
    assert [(message, fields["instance_id"], fields["because"]) for _, message, fields in warnings] == [
        ("lifecycle action not completed", "i-0b", BUSY.format("i-0b"))
    ]


def test_a_heartbeat_that_fails_returns_its_message_and_the_others_are_held() -> None:
    outcome, failing = passed(), replace(half_minute_hooks(), fails={"i-0a"})
    scene = Scene(after=20, autoscaling=failing).complete(outcome, None, action(), action("i-0b"))
    assert outcome.retry.keys() == {"m0"}
    assert sent_to(scene) == [(["web"], ["i-0b"], 10)]


def test_hooks_that_cannot_be_read_return_the_message_too() -> None:
    outcome = passed()
    scene = Scene(autoscaling=Scaling(fails={"other-fleet"}))
    scene.complete(outcome, None, action(group="other-fleet"), action("i-0b"))
    assert outcome.retry == {"m0": BUSY.format("other-fleet")}
    assert sent_to(scene) == [(["web"], ["i-0b"], 120)]


def test_an_error_with_what_a_sweep_found_returns_nothing() -> None:
    outcome = passed(ready="i-0a")
    outcome.actions.append(action(transition=LAUNCHING))
    scene = Scene(autoscaling=Scaling(fails={"i-0a"})).complete(
        outcome, {"m0": PoolSignal(None, "a sweep", sweep=True)}
    )
    assert scene.lines == [("lifecycle action not completed", "i-0a")]
    assert outcome.retry == {}


def test_a_message_with_one_action_that_fails_returns_and_the_rest_of_it_is_done() -> None:
    outcome = passed(ready="i-0a i-0b")
    both = {"m0": PoolSignal(frozenset({WEB}), "a timer", actions=(action(A, LAUNCHING), action(B, LAUNCHING)))}
    scene = Scene(autoscaling=Scaling(fails={"i-0a"})).complete(outcome, both)
    assert [each.instance_id for each, _ in scene.autoscaling.completed] == ["i-0b"]
    assert outcome.retry.keys() == {"m0"}


def test_signals_without_an_action_complete_nothing() -> None:
    scene = Scene().complete(passed(), {"m0": InstanceSignal(frozenset({A}), "EC2 said running", NOW)})
    assert (scene.autoscaling.completed, scene.queue.sent, scene.log.lines) == ([], [], [])
