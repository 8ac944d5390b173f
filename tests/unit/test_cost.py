from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, Literal

import pytest

from fleet53.audit.cost import cost_of
from fleet53.domain.model import CheckConfig, CheckSettings
from fleet53.report.model import Cost


def check(
    protocol: Literal["http", "https", "tcp"] = "http", *, measure_latency: bool = False, **asks: Any
) -> CheckConfig:
    return CheckConfig(CheckSettings(protocol, 80, **asks), IPv4Address("52.95.0.1"), measure_latency=measure_latency)


def test_the_first_fifty_basic_checks_of_an_account_cost_nothing() -> None:
    assert cost_of([check()] * 50, in_account=50) == Cost(50, 0.0)


def test_checks_beyond_the_free_ones_cost_half_a_dollar() -> None:
    assert cost_of([check()] * 60, in_account=60) == Cost(60, 5.0)


def test_somebody_elses_checks_use_up_the_free_ones() -> None:
    assert cost_of([check()] * 10, in_account=100) == Cost(10, 5.0)


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
    assert cost_of([config], in_account=1) == Cost(1, dollars)


def test_no_checks_cost_nothing() -> None:
    assert cost_of([], in_account=70) == Cost(0, 0.0)
