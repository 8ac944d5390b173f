from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Literal

import pytest

from fleet53.audit.cost import ALARM_METRICS, cost_of
from fleet53.domain.alarm import AlarmConfig
from fleet53.domain.health_check import CheckConfig, CheckSettings
from tests.template.stack import stack

if TYPE_CHECKING:
    from fleet53.report.model import Cost


def check(
    protocol: Literal["http", "https", "tcp"] = "http", *, measure_latency: bool = False, **asks: Any
) -> CheckConfig:
    return CheckConfig(CheckSettings(protocol, 80, **asks), IPv4Address("52.95.0.1"), measure_latency=measure_latency)


def checks_of(cost: Cost) -> tuple[int, float]:
    return cost.checks, cost.usd_a_month


def test_the_first_fifty_basic_checks_of_an_account_cost_nothing() -> None:
    assert checks_of(cost_of([check()] * 50, in_account=50, pools=0)) == (50, 0.0)


def test_checks_beyond_the_free_ones_cost_half_a_dollar() -> None:
    assert checks_of(cost_of([check()] * 60, in_account=60, pools=0)) == (60, 5.0)


def test_foreign_health_checks_use_up_the_free_ones() -> None:
    assert checks_of(cost_of([check()] * 10, in_account=100, pools=0)) == (10, 5.0)


@pytest.mark.parametrize(
    ("config", "dollars"),
    [
        (check("https"), 1.0),
        (check("http", search_string="ready"), 1.0),
        (check("https", search_string="ready"), 2.0),
        (check("tcp"), 0.0),
        (check(interval=10), 1.0),
        (check(measure_latency=True), 1.0),
        (check("https", search_string="ready", interval=10, measure_latency=True), 4.0),
    ],
)
def test_each_optional_feature_costs_a_dollar_even_of_a_free_check(config: CheckConfig, dollars: float) -> None:
    assert checks_of(cost_of([config], in_account=1, pools=0)) == (1, dollars)


def test_no_checks_cost_nothing() -> None:
    assert checks_of(cost_of([], in_account=70, pools=0)) == (0, 0.0)


@pytest.mark.parametrize(
    ("checks", "pools", "dollars"),
    [
        (0, 0, 7.7),  # 12 metrics for 3.60, 10 alarms on 11 metrics for 1.10, a dashboard for 3.00
        (10, 1, 10.69),  # 9 metrics for 2.70, 28,800 metrics read for 0.29
        (100, 3, 18.68),
    ],
)
def test_metrics_alarms_the_dashboard_and_reads_of_health_cost(checks: int, pools: int, dollars: float) -> None:
    assert cost_of([check()] * checks, in_account=checks, pools=pools).monitoring_usd_a_month == dollars


def test_each_alarm_of_a_member_costs_a_dime_and_its_check_no_feature() -> None:
    followed = [AlarmConfig(f"alarm-{n}", "eu-west-1") for n in range(10)]
    cost = cost_of(followed, in_account=60, pools=1, member_alarms=10)
    assert checks_of(cost) == (10, 5.0)
    assert cost.monitoring_usd_a_month == 11.69


def test_the_counts_are_those_of_the_template_and_of_what_is_measured() -> None:
    alarms = [properties for _, properties in stack().of_type("AWS::CloudWatch::Alarm")]
    watched = [query for each in alarms for query in each.get("Metrics", [each]) if "Expression" not in query]
    assert len(watched) == ALARM_METRICS
