"""Health checks of alarms: what they are made of, which alarms are put and deleted, and what counts as healthy."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import islice
from typing import Any, cast

import pytest

from fleet53.aws.alarms import Alarms, why_refused
from fleet53.convergence.apply import Writable, apply
from fleet53.domain.alarm import Alarm, AlarmConfig, AlarmRule, AlarmSettings, confirmed, status_rule
from fleet53.domain.finding import FindingKind
from fleet53.domain.health_check import Check
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.pool import AddressType
from fleet53.domain.record import RecordType
from fleet53.domain.source import Source
from fleet53.planning.changes import CreateCheck, DeleteAlarm, DeleteCheck, DeleteRecord, Plan, PutAlarm, PutRecord
from fleet53.planning.plan import make_plan
from tests.unit.account import Account, Logbook
from tests.unit.build import GUARD, HTTP, LAUNCHED, OWNER, check, instance, pool, record, situation

WEB = PoolName("web")
PREFIX = "fleet53/fleet53.eu-west-1.123456789012/"
OURS = f"{PREFIX}web/i-0a"
PRIVATE = IPv4Address("10.0.0.1")
HEAT = AlarmRule(
    "rooms", "Heat", frozenset({("Room", "one"), ("Floor", "2")}), "Maximum", "GreaterThanThreshold", 1.5, 60, 3
)
STATUS = pool(address=AddressType.PRIVATE_IPV4, check=AlarmSettings())
KEPT = pool(address=AddressType.PRIVATE_IPV4, check=AlarmSettings("app-{instance_id}-down"))
KEPT_NAME = "app-i-0a-down"


def member(instance_id: str = "i-0a", **differs: Any) -> Any:
    return instance(instance_id, public_ipv4=None, private_ipv4=PRIVATE, **differs)


def alarm(name: str = OURS, rule: AlarmRule | None = None, *, is_ok: bool = True) -> dict[str, Alarm]:
    """Return one alarm by name; without `rule` it is ours of i-0a."""
    return {name: Alarm(name, is_ok, rule or status_rule(InstanceId("i-0a")))}


def of_alarm(
    check_id: str = "c-1", name: str = OURS, rule: AlarmRule | None = None, instance_id: str = "i-0a"
) -> Check:
    """Return our health check of a member's alarm, as Route 53 lists it."""
    made = AlarmConfig(name, "eu-west-1", rule=rule or status_rule(InstanceId(instance_id)), address=PRIVATE)
    references = OWNER.references(WEB, InstanceId(instance_id), LAUNCHED, RecordType.A, made)
    return Check(CheckId(check_id), next(references), AlarmConfig(name, "eu-west-1"))


# -- what a health check is made of


def test_the_references_of_a_check_of_an_alarm_are_the_same_in_every_release() -> None:
    config = AlarmConfig("app-i-0a-down", "eu-west-1", rule=HEAT, address=PRIVATE)
    references = OWNER.references(WEB, InstanceId("i-0a"), LAUNCHED, RecordType.A, config)
    assert tuple(islice(references, 2)) == (
        "fleet53/6c75d264/4b5e57f6/i-0a/8250c5a9a775",
        "fleet53/6c75d264/4b5e57f6/i-0a/0ee6b9afb929",
    )


@pytest.mark.parametrize(
    "differs",
    [
        {"alarm": "another"},
        {"region": "eu-west-2"},
        {"insufficient_data": "LastKnownStatus"},
        {"address": IPv4Address("10.0.0.2")},
        *(
            {"rule": replace(HEAT, **one)}
            for one in (
                {"namespace": "halls"},
                {"metric": "Cold"},
                {"dimensions": frozenset({("Room", "two")})},
                {"statistic": "Sum"},
                {"comparison": "LessThanThreshold"},
                {"threshold": 1.25},
                {"period": 300},
                {"periods": 2},
            )
        ),
    ],
)
def test_every_setting_of_an_alarm_gives_its_check_another_reference(differs: dict[str, Any]) -> None:
    config = AlarmConfig("app", "eu-west-1", rule=HEAT, address=PRIVATE)
    one, other = (
        next(OWNER.references(WEB, InstanceId("i-0a"), LAUNCHED, RecordType.A, each))
        for each in (config, replace(config, **differs))
    )
    assert one != other


def test_an_alarm_is_ours_if_its_name_has_our_owner_a_pool_and_an_instance() -> None:
    assert OWNER.alarm_name(WEB, InstanceId("i-0a")) == "fleet53/fleet53.eu-west-1.123456789012/web/i-0a"
    assert OWNER.read_alarm_name(OURS) == ("web", "i-0a")
    for other in ("fleet53/other.eu-west-1.123456789012/web/i-0a", "fleet53-DriftAlarm-1", f"{PREFIX}web", "web/i-0a"):
        assert OWNER.read_alarm_name(other) is None


