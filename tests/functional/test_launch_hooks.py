"""An instance that launches is in service, and in DNS, only after Route 53 has seen it healthy."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from lab.faults import Fault
from lab.scaling.hooks import launch_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import (
    GROUP,
    LAUNCH,
    complete,
    completions,
    events,
    heartbeats,
    lose,
    pass_time,
    state_of,
)
from tests.functional.views import audit, check_of, checks_of, create_check, in_dns, log_lines, put_record, wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.scaling.hooks import Hook


def held(lab: Lab, *hooks: Hook, desired: int = 1) -> str:
    """Create a group of one instance, which its launch hooks hold, and return its id."""
    lab.fleet.create_group(GROUP, desired, hooks=hooks or (launch_hook(),))
    lab.run(12)
    (instance_id, *_) = lab.fleet.members(GROUP)
    assert state_of(lab, instance_id) == "Pending:Wait"
    return instance_id


# -- while it waits


def test_an_instance_that_waits_to_be_launched_gets_its_check_and_no_record(lab: Lab) -> None:
    instance_id = held(lab)

    assert lab.checks_of(lab.fleet.address(instance_id)) == (check_of(lab, instance_id),)
    assert in_dns(lab) == set()


def test_it_waits_for_as_long_as_route_53_has_not_seen_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = completions(monkeypatch)
    instance_id = held(lab)

    lab.run(600, step=15)

    assert state_of(lab, instance_id) == "Pending:Wait"
    assert asked == []


def test_it_waits_while_one_of_eight_regions_sees_it_healthy(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = completions(monkeypatch)
    instance_id = held(lab)

    lab.report_health(instance_id, 12.5)
    wait(lab)
    wait(lab)

    assert state_of(lab, instance_id) == "Pending:Wait"
    assert asked == []


def test_its_hook_is_completed_with_continue_by_the_events_token_when_route_53_sees_it_healthy(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    instance_id = held(lab)

    lab.report_health(instance_id)
    wait(lab)

    (event,) = events(lab, LAUNCH)
    (one,) = asked
    assert (one.hook, one.result, one.refusal) == ("fleet53-launch", "CONTINUE", None)
    assert (one.token, one.instance_id) == (event["detail"]["LifecycleActionToken"], None)
    lab.run(1)
    assert state_of(lab, instance_id) == "Pending:Proceed"
    (line,) = log_lines(lab, "lifecycle action completed")
    assert (line["instance_id"], line["group"], line["result"]) == (instance_id, GROUP, "CONTINUE")
    assert line["because"] == "it is ready to be admitted"


def test_it_is_in_dns_when_it_is_in_service(lab: Lab) -> None:
    instance_id = held(lab)

    lab.report_health(instance_id)
    wait(lab)
    assert in_dns(lab) == set()
    lab.run(3)

    assert state_of(lab, instance_id) == "InService"
    assert in_dns(lab) == {instance_id}
    assert log_lines(lab, "record put")[-1]["because"] == "Auto Scaling says InService; Route 53 sees it healthy"


def test_a_healthy_instance_that_a_foreign_hook_holds_is_not_in_dns(lab: Lab) -> None:
    instance_id = held(lab, launch_hook(), launch_hook("config-agent"))

    pass_time(lab, 300)
    assert state_of(lab, instance_id) == "Pending:Wait"
    assert in_dns(lab) == set()
    complete(lab, "config-agent", instance_id)
    pass_time(lab, 10)

    assert in_dns(lab) == {instance_id}


def test_without_the_event_of_the_launch_it_is_in_dns_with_the_next_look(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, "EC2 Instance Launch Successful")
    instance_id = held(lab)

    lab.report_health(instance_id)
    wait(lab)
    wait(lab)
    wait(lab, 61)

    assert state_of(lab, instance_id) == "InService"
    assert in_dns(lab) == {instance_id}


def test_in_a_pool_without_a_health_check_a_launch_continues_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    asked = completions(monkeypatch)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(15)

    assert [(one.hook, one.result) for one in asked] == [("fleet53-launch", "CONTINUE")]
    assert in_dns(lab) == set(lab.fleet.members(GROUP))


def test_an_instance_in_two_pools_goes_on_when_both_see_it_healthy(lab: Lab) -> None:
    lab.put_pool("api", health_check={"url": "http://:8080/"})
    lab.settle()
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),), pools=("web", "api"))
    lab.run(12)
    (instance_id,) = lab.fleet.members(GROUP)
    first, second = checks_of(lab, instance_id)

    lab.report_health(first)
    wait(lab)
    wait(lab)
    assert state_of(lab, instance_id) == "Pending:Wait"
    lab.report_health(second)
    wait(lab)
    lab.run(5)

    assert in_dns(lab) == in_dns(lab, "api.example.com") == {instance_id}


def test_an_instance_for_which_a_full_name_has_no_place_goes_on_and_stands_by(lab: Lab) -> None:
    for number in range(100):
        record = {
            "Name": "app.example.com",
            "Type": "A",
            "TTL": 60,
            "SetIdentifier": f"foreign-{number}",
            "MultiValueAnswer": True,
            "ResourceRecords": [{"Value": f"198.18.0.{number}"}],
        }
        put_record(lab, record)
    lab.fleet.create_group(GROUP, 1, hooks=(launch_hook(),))
    lab.run(20)
    (instance_id,) = lab.fleet.members(GROUP)

    assert state_of(lab, instance_id) == "InService"
    assert checks_of(lab, instance_id) == []


# -- when it never gets healthy


def test_after_admit_timeout_it_goes_on_by_default_and_is_not_in_dns_before_it_is_healthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = completions(monkeypatch)
    with Lab({"AdmitTimeout": "120"}, start=MONDAY_NOON) as lab:
        instance_id = held(lab)
        lab.report_health(instance_id, 0)
        (event,) = events(lab, LAUNCH)
        lab.run(130, step=1)

        (one,) = asked
        assert one.result == "CONTINUE"
        assert 120 <= (one.at - datetime.fromisoformat(event["time"])).total_seconds() <= 145
        assert state_of(lab, instance_id) == "InService"
        assert in_dns(lab) == set()
        assert (
            log_lines(lab, "lifecycle action completed")[0]["because"]
            == "it was not healthy within AdmitTimeout (120 s)"
        )
        lab.report_health(instance_id)
        wait(lab, 900)

        assert in_dns(lab) == {instance_id}


ABANDONING = {"AdmitTimeout": "120", "UnhealthyLaunchResult": "ABANDON"}


def test_after_admit_timeout_it_is_abandoned_and_replaced_where_the_stack_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = completions(monkeypatch)
    with Lab(ABANDONING, start=MONDAY_NOON) as lab:
        instance_id = held(lab)
        lab.report_health(instance_id, 0)
        lab.run(150, step=5)

        assert [one.result for one in asked] == ["ABANDON"]
        assert instance_id not in lab.fleet.members(GROUP)
        (other,) = lab.fleet.members(GROUP)
        assert state_of(lab, other) == "Pending:Wait"
        assert checks_of(lab, instance_id) == []
        assert in_dns(lab) == set()


def mistype_pool(lab: Lab) -> None:
    lab.put_pool_text("web", '{"hosted_zone": "Z0123456789ABC"}')


def deny_zone(lab: Lab) -> None:
    lab.faults.order(Fault.DENIED, "route53:ListResourceRecordSets")


def use_up_checks(lab: Lab) -> None:
    for number in range(200):
        create_check(lab, f"foreign-{number}")


def refuse_health(lab: Lab) -> None:
    lab.faults.order(Fault.DENIED, "cloudwatch:GetMetricData")
    lab.faults.order(Fault.DENIED, "route53:GetHealthCheckStatus")


def show_no_data(_lab: Lab) -> None:
    """Leave the new health checks without data."""


@pytest.mark.parametrize(("state", "seconds"), [("terminated", 50), ("stopped", 170)])
def test_an_instance_that_ends_while_it_waits_is_abandoned_so_that_its_group_replaces_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str, seconds: int
) -> None:
    asked = completions(monkeypatch)
    goes = held(lab)

    (lab.fleet.terminate if state == "terminated" else lab.fleet.stop)(goes)
    lab.run(seconds, step=5)

    assert [(one.hook, one.result) for one in asked if one.refusal is None] == [("fleet53-launch", "ABANDON")]
    assert goes not in lab.fleet.members(GROUP)
    assert list(lab.fleet.members(GROUP).values()) == ["Pending:Wait"]
    because = f"EC2 says {state}, before it was in service"
    assert log_lines(lab, "lifecycle action completed")[-1]["because"] == because


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (mistype_pool, {"invalid-pool"}),
        (deny_zone, {"zone-unreadable"}),
        (use_up_checks, {"check-quota", "missing-check"}),
        (refuse_health, {"not-read"}),
        (show_no_data, {"not-healthy-in-time"}),
    ],
)
def test_a_launch_whose_health_could_not_be_read_is_never_abandoned_and_the_audit_says_why(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[Lab], None], kinds: set[str]
) -> None:
    asked = completions(monkeypatch)
    with Lab(ABANDONING, start=MONDAY_NOON) as lab:
        fault(lab)
        lab.settle()
        lab.fleet.create_group(GROUP, 3, hooks=(launch_hook(),))
        lab.run(200, step=5)

        assert [one.result for one in asked] == ["CONTINUE"] * 3
        assert list(lab.fleet.members(GROUP).values()) == ["InService"] * 3
        because = {line["because"] for line in log_lines(lab, "lifecycle action completed")}
        assert because == {"AdmitTimeout (120 s) has passed, and it is not known whether it is healthy"}
        assert kinds <= {each["kind"] for each in audit(lab)["findings"]}
        assert (
            sum(
                sum(each.metric("Findings", Pool="web", Kind="not-read"))
                for each in lab.invocations
                if each.function == "ReconcilerFunction"
            )
            >= 1
        )


@pytest.mark.parametrize("heartbeat", [30, 60, 119])
def test_a_hook_whose_own_time_is_shorter_than_admit_timeout_is_kept_alive_until_then(
    heartbeat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = heartbeats(monkeypatch)
    asked = completions(monkeypatch)
    with Lab({"AdmitTimeout": "300"}, start=MONDAY_NOON) as lab:
        instance_id = held(lab, launch_hook(heartbeat=heartbeat, default_result="ABANDON"))
        lab.run(285, step=1)
        assert state_of(lab, instance_id) == "Pending:Wait"
        assert {one.refusal for one in beats} == {None}
        lab.run(20, step=1)

        assert [one.result for one in asked] == ["CONTINUE"]
        assert 300 // heartbeat <= len(beats) <= 1 + 300 // 10


def test_a_hook_whose_own_time_is_longer_than_admit_timeout_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = heartbeats(monkeypatch)
    with Lab({"AdmitTimeout": "300"}, start=MONDAY_NOON) as lab:
        held(lab, launch_hook(heartbeat=600))
        lab.run(310, step=5)

        assert beats == []


# -- several hooks


def test_of_three_hooks_the_two_of_ours_are_completed_once_each_and_the_other_never(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)
    beats = heartbeats(monkeypatch)
    instance_id = held(
        lab,
        launch_hook("fleet53-launch", heartbeat=60),
        launch_hook("fleet53-second"),
        launch_hook("config-agent"),
    )

    pass_time(lab, 1200, step=10)

    assert Counter(one.hook for one in asked) == {"fleet53-launch": 1, "fleet53-second": 1}
    assert "config-agent" not in {one.hook for one in beats}
    assert state_of(lab, instance_id) == "Pending:Wait"


def test_only_hooks_whose_name_begins_with_the_stacks_prefix_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = completions(monkeypatch)
    with Lab({"HookPrefix": "dns-"}, start=MONDAY_NOON) as lab:
        held(lab, launch_hook("fleet53-launch"), launch_hook("dns-launch"), launch_hook("my-dns-launch"))
        pass_time(lab, 300, step=10)

    assert [one.hook for one in asked] == ["dns-launch"]
