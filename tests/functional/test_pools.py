"""What becomes of a pool whose settings are wrong, or have changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.route53.api import Route53Error
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import meanwhile
from tests.functional.views import (
    admitted,
    allow_zones,
    allowed_zone,
    audit,
    check_of,
    checks,
    checks_of,
    findings,
    in_dns,
    launched,
    record_of,
    records,
    see_healthy,
    signal,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/fleet53/fleet53/pools"


def put_without_event(lab: Lab, pool: str, **changes: Any) -> None:
    """Change a pool's settings, and let the Parameter Store event get lost."""
    settings = lab.pools.settings(pool) | changes
    lab.client("ssm").put_parameter(Name=f"{PATH}/{pool}", Value=json.dumps(settings), Type="String", Overwrite=True)


# -- what is said of a pool that cannot be used

WRONG: Mapping[str, tuple[str | dict[str, Any], str]] = {
    "not-json": ("ttl=60", "not JSON (Invalid JSON: expected ident at line 1 column 2)"),
    "a-list": ("[]", "Input should be an object"),
    "empty-object": ("{}", "hosted_zone_id is missing; record_name is missing"),
    "unknown-key": ({"tll": 60}, "tll is an unknown key"),
    "unknown-check-key": ({"health_check": {"port": 80}}, "health_check.port is an unknown key"),
    "ttl-as-text": ({"ttl": "60"}, "ttl='60' is refused: Input should be a valid integer"),
    "ttl-zero": ({"ttl": 0}, "ttl=0 is refused: Input should be greater than or equal to 1"),
    "ttl-too-long": ({"ttl": 86401}, "ttl=86401 is refused: Input should be less than or equal to 86400"),
    "bad-zone-id": ({"hosted_zone_id": "example.com"}, "hosted_zone_id='example.com' is refused"),
    "bad-name": ({"record_name": "app..example.com"}, "record_name='app..example.com' is refused"),
    "bad-address": ({"address": "elastic"}, "address='elastic' is refused: Input should be 'public-ipv4'"),
    "ftp": (
        {"health_check": {"url": "ftp://:21/"}},
        "health_check.url is refused: Input should be one of http://",
    ),
    "port-0": (
        {"health_check": {"url": "http://:0/"}},
        "health_check.url is refused: Input should be one of http://",
    ),
    "interval-20": (
        {"health_check": {"interval": 20}},
        "health_check.interval=20 is refused: Input should be 10 or 30",
    ),
    "threshold-11": ({"health_check": {"failure_threshold": 11}}, "health_check.failure_threshold=11 is refused"),
    "two-regions": (
        {"health_check": {"regions": ["eu-west-1", "us-east-1"]}},
        "health_check.regions is refused: Input should be at least 3 different regions of",
    ),
    "tcp-search": (
        {"health_check": {"url": "tcp://:22", "search_string": "SSH"}},
        "search_string needs an http or https url: a tcp health check reads no body",
    ),
    "private-check": (
        {"address": "private-ipv4"},
        'health_check must be null or have an alarm where address is "private-ipv4"',
    ),
    "no-check": ({"health_check": None}, 'admit_when must be "running" where health_check is null'),
    "bad-fallback": (
        {"fallback": "sorry.example.com"},
        "fallback='sorry.example.com' is refused: Input should be an IPv4 or IPv6",
    ),
    "v6-fallback": ({"fallback": "2001:db8::1"}, "fallback must be an address for A, as public-ipv4 has"),
    "same-name": (
        {"record_name": "app.example.com"},
        "is the place of pool app, which is the stack's first pool",
    ),
    "Bad_Name": ({}, "a pool's name is 1 to 32 of a-z, 0-9 and '-', not 'Bad_Name'"),
    "a-name-of-more-than-thirty-two-characters": ({}, "a pool's name is 1 to 32 of a-z, 0-9 and '-', not 'a-name-of"),
}


@pytest.fixture(scope="module")
def audit_of_wrong_pools() -> dict[str, Any]:
    """Return the report of an audit of one stack that has every wrong pool, and a right one."""
    with Lab({"PoolName": "app"}, start=MONDAY_NOON) as lab:
        right = lab.pools.settings("app")
        for name, (wrong, _) in WRONG.items():
            settings = {**right, "record_name": f"{name.lower().replace('_', '-')}.example.com"}
            lab.pools.put_text(name, wrong if isinstance(wrong, str) else json.dumps(settings | wrong))
        return lab.audit()


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_pool_is_reported_with_its_parameter_the_key_and_a_value_that_is_not_a_secret(
    audit_of_wrong_pools: dict[str, Any], name: str
) -> None:
    (finding,) = (each for each in audit_of_wrong_pools["findings"] if each["pool"] == name)
    assert finding["kind"] == "invalid-pool"
    assert finding["held"] is False
    assert finding["because"].startswith(f"{PATH}/{name}: ")
    assert WRONG[name][1] in finding["because"]


