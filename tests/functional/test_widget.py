"""The widget's function: it answers every request with a page, and writes only a repair's signal."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.incidents import denied
from tests.functional.views import (
    READS,
    admitted,
    allow_zones,
    audit,
    calls,
    delete_record,
    in_dns,
    log_lines,
    record_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.world import Lab


def look(lab: Lab, parameters: Mapping[str, Any] | None = None, **context: Any) -> str:
    """Look at the widget and return its page, having seen that it wrote nothing to Route 53 and measured nothing."""
    before = len(lab.route53.calls)
    told = {"theme": "light", "params": {}, "timezone": {"label": "UTC", "offsetISO": "+00:00", "offsetInMinutes": 0}}
    invocation = lab.invoke("WidgetFunction", {**(parameters or {}), "widgetContext": told | context})
    assert invocation.error is None
    assert invocation.metrics == ()
    assert {call.operation for call in lab.route53.calls[before:]} <= READS
    assert isinstance(invocation.result, str)
    return invocation.result


def text_of(page: str) -> str:
    """Return a page's text with single spaces."""
    without_styles = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", without_styles)).split())


def queued(lab: Lab) -> list[dict[str, Any]]:
    """Take the messages that can be received now out of the signals queue."""
    sqs, url = lab.client("sqs"), lab.deployment.queue_url("Signals")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def test_looking_shows_each_member_and_repairs_nothing(lab: Lab) -> None:
    web, other = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))
    page = look(lab)

    text = text_of(page)
    assert "1 drifted" in text
    assert f"Not in DNS {web} {lab.fleet.address(web)} running" in text
    assert f"In DNS {other} {lab.fleet.address(other)} running" in text
    assert f'endpoint="{lab.deployment.functions["WidgetFunction"].arn}"' in page
    assert queued(lab) == []


def test_the_check_button_only_looks(lab: Lab) -> None:
    web, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))

    assert "1 drifted" in text_of(look(lab, {"action": "check"}))
    assert queued(lab) == []


def test_the_repair_button_queues_a_signal_that_makes_the_drift_go(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))

    assert "A repair is queued" in text_of(look(lab, {"action": "repair"}))
    (line,) = log_lines(lab, "repair queued")
    assert (line["queued"], line["force"]) == (1, False)
    lab.settle()
    assert in_dns(lab) == {web}
    assert "In sync" in text_of(look(lab, {"action": "check"}))


def test_the_repair_button_leaves_what_the_guard_holds_to_the_button_with_force(lab: Lab) -> None:
    members = admitted(lab, 4)
    audit(lab, {"repair": True})  # names the health checks
    lab.settle()
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)

    assert "No repair is queued" in text_of(look(lab, {"action": "repair"}))
    assert queued(lab) == []
    assert "A repair is queued" in text_of(look(lab, {"action": "repair", "force": True}))
    lab.settle()
    assert in_dns(lab) == {members[0]}


def test_pools_narrow_what_is_shown_and_what_its_buttons_ask(lab: Lab) -> None:
    lab.put_pool("api")
    page = look(lab, {"pools": ["api"]}, params={"pools": ["api"]})

    assert "api.example.com" in text_of(page)
    assert "app.example.com" not in text_of(page)
    assert '{"action": "check", "pools": ["api"]}' in page


def test_the_pages_times_and_theme_are_the_viewers(lab: Lab) -> None:
    page = look(lab, theme="dark", timezone={"label": "Local", "offsetISO": "+05:30", "offsetInMinutes": -330})

    assert 'class="fleet53 f53-dark"' in page
    assert re.search(r"looked at 2026-01-05 17:\d\d:\d\d \(UTC\+05:30\)", text_of(page))


def test_a_zone_that_cannot_be_read_stands_out_and_the_other_pools_are_shown(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    allow_zones(lab, "ZGONE")
    lab.put_pool("api", hosted_zone_id="ZGONE")
    text = text_of(look(lab))

    assert "zone-unreadable: pool api is not looked at" in text
    assert f"In DNS {web}" in text


def test_an_audit_that_fails_is_a_page_that_says_what_failed(lab: Lab) -> None:
    look(lab)
    with denied("widget", "ssm", "GetParametersByPath", "<b>not</b> allowed"):
        page = look(lab)

    assert "The audit failed" in text_of(page)
    assert "AccessDenied" in text_of(page)
    assert "&lt;b&gt;not&lt;/b&gt; allowed" in page
    assert "Check now" in text_of(page)
    (line,) = log_lines(lab, "audit failed")
    assert "AccessDenied" in line["exception"]


def test_settings_that_are_wrong_are_a_page_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lab.deployment.functions["WidgetFunction"].environment, "FLEET53_OWNER", "a/b")

    assert "FLEET53_OWNER='a/b'" in text_of(look(lab))


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"pools": "<web>"}, "pools='<web>': Input should be a valid list"),
        ({"title": "x"}, "title='x': Extra inputs are not permitted"),
        ({"force": True}, "force=True: only a repair passes the guard"),
    ],
)
def test_parameters_that_cannot_be_read_are_a_page_with_the_key_and_the_value(
    lab: Lab, parameters: dict[str, Any], fault: str
) -> None:
    lab.route53.reset_calls()
    text = text_of(look(lab, parameters))

    assert f"These parameters are not understood {fault}" in text
    assert calls(lab) == {}
    assert queued(lab) == []


def test_a_dashboard_that_would_repair_whenever_it_is_looked_at_is_refused(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    delete_record(lab, record_of(lab, web))
    text = text_of(look(lab, {"action": "repair"}, params={"action": "repair"}))

    assert "action='repair': Extra inputs are not permitted" in text
    assert queued(lab) == []


@pytest.mark.parametrize("event", [[], "x", None, 7, {"widgetContext": 7}, {"widgetContext": {"timezone": []}}])
def test_an_event_of_no_form_at_all_is_a_page_too(lab: Lab, event: Any) -> None:
    invocation = lab.invoke("WidgetFunction", event)
    assert invocation.error is None
    assert 'class="fleet53 f53-light"' in invocation.result


def test_the_description_is_markdown_and_costs_nothing(lab: Lab) -> None:
    lab.route53.reset_calls()
    invocation = lab.invoke("WidgetFunction", {"describe": True})

    assert invocation.result.startswith("## fleet53\n")
    assert calls(lab) == {}


def test_looking_costs_as_many_calls_as_an_audit(lab: Lab) -> None:
    admitted(lab, 20)
    look(lab)  # so that both are warm
    audit(lab)
    lab.route53.reset_calls()
    audit(lab)
    one_audit = calls(lab)
    lab.route53.reset_calls()
    look(lab)

    assert calls(lab) == one_audit


def test_a_pool_that_is_not_declared_is_reported_and_not_shown_as_empty(lab: Lab) -> None:
    text = text_of(look(lab, {"pools": ["nope"]}))

    assert "These parameters are not understood pools=['nope']: not declared; the declared pools are web" in text
