"""Two functions of the stack at the same time: races that no test about one topic plays.

In each test, another function handles an event in the middle of a run. docs/design.md lists all races and their tests.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.scaling.fleet import WarmPool
from lab.scaling.hooks import launch_hook, terminate_hook
from tests.functional.groups import GROUP, LAUNCH, completions, events, resize, state_of
from tests.functional.incidents import overlap
from tests.functional.views import (
    admitted,
    batches,
    checks,
    checks_of,
    in_dns,
    launched,
    log_lines,
    record_of,
    see_healthy,
    signal,
    state_change,
    values,
)

if TYPE_CHECKING:
    import pytest

    from lab.world import Lab

API = "api.example.com"


def test_two_runs_that_withdraw_a_member_delete_its_record_first_and_its_check_once(lab: Lab) -> None:
    stays, ends = admitted(lab, 2)
    signal(lab)  # a sweep, after which the function knows at which names records are
    lab.route53.reset_calls()
    seen: list[set[str]] = []

    def come_again() -> None:
        seen.append(in_dns(lab))
        lab.send(state_change(lab, ends, "terminated"))

    overlap(lab, "route53:DeleteHealthCheck", come_again)
    lab.fleet.terminate(ends)
    lab.settle()

    assert seen == [{stays}]
    assert batches(lab) == [[("DELETE", ends)]]
    assert [call.code for call in lab.route53.calls if call.operation == "DeleteHealthCheck"] == [
        None,
        "NoSuchHealthCheck",
    ]
    assert log_lines(lab, "message returned") == []


def test_a_check_that_another_run_needs_again_while_it_is_deleted_is_replaced_at_once(lab: Lab) -> None:
    _stays, web = admitted(lab, 2)
    signal(lab)
    met = overlap(lab, "route53:DeleteHealthCheck", lambda: lab.fleet.retag(web, ["web"]))
    lab.fleet.retag(web, [])
    lab.settle()

    assert len(met) == 1
    assert [record_of(lab, web)["HealthCheckId"]] == checks_of(lab, web)
    assert log_lines(lab, "batch refused") == []


def test_a_check_that_a_setting_needs_again_while_it_is_deleted_is_replaced_at_once(lab: Lab) -> None:
    web = admitted(lab, 2)
    signal(lab)
    lab.put_pool("web", health_check={"url": "http://:80/other"})
    lab.settle()
    met = overlap(lab, "route53:DeleteHealthCheck", lambda: lab.put_pool("web", health_check={"url": "http://:80/"}))
    see_healthy(lab, web)
    lab.settle()

    assert len(met) == 1
    assert {record_of(lab, each)["HealthCheckId"] for each in web} == set(checks(lab))
    assert len(checks(lab)) == 2


def test_a_check_of_a_pool_that_is_declared_again_while_it_is_deleted_is_replaced_at_once(lab: Lab) -> None:
    lab.put_pool("api")
    api = admitted(lab, 2, API, pools=("api",))
    met = overlap(lab, "route53:DeleteHealthCheck", lambda: lab.put_pool("api"))
    lab.delete_pool("api")
    lab.settle()

    assert (len(met), in_dns(lab, API)) == (1, set(api))
    assert {record_of(lab, each, API)["HealthCheckId"] for each in api} == set(checks(lab))


def test_an_address_that_moves_to_a_stranger_while_a_run_corrects_its_record_is_not_put_back(lab: Lab) -> None:
    lab.put_pool("web", admit_when="running", health_check=None)
    (web,) = launched(lab, 1)
    elastic = lab.fleet.associate_address(web)
    stranger = lab.fleet.launch(pools=())
    lab.settle()
    assert values(lab) == {elastic}

    def move() -> None:
        lab.fleet.move_elastic_address(elastic, stranger)
        lab.fleet.move_address(web, "")

    met = overlap(lab, "route53:ChangeResourceRecordSets", move)
    lab.put_pool("web", ttl=30)
    lab.settle()

    assert len(met) == 1
    assert values(lab) == set()
    assert len(log_lines(lab, "batch refused")) == 1


def test_of_members_that_a_run_holds_the_last_one_stays_held_when_another_run_finds_the_others_back(lab: Lab) -> None:
    lab.timers = ()
    web = admitted(lab, 8)

    def put_back() -> None:
        for each in web[1:5]:
            lab.fleet.retag(each, ["web"])

    met = overlap(lab, "sqs:SendMessage", put_back)  # the message that tells later runs who is held
    for each in web[:5]:
        lab.fleet.retag(each, [])
    lab.settle()
    assert (len(met), len(log_lines(lab, "withdrawal held"))) == (1, 5)
    assert in_dns(lab) == set(web)

    for _ in range(10):
        lab.functions.cold_start()
        lab.run(60, step=10)
        assert in_dns(lab) == set(web)


def test_a_pool_that_claims_a_place_while_a_run_admits_there_gets_nothing_of_it(lab: Lab) -> None:
    at_once = {"record_name": API, "admit_when": "running", "health_check": None}
    lab.put_pool("www", **at_once)
    lab.settle()
    (first,) = launched(lab, 1, pools=("www",))

    def claim() -> None:
        lab.put_pool("api", **at_once, fallback="198.18.0.9")
        lab.fleet.launch(("api",))

    met = overlap(lab, "route53:ChangeResourceRecordSets", claim)
    (second,) = launched(lab, 1, pools=("www",))

    assert len(met) == 1
    assert values(lab, API) == {lab.fleet.address(first), lab.fleet.address(second)}


def test_an_action_that_another_run_has_completed_is_not_completed_again_when_the_next_one_waits(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = completions(monkeypatch)

    def complete_and_leave_the_warm_pool() -> None:
        (event,) = events(lab, LAUNCH)
        lab.send(json.dumps(event))
        lab.settle()
        for wanted in (0, 0, 0, 1, 1, 1, 1):
            resize(lab, wanted)
            lab.clock.advance(1)
            lab.scaling.advance()

    met = overlap(lab, "autoscaling:CompleteLifecycleAction", complete_and_leave_the_warm_pool)
    lab.fleet.create_group(GROUP, 0, hooks=(launch_hook(), terminate_hook()), warm_pool=WarmPool(1, "Running"))
    lab.run(12)

    assert len(met) == 1
    instance_id = next(iter(lab.fleet.members(GROUP)))  # the warm pool launches another one in its place
    first, second = events(lab, LAUNCH, instance_id)
    assert (first["detail"]["Destination"], second["detail"]["Destination"]) == ("WarmPool", "AutoScalingGroup")
    of_first = [one for one in asked if one.token == first["detail"]["LifecycleActionToken"]]
    assert [one.refusal is None for one in of_first] == [True, False]
    assert state_of(lab, instance_id) == "Pending:Wait"
    assert len(log_lines(lab, "lifecycle action already completed")) == 1
