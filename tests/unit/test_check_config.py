from __future__ import annotations

from fleet53.aws.check_config import read_config


def test_a_check_of_an_alarm_that_route_53_does_not_name_is_one_that_fleet53_does_not_know() -> None:
    assert read_config({"Type": "CLOUDWATCH_METRIC"}) is None