def test_every_wrong_pool_is_in_the_summary_and_none_in_the_list_of_pools(
    audit_of_wrong_pools: dict[str, Any],
) -> None:
    assert audit_of_wrong_pools["summary"]["invalid-pool"] == len(WRONG)
    assert [pool["name"] for pool in audit_of_wrong_pools["pools"]] == ["app"]


def test_all_faults_of_a_pool_are_named_at_once(lab: Lab) -> None:
    lab.put_pool("web", ttl=0, address="elastic")

    (finding,) = findings(audit(lab), "invalid-pool")
    assert finding["because"] == (
        f"{PATH}/web: ttl=0 is refused: Input should be greater than or equal to 1; "
        "address='elastic' is refused: Input should be 'public-ipv4', 'ipv6', 'dualstack' or 'private-ipv4'"
    )


def test_a_pool_in_a_secure_string_is_reported_with_what_to_do(lab: Lab) -> None:
    settings = lab.pools.settings("web") | {"record_name": "api.example.com"}
    lab.client("ssm").put_parameter(Name=f"{PATH}/api", Value=json.dumps(settings), Type="SecureString")
    lab.pools.emit_changes()
    lab.settle()

    (finding,) = findings(audit(lab), "invalid-pool")
    assert (finding["pool"], finding["because"]) == (
        "api",
        f"{PATH}/api is a SecureString, and fleet53 decrypts none: delete it, and create it as a String",
    )


@pytest.mark.parametrize("type_", ["String", "StringList"])
def test_a_pool_with_a_byte_order_mark_and_a_last_line_end_is_served(lab: Lab, type_: str) -> None:
    text = json.dumps(lab.pools.settings("web") | {"record_name": "api.example.com"})
    lab.client("ssm").put_parameter(Name=f"{PATH}/api", Value=f"\ufeff{text}\n", Type=type_)
    lab.pools.emit_changes()
    lab.settle()

    admitted(lab, 1, "api.example.com", pools=("api",))
    assert audit(lab)["in_sync"]


def test_a_name_outside_its_zone_is_reported_with_the_zones_name(lab: Lab) -> None:
    lab.update_stack({"AllowedRecordNames": "app.example.org"})
    lab.put_pool("web", record_name="app.example.org")

    (finding,) = findings(audit(lab), "invalid-pool")
    assert finding["pool"] == "web"
    assert finding["because"] == (
        f"pool web: record_name='app.example.org' is outside its zone example.com ({lab.zone_id})"
    )


def test_a_zone_that_does_not_exist_is_reported_with_its_id(lab: Lab) -> None:
    allow_zones(lab, "Z404")
    lab.put_pool("web", hosted_zone_id="Z404")

    (finding,) = findings(audit(lab, {"pools": ["web"]}), "zone-unreadable")
    assert (finding["pool"], finding["record_name"]) == ("web", "app.example.com")
    assert finding["because"] == "hosted zone Z404: NoSuchHostedZone: No hosted zone found with ID: Z404"