def test_an_alarm_of_a_check_is_in_the_region_of_the_stack() -> None:
    assert OWNER.region == "eu-west-1"


# -- what is healthy


@pytest.mark.parametrize(
    ("seen", "alarms", "expected"),
    [
        ({"c-1": True}, {"a": Alarm("a", is_ok=True, rule=HEAT)}, {"c-1": True}),
        ({"c-1": True}, {"a": Alarm("a", is_ok=False, rule=HEAT)}, {}),
        ({"c-1": True}, {}, {}),
        ({"c-1": True}, None, {}),
        ({"c-1": False}, {"a": Alarm("a", is_ok=True, rule=HEAT)}, {"c-1": False}),
        ({"c-1": False}, {}, {"c-1": False}),
        ({"c-2": True}, {}, {"c-2": True}),
    ],
)
def test_a_check_of_an_alarm_is_healthy_only_while_the_alarm_is_ok_too(
    seen: dict[CheckId, bool], alarms: dict[str, Alarm] | None, expected: dict[str, bool]
) -> None:
    assert confirmed(seen, {CheckId("c-1"): "a"}, alarms) == expected


# -- which alarms Route 53 follows

LISTED: dict[str, Any] = {
    "AlarmName": "heat",
    "StateValue": "OK",
    "Namespace": "rooms",
    "MetricName": "Heat",
    "Dimensions": [{"Name": "Room", "Value": "one"}, {"Name": "Floor", "Value": "2"}],
    "Statistic": "Maximum",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 1.5,
    "Period": 60,
    "EvaluationPeriods": 3,
}


@pytest.mark.parametrize(
    ("differs", "because"),
    [
        ({}, None),
        ({"DatapointsToAlarm": 3}, None),
        ({"TreatMissingData": "notBreaching"}, None),
        ({"DatapointsToAlarm": 2}, "it goes off when 2 of 3 datapoints breach, instead of all"),
        ({"Period": 30}, "its period of 30 s needs a high-resolution metric"),
        (
            {"Statistic": None, "ExtendedStatistic": "p99"},
            "its statistic p99 is none of Average, Minimum, Maximum, Sum, SampleCount",
        ),
        (
            {"MetricName": None, "Metrics": [{"Id": "sum", "Expression": "a + b"}]},
            "it does not watch one metric, but an expression or several metrics",
        ),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "it compares by LessThanLowerThreshold"),
    ],
)
def test_route53_follows_an_alarm_of_one_metric_that_all_periods_decide(
    differs: dict[str, Any], because: str | None
) -> None:
    assert why_refused(LISTED | differs) == because


class Pages:
    """A client of CloudWatch whose DescribeAlarms answers with an alarm a page, and that remembers what was asked."""

    def __init__(self, *listed: dict[str, Any]) -> None:
        self.listed, self.asked = listed, list[dict[str, Any]]()

    def get_paginator(self, _operation: str) -> Pages:
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.asked.append(request)
        return [{"MetricAlarms": [each]} for each in self.listed]


def test_alarms_are_read_to_the_last_page() -> None:
    client = Pages(LISTED, LISTED | {"AlarmName": "cold", "StateValue": "INSUFFICIENT_DATA", "Period": 10})
    assert Alarms(cast("Any", client)).starting_with("x") == {
        "heat": Alarm("heat", is_ok=True, rule=HEAT),
        "cold": Alarm("cold", is_ok=False, rule=None, refused="its period of 10 s needs a high-resolution metric"),
    }
    assert client.asked == [{"AlarmNamePrefix": "x", "AlarmTypes": ["MetricAlarm"]}]


def test_a_hundred_alarms_are_asked_for_at_once() -> None:
    client = Pages()
    Alarms(cast("Any", client)).named(f"a-{n:03}" for n in range(150))
    assert [len(each["AlarmNames"]) for each in client.asked] == [100, 50]


def test_alarms_of_which_one_is_already_deleted_are_deleted() -> None:
    asked = []

    class ResourceNotFoundError(Exception):
        pass

    class Client:
        class exceptions:  # noqa: N801 - as in boto3
            ResourceNotFound = ResourceNotFoundError

        def delete_alarms(self, *, AlarmNames: list[str]) -> None:  # noqa: N803 - as in boto3
            asked.append(len(AlarmNames))
            raise ResourceNotFoundError

    Alarms(cast("Any", Client())).delete(f"a-{n:03}" for n in range(150))
    assert asked == [100, 50]


# -- the plan


