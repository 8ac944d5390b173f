"""The dashboard: what it shows is there to be shown, and is this stack's."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any, Final

import pytest

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.views import admitted, allowed_zone, delete_record, launched, record_of
from tests.template.stack import source, stack

OWNER: Final = "fleet53.eu-west-1.123456789012"
COLUMNS: Final = 24
"""The width of a dashboard (CloudWatch API, Dashboard Body Structure and Syntax)."""
SEARCH: Final = re.compile(r"SEARCH\('\{fleet53,([\w,]+)\} Owner=\"([^\"]+)\" MetricName=\"(\w+)\"', '(\w+)', \d+\)")
PARAMETERS: Final = [
    {name: str(value)}
    for name, parameter in source()["Parameters"].items()
    for value in parameter.get("AllowedValues", [parameter.get("Default")])
    if value is not None
]
"""One parameter at a time, with each value that it may have."""


def body(**parameters: str) -> dict[str, Any]:
    """Return the dashboard's body, read as JSON."""
    read: dict[str, Any] = json.loads(stack(**parameters).properties("Dashboard")["DashboardBody"])
    return read


def widgets(kind: str) -> list[dict[str, Any]]:
    return [each for each in body()["widgets"] if each["type"] == kind]


def rows() -> list[list[Any]]:
    """Return each row of metrics: a metric's namespace, name and dimensions, or a search."""
    return [row for widget in widgets("metric") for row in widget["properties"]["metrics"]]


def searches() -> list[str]:
    return [row[0]["expression"] for row in rows() if isinstance(row[0], dict)]


@pytest.mark.parametrize("parameters", [{}, *PARAMETERS], ids=str)
def test_the_body_is_json_for_every_value_of_a_parameter(parameters: dict[str, str]) -> None:
    assert body(**parameters)["widgets"]


def test_the_name_has_the_region_because_an_account_has_one_list_of_dashboards() -> None:
    assert stack().properties("Dashboard")["DashboardName"] == "fleet53-eu-west-1"
    assert stack().scope.resolve(stack().template["Outputs"]["DashboardUrl"]["Value"]) == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/fleet53-eu-west-1"
    )


def test_the_widget_is_on_top_and_asks_the_function_when_it_is_refreshed_and_not_when_it_is_resized() -> None:
    (widget,) = widgets("custom")
    assert (widget["x"], widget["y"], widget["width"]) == (0, 0, COLUMNS)
    assert widget["properties"] == {
        "title": "fleet53",
        "endpoint": "WidgetFunction.Arn",
        "params": {},
        "updateOn": {"refresh": True, "resize": False, "timeRange": False},
    }


def test_widgets_lie_beside_each_other_within_the_dashboard() -> None:
    places = [
        {
            (x, y)
            for x in range(each["x"], each["x"] + each["width"])
            for y in range(each["y"], each["y"] + each["height"])
        }
        for each in body()["widgets"]
    ]
    assert all(x < COLUMNS for place in places for x, _ in place)
    assert [(one, other) for one, other in itertools.combinations(places, 2) if one & other] == []


def test_every_search_is_for_this_stacks_owner_only() -> None:
    assert len(searches()) == 10
    assert {found[2] for each in searches() if (found := SEARCH.fullmatch(each))} == {OWNER}
    assert [each for each in searches() if not SEARCH.fullmatch(each)] == []


def test_every_metric_is_of_this_stack_and_named_in_the_legend() -> None:
    for row in rows():
        assert row[-1]["label"]
        if isinstance(row[0], str):
            namespace, _, dimension, value, _ = row
            assert (namespace, dimension, value) in {
                ("fleet53", "Owner", OWNER),
                ("AWS/SQS", "QueueName", "Signals.QueueName"),
                ("AWS/SQS", "QueueName", "DeadLetters.QueueName"),
                *(("AWS/Lambda", "FunctionName", name) for name, _ in stack().of_type("AWS::Lambda::Function")),
            }


def test_the_legend_names_pools_by_what_cloudwatch_puts_in() -> None:
    labels = {row[-1]["label"] for row in rows()}
    assert {"${PROP('Dim.Pool')} in DNS", "${PROP('Dim.Pool')} ${PROP('Dim.Kind')}"} <= labels


def test_errors_of_every_function_are_shown() -> None:
    shown = {row[3] for row in rows() if row[0] == "AWS/Lambda"}
    assert shown == {name for name, _ in stack().of_type("AWS::Lambda::Function")}


def test_every_widget_with_metrics_says_of_which_region() -> None:
    assert {each["properties"]["region"] for each in widgets("metric")} == {"eu-west-1"}


def test_every_metric_of_ours_is_written_with_the_dimensions_that_the_dashboard_looks_for() -> None:
    wanted = {(found[3], found[1]) for each in searches() if (found := SEARCH.fullmatch(each))}
    wanted |= {(row[1], row[2]) for row in rows() if row[0] == "fleet53"}
    with Lab(start=MONDAY_NOON) as lab:
        other = allowed_zone(lab, "example.net")
        first, *_ = admitted(lab, 4)
        launched(lab, 1)
        delete_record(lab, record_of(lab, first))
        lab.audit({"repair": True})
        lab.settle()
        lab.fleet.terminate(first)
        lab.settle()
        lab.put_pool("web", hosted_zone_id=other, record_name="app.example.net")
        lab.route53.deny(lab.zone_id)  # which no pool uses any more: a finding of no pool
        lab.audit()
        written = {
            (metric["Name"], ",".join(dimensions))
            for invocation in lab.invocations
            for line in invocation.metrics
            for directive in line["_aws"]["CloudWatchMetrics"]
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
        }
    assert wanted - written == set()
