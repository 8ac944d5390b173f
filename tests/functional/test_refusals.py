"""What becomes of a run that Route 53 does not serve at once: throttled, busy, refused, or overtaken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.route53.api import Route53Error
from tests.functional.incidents import before_each, meanwhile, set_timeout, wait_in_lab_time
from tests.functional.views import (
    admitted,
    audit,
    batches,
    calls,
    check_of,
    checks,
    checks_of,
    delete_check,
    delete_record,
    findings,
    in_dns,
    launched,
    log_lines,
    put_record,
    record_of,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

    from lab.stack.functions import Invocation
    from lab.world import Lab


def serve_at_once(lab: Lab, *pools: str) -> None:
    """Let these pools, all in one zone, admit every running member."""
    for pool in pools:
        lab.put_pool(pool, health_check=None, admit_when="running")
    lab.settle()
    lab.route53.reset_calls()
    lab.invocations.clear()


def launched_while(lab: Lab, monkeypatch: pytest.MonkeyPatch, refuse: Callable[[], None]) -> str:
    """Launch an instance that `web` admits at once, after `refuse` has told Route 53 which calls to refuse."""
    serve_at_once(lab, "web")
    wait_in_lab_time(lab, monkeypatch)
    refuse()
    instance_id = lab.fleet.launch()
    lab.settle()
    return instance_id


def returned(invocation: Invocation) -> int:
    return len(invocation.result["batchItemFailures"])


# -- throttled and busy


def test_a_few_throttled_calls_are_tried_again_in_the_same_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    web = launched_while(lab, monkeypatch, lambda: lab.route53.throttle(3))

    (invocation,) = lab.invocations
    assert returned(invocation) == 0
    assert in_dns(lab) == {web}
    assert invocation.metric("Throttled") == [3.0]
    assert invocation.metric("Route53Calls") == [6.0]


def test_a_run_that_is_throttled_eight_times_returns_its_messages_and_the_next_one_finishes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = launched_while(lab, monkeypatch, lambda: lab.route53.throttle(8))

    (first,) = lab.invocations
    assert returned(first) == len(first.event["Records"])
    assert first.metric("Throttled") == [8.0]
    assert in_dns(lab) == set()
    (because,) = {line["because"] for line in log_lines(lab, "message returned")}
    assert because.startswith(f"hosted zone {lab.zone_id}: tried 8 times: An error occurred (Throttling)")
    wait(lab, 6)

    assert returned(lab.invocations[-1]) == 0
    assert in_dns(lab) == {web}


def test_a_zone_that_is_busy_for_a_moment_is_changed_in_the_same_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    web = launched_while(lab, monkeypatch, lambda: lab.route53.busy(3))

    (invocation,) = lab.invocations
    assert returned(invocation) == 0
    assert calls(lab)["ChangeResourceRecordSets"] == 4
    assert in_dns(lab) == {web}


def test_a_zone_that_stays_busy_is_changed_when_the_messages_come_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = launched_while(lab, monkeypatch, lambda: lab.route53.busy(8))

    assert returned(lab.invocations[-1]) == len(lab.invocations[-1].event["Records"])
    assert in_dns(lab) == set()
    wait(lab, 6)

    assert in_dns(lab) == {web}


def test_waits_between_tries_grow(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_at_once(lab, "web")
    lab.clock.advance(10)  # so that no request waits because of those before
    waits: list[float] = []

    def wait_for(seconds: float) -> None:
        waits.append(seconds)
        lab.clock.advance(seconds)

    monkeypatch.setattr("time.sleep", wait_for)
    lab.route53.throttle(8)
    signal(lab, "web")

    assert len(waits) == 7
    bounds = [(0.25, 0.75), (0.5, 1.5), (1, 3), (2, 6), (4, 12), (4, 12), (4, 12)]
    assert all(least <= waited <= most for waited, (least, most) in zip(waits, bounds, strict=True))


# -- the end of the function's time


def test_with_less_than_ten_seconds_left_nothing_is_sent_and_all_is_returned(lab: Lab) -> None:
    serve_at_once(lab, "web")
    set_timeout(lab, "ReconcilerFunction", 9)
    lab.fleet.launch()
    lab.settle()

    (invocation,) = lab.invocations
    assert invocation.error is None
    assert returned(invocation) == len(invocation.event["Records"])
    assert lab.route53.calls == []
    (because,) = {line["because"] for line in log_lines(lab, "message returned")}
    assert because.endswith("s left, and 10 s are kept for a clean end")


def test_a_run_whose_time_ends_between_two_checks_stops_there_and_the_next_one_finishes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(lab, monkeypatch, "CreateHealthCheck", lambda: lab.clock.advance(295))
    instance_ids = launched(lab, 3)

    (first,) = lab.invocations
    assert first.error is None
    assert returned(first) == len(first.event["Records"])
    assert len(checks(lab)) == 1
    assert len(log_lines(lab, "health check created")) == 1
    lab.clock.advance(6)
    lab.settle()

    assert returned(lab.invocations[-1]) == 0
    assert [len(checks_of(lab, each)) for each in instance_ids] == [1, 1, 1]
    see_healthy(lab, instance_ids)
    assert in_dns(lab) == set(instance_ids)


def test_a_run_whose_time_ends_between_a_withdrawal_and_its_check_leaves_the_check_to_the_next_run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (web,) = admitted(lab, 1)
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: lab.clock.advance(290))
    lab.fleet.terminate(web)
    lab.settle()
    assert in_dns(lab) == set()
    assert len(checks(lab)) == 1
    lab.clock.advance(6)
    lab.settle()

    assert checks(lab) == {}


def test_throttling_that_would_outlast_the_functions_time_ends_the_run_before_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_timeout(lab, "ReconcilerFunction", 27)
    launched_while(lab, monkeypatch, lambda: lab.route53.throttle(100))

    (invocation,) = lab.invocations
    assert returned(invocation) == len(invocation.event["Records"])
    assert 2 <= len(lab.route53.calls) <= 4
    (because,) = {line["because"] for line in log_lines(lab, "message returned")}
    assert because.startswith("no time left to try again: An error occurred (Throttling)")


# -- a batch that Route 53 refuses


def launched_into_protected(lab: Lab) -> tuple[str, str]:
    """Launch an instance for `web`, and one for `api` in the same zone, whose name is protected."""
    serve_at_once(lab, "web", "api")
    lab.route53.protect(lab.zone_id, "api.example.com", "A", "ask Kim first")
    web, api = lab.fleet.launch(("web",)), lab.fleet.launch(("api",))
    lab.settle()
    return web, api


def test_a_pool_whose_changes_are_refused_stops_no_other_pool_of_its_zone_in_the_same_run(lab: Lab) -> None:
    web, _ = launched_into_protected(lab)

    assert len(lab.invocations) == 1
    assert in_dns(lab) == {web}
    assert in_dns(lab, "api.example.com") == set()


def test_a_refused_batch_is_planned_again_three_times_at_most_then_split_by_pool(lab: Lab) -> None:
    launched_into_protected(lab)

    changed = [
        {change["ResourceRecordSet"]["Name"] for change in call.parameters["ChangeBatch"]["Changes"]}
        for call in lab.route53.calls
        if call.operation == "ChangeResourceRecordSets"
    ]
    both = {"app.example.com", "api.example.com"}
    assert changed == [both, both, both, {"api.example.com"}, {"app.example.com"}]
    assert calls(lab)["ListResourceRecordSets"] == 4  # both names are on one page


def test_a_refusal_that_no_retry_fixes_is_a_finding_and_no_retry(lab: Lab) -> None:
    launched_into_protected(lab)

    (invocation,) = lab.invocations
    assert returned(invocation) == 0
    assert invocation.metric("Findings", Pool="api", Kind="change-refused") == [1.0]
    assert invocation.metric("Findings", Pool="web") == []


def test_a_refusal_is_logged_with_route_53s_own_words(lab: Lab) -> None:
    launched_into_protected(lab)

    line = log_lines(lab, "batch refused")[-1]
    assert line["pools"] == ["api"]
    assert line["because"] == (
        f"hosted zone {lab.zone_id}: InvalidChangeBatch: [The resource record set "
        "[name='api.example.com.', type='A'] is protected: ask Kim first]"
    )


def test_a_pool_is_withdrawn_from_even_where_its_admissions_are_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_at_once(lab, "web")
    going = lab.fleet.launch()
    lab.settle()
    assert in_dns(lab) == {going}

    def refuse_admissions(parameters: Mapping[str, Any]) -> None:
        if any(change["Action"] == "CREATE" for change in parameters["ChangeBatch"]["Changes"]):
            raise Route53Error("InvalidChangeBatch", "[no more of this]")

    before_each(lab, monkeypatch, "ChangeResourceRecordSets", refuse_admissions)
    lab.fleet.launch()
    lab.fleet.terminate(going)
    lab.settle()

    assert in_dns(lab) == set()
    assert lab.invocations[-1].metric("Withdrawn", Pool="web") == [1.0]
    assert lab.invocations[-1].metric("Findings", Pool="web", Kind="change-refused") == [1.0]


def test_a_refused_pool_is_served_as_soon_as_route_53_takes_its_changes(lab: Lab) -> None:
    serve_at_once(lab, "web", "api")
    lab.route53.fail("ChangeResourceRecordSets", Route53Error("InvalidChangeBatch", "[not today]"), 5)
    web, api = lab.fleet.launch(("web",)), lab.fleet.launch(("api",))
    lab.settle()
    assert in_dns(lab) | in_dns(lab, "api.example.com") == set()
    audit(lab, {"repair": True})
    lab.settle()

    assert (in_dns(lab), in_dns(lab, "api.example.com")) == ({web}, {api})
    assert audit(lab)["in_sync"] is True


# -- overtaken by another actor


def test_a_record_that_was_deleted_by_hand_before_is_not_an_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (web,) = admitted(lab, 1)
    record = record_of(lab, web)
    lab.invocations.clear()
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: delete_record(lab, record))
    lab.fleet.terminate(web)
    lab.settle()

    (invocation,) = lab.invocations
    assert returned(invocation) == 0
    assert invocation.metric("Findings", Kind="change-refused") == []
    assert in_dns(lab) == set()
    assert checks(lab) == {}


def test_a_record_that_was_edited_by_hand_before_is_deleted_as_it_is_then(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, other = admitted(lab, 2)
    lab.fleet.terminate(other)
    lab.settle()  # the function has swept the zones by then, so the pass about the other member does not do it again
    edited = record_of(lab, web) | {"TTL": 5}
    lab.invocations.clear()
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: put_record(lab, edited))
    lab.fleet.terminate(web)
    lab.settle()

    (invocation,) = lab.invocations
    assert returned(invocation) == 0
    assert in_dns(lab) == set()
    assert checks(lab) == {}


def test_a_health_check_that_is_deleted_by_hand_before_its_record_is_put_is_created_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (web,) = launched(lab, 1)
    first = check_of(lab, web)
    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", lambda: delete_check(lab, first))
    see_healthy(lab, [web])

    assert in_dns(lab) == set()
    second = check_of(lab, web)
    assert second != first
    see_healthy(lab, [web])
    assert record_of(lab, web)["HealthCheckId"] == second
    assert findings(audit(lab), "dead-check-reference") == []
    assert batches(lab)[-1] == [("CREATE", web)]
