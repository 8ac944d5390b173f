"""What a signal costs of the requests that Route 53 takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.functional.views import (
    READS,
    admitted,
    allowed_zone,
    audit,
    calls,
    checks,
    in_dns,
    launched,
    see_healthy,
    signal,
    state_change,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

TEN = ",".join(f"p{number}.example.com" for number in range(10))


@pytest.mark.parametrize("tags", [{}, {"Name": "database"}, {"fleet53": "web", "pool": "web"}])
def test_an_event_about_an_unrelated_instance_costs_no_call(lab: Lab, tags: dict[str, str]) -> None:
    admitted(lab, 1)
    lab.route53.reset_calls()

    unrelated = lab.fleet.launch(pools=(), tags=tags)
    lab.settle()
    lab.fleet.stop(unrelated)
    lab.settle()
    lab.fleet.terminate(unrelated)
    lab.settle()

    assert calls(lab) == {}


def test_a_change_of_another_tag_costs_no_call(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.route53.reset_calls()
    detail = {"changed-tag-keys": ["Name"], "service": "ec2", "resource-type": "instance", "tags": {"Name": "one"}}

    lab.send(json.dumps(lab.bus.event("aws.tag", "Tag Change on Resource", detail, (web,))))
    lab.settle()

    assert calls(lab) == {}


def test_an_event_of_a_steady_member_costs_one_call(lab: Lab) -> None:
    web = admitted(lab, 5)
    lab.route53.reset_calls()

    lab.send(state_change(lab, web[0], "running"))
    lab.settle()

    assert calls(lab) == {"ListResourceRecordSets": 1}


def test_a_burst_of_events_of_a_steady_pool_costs_one_call(lab: Lab) -> None:
    web = admitted(lab, 5)
    lab.route53.reset_calls()

    for instance_id in web * 4:
        lab.send(state_change(lab, instance_id, "running"))
    lab.settle()

    assert calls(lab) == {"ListResourceRecordSets": 1}


@pytest.mark.parametrize("parameters", [{"AllowedRecordNames": TEN}], ids=["ten names"])
def test_a_pass_about_ten_pools_in_one_zone_reads_their_names_with_one_call(lab: Lab) -> None:
    pools = [f"p{number}" for number in range(10)]
    for pool in pools:
        lab.put_pool(pool)
    lab.settle()
    launched = [lab.fleet.launch((pool,)) for pool in pools]
    lab.settle()
    see_healthy(lab, launched)
    lab.route53.reset_calls()

    for each in launched:
        lab.send(state_change(lab, each, "running"))
    lab.settle()

    assert calls(lab) == {"ListResourceRecordSets": 1}


def test_a_burst_of_twenty_launches_costs_twenty_creations_and_at_most_five_other_calls(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.reset_calls()

    web = admitted(lab, 20)

    assert len(in_dns(lab)) == 21
    cost = calls(lab)
    assert cost.pop("CreateHealthCheck") == 20
    assert cost["GetHealthCheckStatus"] == 0
    assert cost.total() <= 5
    assert len(web) == 20


def test_in_a_cold_function_the_burst_also_reads_the_zone(lab: Lab) -> None:
    admitted(lab, 20)

    cost = calls(lab)
    assert cost.pop("CreateHealthCheck") == 20
    assert cost.pop("GetHostedZone") == 1
    assert cost.total() <= 5


@pytest.mark.parametrize(("swept", "others"), [(True, 3), (False, 5)])
def test_a_burst_of_twenty_terminations_costs_twenty_deletions_and_few_other_calls(
    lab: Lab, *, swept: bool, others: int
) -> None:
    web = admitted(lab, 20)
    if swept:
        signal(lab)
    lab.route53.reset_calls()

    for instance_id in web:
        lab.fleet.terminate(instance_id)
    lab.settle()

    assert checks(lab) == {}
    cost = calls(lab)
    assert cost.pop("DeleteHealthCheck") == 20
    assert cost.total() <= others


def test_looking_again_at_members_that_are_not_healthy_yet_makes_nothing(lab: Lab) -> None:
    web = launched(lab, 12)
    see_healthy(lab, web, percent=0)
    lab.route53.reset_calls()

    wait(lab, 300)

    assert set(calls(lab)) <= READS
    assert in_dns(lab) == set()


def test_a_member_that_is_never_healthy_is_looked_at_every_20_seconds_until_admittimeout_and_then_less_often(
    lab: Lab,
) -> None:
    lab.timers = ()
    web = launched(lab, 1)
    see_healthy(lab, web, percent=0)
    lab.route53.reset_calls()

    lab.run(600, step=5)
    early = calls(lab)["ListResourceRecordSets"]
    lab.run(1200, step=20)
    before = calls(lab)["ListResourceRecordSets"]
    lab.run(1800, step=20)
    late = calls(lab)["ListResourceRecordSets"] - before

    assert early == 30
    assert late == 2


def test_the_audit_of_a_fleet_writes_nothing_with_any_finding_and_request(lab: Lab) -> None:
    web = admitted(lab, 4)
    lab.fleet.terminate(web[0], events=False)
    lab.fleet.launch(events=False)
    lab.put_pool_text("bad", "no JSON")
    lab.route53.reset_calls()

    for payload in ({}, {"repair": True}, {"repair": True, "force": True}, {"pools": ["web"]}):
        assert audit(lab, payload)["in_sync"] is False

    assert set(calls(lab)) == READS - {"GetHealthCheckStatus", "GetCheckerIpRanges"}


def test_an_audit_costs_six_calls_when_cold_and_five_when_warm(lab: Lab) -> None:
    admitted(lab, 3)
    lab.route53.reset_calls()

    audit(lab)
    assert calls(lab).total() == 6
    audit(lab)

    assert calls(lab).total() == 11


def test_an_audit_of_another_pool_in_the_same_zone_costs_no_further_call(lab: Lab) -> None:
    audit(lab)
    lab.put_pool("api")
    lab.route53.reset_calls()

    audit(lab)

    assert calls(lab).total() == 5


def test_each_further_zone_costs_an_audit_a_page_a_look_for_protections_and_one_at_its_limit(lab: Lab) -> None:
    lab.put_pool("api", hosted_zone_id=allowed_zone(lab, "example.net"), record_name="api.example.net")
    audit(lab)
    lab.route53.reset_calls()

    audit(lab)

    assert calls(lab) == {
        "ListResourceRecordSets": 2,
        "ListResourceRecordSetProtections": 2,
        "GetHostedZoneLimit": 2,
        "ListHealthChecks": 1,
        "GetAccountLimit": 1,
    }


def test_an_audit_costs_one_call_more_where_groups_let_in_some_addresses_only(lab: Lab) -> None:
    groups = lab.fleet.security_groups
    for name, source in (("everybody", "0.0.0.0/0"), ("checkers", groups.checkers()), ("nobody", "")):
        admitted(lab, 1, security_groups=[groups.create(name, [source] if source else [])])
    audit(lab)
    lab.route53.reset_calls()
    audit(lab)
    assert calls(lab).total() == 5

    admitted(lab, 2, security_groups=[groups.create("office", ["203.0.113.0/24"])])
    lab.route53.reset_calls()
    audit(lab)

    assert calls(lab).total() == 6
    assert calls(lab)["GetCheckerIpRanges"] == 1


def test_a_sweep_of_a_fleet_in_order_costs_one_call_a_zone_and_one_for_the_checks(lab: Lab) -> None:
    admitted(lab, 3)
    lab.route53.reset_calls()

    signal(lab)

    assert calls(lab) == {"ListResourceRecordSets": 1, "ListHealthChecks": 1}


def test_unrelated_instances_that_end_cost_one_call_a_pool_in_five_minutes_at_most(lab: Lab) -> None:
    admitted(lab, 1)
    unrelated = [lab.fleet.launch(pools=()) for _ in range(6)]
    lab.run(400, step=5)
    lab.route53.reset_calls()

    for instance_id in unrelated:
        lab.fleet.terminate(instance_id)
        lab.run(40, step=5)

    assert calls(lab) == {"ListResourceRecordSets": 1}


@pytest.mark.parametrize(("fallback", "reads"), [(None, 1), ("52.94.0.100", 2)])
def test_a_withdrawal_reads_the_records_once_more_only_where_the_pool_has_a_fallback(
    lab: Lab, fallback: str | None, reads: int
) -> None:
    lab.put_pool("web", fallback=fallback)
    _, leaves = admitted(lab, 2)
    signal(lab)
    lab.route53.reset_calls()

    lab.fleet.terminate(leaves)
    lab.settle()

    assert calls(lab)["ListResourceRecordSets"] == reads


def test_the_first_member_takes_the_fallbacks_place_without_another_look(lab: Lab) -> None:
    lab.put_pool("web", fallback="52.94.0.100")
    lab.settle()
    lab.route53.reset_calls()

    admitted(lab, 1)

    assert calls(lab)["ListResourceRecordSets"] == 2