def test_a_new_member_gets_its_alarm_with_its_check() -> None:
    plan = make_plan(situation(pools=[STATUS], instances=[member()], alarms={}), GUARD)
    (create,) = plan.changes
    assert isinstance(create, CreateCheck)
    assert create.config == AlarmConfig(OURS, "eu-west-1", "Unhealthy")
    assert create.alarm == status_rule(InstanceId("i-0a"))


def test_an_alarm_that_is_there_is_not_put_again() -> None:
    plan = make_plan(situation(pools=[STATUS], instances=[member()], alarms=alarm()), GUARD)
    (create,) = plan.changes
    assert isinstance(create, CreateCheck)
    assert create.alarm is None


def test_nothing_is_decided_about_members_while_their_alarms_are_not_read() -> None:
    unread = situation(pools=[STATUS], instances=[member()], checks=[of_alarm()], healthy=["c-1"], alarms=None)
    plan = make_plan(unread.without(Source.ALARMS, "AccessDenied"), GUARD)
    assert plan.changes == ()
    (waiting,) = plan.waiting
    assert waiting.because == "its health check is not read yet"
    because = unread.without(Source.ALARMS, "AccessDenied").why_undecided(WEB)
    assert because == "alarms could not be read: AccessDenied"


def test_alarms_that_cannot_be_read_concern_no_pool_whose_checks_ask_an_endpoint() -> None:
    unread = situation(instances=[instance()], checks=[check()], healthy=["c-1"]).without(Source.ALARMS, "no")
    assert unread.why_undecided(WEB) is None
    assert [type(change) for change in make_plan(unread, GUARD).changes] == [PutRecord]


def test_a_member_without_its_alarm_waits() -> None:
    plan = make_plan(situation(pools=[KEPT], instances=[member()], alarms={}), GUARD)
    assert plan.changes == ()
    (waiting,) = plan.waiting
    assert waiting.overdue is FindingKind.CHECK_REFUSED
    assert waiting.because == (
        "there is no metric alarm 'app-i-0a-down' in eu-west-1, which its health check is to follow"
    )


def test_a_member_in_dns_whose_alarm_is_gone_keeps_its_record_and_its_check() -> None:
    there = record("i-0a", str(PRIVATE), "c-1")
    made = of_alarm("c-1", KEPT_NAME, HEAT)
    plan = make_plan(situation(pools=[KEPT], instances=[member()], records=[there], checks=[made], alarms={}), GUARD)
    assert plan.changes == ()
    (finding,) = plan.findings
    assert (finding.kind, finding.instance_id, finding.check_id) == (FindingKind.CHECK_REFUSED, "i-0a", "c-1")


def test_a_changed_rule_of_an_alarm_leads_to_another_check_and_the_record_stays_until_it_is_healthy() -> None:
    there = record("i-0a", str(PRIVATE), "c-1")
    changed = alarm(KEPT_NAME, replace(HEAT, threshold=2.0))
    world = situation(
        pools=[KEPT], instances=[member()], records=[there], checks=[of_alarm("c-1", KEPT_NAME, HEAT)], alarms=changed
    )
    (create,) = make_plan(world, GUARD).changes
    assert isinstance(create, CreateCheck)
    assert (create.replaces, create.alarm) == ("c-1", None)

    new = of_alarm("c-2", KEPT_NAME, replace(HEAT, threshold=2.0))
    both = replace(world, checks={each.id: each for each in (of_alarm("c-1", KEPT_NAME, HEAT), new)})
    assert make_plan(both, GUARD).changes == ()
    moved, deleted = make_plan(replace(both, healthy={CheckId("c-2"): True}), GUARD).changes
    assert isinstance(moved, PutRecord)
    assert moved.record.check_id == "c-2"
    assert isinstance(deleted, DeleteCheck)
    assert deleted.check_id == "c-1"


def test_an_edited_alarm_of_ours_is_put_again_and_its_check_stays() -> None:
    edited = alarm(OURS, replace(status_rule(InstanceId("i-0a")), threshold=7.0))
    there = record("i-0a", str(PRIVATE), "c-1")
    plan = make_plan(
        situation(pools=[STATUS], instances=[member()], records=[there], checks=[of_alarm()], alarms=edited), GUARD
    )
    (put,) = plan.changes
    because = f"its alarm {OURS} was edited by hand"
    assert put == PutAlarm(
        WEB, InstanceId("i-0a"), OURS, status_rule(InstanceId("i-0a")), FindingKind.CHECK_MISMATCH, because
    )


def test_the_record_the_check_and_the_alarm_of_a_member_that_ends_go_in_this_order() -> None:
    there = record("i-0a", str(PRIVATE), "c-1")
    ending = member(state="shutting-down")
    plan = make_plan(
        situation(pools=[STATUS], instances=[ending], records=[there], checks=[of_alarm()], alarms=alarm()), GUARD
    )
    assert [type(change) for change in plan.changes] == [DeleteRecord, DeleteCheck, DeleteAlarm]
    assert plan.delete_alarms[0].after == {"c-1"}