def test_a_zone_that_may_not_be_read_is_reported_with_the_refusal(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.deny(lab.zone_id)

    (finding,) = findings(audit(lab), "zone-unreadable")
    assert (finding["pool"], finding["record_name"]) == ("web", "app.example.com")
    assert finding["because"].startswith(f"hosted zone {lab.zone_id}: AccessDenied: User is not authorized")


def test_the_reconciler_counts_a_wrong_pool_by_kind(lab: Lab) -> None:
    lab.put_pool("web", ttl=0)
    lab.settle()

    assert lab.invocations[-1].metric("Findings", Pool="web", Kind="invalid-pool") == [1.0]


def test_the_reconciler_counts_a_pool_whose_zone_is_unreadable_by_kind(lab: Lab) -> None:
    allow_zones(lab, "Z404")
    lab.put_pool("web", hosted_zone_id="Z404")
    lab.settle()

    assert lab.invocations[-1].metric("Findings", Pool="web", Kind="zone-unreadable") == [1.0]
    assert lab.invocations[-1].result == {"batchItemFailures": []}


# -- what happens to it, and to the others

SPOILT: Mapping[str, dict[str, Any]] = {
    "not valid": {"ttl": 0},
    "outside its zone": {"record_name": "api.example.net"},
    "in a zone that does not exist": {"hosted_zone_id": "Z404"},
    "of a name that is not allowed": {"record_name": "app.example.org"},
    "of another pool's name": {"record_name": "api.example.com"},
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_records_and_checks_of_a_pool_that_turned_wrong_stay_as_they_are(lab: Lab, spoilt: str) -> None:
    allow_zones(lab, "Z404")
    lab.put_pool("api")
    admitted(lab, 2)
    before = records(lab), checks(lab)
    lab.put_pool("web", **SPOILT[spoilt])
    lab.settle()
    signal(lab)
    lab.audit({"repair": True})
    lab.settle()

    assert (records(lab), checks(lab)) == before


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_other_pools_go_on_being_served_beside_a_wrong_one(lab: Lab, spoilt: str) -> None:
    allow_zones(lab, "Z404")
    lab.put_pool("api")
    (before,) = admitted(lab, 1, name="api.example.com", pools=("api",))
    lab.put_pool("web", **SPOILT[spoilt])
    (api,) = admitted(lab, 1, name="api.example.com", pools=("api", "web"))

    assert in_dns(lab, "api.example.com") == {before, api}
    assert len(checks(lab)) == 2


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_wrong_pool_that_is_corrected_works_again(lab: Lab, spoilt: str) -> None:
    allow_zones(lab, "Z404")
    lab.put_pool("api")
    (first,) = admitted(lab, 1)
    right = lab.pools.settings("web")
    lab.put_pool("web", **SPOILT[spoilt])
    (second,) = launched(lab, 1)
    assert checks_of(lab, second) == []
    lab.pools.put("web", right)
    lab.settle()
    see_healthy(lab, [second])

    assert in_dns(lab) == {first, second}
    allow_zones(lab)
    assert audit(lab)["summary"] == {"empty-pool": 1}


def test_a_pool_that_may_not_be_read_stops_no_pool_in_another_zone(lab: Lab) -> None:
    other = allowed_zone(lab, "example.net")
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    (web,) = admitted(lab, 1)
    lab.route53.deny(lab.zone_id)
    (api,) = admitted(lab, 1, name="api.example.net", pools=("api", "web"))

    assert in_dns(lab, "api.example.net") == {api}
    assert in_dns(lab) == {web}
    lab.run(60, step=5)  # what is denied the fourth time is final
    assert lab.invocations[-1].result == {"batchItemFailures": []}


def test_of_two_pools_with_one_name_the_first_keeps_being_served(lab: Lab) -> None:
    lab.put_pool("xyz", record_name="app.example.com")
    (web,) = admitted(lab, 1, pools=("web", "xyz"))

    assert in_dns(lab) == {web}
    assert len(checks(lab)) == 1


# -- settings that change


def test_a_ttl_that_changed_is_used_by_a_warm_function_though_the_changes_event_was_lost(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    put_without_event(lab, "web", ttl=30)
    lab.invocations.clear()
    (second,) = admitted(lab, 1)

    assert [invocation.cold for invocation in lab.invocations] == [False] * len(lab.invocations)
    assert record_of(lab, first)["TTL"] == 30
    assert record_of(lab, second)["TTL"] == 30


def test_a_path_that_changed_is_used_by_a_warm_function_though_the_changes_event_was_lost(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    old = check_of(lab, first)
    put_without_event(lab, "web", health_check={"url": "http://:8080/healthz"})
    (second,) = launched(lab, 1)

    config = checks(lab)[check_of(lab, second)]["HealthCheckConfig"]
    assert (config["Port"], config["ResourcePath"]) == (8080, "/healthz")
    signal(lab, sweep=True)
    new = next(each for each in checks_of(lab, first) if each != old)
    assert checks(lab)[new]["HealthCheckConfig"]["ResourcePath"] == "/healthz"
    see_healthy(lab, [first, second])

    assert checks_of(lab, first) == [new]
    assert record_of(lab, first)["HealthCheckId"] == new


def test_a_setting_that_changed_is_never_undone_by_what_a_warm_function_read_before(lab: Lab) -> None:
    (first,) = admitted(lab, 1)
    lab.put_pool("web", ttl=30)
    lab.settle()
    put_without_event(lab, "web", ttl=120)
    signal(lab, "web")
    assert record_of(lab, first)["TTL"] == 120
    signal(lab, "web")
    wait(lab)

    assert record_of(lab, first)["TTL"] == 120


def test_a_refused_batch_is_planned_again_from_the_settings_of_then(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()

    def change_and_refuse() -> None:
        put_without_event(lab, "web", ttl=30)
        raise Route53Error("InvalidChangeBatch", "[somebody was faster]")

    meanwhile(lab, monkeypatch, "ChangeResourceRecordSets", change_and_refuse)
    web = lab.fleet.launch()
    lab.settle()

    assert record_of(lab, web)["TTL"] == 30


def test_a_warm_audit_reports_by_the_setting_that_changed(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    assert audit(lab)["in_sync"] is True
    put_without_event(lab, "web", ttl=30)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["instance_id"]) == ("stale-record", web)
    assert finding["because"] == "its record has TTL 60 s, not 30 s"
    assert lab.invocations[-1].cold is False
