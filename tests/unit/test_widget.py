"""What CloudWatch asks of the widget's function, read into values."""

from __future__ import annotations

import contextlib
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet53.audit.request import AuditRequest
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import PoolName
from fleet53.report.page import View
from fleet53.widget import DESCRIPTION, WidgetRequest, is_describe, read_request, read_view

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:customWidget-fleet53"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def context(**changes: Any) -> dict[str, Any]:
    """Return a context as CloudWatch documents it."""
    return {
        "widgetContext": {
            "dashboardName": "fleet53-eu-west-1",
            "widgetId": "widget-1",
            "accountId": "123456789012",
            "locale": "en",
            "timezone": {"label": "UTC", "offsetISO": "+00:00", "offsetInMinutes": 0},
            "period": 300,
            "isAutoPeriod": True,
            "timeRange": {"mode": "relative", "start": 1627236199729, "end": 1627322599729, "relativeStart": 86400012},
            "theme": "light",
            "linkCharts": True,
            "title": "fleet53",
            "forms": {"all": {}},
            "params": {},
            "width": 588,
            "height": 369,
        }
        | changes
    }


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        ({}, WidgetRequest()),
        ({"pools": None}, WidgetRequest()),
        ({"pools": ["web", "api"]}, WidgetRequest(pools=[PoolName("web"), PoolName("api")])),
        ({"action": "check"}, WidgetRequest(action="check")),
        ({"action": "repair", "pools": ["web"]}, WidgetRequest(pools=[PoolName("web")], action="repair")),
        ({"action": "repair", "force": True}, WidgetRequest(action="repair", force=True)),
    ],
)
def test_an_event_says_what_is_asked(parameters: dict[str, Any], asked: WidgetRequest) -> None:
    assert read_request(parameters | context()) == asked


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (WidgetRequest(), AuditRequest()),
        (WidgetRequest(action="check"), AuditRequest()),
        (WidgetRequest(pools=[PoolName("web")]), AuditRequest(pools=[PoolName("web")])),
        (WidgetRequest(action="repair"), AuditRequest(repair=True)),
        (WidgetRequest(action="repair", force=True), AuditRequest(repair=True, force=True)),
    ],
)
def test_only_the_repair_buttons_request_a_repair(asked: WidgetRequest, expected: AuditRequest) -> None:
    assert asked.audit == expected


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"pools": "web"}, "pools='web': Input should be a valid list"),
        ({"pools": []}, "pools=[]: List should have at least 1 item"),
        ({"pools": ["web", 7]}, "pools.1=7: Input should be a valid string"),
        ({"pool": ["web"]}, "pool=['web']: Extra inputs are not permitted"),
        ({"repair": True}, "repair=True: Extra inputs are not permitted"),
        ({"action": "fix"}, "action='fix': Input should be 'check' or 'repair'"),
        ({"action": "repair", "force": 1}, "force=1: Input should be a valid boolean"),
        ({"force": True}, "force=True: only a repair passes the guard"),
        ({"action": "check", "force": True}, "force=True: only a repair passes the guard"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_key_and_the_value(parameters: dict[str, Any], fault: str) -> None:
    with pytest.raises(NotUnderstoodError) as refused:
        read_request(parameters | context())
    assert str(refused.value).startswith(fault)


def test_a_widgets_own_parameters_may_not_name_an_action() -> None:
    with pytest.raises(NotUnderstoodError, match="action='repair': Extra inputs are not permitted"):
        read_request({"action": "repair"} | context(params={"action": "repair"}))


@given(JSON)
def test_any_event_is_read_or_refused(event: Any) -> None:
    assert read_view(event, ARN).endpoint == ARN
    with contextlib.suppress(NotUnderstoodError):
        assert isinstance(read_request(event), WidgetRequest)


@given(JSON, JSON, JSON)
def test_any_context_gives_a_view(theme: Any, zone: Any, offset: Any) -> None:
    view = read_view(context(theme=theme, timezone=zone), ARN)
    assert view.dark is (theme == "dark")
    assert isinstance(read_view(context(timezone={"offsetISO": offset}), ARN).zone, timezone)


@pytest.mark.parametrize(
    ("offset", "zone"),
    [
        ("+00:00", UTC),
        ("+01:00", timezone(timedelta(hours=1))),
        ("+05:30", timezone(timedelta(hours=5, minutes=30))),
        ("-03:30", timezone(-timedelta(hours=3, minutes=30))),
        ("-00:15", timezone(-timedelta(minutes=15))),
        ("+24:00", UTC),
        ("+99:99", UTC),
        ("1 h", UTC),
        (60, UTC),
    ],
)
def test_the_viewers_zone_is_read_from_its_offset(offset: Any, zone: timezone) -> None:
    # offsetInMinutes counts westwards, as in AWS's sample: it must not be taken for the offset.
    told = {"label": "Local", "offsetISO": offset, "offsetInMinutes": -60}
    assert read_view(context(timezone=told), ARN) == View(ARN, zone=zone)


def test_the_description_is_asked_for_and_has_a_yaml_block_first() -> None:
    assert is_describe({"describe": True})
    assert not is_describe(context())
    assert not is_describe([])
    before, _, _ = DESCRIPTION.partition("``` yaml\npools:")
    assert "```" not in before
    assert before != DESCRIPTION