@pytest.mark.parametrize(
    ("name", "differs", "deleted"),
    [
        pytest.param(f"{PREFIX}web/i-0f", {}, True, id="of an instance that is gone"),
        pytest.param(f"{PREFIX}web/i-0a", {}, False, id="of a member whose check another pass may be about to create"),
        pytest.param(f"{PREFIX}api/i-0a", {"swept": True}, True, id="of a pool that is gone"),
        pytest.param(f"{PREFIX}api/i-0a", {}, False, id="of a pool outside the pass"),
        pytest.param("fleet53/other.eu-west-1.1/web/i-0f", {"swept": True}, False, id="of another stack"),
        pytest.param("app-i-0f-down", {"swept": True}, False, id="of somebody else"),
    ],
)
def test_an_alarm_of_ours_that_no_member_needs_is_deleted(name: str, differs: dict[str, Any], *, deleted: bool) -> None:
    plan = make_plan(situation(pools=[STATUS], instances=[member()], alarms=alarm(name), **differs), GUARD)
    assert [change.name for change in plan.delete_alarms] == ([name] if deleted else [])


def test_an_alarm_stays_while_a_record_that_is_held_needs_its_check() -> None:
    there = [record(f"i-0{n}", f"10.0.0.{n}", f"c-{n}") for n in range(6)]
    made = [of_alarm(f"c-{n}", f"{PREFIX}web/i-0{n}", instance_id=f"i-0{n}") for n in range(6)]
    alarms = {f"{PREFIX}web/i-0{n}": Alarm(f"{PREFIX}web/i-0{n}", is_ok=True, rule=HEAT) for n in range(6)}
    plan = make_plan(situation(pools=[STATUS], records=there, checks=made, alarms=alarms), GUARD)
    assert len(plan.held) == 6
    assert plan.delete_alarms == ()


def test_a_pool_that_asks_an_endpoint_again_has_no_alarms_once_its_checks_of_alarms_are_gone() -> None:
    there = record("i-0a", "192.0.2.1", "c-1")
    world = situation(pools=[pool()], instances=[instance()], records=[there], alarms=alarm())
    old, new = of_alarm("c-1"), check("c-2")
    both = replace(world, checks={old.id: old, new.id: new})
    assert make_plan(both, GUARD).delete_alarms == ()
    plan = make_plan(replace(both, healthy={new.id: True}), GUARD)
    assert [type(change) for change in plan.changes] == [PutRecord, DeleteCheck, DeleteAlarm]


# -- the changes


def creation() -> CreateCheck:
    (create,) = make_plan(situation(pools=[STATUS], instances=[member()], alarms={}), GUARD).create_checks
    return create


def test_an_alarm_is_put_before_its_check() -> None:
    account = Account()
    apply(Plan(create_checks=(creation(),)), cast("Writable", account), Logbook())
    assert [call[0] for call in account.calls] == ["put alarm", "create check"]


def test_a_health_check_whose_alarm_is_refused_is_not_created_and_does_not_stop_others() -> None:
    (other,) = make_plan(situation(pools=[pool(check=HTTP)], instances=[instance()]), GUARD).create_checks
    account = Account(refuses_alarms=True)
    applied = apply(Plan(create_checks=(creation(), other)), cast("Writable", account), Logbook())
    assert applied.made == [other]
    (finding,) = applied.findings
    assert finding.kind is FindingKind.CHECK_REFUSED
    assert finding.because.endswith(f"could not be created: alarm {OURS}: LimitExceeded: no more")


def test_an_alarm_that_cannot_be_put_again_is_a_finding() -> None:
    put = PutAlarm(WEB, InstanceId("i-0a"), OURS, HEAT, FindingKind.CHECK_MISMATCH, "its alarm was edited by hand")
    applied = apply(Plan(put_alarms=(put,)), cast("Writable", Account(refuses_alarms=True)), Logbook())
    (finding,) = applied.findings
    assert finding.because == (
        f"its alarm was edited by hand; it could not be put: alarm {OURS}: LimitExceeded: no more"
    )


def test_an_alarm_whose_check_is_not_deleted_stays() -> None:
    gone = DeleteAlarm(WEB, InstanceId("i-0a"), OURS, frozenset(), FindingKind.ORPHAN_CHECK, "a test")
    followed = replace(gone, name=f"{PREFIX}web/i-0b", after=frozenset({CheckId("c-left")}))
    account = Account()
    applied = apply(Plan(delete_alarms=(gone, followed)), cast("Writable", account), Logbook())
    assert account.calls == [("delete alarm", OURS)]
    assert applied.made == [gone]
