from __future__ import annotations

from datetime import timedelta

import pytest

from fleet53.config.settings import read_settings
from fleet53.domain.errors import SettingsError
from fleet53.domain.identity import Owner
from fleet53.domain.ids import PoolName, ZoneId
from fleet53.domain.lifecycle import Result
from fleet53.domain.role import Role

ROLE = "arn:aws:iam::210987654321:role/zone"
ENVIRONMENT = {
    "FLEET53_OWNER": "fleet53.eu-west-1.123456789012",
    "FLEET53_POOLS_PATH": "/fleet53/fleet53/pools",
    "FLEET53_POOL_TAG_KEY": "fleet53:pool",
    "FLEET53_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/signals",
    "FLEET53_ZONE_IDS": "Z0123456789ABC,Z0123456789DEF",
    "FLEET53_RECORD_NAMES": "app.example.com,*.API.example.com.",
    "FLEET53_FIRST_POOL": "web",
    "FLEET53_MAX_WITHDRAW_PERCENT": "50",
    "FLEET53_ADMIT_TIMEOUT": "900",
    "FLEET53_HOOK_PREFIX": "fleet53",
    "FLEET53_UNHEALTHY_LAUNCH_RESULT": "ABANDON",
    "FLEET53_REPLACE_UNHEALTHY_AFTER": "10",
}


def test_settings_are_read_from_the_environment() -> None:
    read = read_settings(ENVIRONMENT | {"AWS_REGION": "eu-west-1", "FLEET53_SOMETHING_ELSE": "1"})
    assert dict(read) == {
        "owner": Owner("fleet53.eu-west-1.123456789012"),
        "pools_path": "/fleet53/fleet53/pools",
        "pool_tag_key": "fleet53:pool",
        "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/signals",
        "zone_ids": (ZoneId("Z0123456789ABC"), ZoneId("Z0123456789DEF")),
        "record_names": ("app.example.com", "*.api.example.com"),
        "first_pool": PoolName("web"),
        "max_withdraw_percent": 50,
        "admit_timeout": timedelta(minutes=15),
        "hook_prefix": "fleet53",
        "unhealthy_launch_result": Result.ABANDON,
        "replace_unhealthy_after": timedelta(minutes=10),
        "route53_role_arn": "",
        "route53_role_external_id": "",
    }


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ({}, None),
        ({"FLEET53_ROUTE53_ROLE_ARN": ROLE}, Role(ROLE)),
        ({"FLEET53_ROUTE53_ROLE_ARN": ROLE, "FLEET53_ROUTE53_ROLE_EXTERNAL_ID": "7f3a"}, Role(ROLE, "7f3a")),
        ({"FLEET53_ROUTE53_ROLE_EXTERNAL_ID": "7f3a"}, None),
    ],
)
def test_the_role_of_the_zones_account_is_none_or_has_an_external_id_or_none(
    given: dict[str, str], role: Role | None
) -> None:
    assert read_settings(ENVIRONMENT | given).zone_role == role


def test_a_text_without_zones_is_an_empty_set_of_zones() -> None:
    assert read_settings(ENVIRONMENT | {"FLEET53_ZONE_IDS": ""}).zone_ids == ()


def test_every_problem_is_named_in_one_message() -> None:
    broken = ENVIRONMENT | {
        "FLEET53_OWNER": "a/b",
        "FLEET53_POOLS_PATH": "pools/",
        "FLEET53_POOL_TAG_KEY": "",
        "FLEET53_MAX_WITHDRAW_PERCENT": "101",
        "FLEET53_ADMIT_TIMEOUT": "soon",
        "FLEET53_HOOK_PREFIX": "",
        "FLEET53_UNHEALTHY_LAUNCH_RESULT": "continue",
        "FLEET53_REPLACE_UNHEALTHY_AFTER": "-1",
    }
    del broken["FLEET53_QUEUE_URL"]
    with pytest.raises(SettingsError) as caught:
        read_settings(broken)
    assert str(caught.value).split("; ") == [
        "FLEET53_OWNER='a/b': String should match pattern '^[^/]+$'",
        "FLEET53_POOLS_PATH='pools/': String should match pattern '^/.*[^/]$'",
        "FLEET53_POOL_TAG_KEY='': String should have at least 1 character",
        "FLEET53_QUEUE_URL=None: Field required",
        "FLEET53_MAX_WITHDRAW_PERCENT='101': Input should be less than or equal to 100",
        "FLEET53_ADMIT_TIMEOUT='soon': Input should be a valid integer, unable to parse string as an integer",
        "FLEET53_HOOK_PREFIX='': String should have at least 1 character",
        "FLEET53_UNHEALTHY_LAUNCH_RESULT='continue': Input should be 'CONTINUE' or 'ABANDON'",
        "FLEET53_REPLACE_UNHEALTHY_AFTER='-1': Input should be greater than or equal to 0",
    ]


def test_no_member_is_replaced_where_the_minutes_are_0() -> None:
    assert read_settings(ENVIRONMENT | {"FLEET53_REPLACE_UNHEALTHY_AFTER": "0"}).replace_unhealthy_after == timedelta()


def test_a_stack_name_too_long_for_a_set_identifier_is_refused_with_the_number_of_characters_that_fit() -> None:
    fits = f"{'s' * 80}.ap-southeast-1.123456789012"
    assert read_settings(ENVIRONMENT | {"FLEET53_OWNER": fits}).owner == Owner(fits)
    because = r"\.ap-southeast-1\.123456789012': the stack's name has 81 characters, and 80 fit into"
    with pytest.raises(SettingsError, match=because):
        read_settings(ENVIRONMENT | {"FLEET53_OWNER": f"s{fits}"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("FLEET53_MAX_WITHDRAW_PERCENT", "-1"),
        ("FLEET53_ADMIT_TIMEOUT", "0"),
        ("FLEET53_ADMIT_TIMEOUT", "999999999999999"),
        ("FLEET53_REPLACE_UNHEALTHY_AFTER", "-1"),
        ("FLEET53_REPLACE_UNHEALTHY_AFTER", "999999999999999"),
        ("FLEET53_POOLS_PATH", "/fleet53/pools/"),
        ("FLEET53_POOLS_PATH", "/"),
    ],
)
def test_a_value_out_of_range_is_named(key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{key}='{value}': "):
        read_settings(ENVIRONMENT | {key: value})
